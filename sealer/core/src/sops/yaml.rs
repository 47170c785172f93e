//! A YAML file, encrypted and decrypted where its values stand.

use std::fmt;

use ::yaml::{Schema, edit};
use jiff::Timestamp;
use rand_core::CryptoRng;
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::{
    age::{self, Identities, Recipient},
    cipher::{Cipher, DataKey},
    key::{Group, MasterKey, Wrapped},
    mac, metadata,
    selector::Selector,
    store::{self, File, Format, FormatError, Plain},
};
use crate::plaintext::wipe;

/// How a file is encrypted.
#[derive(Clone, Debug)]
pub struct Options {
    /// For whom.
    pub recipients: Vec<Recipient>,
    /// Which values.
    pub selector: Selector,
    /// Whether values in clear text may change without breaking the MAC.
    pub mac_only_encrypted: bool,
    /// Under which cipher. Real sops reads only the default.
    pub cipher: Cipher,
    /// What `lastmodified` says.
    pub now: Timestamp,
}

/// What became of a plain file.
#[derive(Debug)]
pub struct Encrypted {
    /// The file.
    pub text: String,
    /// How many values were encrypted; none is hardly what anybody wants.
    pub values: usize,
}

/// Whether a MAC that does not fit is an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MacCheck {
    /// It is.
    #[default]
    Enforced,
    /// The user said in so many words that it is not.
    Ignored,
}

/// A file in clear text, wiped on drop. It has no `Display`, `Clone` or `Serialize`.
pub struct Decrypted(Zeroizing<String>);

/// A document in clear text, wiped on drop. It has no `Display`, `Clone` or `Serialize`.
pub struct PlainDocument(Json);

/// Why a file cannot be encrypted or decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file is not YAML, or one of its values cannot be used.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The file has a `sops` block.
    #[error("the file is already encrypted: it has a top-level key `sops`")]
    AlreadyEncrypted,
    /// The `sops` block cannot be used.
    #[error(transparent)]
    Metadata(#[from] metadata::Error),
    /// The data key is wrapped only by kinds of keys that we do not have.
    #[error("the file has no age recipients, only {}; add one with sops", .0.join(", "))]
    OtherKeys(Vec<&'static str>),
    /// The data key cannot be wrapped or unwrapped.
    #[error(transparent)]
    Age(#[from] age::Error),
    /// The file is not what its author encrypted.
    #[error(transparent)]
    Mac(#[from] mac::Error),
    /// The edits do not fit together.
    #[error("the file could not be edited")]
    Edit(#[from] edit::Error),
    /// See [`store::Error::Unkept`].
    #[error("{}", store::Error::Unkept)]
    Unkept,
}

impl From<::yaml::Error> for Error {
    fn from(error: ::yaml::Error) -> Self {
        Self::Format(error.into())
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Format(FormatError::Metadata(error)) | store::Error::Metadata(error) => {
                Self::Metadata(error)
            }
            store::Error::Format(error) => Self::Format(error),
            store::Error::AlreadyEncrypted => Self::AlreadyEncrypted,
            store::Error::Mac(error) => Self::Mac(error),
            store::Error::Edit(error) => Self::Edit(error),
            store::Error::Unkept => Self::Unkept,
            store::Error::Binary => unreachable!("the file was read as YAML"),
        }
    }
}

/// Encrypts the values of a plain file and appends a `sops` block to each of its documents.
///
/// Every other byte stays as it is.
pub fn encrypt(
    source: &str,
    options: &Options,
    rng: &mut impl CryptoRng,
) -> Result<Encrypted, Error> {
    let key = DataKey::generate(rng);
    let options = store::Options {
        groups: vec![group(age::wrap(&key, &options.recipients, rng)?)],
        threshold: None,
        selector: options.selector.clone(),
        mac_only_encrypted: options.mac_only_encrypted,
        cipher: options.cipher,
        now: options.now,
    };
    let plain = Plain::new(Format::Yaml, source.as_bytes().to_vec());
    let store::Encrypted { file, values } = store::encrypt(&plain, &key, &options, rng)?;
    Ok(Encrypted { text: String::from_utf8_lossy(file.bytes()).into_owned(), values })
}

/// Decrypts a file and removes its `sops` blocks.
///
/// Every byte that is neither stays as it is. Nothing is returned unless the MAC fits or the
/// caller asked to ignore it.
pub fn decrypt(source: &str, identities: &Identities, check: MacCheck) -> Result<Decrypted, Error> {
    let file = File::read(Format::Yaml, source.as_bytes().to_vec())?;
    let age = file.metadata().age();
    if age.is_empty() {
        return Err(Error::OtherKeys(file.metadata().key_kinds()));
    }
    let opened = file.decrypt(&identities.unwrap(&age)?, check)?;
    let bytes = opened.plain.expose().to_vec();
    Ok(Decrypted(Zeroizing::new(String::from_utf8(bytes).map_err(|_| FormatError::Encoding)?)))
}

/// Whether a file has a `sops` block, without decrypting anything.
pub fn is_encrypted(source: &str) -> Result<bool, Error> {
    let documents = ::yaml::parse(source)?;
    Ok(documents.iter().any(|document| document.root.get(metadata::KEY).is_some()))
}

fn group(copies: Vec<age::Wrapped>) -> Group {
    let wrapped = |age::Wrapped { recipient, enc }| Wrapped {
        key: MasterKey::Age { recipient },
        enc,
        created_at: None,
    };
    Group(copies.into_iter().map(wrapped).collect())
}

impl Decrypted {
    /// The file's text.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The documents that are not empty, as Kubernetes reads them.
    pub fn documents(&self) -> Result<Vec<PlainDocument>, Error> {
        let documents = ::yaml::json::documents(&self.0, Schema::Kubernetes)?;
        Ok(documents.into_iter().map(PlainDocument).collect())
    }
}

impl PlainDocument {
    /// The document's content.
    pub fn expose(&self) -> &Json {
        &self.0
    }
}

impl Drop for PlainDocument {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl fmt::Debug for Decrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decrypted([redacted])")
    }
}

impl fmt::Debug for PlainDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainDocument([redacted])")
    }
}

#[cfg(test)]
mod tests;
