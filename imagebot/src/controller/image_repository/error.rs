//! Why an image could not be scanned.

use std::time::Duration;

use imagebot_api::duration;
use imagebot_core::{
    reference,
    tags::{self as list, guard},
};
use reconcile::{Class, Classify};
use tokio::task::JoinError;

use super::held::{ACCEPT, Withheld};
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
    /// How much may be lost is not a share.
    #[error("`{field}` is not valid")]
    Limit {
        /// The field, or the annotation.
        field: &'static str,
        /// Why.
        source: guard::Invalid,
    },
    /// Too many of the known tags are gone.
    #[error("{}", told(.0))]
    TagsLost(Box<Withheld>),
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
            Self::Exclusions(_) | Self::Limit { .. } => Class::Stalled,
            Self::TagsLost(_) => Class::Waiting,
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
            Self::Limit { .. } => "TagLossLimitInvalid",
            Self::Access(access::Error::FeatureGate) => "FeatureGateDisabled",
            Self::TagsLost(_) => "TagsLost",
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
            Self::Limit { .. } => Some("write it as `50%`".to_owned()),
            Self::TagsLost(withheld) => Some(format!(
                "see whether the registry has lost something; if the tags were removed on purpose, annotate this object with `{ACCEPT}: {}`",
                withheld.accept
            )),
            Self::TooShort { field } => Some(format!("set `{field}` to `1s` or more")),
            _ => None,
        }
    }
}

/// What is told of a list that is not used.
fn told(withheld: &Withheld) -> String {
    let loss = &withheld.loss;
    let examples: Vec<_> = loss.examples.iter().map(|tag| format!("`{tag}`")).collect();
    let such = if examples.is_empty() {
        String::new()
    } else {
        format!(", such as {}", examples.join(", "))
    };
    format!(
        "the registry lists {} tags, and {} of the {} that were known are gone{such}: the list before stays in use",
        loss.listed, loss.gone, loss.known
    )
}
