//! Why the files of a GitSecretSync are not Secrets.

use std::collections::BTreeMap;
use std::time::Duration;

use reconcile::{Class, Classify, request};
use sealer_api::Violation;

use super::{Applied, kustomize};
use crate::controller::batch::{Cause, Failure};
use crate::decryption;

/// How many files a message names; the others are counted.
const NAMED: usize = 3;

/// Why the files of a GitSecretSync are not Secrets.
#[derive(Debug, thiserror::Error)]
pub(in crate::controller) enum Error {
    /// The object breaks its own rules.
    #[error("{}", list(.0))]
    Invalid(Vec<Violation>),
    /// There is nobody to act as.
    #[error(
        "`spec.serviceAccountName` names a ServiceAccount, and `--local` has none: its tokens come from a cluster"
    )]
    NoAccounts,
    /// The cluster does not know the kind.
    #[error("GitRepositories (source.toolkit.fluxcd.io/v1) cannot be read: {problem}")]
    NoKind {
        /// What the watch says.
        problem: String,
    },
    /// There is no such GitRepository.
    #[error("the GitRepository `{name}` of `spec.sourceRef` does not exist")]
    NoSource {
        /// Its name.
        name: String,
    },
    /// What is said about the repository does not lead to it.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// The repository could not be read.
    #[error("could not read the Git repository")]
    Git(#[from] repo::Error),
    /// A kustomization could not be followed.
    #[error("could not follow the kustomizations")]
    Kustomize(#[source] kustomize::Error),
    /// Reading the repository took a thread down.
    #[error("reading the Git repository was interrupted")]
    Interrupted,
    /// An object that is referred to could not be read.
    #[error("could not read {kind} `{name}` of `{field}`")]
    Read {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The field that names it.
        field: &'static str,
        /// Why.
        source: request::Error,
    },
    /// A Secret that is referred to is not there.
    #[error("Secret `{name}` of `{field}` does not exist")]
    Missing {
        /// Its name.
        name: String,
        /// The field that names it.
        field: &'static str,
    },
    /// A Secret that is referred to lacks something.
    #[error("Secret `{name}` of `{field}` {problem}")]
    Unfit {
        /// Its name.
        name: String,
        /// The field that names it.
        field: &'static str,
        /// What it lacks.
        problem: &'static str,
    },
    /// A key is no key.
    #[error(transparent)]
    Unusable(#[from] decryption::Unusable),
    /// The daemon's own keys cannot be had.
    #[error(transparent)]
    Own(#[from] decryption::Error),
    /// The ServiceAccount cannot act.
    #[error("could not act as ServiceAccount `{name}` of `spec.serviceAccountName`")]
    Account {
        /// Its name.
        name: String,
        /// Why.
        source: request::Error,
    },
    /// Some files or Secrets failed; the others were applied.
    #[error("{}", summary(.failures))]
    Files {
        /// What failed, by file.
        failures: BTreeMap<String, Failure>,
        /// What was done all the same.
        applied: Box<Applied>,
    },
}

impl From<kustomize::Error> for Error {
    fn from(error: kustomize::Error) -> Self {
        match error {
            kustomize::Error::Repository(error) => Self::Git(error),
            error => Self::Kustomize(error),
        }
    }
}

impl Error {
    /// What was done in spite of the error.
    pub(super) fn applied(&self) -> Option<&Applied> {
        match self {
            Self::Files { applied, .. } => Some(applied),
            _ => None,
        }
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Invalid(_) | Self::NoAccounts => Class::Stalled,
            Self::NoKind { .. } | Self::NoSource { .. } => Class::Waiting,
            Self::Source(error) => error.class(),
            Self::Git(error) => match error.class() {
                repo::Class::Transient => Class::Transient,
                repo::Class::Waiting => Class::Waiting,
                repo::Class::Stalled => Class::Stalled,
            },
            // Another commit has to mend it.
            Self::Kustomize(_) => Class::Waiting,
            Self::Interrupted => Class::Transient,
            Self::Read { source, .. } => source.class(),
            Self::Account { source, .. } if source.is_not_found() => Class::Waiting,
            Self::Account { source, .. } => source.class(),
            Self::Missing { .. } | Self::Unfit { .. } | Self::Unusable(_) | Self::Own(_) => {
                Class::Waiting
            }
            Self::Files { failures, .. } => {
                let passing = |failure: &Failure| failure.cause == Cause::Secret(Class::Transient);
                if failures.values().any(passing) { Class::Transient } else { Class::Waiting }
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) | Self::NoAccounts => "InvalidSpec",
            Self::NoKind { .. } | Self::NoSource { .. } => "SourceFailed",
            Self::Source(_) => "SourceFailed",
            Self::Git(_) | Self::Interrupted | Self::Read { .. } => "SourceFailed",
            Self::Kustomize(_) => "BuildFailed",
            Self::Missing { .. } | Self::Unfit { .. } | Self::Unusable(_) | Self::Own(_) => {
                "KeysUnusable"
            }
            Self::Account { .. } => "AccountFailed",
            Self::Files { failures, .. } => {
                let written =
                    failures.values().all(|failure| matches!(failure.cause, Cause::Secret(_)));
                if written { "ApplyFailed" } else { "DecryptionFailed" }
            }
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Git(error) => error.retry_after(),
            Self::Source(error) => error.retry_after(),
            _ => None,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            Self::NoAccounts => Some(
                "leave `spec.serviceAccountName` out, and let every Secret go to the object's own namespace"
                    .to_owned(),
            ),
            Self::NoKind { .. } => Some(
                "install the definition of GitRepository, which comes with Flux or with our chart (`gitRepositoryCrd: true`), or use `spec.git`"
                    .to_owned(),
            ),
            Self::NoSource { .. } => Some("create it, or use `spec.git`".to_owned()),
            Self::Source(error) => error.remedy(),
            Self::Missing { name, .. } => {
                Some(format!("create Secret `{name}` in the same namespace"))
            }
            Self::Account { source, .. } if source.is_not_found() => Some(
                "create the ServiceAccount and bind it to a role that may write Secrets".to_owned(),
            ),
            Self::Account { .. } => {
                Some("grant `create` on `serviceaccounts/token` to the daemon".to_owned())
            }
            _ => None,
        }
    }
}

fn list(violations: &[Violation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn summary(failures: &BTreeMap<String, Failure>) -> String {
    let named = failures.iter().take(NAMED);
    let mut text: Vec<_> =
        named.map(|(file, failure)| format!("`{file}`: {}", failure.message)).collect();
    if failures.len() > NAMED {
        text.push(format!("and {} more", failures.len() - NAMED));
    }
    text.join("; ")
}
