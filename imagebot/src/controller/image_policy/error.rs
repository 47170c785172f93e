//! Why a policy picked nothing.

use imagebot_api::{duration, rule};
use imagebot_core::{policy, reference};
use reconcile::{Class, Classify, error::class_of_api_error};
use tokio::task::JoinError;

use crate::{controller::access, registry, tags};

/// Why a policy picked nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `spec.interval` and `spec.digestReflectionPolicy` contradict each other.
    #[error(transparent)]
    Interval(rule::Broken),
    /// `spec.interval` is not a length of time.
    #[error("`spec.interval` is not valid")]
    Duration(#[source] duration::Invalid),
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
    #[error("failed fetching digest of {reference}: the registry took too long")]
    TooSlow {
        /// The image and its tag.
        reference: String,
    },
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Interval(_) | Self::Duration(_) | Self::Policy(_) => Class::Stalled,
            Self::CrossNamespace { .. } | Self::AccessDenied { .. } => Class::Waiting,
            Self::NoRepository { .. } | Self::NoTags { .. } => Class::Waiting,
            Self::NoMatch(_) | Self::Image(_) => Class::Waiting,
            Self::Namespace(error) => class_of_api_error(error),
            Self::Access(error) => error.class(),
            Self::Digest { source, .. } => source.class(),
            Self::Tags(_) | Self::Interrupted(_) | Self::TooSlow { .. } => Class::Transient,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Interval(_) | Self::Duration(_) => "IntervalNotConfigured",
            Self::Policy(_) => "InvalidPolicy",
            Self::CrossNamespace { .. } | Self::AccessDenied { .. } => "AccessDenied",
            Self::NoRepository { .. } | Self::NoTags { .. } => "DependencyNotReady",
            Self::NoMatch(_) | Self::Tags(_) | Self::Interrupted(_) => "Failure",
            Self::Namespace(_) | Self::Digest { .. } | Self::TooSlow { .. } => "Failed",
            Self::Image(_) => "ImageURLInvalid",
            Self::Access(_) => "AuthenticationFailed",
        }
    }

    fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::Digest { source, .. } => source.retry_after(),
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
            Self::Digest { source, .. } => source.remedy(),
            _ => None,
        }
    }
}
