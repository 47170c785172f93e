//! Whether an image was signed by someone who is trusted.
//!
//! ```text
//! classic  payload (JSON) + signature [+ certificate + log entry]   beside the image, tag `sha256-….sig`
//! bundle   envelope (DSSE) of a statement + certificate + log entry  refers to the image
//!               │                                │
//!          key, or certificate ─▶ trusted root ─▶ identity, at the time that the log vouches for
//! ```
//!
//! Everything is checked offline, over bytes that somebody else fetched and nobody believed. A
//! signature is good when the key that made it is given, or when its certificate leads to a given
//! authority, was valid when a given log saw the signature, and names a wanted identity.

mod cbor;
mod certificate;
mod envelope;
mod key;
mod log;
mod notation;
mod root;
mod simple;

use golang::regexp;
use regex::Regex;

pub use key::{Error as KeyError, PublicKey};
pub use notation::{Envelope, Error as TrustPolicyError, TrustPolicy};
pub use root::{Error as RootError, TrustedRoot};
pub use simple::Signature;

use certificate::Certificate;

/// What must hold for an image to count as signed.
#[derive(Debug)]
pub enum Trust {
    /// One of these keys signed.
    Keys(Vec<PublicKey>),
    /// Someone with one of these identities signed.
    Identities(TrustedRoot, Vec<Identity>),
    /// Someone signed whom this trust policy of the Notary Project wants.
    Policy(TrustPolicy),
}

/// Who may have signed.
#[derive(Debug)]
pub struct Identity {
    issuer: Regex,
    subject: Regex,
}

/// Why an identity cannot be looked for.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{field}` cannot be used")]
pub struct IdentityError {
    field: &'static str,
    source: regexp::Error,
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// Whoever has the given key at this place.
    Key(usize),
    /// This identity, as its issuer knows it.
    Identity {
        /// Such as `https://token.actions.githubusercontent.com`.
        issuer: String,
        /// Such as an address of mail, or the URI of a workflow.
        subject: String,
    },
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It is not what it should be.
    #[error("its {0} cannot be read")]
    Malformed(&'static str),
    /// It has a form that is not known here.
    #[error("its {0}, which is not supported")]
    Unsupported(String),
    /// It speaks of something else.
    #[error("it is about {0}")]
    Other(String),
    /// No given key made it.
    #[error("none of the given keys made it")]
    Keys,
    /// Keys were given, and it was made without; or the other way round.
    #[error("it was made {0}")]
    Kind(&'static str),
    /// The certificate leads to nobody who is trusted.
    #[error("its certificate {0}")]
    Certificate(&'static str),
    /// The signature is not by its own certificate.
    #[error("its certificate's key did not make it")]
    NotByCertificate,
    /// The transparency log does not vouch for it.
    #[error("its log entry {0}")]
    Log(&'static str),
    /// Somebody else signed, whom the trust policy does not want.
    #[error("it was made by `{subject}` of `{issuer}`, which `trustpolicy.json` does not trust")]
    Subject {
        /// The last certificate of the chain.
        issuer: String,
        /// The signer.
        subject: String,
    },
    /// Somebody else signed.
    #[error(
        "it was made by `{subject}` of `{issuer}`, which `spec.verify.matchOIDCIdentity` does not match"
    )]
    Identity {
        /// Who knows the identity.
        issuer: String,
        /// The identity.
        subject: String,
    },
}

impl Identity {
    /// Understands what an author wrote: two Go regular expressions, unanchored as in Flux.
    pub fn parse(issuer: &str, subject: &str) -> Result<Self, IdentityError> {
        let compile =
            |field, text| regexp::compile(text).map_err(|source| IdentityError { field, source });
        Ok(Self {
            issuer: compile("spec.verify.matchOIDCIdentity[].issuer", issuer)?,
            subject: compile("spec.verify.matchOIDCIdentity[].subject", subject)?,
        })
    }
}

impl Trust {
    /// Checks a signature that lies beside the image of this digest.
    pub fn check_signature(
        &self,
        digest: &str,
        signature: &Signature<'_>,
    ) -> Result<Signer, Rejection> {
        signature.check(self, digest)
    }

    /// Checks a bundle that refers to the image of this digest.
    pub fn check_bundle(&self, digest: &str, bundle: &[u8]) -> Result<Signer, Rejection> {
        envelope::check(self, digest, bundle)
    }

    /// Checks an envelope of the Notary Project at the time `now`, in seconds since 1970.
    pub fn check_envelope(&self, envelope: &Envelope<'_>, now: i64) -> Result<Signer, Rejection> {
        match self {
            Self::Policy(policy) => notation::check(policy, envelope, now),
            Self::Keys(_) | Self::Identities(..) => {
                Err(Rejection::Kind("by notation, and one by cosign is wanted"))
            }
        }
    }

    /// Checks that one of the keys signed `message`.
    fn by_key(&self, message: &[u8], signature: &[u8]) -> Result<Signer, Rejection> {
        let Self::Keys(keys) = self else {
            return Err(Rejection::Kind("with a key, and identities are wanted"));
        };
        let place = keys.iter().position(|key| key.verifies(message, signature));
        place.map(Signer::Key).ok_or(Rejection::Keys)
    }

    /// Checks that the certificate's owner signed `message`, when the log entry says, and that
    /// somebody wants this owner.
    fn by_certificate(
        &self,
        signed: &Signed<'_>,
        certificate: &Certificate,
        entry: &log::Entry,
    ) -> Result<Signer, Rejection> {
        let Self::Identities(root, identities) = self else {
            return Err(Rejection::Kind("without a key, and keys are wanted"));
        };
        let time = entry.check(root, signed, certificate)?;
        certificate.check(root, time)?;
        if !certificate.key()?.verifies(signed.message, signed.signature) {
            return Err(Rejection::NotByCertificate);
        }
        let (issuer, subject) = certificate.identity()?;
        let wanted = |it: &Identity| it.issuer.is_match(&issuer) && it.subject.is_match(&subject);
        if identities.iter().any(wanted) {
            Ok(Signer::Identity { issuer, subject })
        } else {
            Err(Rejection::Identity { issuer, subject })
        }
    }
}

/// What was signed, and how.
struct Signed<'s> {
    /// The bytes under the signature.
    message: &'s [u8],
    /// The bytes that a log entry is about: those of the message, or within it.
    content: &'s [u8],
    signature: &'s [u8],
}

/// The hexadecimal part of a SHA-256 digest.
fn hexadecimal(digest: &str) -> Result<&str, Rejection> {
    digest.strip_prefix("sha256:").ok_or_else(|| {
        Rejection::Unsupported(format!("image's digest is `{digest}`, and not of SHA-256"))
    })
}

fn base64(text: &str, what: &'static str) -> Result<Vec<u8>, Rejection> {
    use base64::Engine as _;
    let compact: String = text.split_ascii_whitespace().collect();
    let decoded = base64::engine::general_purpose::STANDARD.decode(compact);
    decoded.map_err(|_| Rejection::Malformed(what))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests;
