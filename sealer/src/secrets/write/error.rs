//! Why a Secret could not be written, without a byte of what it holds.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reconcile::Class;
use reconcile::request;
use sealer_core::claim::Refusal;
use sealer_core::plaintext::Plaintext;

/// What the API server says of a change of an immutable Secret.
const IMMUTABLE: &str = "field is immutable when `immutable` is set";

/// Why a Secret could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not ours.
    #[error("Secret `{name}` may not be written")]
    NotOurs {
        /// Its name.
        name: String,
        /// Why not.
        source: Refusal,
    },
    /// It may not change any more.
    #[error("Secret `{name}` is immutable and holds other values")]
    Immutable {
        /// Its name.
        name: String,
    },
    /// The API server says that it is not valid.
    #[error("Secret `{name}` was refused")]
    Invalid {
        /// Its name.
        name: String,
        /// The server's words.
        source: request::Error,
    },
    /// The request failed.
    #[error("could not write Secret `{name}`")]
    Request {
        /// Its name.
        name: String,
        /// Why.
        source: request::Error,
    },
    /// Somebody else writes it as often as we do.
    #[error("Secret `{name}` changes faster than it can be written")]
    Contended {
        /// Its name.
        name: String,
    },
}

impl Error {
    /// Who can help.
    pub fn class(&self) -> Class {
        match self {
            Self::NotOurs { .. } => Class::Waiting,
            Self::Immutable { .. } | Self::Invalid { .. } => Class::Stalled,
            Self::Request { source, .. } => source.class(),
            Self::Contended { .. } => Class::Transient,
        }
    }

    /// What helps.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Immutable { name } => {
                Some(format!("delete Secret `{name}` to have it made anew"))
            }
            Self::Invalid { name, .. } => Some(format!(
                "correct the object, or delete Secret `{name}` if its type or an immutable value is to change"
            )),
            Self::Request { source: request::Error::Refused { code: 403, .. }, .. } => Some(
                "grant the right that is named, or choose a place that may be written".to_owned(),
            ),
            Self::NotOurs { .. } | Self::Request { .. } | Self::Contended { .. } => None,
        }
    }
}

/// The refusal, unless it repeats a value, as an admission webhook may. Very short values are no news.
pub(super) fn discreet<'v>(
    error: request::Error,
    mut values: impl Iterator<Item = &'v Plaintext>,
) -> request::Error {
    const SHORTEST: usize = 4;
    let request::Error::Refused { code, reason, message } = error else { return error };
    let repeats = |value: &Plaintext| {
        let bytes = value.expose().trim_ascii();
        bytes.len() >= SHORTEST
            && (message.as_bytes().windows(bytes.len()).any(|part| part == bytes)
                || message.contains(&BASE64_STANDARD.encode(value.expose())))
    };
    let message = if values.any(repeats) {
        "the API server's reason repeats a value, so it is not told here".to_owned()
    } else {
        message
    };
    request::Error::Refused { code, reason, message }
}

pub(super) fn failed(name: &str, source: request::Error) -> Error {
    let name = name.to_owned();
    if source.is_invalid() && source.to_string().contains(IMMUTABLE) {
        Error::Immutable { name }
    } else if source.is_invalid() {
        Error::Invalid { name, source }
    } else {
        Error::Request { name, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_repeats_a_value_is_not_told() {
        let values = [Plaintext::new(b"hunter2\n".to_vec()), Plaintext::new(b"1".to_vec())];
        #[rustfmt::skip]
        let cases = [
            ("denied: `hunter2` is weak",          false),
            ("denied: aHVudGVyMgo= is weak",       false),
            ("denied by 1 policy",                 true),
        ];
        for (message, told) in cases {
            let (reason, message) = ("Forbidden".to_owned(), message.to_owned());
            let refused = request::Error::Refused { code: 403, reason, message: message.clone() };
            let shown = discreet(refused, values.iter()).to_string();
            assert_eq!(shown == message, told, "{message}");
        }
    }
}
