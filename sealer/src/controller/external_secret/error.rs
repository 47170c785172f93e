//! Why an ExternalSecret is not a Secret.

use std::sync::Arc;
use std::time::Duration;

use reconcile::request;
use reconcile::{Class, Classify};
use sealer_api::Violation;
use sealer_core::store::plan;

use crate::provider::{stores, vault};
use crate::secrets::write;

/// Why an ExternalSecret is not a Secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The object breaks its own rules.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Violation>),
    /// The store is not there.
    #[error("SecretStore `{name}` of `spec.secretStoreRef` does not exist")]
    NoStore {
        /// Its name.
        name: String,
    },
    /// The store does not work.
    #[error("SecretStore `{name}` of `spec.secretStoreRef` is not ready: {why}")]
    StoreNotReady {
        /// Its name.
        name: String,
        /// What its condition says.
        why: String,
    },
    /// The store cannot be opened.
    #[error("could not open SecretStore `{name}` of `spec.secretStoreRef`")]
    Store {
        /// Its name.
        name: String,
        /// Why.
        source: stores::Error,
    },
    /// A remote secret cannot be read.
    #[error("could not get secret data from provider: `{field}`")]
    Remote {
        /// The field that names it.
        field: String,
        /// Why.
        source: Arc<vault::Error>,
    },
    /// Remote secrets do not hold what is asked for.
    #[error("{}", told(.0))]
    Values(Vec<plan::Failure>),
    /// The Secret could not be looked at.
    #[error("could not look at Secret `{name}`")]
    Read {
        /// Its name.
        name: String,
        /// Why.
        source: request::Error,
    },
    /// The Secret could not be written.
    #[error(transparent)]
    Write(write::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Invalid(_) => Class::Stalled,
            Self::NoStore { .. } | Self::StoreNotReady { .. } => Class::Waiting,
            Self::Store { source, .. } => source.class(),
            Self::Remote { source, .. } => source.class(),
            // The author may change the reference, and so may the store its content.
            Self::Values(_) => Class::Waiting,
            Self::Read { source, .. } => source.class(),
            Self::Write(source) => source.class(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "InvalidSpec",
            Self::NoStore { .. } | Self::StoreNotReady { .. } | Self::Store { .. } => {
                "SecretSyncedError"
            }
            Self::Remote { .. } | Self::Values(_) | Self::Read { .. } | Self::Write(_) => {
                "SecretSyncedError"
            }
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Remote { source, .. } => source.retry_after(),
            _ => None,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            Self::NoStore { name } => {
                Some(format!("create SecretStore `{name}`, or correct the reference"))
            }
            Self::Store { source, .. } => source.remedy(),
            Self::Remote { source, .. } => source.remedy().map(str::to_owned),
            Self::Write(source) => source.remedy(),
            Self::Invalid(_) | Self::StoreNotReady { .. } | Self::Values(_) | Self::Read { .. } => {
                None
            }
        }
    }
}

fn told(failures: &[plan::Failure]) -> String {
    let told = failures.iter().map(|failure| format!("{failure}: {}", failure.source));
    told.collect::<Vec<_>>().join("; ")
}
