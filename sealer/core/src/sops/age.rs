//! The data key, wrapped for age recipients.
//!
//! Every recipient has an armored age file of its own, which holds the data key alone.

use std::fmt;

use rand_core::CryptoRng;

use super::cipher::{self, DataKey};
use crate::{
    age::{self, Identity, Malformed, NotARecipient},
    plaintext::Plaintext,
};

pub use crate::age::Recipient;

/// The private keys with which data keys are unwrapped.
#[derive(Default)]
pub struct Identities(Vec<Identity>);

/// A data key, wrapped for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// The recipient, as text; other programs may have written kinds that we do not have.
    pub recipient: String,
    /// An armored age file.
    pub enc: String,
}

/// Why a data key cannot be wrapped or unwrapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is no recipient that we have.
    #[error(transparent)]
    Recipient(#[from] NotARecipient),
    /// A file of identities is none that we can read.
    #[error(transparent)]
    Identity(#[from] Malformed),
    /// There is nobody to wrap for.
    #[error("there are no age recipients")]
    NoRecipients,
    /// There is nothing to unwrap with.
    #[error("there are no age identities; the file is encrypted for {}", .recipients.join(", "))]
    NoIdentities {
        /// Who could open the file.
        recipients: Vec<String>,
    },
    /// No identity is one of the recipients.
    #[error("none of the age identities ({}) can open the file; it is encrypted for {}", .identities.join(", "), .recipients.join(", "))]
    NoMatch {
        /// The public halves of the identities.
        identities: Vec<String>,
        /// Who could open the file.
        recipients: Vec<String>,
    },
    /// The wrapped key is not an age file, or was damaged.
    #[error("the data key for `{recipient}` is damaged: {why}")]
    Damaged {
        /// Whose copy it is.
        recipient: String,
        /// What is wrong with it.
        why: String,
    },
    /// What was wrapped is not a data key.
    #[error("what is wrapped for `{recipient}` is not a data key")]
    NotADataKey {
        /// Whose copy it is.
        recipient: String,
        /// What is wrong with it.
        source: cipher::Error,
    },
    /// The data key could not be wrapped.
    #[error("could not wrap the data key for `{recipient}`: {why}")]
    Wrap {
        /// For whom.
        recipient: String,
        /// What went wrong.
        why: String,
    },
}

impl Identities {
    /// Parses an identity file: one identity a line, with comments and empty lines, or one ssh key.
    pub fn parse(text: &Plaintext) -> Result<Self, Error> {
        Ok(Self(age::parse_identities(text)?))
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The public halves, of those that have one.
    pub fn recipients(&self) -> Vec<String> {
        self.0.iter().filter_map(Identity::recipient).collect()
    }

    /// The identities themselves.
    pub fn as_slice(&self) -> &[Identity] {
        &self.0
    }

    /// The data key that one of these identities can unwrap.
    ///
    /// The identities whose public half is named are tried first; then every other, for the name
    /// of a recipient is only a remark and may be wrong.
    pub fn unwrap(&self, wrapped: &[Wrapped]) -> Result<DataKey, Error> {
        let recipients = || wrapped.iter().map(|copy| copy.recipient.clone()).collect();
        if self.0.is_empty() {
            return Err(Error::NoIdentities { recipients: recipients() });
        }
        let public = self.recipients();
        let (mut named, others): (Vec<_>, Vec<_>) =
            wrapped.iter().partition(|copy| public.contains(&copy.recipient));
        let named_count = named.len();
        named.extend(others);
        let mut damaged = None;
        for (index, copy) in named.into_iter().enumerate() {
            match self.open(copy) {
                Ok(key) => return Ok(key),
                // Only the copy that should have opened says something about the failure.
                Err(error) if index < named_count => damaged = damaged.or(Some(error)),
                Err(_) => {}
            }
        }
        Err(damaged
            .unwrap_or_else(|| Error::NoMatch { identities: public, recipients: recipients() }))
    }

    fn open(&self, copy: &Wrapped) -> Result<DataKey, Error> {
        let recipient = || copy.recipient.clone();
        let key = age::decrypt(copy.enc.as_bytes(), &self.0, None)
            .map_err(|error| Error::Damaged { recipient: recipient(), why: error.to_string() })?;
        DataKey::new(&key).map_err(|source| Error::NotADataKey { recipient: recipient(), source })
    }
}

/// Wraps a data key for every recipient.
pub fn wrap(
    key: &DataKey,
    recipients: &[Recipient],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<Wrapped>, Error> {
    if recipients.is_empty() {
        return Err(Error::NoRecipients);
    }
    recipients.iter().map(|recipient| wrap_one(key, recipient, rng)).collect()
}

fn wrap_one(
    key: &DataKey,
    recipient: &Recipient,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Wrapped, Error> {
    let key = Plaintext::new(key.expose().to_vec());
    let enc = age::encrypt_armored(&key, std::slice::from_ref(recipient), None, rng);
    let recipient = recipient.as_str().to_owned();
    match enc {
        Ok(enc) => Ok(Wrapped { recipient, enc }),
        Err(error) => Err(Error::Wrap { recipient, why: error.to_string() }),
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identities").field(&self.recipients()).finish()
    }
}

#[cfg(test)]
mod tests;
