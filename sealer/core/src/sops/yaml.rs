//! A YAML file, encrypted and decrypted where its values stand.

use std::fmt;

use ::yaml::{Document, Schema, edit};
use jiff::Timestamp;
use rand_core::CryptoRng;
use serde_json::Value as Json;
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    age::{self, Identities, Recipient},
    cipher::{Cipher, DataKey, Engine},
    key::{Group, MasterKey, Wrapped},
    mac::{self, Mac},
    metadata::{self, Metadata},
    path::Path,
    selector::Selector,
    tree::{self, New, Visitor},
    value::{self, Leaf},
};
use crate::plaintext::wipe;

mod block;

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
    /// The file is empty.
    #[error("file cannot be completely empty, it must contain at least one document")]
    Empty,
    /// The file is not YAML, or one of its values cannot be used.
    #[error(transparent)]
    Tree(#[from] tree::Error),
    /// A document is a list or a single value.
    #[error("line {line}: a document must be a mapping at its top")]
    NotAMapping {
        /// The line, from 1.
        line: usize,
    },
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
}

impl From<::yaml::Error> for Error {
    fn from(error: ::yaml::Error) -> Self {
        Self::Tree(error.into())
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
    let documents = documents(source)?;
    if documents.iter().any(|document| document.root.get(metadata::KEY).is_some()) {
        return Err(Error::AlreadyEncrypted);
    }
    let key = DataKey::generate(rng);
    let age = age::wrap(&key, &options.recipients, rng)?;
    let engine = key.under(options.cipher);
    let mac = Mac::new(options.mac_only_encrypted);
    let mut encryption = Encryption { engine, selector: &options.selector, mac, values: 0, rng };
    let mut edits = tree::walk(source, &documents, &mut encryption)?;

    let Encryption { engine, mac, values, rng, .. } = encryption;
    let modified = options.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mac = mac.seal(&engine, &modified, rng);
    let metadata = Metadata {
        groups: vec![group(age)],
        threshold: None,
        modified,
        mac: Some(mac),
        selector: options.selector.clone(),
        mac_only_encrypted: options.mac_only_encrypted,
        version: None,
        layout: None,
    };
    for (index, document) in documents.iter().enumerate() {
        edits.push(block::insertion(source, document, documents.get(index + 1), &metadata));
    }
    Ok(Encrypted { text: edit::apply(source, &edits)?, values })
}

/// Decrypts a file and removes its `sops` blocks.
///
/// Every byte that is neither stays as it is. Nothing is returned unless the MAC fits or the
/// caller asked to ignore it.
pub fn decrypt(source: &str, identities: &Identities, check: MacCheck) -> Result<Decrypted, Error> {
    let documents = documents(source)?;
    let first = documents.first().ok_or(Error::Empty)?;
    let metadata = Metadata::read(&first.root)?;
    let age = metadata.age();
    if age.is_empty() {
        return Err(Error::OtherKeys(metadata.key_kinds()));
    }
    let engine = identities.unwrap(&age)?.under(metadata.cipher());
    let mac = Mac::new(metadata.mac_only_encrypted);
    let mut decryption = Decryption { engine, selector: &metadata.selector, mac };
    let mut edits = tree::walk(source, &documents, &mut decryption)?;

    let Decryption { engine, mac, .. } = decryption;
    let verified = mac.verify(&engine, &metadata.modified, metadata.mac.as_deref());
    let removals = documents.iter().filter_map(|document| block::removal(source, document));
    edits.extend(removals);
    let text = match verified {
        Err(error) if check == MacCheck::Enforced => Err(error.into()),
        _ => edit::apply(source, &edits).map(Zeroizing::new).map_err(Error::Edit),
    };
    for edit in &mut edits {
        edit.text.zeroize();
    }
    text.map(Decrypted)
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

fn documents(source: &str) -> Result<Vec<Document<'_>>, Error> {
    let documents = ::yaml::parse(source)?;
    if documents.is_empty() {
        return Err(Error::Empty);
    }
    let misfit =
        documents.iter().find(|document| !document.is_empty() && document.root.mapping().is_none());
    match misfit {
        Some(document) => Err(Error::NotAMapping { line: document.root.line }),
        None => Ok(documents),
    }
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

struct Encryption<'e, R> {
    engine: Engine,
    selector: &'e Selector,
    mac: Mac,
    values: usize,
    rng: &'e mut R,
}

impl<R: CryptoRng> Visitor for Encryption<'_, R> {
    fn value(&mut self, path: &Path, leaf: Leaf) -> Result<Option<New>, value::Error> {
        let selected = self.selector.selects(path);
        self.mac.add(&leaf, selected);
        if !selected {
            return Ok(None);
        }
        self.values += 1;
        Ok(Some(New::Sealed(leaf.encrypt(&self.engine, path, self.rng))))
    }

    fn keeps_cut_off(&self, path: &Path) -> bool {
        self.selector.selects(path)
    }

    fn comment(&mut self, paths: &[Path], text: &str) -> Option<String> {
        let path = paths.first().filter(|path| self.selector.selects(path))?;
        Some(Leaf::comment(text).encrypt(&self.engine, path, self.rng))
    }
}

struct Decryption<'d> {
    engine: Engine,
    selector: &'d Selector,
    mac: Mac,
}

impl Visitor for Decryption<'_> {
    fn value(&mut self, path: &Path, leaf: Leaf) -> Result<Option<New>, value::Error> {
        if !self.selector.selects(path) {
            self.mac.add(&leaf, false);
            return Ok(None);
        }
        let text = leaf.as_str().ok_or(value::Error::Form)?;
        let opened = Leaf::decrypt(text, &self.engine, path)?;
        self.mac.add(&opened, true);
        Ok(Some(New::Clear(opened)))
    }

    fn keeps_cut_off(&self, _: &Path) -> bool {
        true
    }

    /// A comment that does not open stays as it is: it is outside the MAC anyway, and people
    /// write comments into encrypted files.
    fn comment(&mut self, paths: &[Path], text: &str) -> Option<String> {
        if !value::is_encrypted(text) {
            return None;
        }
        let opened = paths.iter().find_map(|path| Leaf::decrypt(text, &self.engine, path).ok())?;
        // A comment has no second line.
        opened.as_str().map(|text| text.replace(['\n', '\r'], " "))
    }
}

#[cfg(test)]
mod tests;
