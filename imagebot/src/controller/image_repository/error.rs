//! Why an image could not be scanned.

use std::time::Duration;

use imagebot_api::{duration, image_repository::Provider};
use imagebot_core::{reference, tags as list};
use reconcile::{Class, Classify};
use tokio::task::JoinError;

use crate::{controller::access, registry, tags};

/// Why an image could not be scanned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The image is not one.
    #[error("`spec.image` is not the name of an image")]
    Image(#[source] reference::Error),
    /// A length of time is not one.
    #[error("`{field}` is not valid")]
    Duration {
        /// The field.
        field: &'static str,
        /// Why.
        source: duration::Invalid,
    },
    /// A length of time is too short.
    #[error("`{field}` is shorter than `1s`")]
    TooShort {
        /// The field.
        field: &'static str,
    },
    /// An exclusion is not a regular expression.
    #[error(transparent)]
    Exclusions(#[from] list::Error),
    /// The cloud's login is not spoken here.
    #[error("`spec.provider: {0:?}` is not supported yet")]
    Provider(Provider),
    /// The credentials cannot be had.
    #[error("failed to configure authentication options")]
    Access(#[source] access::Error),
    /// The registry could not be read.
    #[error("scan failed")]
    Scan(#[source] registry::Error),
    /// The registry took too long.
    #[error("scan failed: the registry took longer than {}s", .timeout.as_secs_f32())]
    TooSlow {
        /// The time it had.
        timeout: Duration,
    },
    /// The tag database could not be used.
    #[error("failed to keep the tags")]
    Tags(#[source] tags::Error),
    /// The process is ending.
    #[error("failed to keep the tags: the process is ending")]
    Interrupted(#[source] JoinError),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Image(_) | Self::Duration { .. } | Self::TooShort { .. } => Class::Stalled,
            Self::Exclusions(_) | Self::Provider(_) => Class::Stalled,
            Self::Access(error) => error.class(),
            Self::Scan(error) => error.class(),
            Self::TooSlow { .. } | Self::Tags(_) | Self::Interrupted(_) => Class::Transient,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Image(_) => "ImageURLInvalid",
            Self::Duration { .. } | Self::TooShort { .. } => "IntervalInvalid",
            Self::Exclusions(_) => "ExclusionListInvalid",
            Self::Provider(_) => "ProviderNotSupported",
            Self::Access(_) => "AuthenticationFailed",
            Self::Scan(_) | Self::TooSlow { .. } => "ReadOperationFailed",
            Self::Tags(_) | Self::Interrupted(_) => "Failure",
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Scan(error) => error.retry_after(),
            _ => None,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            Self::Access(error) => error.remedy(),
            Self::Scan(error) => error.remedy(),
            Self::TooSlow { .. } => Some("raise `spec.timeout`".to_owned()),
            Self::Provider(_) => Some("use `generic` with `spec.secretRef`".to_owned()),
            Self::TooShort { field } => Some(format!("set `{field}` to `1s` or more")),
            _ => None,
        }
    }
}
