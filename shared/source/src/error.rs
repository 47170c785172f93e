//! Why an object does not lead to a remote.

use reconcile::{Class, secret};
use source_api::duration;

use crate::Field;

/// Why an object does not lead to a remote.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one.
    #[error("`{field}` cannot be used")]
    Url {
        /// The field.
        field: Field,
        /// Why.
        source: Box<repo::Error>,
    },
    /// The address is a directory of the machine that the daemon runs on.
    #[error("`{field}` is a file URL, which only `--local` may use")]
    File {
        /// The field.
        field: Field,
    },
    /// The login is not spoken here.
    #[error("`{field}: {provider}` is not supported yet")]
    Provider {
        /// The field.
        field: Field,
        /// The login.
        provider: String,
    },
    /// The length of time is not one.
    #[error("`{field}` is not valid")]
    Timeout {
        /// The field.
        field: Field,
        /// Why.
        source: duration::Invalid,
    },
    /// A Secret cannot be used.
    #[error("failed to configure authentication options")]
    Secret(#[from] secret::Error),
    /// The Secret and the URL say different things.
    #[error("the Secret `{name}` has a `bearerToken` while the URL has a user")]
    TwoLogins {
        /// The Secret.
        name: String,
    },
    /// The Secret says half of something.
    #[error("the Secret `{name}` has a `{has}` without a `{lacks}`")]
    Half {
        /// The Secret.
        name: String,
        /// The key that is there.
        has: &'static str,
        /// The key that is not.
        lacks: &'static str,
    },
    /// The proxy is not one.
    #[error("the proxy of the Secret `{name}` of `{field}` cannot be used")]
    Proxy {
        /// The Secret.
        name: String,
        /// The field that names it.
        field: Field,
        /// Why.
        source: Box<repo::Error>,
    },
    /// The commit is not one.
    #[error("`{field}` has the commit `{commit}`, which is no full id")]
    Commit {
        /// The field.
        field: Field,
        /// What is written.
        commit: String,
    },
    /// A range of versions.
    #[error("`{field}` has a `semver` range, which is not supported yet")]
    Semver {
        /// The field.
        field: Field,
    },
}

impl Error {
    /// Who can fix it.
    pub fn class(&self) -> Class {
        match self {
            Self::Url { field, .. } | Self::File { field } | Self::Provider { field, .. } => {
                field.class()
            }
            Self::Timeout { field, .. } | Self::Commit { field, .. } | Self::Semver { field } => {
                field.class()
            }
            Self::TwoLogins { .. } | Self::Half { .. } | Self::Proxy { .. } => Class::Waiting,
            Self::Secret(error) => error.class(),
        }
    }

    /// What the reader can do.
    pub fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Url { .. } | Self::Timeout { .. } => return None,
            Self::File { .. } => "give an `https` URL".to_owned(),
            Self::Provider { .. } => "use `generic` and put a token into its Secret".to_owned(),
            Self::Secret(error) => return error.remedy(),
            Self::TwoLogins { .. } => "remove one of them".to_owned(),
            Self::Half { lacks, .. } => format!("add `{lacks}`"),
            Self::Proxy { .. } => {
                "write `http://host:port`, `https://host:port` or `socks5://host:port` under `address`"
                    .to_owned()
            }
            Self::Commit { .. } => "write all 40 digits".to_owned(),
            Self::Semver { .. } => "name a branch, a tag, a reference or a commit".to_owned(),
        })
    }
}
