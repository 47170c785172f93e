//! From the texts of a block to what they mean, for files of every version.

use yaml::Node;

use super::{Error, Field, Group, KEY, MasterKey, Metadata, Wrapped};
use crate::sops::{
    key::Kind,
    selector::{Fields, Selector},
};

impl Metadata {
    /// Reads the block at the root of a YAML document.
    pub fn read(root: &Node<'_>) -> Result<Self, Error> {
        Self::from_field(&Field::from_yaml(root.get(KEY).ok_or(Error::Missing)?))
    }

    pub(in crate::sops) fn from_field(block: &Field) -> Result<Self, Error> {
        if !matches!(block, Field::Map(_)) {
            return Err(wrong(String::new(), "a map"));
        }
        let reader = Reader { field: block, path: String::new() };
        let selector = Selector::new(Fields::read(|name| reader.text(name))?)?;
        let metadata = Self {
            groups: groups(&reader)?,
            threshold: reader.number("shamir_threshold")?.filter(|threshold| *threshold > 0),
            modified: reader.text("lastmodified")?.unwrap_or_default(),
            mac: reader.text("mac")?,
            selector,
            mac_only_encrypted: reader.boolean("mac_only_encrypted")?,
            version: reader.text("version")?,
            layout: reader.text("signet_layout")?,
        };
        if metadata.groups.iter().all(|group| group.0.is_empty()) {
            return Err(Error::NoKeys);
        }
        Ok(metadata)
    }
}

fn groups(block: &Reader<'_>) -> Result<Vec<Group>, Error> {
    let top = group(block)?;
    if !top.0.is_empty() {
        return Ok(vec![top]);
    }
    block.list("key_groups")?.iter().map(group).collect()
}

fn group(reader: &Reader<'_>) -> Result<Group, Error> {
    let mut keys = Vec::new();
    for kind in Kind::ALL {
        for entry in reader.list(kind.name())? {
            let (enc, created_at) = (entry.required("enc")?, entry.text("created_at")?);
            keys.push(Wrapped { key: key(kind, &entry)?, enc, created_at });
        }
    }
    Ok(Group(keys))
}

fn key(kind: Kind, entry: &Reader<'_>) -> Result<MasterKey, Error> {
    Ok(match kind {
        Kind::Age => MasterKey::Age { recipient: entry.required("recipient")? },
        Kind::Pgp => MasterKey::Pgp { fingerprint: entry.required("fp")? },
        Kind::AwsKms => MasterKey::AwsKms {
            arn: entry.required("arn")?,
            role: entry.text("role")?,
            context: entry.texts("context")?,
            profile: entry.text("aws_profile")?,
        },
        Kind::GcpKms => MasterKey::GcpKms { resource_id: entry.required("resource_id")? },
        Kind::HuaweiKms => MasterKey::HuaweiKms { key_id: entry.required("key_id")? },
        Kind::AzureKeyVault => MasterKey::AzureKeyVault {
            vault_url: entry.required("vault_url")?,
            name: entry.required("name")?,
            version: entry.text("version")?.unwrap_or_default(),
        },
        Kind::Vault => MasterKey::Vault {
            address: entry.required("vault_address")?,
            engine_path: entry.required("engine_path")?,
            key_name: entry.required("key_name")?,
        },
    })
}

fn wrong(field: String, expected: &'static str) -> Error {
    Error::Field { field, expected }
}

/// A map and where it stands, for messages.
struct Reader<'f> {
    field: &'f Field,
    path: String,
}

impl Reader<'_> {
    fn at(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// Absent, null and empty are all the same in files of old versions.
    fn text(&self, name: &str) -> Result<Option<String>, Error> {
        match self.field.get(name) {
            None | Some(Field::Null) => Ok(None),
            Some(Field::Text(text) | Field::Bare(text)) => {
                Ok(Some(text.clone()).filter(|text| !text.is_empty()))
            }
            Some(_) => Err(wrong(self.at(name), "text")),
        }
    }

    fn required(&self, name: &str) -> Result<String, Error> {
        self.text(name)?.ok_or_else(|| wrong(self.at(name), "text"))
    }

    fn number(&self, name: &str) -> Result<Option<usize>, Error> {
        let text = self.text(name)?;
        let parse = |text: String| text.parse().map_err(|_| wrong(self.at(name), "a whole number"));
        text.map(parse).transpose()
    }

    fn boolean(&self, name: &str) -> Result<bool, Error> {
        match self.text(name)?.as_deref().map(golang::strconv::parse_bool) {
            None => Ok(false),
            Some(Some(value)) => Ok(value),
            Some(None) => Err(wrong(self.at(name), "`true` or `false`")),
        }
    }

    fn texts<C: FromIterator<(String, String)>>(&self, name: &str) -> Result<C, Error> {
        let fields = match self.field.get(name) {
            None | Some(Field::Null) => return Ok(C::from_iter([])),
            Some(Field::Map(fields)) => fields,
            // What an empty map is where everything is flat.
            Some(Field::Text(text)) if text.is_empty() => return Ok(C::from_iter([])),
            Some(_) => return Err(wrong(self.at(name), "a map")),
        };
        let reader = Reader { field: &Field::Map(fields.clone()), path: self.at(name) };
        let text =
            |(key, _): &(String, Field)| Ok((key.clone(), reader.text(key)?.unwrap_or_default()));
        fields.iter().map(text).collect()
    }

    fn list(&self, name: &str) -> Result<Vec<Reader<'_>>, Error> {
        let items = match self.field.get(name) {
            None | Some(Field::Null) => return Ok(Vec::new()),
            Some(Field::Text(text)) if text.is_empty() => return Ok(Vec::new()),
            Some(Field::List(items)) => items,
            Some(_) => return Err(wrong(self.at(name), "a list")),
        };
        let entry = |(index, field)| Reader { field, path: format!("{}[{index}]", self.at(name)) };
        Ok(items.iter().enumerate().map(entry).collect())
    }
}
