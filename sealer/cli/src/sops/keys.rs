//! Master keys as flags name them.

use std::collections::BTreeMap;

use sealer_core::sops::key::{Malformed, MasterKey, parse_context};

use super::{
    failure::{Code, Failure},
    grammar::Flags,
};

/// The kinds of keys, as their flags are called.
const KINDS: [&str; 7] = ["kms", "gcp-kms", "hckms", "azure-kv", "pgp", "hc-vault-transit", "age"];

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        Self::generic(malformed.to_string())
    }
}

/// The keys of the flags of every kind; each is a list separated by commas. `prefix` stands in front
/// of the flags' names.
pub(super) fn listed(flags: &Flags, prefix: &str) -> Result<Vec<MasterKey>, Failure> {
    let mut keys = Vec::new();
    for kind in KINDS {
        let text = flags.text(&format!("{prefix}{kind}"));
        for one in text.split([',', '\n']).map(str::trim).filter(|one| !one.is_empty()) {
            keys.push(key(kind, one, flags)?);
        }
    }
    Ok(keys)
}

/// The members of a new group: every flag may be given several times.
pub(super) fn members(flags: &Flags) -> Result<Vec<MasterKey>, Failure> {
    let mut keys = Vec::new();
    for kind in KINDS {
        for text in flags.list(kind) {
            for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
                keys.push(key(kind, one, flags)?);
            }
        }
    }
    Ok(keys)
}

fn key(kind: &str, text: &str, flags: &Flags) -> Result<MasterKey, Failure> {
    Ok(match kind {
        "kms" => MasterKey::aws_kms(text, &context(flags)?, flags.some("aws-profile")),
        "gcp-kms" => MasterKey::gcp_kms(text),
        "hckms" => MasterKey::huawei_kms(text)?,
        "azure-kv" => MasterKey::azure_key_vault(text)?,
        "pgp" => MasterKey::pgp(text),
        "hc-vault-transit" => MasterKey::vault(text)?,
        _ => MasterKey::age(text),
    })
}

/// The encryption context of AWS KMS keys.
pub(super) fn context(flags: &Flags) -> Result<BTreeMap<String, String>, Failure> {
    let Some(text) = flags.some("encryption-context") else { return Ok(BTreeMap::new()) };
    parse_context(text)
        .map_err(|_| Failure::new(Code::KmsContext, "Invalid KMS encryption context format"))
}

/// How many groups it takes, if a flag says so.
pub(super) fn threshold(flags: &Flags) -> Result<Option<usize>, Failure> {
    match flags.number("shamir-secret-sharing-threshold") {
        0 => Ok(None),
        number => usize::try_from(number).map(Some).map_err(|_| {
            Failure::generic("--shamir-secret-sharing-threshold must be a positive number")
        }),
    }
}

/// The threshold that a file states: with several groups all of them, if nobody says otherwise.
pub(super) fn stated(threshold: Option<usize>, groups: usize) -> Option<usize> {
    threshold.or((groups > 1).then_some(groups))
}
