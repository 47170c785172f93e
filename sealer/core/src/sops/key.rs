//! Master keys: what wraps a data key, and who can do so.
//!
//! ```text
//! data key ──(Shamir, with two groups or more)──▶ a part per group ──▶ wrapped by every key of the group
//! ```
//!
//! This module only names keys. Whoever implements [`KeyService`] has the private halves, or knows
//! whom to ask.

use std::{collections::BTreeMap, fmt};

use crate::plaintext::Plaintext;

mod parse;

pub use parse::{Malformed, parse_context};

/// A master key, as metadata, rules and flags name it.
///
/// `Display` shows it as sops does in its reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterKey {
    /// An age recipient of any kind.
    Age {
        /// `age1…`, `ssh-ed25519 …`, `ssh-rsa …` and the like.
        recipient: String,
    },
    /// An OpenPGP key.
    Pgp {
        /// Hexadecimal digits without blanks.
        fingerprint: String,
    },
    /// A key of AWS KMS.
    AwsKms {
        /// Of the key or an alias.
        arn: String,
        /// A role to assume first.
        role: Option<String>,
        /// The encryption context, to which the wrapped key is bound.
        context: BTreeMap<String, String>,
        /// A profile of the AWS configuration.
        profile: Option<String>,
    },
    /// A key of Google Cloud KMS.
    GcpKms {
        /// `projects/…/cryptoKeys/…`
        resource_id: String,
    },
    /// A key of Azure Key Vault.
    AzureKeyVault {
        /// `https://….vault.azure.net`
        vault_url: String,
        /// The key's name.
        name: String,
        /// The key's version; empty for the latest, before anything was wrapped.
        version: String,
    },
    /// A key of a transit engine of a Vault or an `OpenBao`.
    Vault {
        /// `https://vault.example.com:8200`
        address: String,
        /// Where the engine is mounted.
        engine_path: String,
        /// The key's name.
        key_name: String,
    },
    /// A key of Huawei Cloud KMS.
    HuaweiKms {
        /// `region:uuid`
        key_id: String,
    },
}

/// What kind of master key one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`MasterKey::Age`]
    Age,
    /// [`MasterKey::Pgp`]
    Pgp,
    /// [`MasterKey::AwsKms`]
    AwsKms,
    /// [`MasterKey::GcpKms`]
    GcpKms,
    /// [`MasterKey::HuaweiKms`]
    HuaweiKms,
    /// [`MasterKey::AzureKeyVault`]
    AzureKeyVault,
    /// [`MasterKey::Vault`]
    Vault,
}

/// A data key (or, with key groups, one Shamir share of it) that a master key wrapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// The key that wrapped it.
    pub key: MasterKey,
    /// What that key made of it: armored for age and PGP, else whatever the service answers.
    pub enc: String,
    /// When it was wrapped, as the file says it. age has no such field.
    pub created_at: Option<String>,
}

/// The keys of which any one recovers the group's part; the file opens with one group, or with as
/// many as its threshold says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group(pub Vec<Wrapped>);

/// Opens and wraps data keys and parts of them.
///
/// Both calls block: whoever has a runtime makes them on a thread for blocking work.
pub trait KeyService {
    /// What `wrapped` holds.
    fn decrypt(&self, wrapped: &Wrapped) -> Result<Plaintext, KeyError>;

    /// What `key` makes of `part`: the text of [`Wrapped::enc`].
    fn encrypt(&self, key: &MasterKey, part: &Plaintext) -> Result<String, KeyError>;
}

/// Why a master key was of no use. The messages are shown to people and never hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no identity or credential for this key; another key may do.
    #[error("{0}")]
    Missing(String),
    /// The key was there, and refused or failed.
    #[error("{0}")]
    Failed(String),
}

impl Kind {
    /// Every kind, in the order in which sops lists them within a group.
    pub const ALL: [Self; 7] = [
        Self::AwsKms,
        Self::GcpKms,
        Self::HuaweiKms,
        Self::AzureKeyVault,
        Self::Vault,
        Self::Pgp,
        Self::Age,
    ];

    /// The name of the kind's list in metadata, which `--decryption-order` uses too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Pgp => "pgp",
            Self::AwsKms => "kms",
            Self::GcpKms => "gcp_kms",
            Self::HuaweiKms => "hckms",
            Self::AzureKeyVault => "azure_kv",
            Self::Vault => "hc_vault",
        }
    }

    /// The kind with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl MasterKey {
    /// What kind of key this is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Age { .. } => Kind::Age,
            Self::Pgp { .. } => Kind::Pgp,
            Self::AwsKms { .. } => Kind::AwsKms,
            Self::GcpKms { .. } => Kind::GcpKms,
            Self::AzureKeyVault { .. } => Kind::AzureKeyVault,
            Self::Vault { .. } => Kind::Vault,
            Self::HuaweiKms { .. } => Kind::HuaweiKms,
        }
    }
}

impl fmt::Display for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Age { recipient } => f.write_str(recipient),
            Self::Pgp { fingerprint } => f.write_str(fingerprint),
            Self::AwsKms { arn, role, context, profile } => {
                f.write_str(arn)?;
                if let Some(role) = role {
                    write!(f, "+{role}")?;
                }
                let pairs: Vec<_> = context.iter().map(|(key, of)| format!("{key}:{of}")).collect();
                match profile {
                    Some(profile) => write!(f, "|{}|{profile}", pairs.join(",")),
                    None if pairs.is_empty() => Ok(()),
                    None => write!(f, "|{}", pairs.join(",")),
                }
            }
            Self::GcpKms { resource_id } => f.write_str(resource_id),
            Self::AzureKeyVault { vault_url, name, version } => {
                write!(f, "{vault_url}/keys/{name}/{version}")
            }
            Self::Vault { address, engine_path, key_name } => {
                write!(f, "{address}/v1/{engine_path}/keys/{key_name}")
            }
            Self::HuaweiKms { key_id } => f.write_str(key_id),
        }
    }
}

#[cfg(test)]
mod tests;
