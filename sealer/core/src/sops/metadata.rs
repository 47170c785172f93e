//! The `sops` block: who can open a file, which values are encrypted, and the MAC.
//!
//! ```text
//! block of a YAML or JSON file ─┐
//! lines of a dotenv file        ├─▶ Field ──read──▶ Metadata ──write──▶ Field ─▶ the same places
//! section of an INI file       ─┘
//! ```

use super::{
    age,
    cipher::Cipher,
    key::{Group, Kind, MasterKey, Wrapped},
    selector::{self, Selector},
    value,
};

mod field;
mod flat;
mod read;
mod write;

pub(super) use field::{Field, deeper};
pub(super) use flat::{flatten, unflatten};

/// The key under which the block stands in every document.
pub const KEY: &str = "sops";
/// The version of sops whose format is written.
pub(super) const VERSION: &str = "3.13.3";

/// The content of the block.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// The data key, wrapped. With two groups or more, each holds a part of it.
    pub groups: Vec<Group>,
    /// How many groups it takes; all of them if nothing is said.
    pub threshold: Option<usize>,
    /// When the file was last encrypted, byte for byte: the MAC is bound to it.
    pub modified: String,
    /// The encrypted MAC.
    pub mac: Option<String>,
    /// Which values are encrypted.
    pub selector: Selector,
    /// Whether values in clear text may change without breaking the MAC.
    pub mac_only_encrypted: bool,
    /// The version of the program that wrote the file.
    pub version: Option<String>,
    /// The encrypted record of what `ENC[…]` cannot carry. It is ours; sops drops it.
    pub layout: Option<String>,
}

/// Why a block cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error("sops metadata not found")]
    Missing,
    /// A field has another shape.
    #[error("`{KEY}{field}` is not {expected}")]
    Field {
        /// The field's path below the block.
        field: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Nobody can open the file.
    #[error("`{KEY}` names no key at all; the file cannot be opened")]
    NoKeys,
    /// The flattened names contradict each other.
    #[error("`{KEY}` has a list or map at `{0}` that does not fit together")]
    Flat(String),
    /// The rule cannot be used.
    #[error("the rule in `sops` cannot be used")]
    Selector(#[from] selector::Error),
}

impl Metadata {
    /// The cipher of the file: that of its MAC, which no program can drop.
    pub fn cipher(&self) -> Cipher {
        self.mac.as_deref().and_then(value::cipher_of).unwrap_or_default()
    }

    /// The kinds of keys that the file names, each once.
    pub fn key_kinds(&self) -> Vec<&'static str> {
        let keys = self.groups.iter().flat_map(|group| &group.0);
        let mut kinds: Vec<_> = keys.map(|wrapped| wrapped.key.kind()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds.into_iter().map(Kind::name).collect()
    }

    /// The copies of the data key for age recipients, if it is not split.
    pub fn age(&self) -> Vec<age::Wrapped> {
        let [Group(keys)] = &self.groups[..] else { return Vec::new() };
        keys.iter()
            .filter_map(|Wrapped { key, enc, .. }| match key {
                MasterKey::Age { recipient } => {
                    Some(age::Wrapped { recipient: recipient.clone(), enc: enc.clone() })
                }
                _ => None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
