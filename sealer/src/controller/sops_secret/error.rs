//! Why a SopsSecret is not the Secrets that it describes.

use reconcile::{Class, Classify};
use sealer_api::Violation;

use crate::controller::batch::{Cause, Done};
use crate::decryption;

/// Why a SopsSecret is not the Secrets that it describes.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The object breaks its own rules.
    #[error("{}", list(.0))]
    Invalid(Vec<Violation>),
    /// The daemon's keys cannot be had.
    #[error(transparent)]
    Keys(#[from] decryption::Error),
    /// The values cannot be decrypted.
    #[error("the values cannot be decrypted")]
    Decrypt(#[source] decryption::Failure),
    /// Decryption took a thread down.
    #[error("decryption was interrupted")]
    Interrupted,
    /// A template is no Secret.
    #[error("`spec.secretTemplates[{index}]` {problem}")]
    Template {
        /// Which.
        index: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// Secrets could not be written; the others were.
    #[error("{}", .0.failures.values().map(|failure| failure.message.as_str()).collect::<Vec<_>>().join("; "))]
    Write(Done),
}

impl Error {
    /// What the operator says.
    pub(super) fn message(&self) -> &'static str {
        match self {
            Self::Invalid(_)
            | Self::Keys(_)
            | Self::Decrypt(_)
            | Self::Interrupted
            | Self::Template { .. } => "Decryption error",
            Self::Write(_) if self.is_ownership() => {
                "Child secret is not owned by controller error"
            }
            Self::Write(_) => "Child secret update error",
        }
    }

    fn is_ownership(&self) -> bool {
        matches!(self, Self::Write(done) if done.failures.values().any(|failure| failure.cause == Cause::Secret(Class::Waiting)))
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Invalid(_) | Self::Template { .. } => Class::Stalled,
            Self::Keys(_) => Class::Waiting,
            Self::Decrypt(error) if error.is_for_want_of_keys() => Class::Waiting,
            Self::Interrupted => Class::Transient,
            Self::Decrypt(_) => Class::Stalled,
            Self::Write(done) => {
                let passing = Cause::Secret(Class::Transient);
                let passes = done.failures.values().any(|failure| failure.cause == passing);
                if passes { Class::Transient } else { Class::Waiting }
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "InvalidSpec",
            Self::Keys(_) => "KeysUnusable",
            Self::Decrypt(_) | Self::Interrupted | Self::Template { .. } => "DecryptionFailed",
            Self::Write(_) => "ApplyFailed",
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            Self::Keys(_) => Some("correct the keys that the daemon was given".to_owned()),
            Self::Decrypt(error) if error.is_for_want_of_keys() => Some(
                "give the daemon the key (`--sops-secret` or `--age-key-file`), or run `sops updatekeys`"
                    .to_owned(),
            ),
            Self::Decrypt(_) | Self::Template { .. } => {
                Some("encrypt the object again with `sops --encrypted-suffix Templates`".to_owned())
            }
            Self::Invalid(_) | Self::Interrupted | Self::Write(_) => None,
        }
    }
}

fn list(violations: &[Violation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
