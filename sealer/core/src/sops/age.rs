//! The data key, wrapped for age recipients.
//!
//! Every recipient has an armored age file of its own, which holds the data key alone.

use std::{
    fmt,
    io::{Read as _, Write as _},
    str::FromStr as _,
};

use age::{
    Decryptor, Encryptor,
    armor::{ArmoredReader, ArmoredWriter, Format},
    x25519,
};
use zeroize::Zeroizing;

use super::cipher::{self, DataKey};
use crate::plaintext::Plaintext;

/// A public key for which a data key is wrapped: `age1…`.
#[derive(Clone)]
pub struct Recipient {
    text: String,
    key: x25519::Recipient,
}

/// The private keys with which data keys are unwrapped.
#[derive(Default)]
pub struct Identities(Vec<x25519::Identity>);

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
    #[error("`{text}` is not an age recipient; {remedy}")]
    Recipient {
        /// What was given.
        text: String,
        /// What to give instead.
        remedy: &'static str,
    },
    /// A line of an identity file is no identity that we have.
    #[error("line {line} of the age identities is not an identity; {remedy}")]
    Identity {
        /// The line, from 1. Its text may be a secret.
        line: usize,
        /// What to give instead.
        remedy: &'static str,
    },
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
    #[error("the data key for `{recipient}` is damaged")]
    Damaged {
        /// Whose copy it is.
        recipient: String,
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
    #[error("could not wrap the data key for `{recipient}`")]
    Wrap {
        /// For whom.
        recipient: String,
    },
}

impl Recipient {
    /// Parses one `age1…`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let refuse = |remedy| Err(Error::Recipient { text: text.to_owned(), remedy });
        if text.to_ascii_uppercase().contains("AGE-SECRET-KEY-") {
            // Do not repeat a private key in a message.
            let (text, remedy) = ("AGE-SECRET-KEY-…".to_owned(), PUBLIC_HALF);
            return Err(Error::Recipient { text, remedy });
        } else if text.starts_with("ssh-") {
            return refuse("SSH keys are not supported; use an X25519 recipient `age1…`");
        } else if text.starts_with("age1pq1") {
            return refuse("post-quantum keys are not supported; use an X25519 recipient `age1…`");
        }
        match x25519::Recipient::from_str(text) {
            Ok(key) => Ok(Self { text: text.to_owned(), key }),
            Err(_) => refuse("it starts with `age1` and is printed by `age-keygen -y`"),
        }
    }

    /// Parses a list separated by commas or line breaks; empty elements are skipped.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, Error> {
        text.split([',', '\n'])
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(Self::parse)
            .collect()
    }

    /// The recipient as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

const PUBLIC_HALF: &str = "that is a private key; give its public half, printed by `age-keygen -y`";

impl Identities {
    /// Parses an identity file: one identity a line, with comments and empty lines.
    pub fn parse(text: &Plaintext) -> Result<Self, Error> {
        let mut identities = Vec::new();
        for (index, line) in text.expose().split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let refuse = |remedy| Error::Identity { line: index + 1, remedy };
            let line = std::str::from_utf8(line).map_err(|_| refuse(X25519_ONLY))?;
            let identity = x25519::Identity::from_str(line).map_err(|_| {
                refuse(if line.starts_with("AGE-SECRET-KEY-PQ-1") {
                    "post-quantum identities are not supported; use `AGE-SECRET-KEY-1…`"
                } else if line.starts_with("AGE-PLUGIN-") {
                    "plugins are not supported; use `AGE-SECRET-KEY-1…`"
                } else if line.starts_with("-----BEGIN AGE") || line.starts_with("age-encryption.org/") {
                    "the identities are protected by a passphrase, which is not asked for; open them with `age -d`"
                } else if line.starts_with("-----BEGIN") {
                    "SSH keys are not supported; use `AGE-SECRET-KEY-1…`"
                } else {
                    X25519_ONLY
                })
            })?;
            identities.push(identity);
        }
        Ok(Self(identities))
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The public halves.
    pub fn recipients(&self) -> Vec<String> {
        self.0.iter().map(|identity| identity.to_public().to_string()).collect()
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
        let damaged = || Error::Damaged { recipient: copy.recipient.clone() };
        let reader = ArmoredReader::new(copy.enc.trim().as_bytes());
        let decryptor = Decryptor::new_buffered(reader).map_err(|_| damaged())?;
        let identities = self.0.iter().map(|identity| identity as &dyn age::Identity);
        let mut stream = decryptor.decrypt(identities).map_err(|_| damaged())?;
        // One byte more than a data key shows that it is none; a lying file cannot make us read on.
        let mut key = Zeroizing::new(Vec::with_capacity(64));
        stream.by_ref().take(33).read_to_end(&mut key).map_err(|_| damaged())?;
        DataKey::new(&key.into())
            .map_err(|source| Error::NotADataKey { recipient: copy.recipient.clone(), source })
    }
}

const X25519_ONLY: &str = "it starts with `AGE-SECRET-KEY-1` and is printed by `age-keygen`";

/// Wraps a data key for every recipient.
pub fn wrap(key: &DataKey, recipients: &[Recipient]) -> Result<Vec<Wrapped>, Error> {
    if recipients.is_empty() {
        return Err(Error::NoRecipients);
    }
    recipients.iter().map(|recipient| wrap_one(key, recipient)).collect()
}

fn wrap_one(key: &DataKey, recipient: &Recipient) -> Result<Wrapped, Error> {
    let failed = || Error::Wrap { recipient: recipient.text.clone() };
    let only = std::iter::once(&recipient.key as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(only).map_err(|_| failed())?;
    let write = || -> std::io::Result<Vec<u8>> {
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut stream = encryptor.wrap_output(armor)?;
        stream.write_all(key.expose())?;
        stream.finish()?.finish()
    };
    let enc =
        write().ok().and_then(|armored| String::from_utf8(armored).ok()).ok_or_else(failed)?;
    Ok(Wrapped { recipient: recipient.text.clone(), enc })
}

impl PartialEq for Recipient {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recipient").field(&self.text).finish()
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identities").field(&self.recipients()).finish()
    }
}

#[cfg(test)]
mod tests;
