//! For whom a rule encrypts: lists of keys, or groups of them.

use std::collections::BTreeMap;

use super::{Error, read::Reader};
use crate::sops::{
    age::Recipient,
    key::{Malformed, MasterKey},
};

/// Deeper than groups are ever merged.
const MERGES: usize = 32;

/// The groups of a rule. Without `key_groups`, the lists of the rule are the only one.
pub(super) fn groups(rule: &Reader<'_>) -> Result<Vec<Vec<MasterKey>>, Error> {
    let groups = rule.maps("key_groups")?;
    if groups.is_empty() {
        return Ok(vec![lists(rule)?]);
    }
    groups.iter().map(|reader| group(reader, 0)).collect()
}

fn lists(rule: &Reader<'_>) -> Result<Vec<MasterKey>, Error> {
    let mut keys = age(rule)?;
    keys.extend(rule.texts("pgp")?.iter().map(|text| MasterKey::pgp(text)));
    let profile = rule.text("aws_profile")?;
    let context = BTreeMap::new();
    let aws = |text: &String| MasterKey::aws_kms(text, &context, profile.as_deref());
    keys.extend(rule.texts("kms")?.iter().map(aws));
    keys.extend(rule.texts("gcp_kms")?.iter().map(|text| MasterKey::gcp_kms(text)));
    keys.extend(parsed(rule, "hckms", MasterKey::huawei_kms)?);
    keys.extend(parsed(rule, "azure_keyvault", MasterKey::azure_key_vault)?);
    keys.extend(parsed(rule, "hc_vault_transit_uri", MasterKey::vault)?);
    Ok(keys)
}

fn group(reader: &Reader<'_>, depth: usize) -> Result<Vec<MasterKey>, Error> {
    if depth == MERGES {
        return Err(Error::Field { field: reader.at("merge"), expected: "that deep in reality" });
    }
    let mut keys = Vec::new();
    for merged in reader.maps("merge")? {
        keys.extend(group(&merged, depth + 1)?);
    }
    keys.extend(age(reader)?);
    keys.extend(reader.texts("pgp")?.iter().map(|text| MasterKey::pgp(text)));
    for key in reader.maps("kms")? {
        let (context, profile) = (key.pairs("context")?, key.text("aws_profile")?);
        let mut aws = MasterKey::aws_kms(&key.required("arn")?, &context, profile.as_deref());
        if let (MasterKey::AwsKms { role, .. }, Some(given)) = (&mut aws, key.text("role")?) {
            *role = Some(given);
        }
        keys.push(aws);
    }
    for key in reader.maps("gcp_kms")? {
        keys.push(MasterKey::gcp_kms(&key.required("resource_id")?));
    }
    for key in reader.maps("hckms")? {
        keys.push(well_formed(&key, "key_id", MasterKey::huawei_kms(&key.required("key_id")?))?);
    }
    for key in reader.maps("azure_keyvault")? {
        keys.push(MasterKey::AzureKeyVault {
            vault_url: key.required("vaultUrl")?,
            name: key.required("key")?,
            version: key.text("version")?.unwrap_or_default(),
        });
    }
    keys.extend(parsed(reader, "hc_vault", MasterKey::vault)?);
    Ok(without_repeats(keys))
}

/// A typing error in a recipient is found before anything is encrypted.
fn age(reader: &Reader<'_>) -> Result<Vec<MasterKey>, Error> {
    let texts = reader.texts("age")?;
    let check = |text: &String| match Recipient::parse(text) {
        Ok(_) => Ok(MasterKey::age(text)),
        Err(source) => Err(Error::Age { field: reader.at("age"), source: source.into() }),
    };
    texts.iter().map(check).collect()
}

fn parsed(
    reader: &Reader<'_>,
    name: &str,
    parse: fn(&str) -> Result<MasterKey, Malformed>,
) -> Result<Vec<MasterKey>, Error> {
    let texts = reader.texts(name)?;
    texts.iter().map(|text| well_formed(reader, name, parse(text))).collect()
}

fn well_formed(
    reader: &Reader<'_>,
    name: &str,
    key: Result<MasterKey, Malformed>,
) -> Result<MasterKey, Error> {
    key.map_err(|source| Error::Key { field: reader.at(name), source })
}

fn without_repeats(keys: Vec<MasterKey>) -> Vec<MasterKey> {
    keys.into_iter().fold(Vec::new(), |mut unique, key| {
        if !unique.contains(&key) {
            unique.push(key);
        }
        unique
    })
}
