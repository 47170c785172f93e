//! Why a SealedSecret is not a Secret.

use std::collections::BTreeMap;
use std::{error, fmt, iter};

use reconcile::request;
use reconcile::{Class, Classify};
use sealer_api::Violation;
use sealer_core::sealed::keyring;

use super::{render, whole};
use crate::secrets::write;

/// Unsealing failed; upstream's word.
const UNSEAL: &str = "ErrUnsealFailed";
/// The Secret could not be written; upstream's word.
const UPDATE: &str = "ErrUpdateFailed";

/// Why a SealedSecret is not a Secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object breaks its own rules.
    #[error("{}", list(.0))]
    Invalid(Vec<Violation>),
    /// Values could not be opened.
    #[error("{}", Failures(.0))]
    Unseal(BTreeMap<String, keyring::Error>),
    /// The one value of a SealedSecret of 2017 could not be opened.
    #[error("`spec.data` cannot be opened")]
    UnsealWhole(#[source] keyring::Error),
    /// It was opened, and is no Secret.
    #[error("`spec.data` holds no Secret")]
    Whole(#[source] whole::Error),
    /// A value could not be rendered.
    #[error(transparent)]
    Render(render::Error),
    /// The Secret could not be looked at.
    #[error("could not look at Secret `{name}`")]
    Read {
        /// Its name.
        name: String,
        /// Why.
        source: request::Error,
    },
    /// The Secret is not ours. Upstream's sentence, which people search for.
    #[error("Resource \"{name}\" already exists and is not managed by SealedSecret")]
    NotManaged {
        /// Its name.
        name: String,
        /// Why not.
        source: write::Error,
    },
    /// The Secret could not be written.
    #[error(transparent)]
    Write(write::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Invalid(_) | Self::Render(_) | Self::Whole(_) => Class::Stalled,
            Self::Unseal(failures) => class(failures.values()),
            Self::UnsealWhole(failure) => class([failure]),
            Self::Read { source, .. } => source.class(),
            Self::NotManaged { source, .. } | Self::Write(source) => source.class(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_)
            | Self::Unseal(_)
            | Self::UnsealWhole(_)
            | Self::Whole(_)
            | Self::Render(_) => UNSEAL,
            Self::Read { .. } | Self::NotManaged { .. } | Self::Write(_) => UPDATE,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            Self::Invalid(_) | Self::Read { .. } => None,
            Self::Render(_) => Some("correct the template".to_owned()),
            Self::Unseal(failures) => Some(remedy(class(failures.values())).to_owned()),
            Self::UnsealWhole(failure) => Some(remedy(class([failure])).to_owned()),
            Self::Whole(_) => Some("seal the Secret again to get `spec.encryptedData`".to_owned()),
            Self::NotManaged { source, .. } | Self::Write(source) => source.remedy(),
        }
    }
}

/// A missing key may come; any other failure is the author's to mend.
fn class<'f>(failures: impl IntoIterator<Item = &'f keyring::Error>) -> Class {
    let may_come = |error: &keyring::Error| match error {
        keyring::Error::NoKeys
        | keyring::Error::NoKeyOfSize { .. }
        | keyring::Error::NoNativeKey(_) => true,
        keyring::Error::Envelope(_)
        | keyring::Error::Native(_)
        | keyring::Error::OtherScope { .. }
        | keyring::Error::Elsewhere { .. }
        | keyring::Error::NoKey { .. }
        | keyring::Error::Damaged { .. } => false,
    };
    if failures.into_iter().all(may_come) { Class::Waiting } else { Class::Stalled }
}

fn remedy(class: Class) -> &'static str {
    match class {
        Class::Waiting => {
            "restore the sealing key, or seal the values again with this cluster's certificate"
        }
        Class::Stalled | Class::Transient => {
            "seal the values again with this cluster's certificate, for this namespace, name and scope"
        }
    }
}

fn list(violations: &[Violation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Every value that failed, with all causes.
struct Failures<'f>(&'f BTreeMap<String, keyring::Error>);

impl fmt::Display for Failures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, failure)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}`spec.encryptedData.{key}`: {failure}")?;
            let causes = iter::successors(error::Error::source(failure), |cause| cause.source());
            for cause in causes {
                write!(f, ": {cause}")?;
            }
        }
        Ok(())
    }
}
