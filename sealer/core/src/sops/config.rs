//! `.sops.yaml`: for whom a new file is encrypted, which of its values, and where it is published.

use std::collections::BTreeMap;

use serde_json::Value;
use yaml::Schema;

use super::{
    age::{self, Recipient},
    key::{Malformed, MasterKey},
    pattern::{self, Pattern},
    selector::{self, Fields, Selector},
};

mod destination;
mod keys;
mod read;

pub use destination::{Destination, Target};
use read::Reader;

/// A `.sops.yaml`.
#[derive(Debug)]
pub struct Config {
    rules: Vec<Entry>,
    destinations: Vec<destination::Entry>,
    stores: Stores,
}

/// A rule with the path that it is for.
#[derive(Debug)]
struct Entry {
    path: Option<Pattern>,
    rule: Result<Rule, Error>,
}

/// How one file is encrypted.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its position in `creation_rules`.
    pub index: usize,
    /// For whom. One group if the rule has lists of keys only; it may be empty.
    pub groups: Vec<Vec<MasterKey>>,
    /// How many groups it takes.
    pub threshold: Option<usize>,
    /// Which values.
    pub selector: Selector,
    /// Whether values in clear text may change without breaking the MAC.
    pub mac_only_encrypted: bool,
    /// Whether the rule says so in `key_groups`, where keys have contexts of their own.
    grouped: bool,
}

/// How one file is encrypted for age recipients alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Creation {
    /// For whom.
    pub recipients: Vec<Recipient>,
    /// Which values.
    pub selector: Selector,
    /// Whether values in clear text may change without breaking the MAC.
    pub mac_only_encrypted: bool,
}

/// How files are laid out that are written anew. Nothing where the format's own default holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stores {
    /// `stores.yaml.indent`
    pub yaml_indent: Option<i64>,
    /// `stores.json.indent`; -1 is a tab.
    pub json_indent: Option<i64>,
    /// `stores.json_binary.indent`
    pub json_binary_indent: Option<i64>,
}

/// Why a `.sops.yaml` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not YAML.
    #[error(transparent)]
    Yaml(#[from] yaml::Error),
    /// A field has another shape.
    #[error("`{field}` is not {expected}")]
    Field {
        /// The field's path.
        field: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A path expression does not compile.
    #[error("`{field}` cannot be used")]
    PathRegex {
        /// The field's path.
        field: String,
        /// What is wrong with it.
        source: pattern::Error,
    },
    /// Two selectors at once.
    #[error(
        "error loading config: cannot use more than one of encrypted_suffix, unencrypted_suffix, encrypted_regex, unencrypted_regex, encrypted_comment_regex, or unencrypted_comment_regex for the same rule"
    )]
    TwoSelectors,
    /// A selector cannot be used.
    #[error("`{field}` cannot be used")]
    Selector {
        /// The rule.
        field: String,
        /// What is wrong with it.
        source: selector::Error,
    },
    /// A recipient cannot be used.
    #[error("`{field}` cannot be used")]
    Age {
        /// The field's path.
        field: String,
        /// What is wrong with it.
        source: age::Error,
    },
    /// A key of another kind cannot be used.
    #[error("`{field}` cannot be used")]
    Key {
        /// The field's path.
        field: String,
        /// What is wrong with it.
        source: Malformed,
    },
    /// A kind of key where only age recipients can be.
    #[error("`creation_rules[{rule}].{field}` is not supported; encrypt for `age` recipients")]
    Unsupported {
        /// The rule's position.
        rule: usize,
        /// The field.
        field: &'static str,
    },
    /// No rule is for this file.
    #[error("error loading config: no matching creation rules found")]
    NoMatch,
    /// No destination is for this file.
    #[error("error loading config: no matching destination found in config")]
    NoDestination,
    /// A destination rule says where in no way.
    #[error("`destination_rules[{rule}]` has no `s3_bucket`, `gcs_bucket` or `vault_path`")]
    NoTarget {
        /// The rule's position.
        rule: usize,
    },
    /// A destination rule says where in two ways.
    #[error(
        "error loading config: more than one destinations were found in a single destination rule, you can only use one per rule"
    )]
    TwoTargets,
}

impl Config {
    /// Reads a `.sops.yaml`; anchors and aliases are what YAML makes of them.
    ///
    /// A rule that cannot be used is an error only for the files that it is for.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let documents = yaml::json::documents(text, Schema::GoYaml3)?;
        let empty = Value::Object(serde_json::Map::new());
        let root = Reader::new(documents.first().unwrap_or(&empty), String::new())?;
        let rules = root.maps("creation_rules")?;
        let destinations = root.maps("destination_rules")?;
        let entry = |(index, reader): (usize, &Reader<'_>)| {
            Ok(Entry { path: pattern(reader)?, rule: rule(index, reader) })
        };
        let destination = |(index, reader)| destination::entry(index, reader);
        Ok(Self {
            rules: rules.iter().enumerate().map(entry).collect::<Result<_, Error>>()?,
            destinations: destinations
                .iter()
                .enumerate()
                .map(destination)
                .collect::<Result<_, Error>>()?,
            stores: stores(&root)?,
        })
    }

    /// Whether there is no creation rule at all; sops then acts as if there were no file.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How files are laid out.
    pub fn stores(&self) -> &Stores {
        &self.stores
    }

    /// How the file at `path` is encrypted: by the first rule that is for it.
    ///
    /// `path` is relative to the directory of `.sops.yaml`. `context` is the encryption context of
    /// keys of AWS KMS that the rule lists outside of groups.
    pub fn rule(&self, path: &str, context: &BTreeMap<String, String>) -> Result<Rule, Error> {
        let matches = |pattern: &Option<Pattern>| {
            pattern.as_ref().is_none_or(|pattern| pattern.matches(path))
        };
        let entry = self.rules.iter().find(|entry| matches(&entry.path)).ok_or(Error::NoMatch)?;
        Ok(entry.rule.clone()?.in_context(context))
    }

    /// Where the file at `path` is published; `path` is as the command has it.
    pub fn destination(&self, path: &str) -> Result<Destination, Error> {
        let matches = |pattern: &Option<Pattern>| {
            pattern.as_ref().is_none_or(|pattern| pattern.matches(path))
        };
        let entry = self.destinations.iter().find(|entry| matches(&entry.path));
        entry.ok_or(Error::NoDestination)?.destination.clone()
    }

    /// How the file at `path` is encrypted, where only age recipients can be.
    pub fn creation(&self, path: &str) -> Result<Creation, Error> {
        let rule = self.rule(path, &BTreeMap::new())?;
        let unsupported = |field| Error::Unsupported { rule: rule.index, field };
        let [keys] = &rule.groups[..] else { return Err(unsupported("key_groups")) };
        let recipient = |key: &MasterKey| match key {
            MasterKey::Age { recipient } => {
                let field = format!("creation_rules[{}].age", rule.index);
                Recipient::parse(recipient)
                    .map_err(|source| Error::Age { field, source: source.into() })
            }
            other => Err(unsupported(other.kind().name())),
        };
        let recipients = keys.iter().map(recipient).collect::<Result<_, _>>()?;
        let Rule { selector, mac_only_encrypted, .. } = rule;
        Ok(Creation { recipients, selector, mac_only_encrypted })
    }
}

impl Rule {
    fn in_context(mut self, given: &BTreeMap<String, String>) -> Self {
        if !self.grouped {
            for key in self.groups.iter_mut().flatten() {
                if let MasterKey::AwsKms { context, .. } = key {
                    context.clone_from(given);
                }
            }
        }
        self
    }
}

fn rule(index: usize, reader: &Reader<'_>) -> Result<Rule, Error> {
    let selector = match Selector::new(Fields::read(|name| reader.text(name))?) {
        Ok(selector) => selector,
        Err(selector::Error::Conflict(..)) => return Err(Error::TwoSelectors),
        Err(source) => return Err(Error::Selector { field: reader.here(), source }),
    };
    Ok(Rule {
        index,
        groups: keys::groups(reader)?,
        threshold: reader.number("shamir_threshold")?.filter(|threshold| *threshold > 0),
        selector,
        mac_only_encrypted: reader.boolean("mac_only_encrypted")?,
        grouped: reader.has("key_groups"),
    })
}

fn pattern(reader: &Reader<'_>) -> Result<Option<Pattern>, Error> {
    let source = reader.text("path_regex")?;
    let compile = |source: String| {
        Pattern::new(&source)
            .map_err(|source| Error::PathRegex { field: reader.at("path_regex"), source })
    };
    source.map(compile).transpose()
}

fn stores(root: &Reader<'_>) -> Result<Stores, Error> {
    let Some(stores) = root.map("stores")? else { return Ok(Stores::default()) };
    let indent = |name: &str| match stores.map(name)? {
        Some(store) => store.integer("indent"),
        None => Ok(None),
    };
    Ok(Stores {
        yaml_indent: indent("yaml")?,
        json_indent: indent("json")?,
        json_binary_indent: indent("json_binary")?,
    })
}

#[cfg(test)]
mod tests;
