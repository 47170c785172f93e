//! Why a policy picked nothing.

use imagebot_api::{duration, rule};
use imagebot_core::{
    policy::{self, platform},
    reference,
};
use reconcile::{Class, Classify, error::class_of_api_error};
use tokio::task::JoinError;

use super::unpicked::Unpicked;
use crate::{controller::access, registry, tags, verify};

/// Why a policy picked nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields contradict each other.
    #[error(transparent)]
    Rule(rule::Broken),
    /// A field is not a length of time.
    #[error("`{field}` is not valid")]
    Duration {
        /// The field.
        field: &'static str,
        /// Why.
        source: duration::Invalid,
    },
    /// The end of the hold is no time.
    #[error("`spec.hold.until` is `{until}`; write a time such as `2026-12-24T00:00:00Z`")]
    Until {
        /// What was written.
        until: String,
    },
    /// An annotation cannot be read.
    #[error("the annotation `signet.dev/{name}` is not {what}")]
    Annotation {
        /// Its name, without what all of ours begin with.
        name: &'static str,
        /// What it should be.
        what: &'static str,
    },
    /// A platform is none.
    #[error("`spec.platforms` cannot be used")]
    Platform(#[source] platform::Error),
    /// Nobody can be trusted.
    #[error(transparent)]
    Trust(verify::Error),
    /// Tags qualify by name, and nothing is picked.
    #[error(transparent)]
    Unpicked(Box<Unpicked>),
    /// The object could not be annotated.
    #[error("could not annotate the object with its status")]
    Annotate(#[source] Box<kube::Error>),
    /// An image could not be looked at.
    #[error("could not look at {reference}")]
    Look {
        /// The image.
        reference: String,
        /// Why.
        source: registry::Error,
    },
    /// The policy is not one.
    #[error("invalid policy")]
    Policy(#[source] policy::Error),
    /// The ImageRepository is in another namespace, and this daemon allows no such thing.
    #[error("can't access '{namespace}/{name}', cross-namespace references have been blocked")]
    CrossNamespace {
        /// The namespace of the ImageRepository.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The owner of the ImageRepository does not let this namespace in.
    #[error("the ImageRepository '{namespace}/{name}' is not open to the namespace '{own}'")]
    AccessDenied {
        /// The namespace of the ImageRepository.
        namespace: String,
        /// Its name.
        name: String,
        /// The namespace of the policy.
        own: String,
    },
    /// The labels of the policy's namespace cannot be read.
    #[error("could not read the labels of the policy's namespace")]
    Namespace(#[source] Box<kube::Error>),
    /// There is no such ImageRepository.
    #[error("referenced ImageRepository '{namespace}/{name}' does not exist")]
    NoRepository {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The ImageRepository was not scanned yet.
    #[error("the ImageRepository '{name}' has no tags in the database yet")]
    NoTags {
        /// Its name.
        name: String,
    },
    /// No tag qualifies.
    #[error("no tag qualifies")]
    NoMatch(#[source] policy::NoMatch),
    /// The tag database could not be read.
    #[error("could not read the tags")]
    Tags(#[source] tags::Error),
    /// The process is ending.
    #[error("could not read the tags: the process is ending")]
    Interrupted(#[source] JoinError),
    /// The image is not one.
    #[error("`spec.image` of the ImageRepository is not the name of an image")]
    Image(#[source] reference::Error),
    /// The credentials cannot be had.
    #[error("failed to configure authentication options")]
    Access(#[source] access::Error),
    /// The digest could not be read.
    #[error("failed fetching digest of {reference}")]
    Digest {
        /// The image and its tag.
        reference: String,
        /// Why.
        source: registry::Error,
    },
    /// The registry took too long.
    #[error("failed looking at the tags of {reference}: the registry took too long")]
    TooSlow {
        /// The image.
        reference: String,
    },
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Rule(_) | Self::Duration { .. } | Self::Policy(_) => Class::Stalled,
            Self::Until { .. } | Self::Annotation { .. } | Self::Platform(_) => Class::Stalled,
            Self::Trust(error) => error.class(),
            Self::Unpicked(_) => Class::Waiting,
            Self::CrossNamespace { .. } | Self::AccessDenied { .. } => Class::Waiting,
            Self::NoRepository { .. } | Self::NoTags { .. } => Class::Waiting,
            Self::NoMatch(_) | Self::Image(_) => Class::Waiting,
            Self::Namespace(error) | Self::Annotate(error) => class_of_api_error(error),
            Self::Access(error) => error.class(),
            Self::Digest { source, .. } | Self::Look { source, .. } => source.class(),
            Self::Tags(_) | Self::Interrupted(_) | Self::TooSlow { .. } => Class::Transient,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            // Flux has one reason for what it calls so, and one for all that is wrong with a policy.
            Self::Rule(broken) if broken.0.contains("spec.interval") => "IntervalNotConfigured",
            Self::Duration { field: "spec.interval", .. } => "IntervalNotConfigured",
            Self::Rule(_) | Self::Duration { .. } | Self::Policy(_) => "InvalidPolicy",
            Self::Until { .. } | Self::Annotation { .. } | Self::Platform(_) => "InvalidPolicy",
            Self::Trust(verify::Error::Notation | verify::Error::Identity(_)) => "InvalidPolicy",
            Self::Trust(_) => "VerificationNotConfigured",
            Self::Unpicked(unpicked) => unpicked.why.reason(),
            Self::CrossNamespace { .. } | Self::AccessDenied { .. } => "AccessDenied",
            Self::NoRepository { .. } | Self::NoTags { .. } => "DependencyNotReady",
            Self::NoMatch(_) | Self::Tags(_) | Self::Interrupted(_) => "Failure",
            Self::Namespace(_) | Self::Digest { .. } | Self::TooSlow { .. } => "Failed",
            Self::Look { .. } | Self::Annotate(_) => "Failed",
            Self::Image(_) => "ImageURLInvalid",
            Self::Access(_) => "AuthenticationFailed",
        }
    }

    fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::Digest { source, .. } | Self::Look { source, .. } => source.retry_after(),
            _ => None,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            Self::AccessDenied { own, .. } => Some(format!(
                "let the labels of the namespace '{own}' match one of `spec.accessFrom.namespaceSelectors` of the ImageRepository"
            )),
            Self::CrossNamespace { .. } => {
                Some("refer to an ImageRepository of the policy's own namespace".to_owned())
            }
            Self::NoRepository { .. } => {
                Some("create it, or correct `spec.imageRepositoryRef`".to_owned())
            }
            Self::NoTags { .. } => Some("see the ImageRepository's own conditions".to_owned()),
            Self::NoMatch(_) => {
                Some("check `spec.policy` and `spec.filterTags` against the tags".to_owned())
            }
            Self::Access(error) => error.remedy(),
            Self::Digest { source, .. } | Self::Look { source, .. } => source.remedy(),
            Self::Trust(error) => error.remedy(),
            Self::Unpicked(unpicked) => unpicked.why.remedy().map(str::to_owned),
            _ => None,
        }
    }
}
