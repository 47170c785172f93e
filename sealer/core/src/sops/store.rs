//! SOPS files of every format: encrypt, decrypt, edit, rotate, change keys.
//!
//! ```text
//! Plain ──encrypt──▶ File ──decrypt──▶ Plain ──(edit, set, unset)──▶ Plain
//!                     ├──edit: the changed Plain; what did not change keeps its ciphertext
//!                     ├──rotate: under another data key
//!                     └──with_keys: other master keys, the same values
//! ```
//!
//! The data key comes from [`datakey`](super::datakey): `recover` for [`File::metadata`], `wrap`
//! for [`Options::groups`]. Nothing here knows where master keys are.
//!
//! `decrypt(encrypt(f))` is `f`, byte for byte, for every format.

use std::fmt;

use ::yaml::edit;
use jiff::Timestamp;
use rand_core::CryptoRng;
use zeroize::{Zeroize as _, Zeroizing};

pub use super::format::{Error as FormatError, Format, JsonError};
pub use super::yaml::MacCheck;
use super::{
    cipher::{Cipher, DataKey},
    format,
    key::Group,
    mac,
    metadata::{self, Metadata},
    seal::{Decryption, Encryption, Stash},
    selector::Selector,
};

mod binary;

/// A file with a `sops` block.
#[derive(Clone, Debug)]
pub struct File {
    format: Format,
    text: String,
    metadata: Metadata,
}

/// A file in clear text, wiped on drop. It has no `Display`, `Clone` or `Serialize`.
pub struct Plain {
    pub(super) format: Format,
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

/// How a file is encrypted.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data key, wrapped.
    pub groups: Vec<Group>,
    /// How many groups it takes, if the file is to say so.
    pub threshold: Option<usize>,
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
    pub file: File,
    /// How many values were encrypted; none is hardly what anybody wants.
    pub values: usize,
}

/// What a file holds.
#[derive(Debug)]
pub struct Opened {
    /// The file in clear text.
    pub plain: Plain,
    /// How many comments should have been encrypted and were not. sops warns of each.
    pub foreign_comments: usize,
}

/// Why a file cannot be encrypted or decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not of its format, or one of its values cannot be used.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The file has a `sops` block.
    #[error("the file is already encrypted: it has a top-level entry called `sops`")]
    AlreadyEncrypted,
    /// The `sops` block cannot be used.
    #[error(transparent)]
    Metadata(#[from] metadata::Error),
    /// The file is not what its author encrypted.
    #[error(transparent)]
    Mac(#[from] mac::Error),
    /// The edits do not fit together.
    #[error("the file could not be edited: two changes touch the same bytes")]
    Edit(#[from] edit::Error),
    /// A binary file is encrypted in another form.
    #[error("a binary file holds one encrypted text, `data`; this one does not")]
    Binary,
    /// What was encrypted would not come back.
    #[error(
        "the file has tabs, lone carriage returns or control characters where encryption cannot keep \
         them; write blanks and line feeds instead"
    )]
    Unkept,
}

/// Whether a file has a `sops` block, without decrypting anything: `sops filestatus`.
///
/// A text that is not of its format is an error, but for binary files, which may hold anything.
pub fn is_encrypted(format: Format, bytes: &[u8]) -> Result<bool, Error> {
    if format == Format::Binary {
        let text = std::str::from_utf8(bytes).ok();
        return Ok(
            text.is_some_and(|text| format::parse(format, text).is_ok_and(|text| text.has_block()))
        );
    }
    let text = std::str::from_utf8(bytes).map_err(|_| FormatError::Encoding)?;
    Ok(format::parse(format, text)?.has_block())
}

/// Encrypts a file. Only the bytes of values and comments change, and the block is added.
pub fn encrypt(
    plain: &Plain,
    key: &DataKey,
    options: &Options,
    rng: &mut impl CryptoRng,
) -> Result<Encrypted, Error> {
    let metadata = Metadata {
        groups: options.groups.clone(),
        threshold: options.threshold,
        modified: stamp(options.now),
        mac: None,
        selector: options.selector.clone(),
        mac_only_encrypted: options.mac_only_encrypted,
        version: None,
        layout: None,
    };
    seal(plain, (key, options.cipher), (metadata, Stash::default()), rng)
}

fn seal(
    plain: &Plain,
    (key, cipher): (&DataKey, Cipher),
    (mut metadata, stash): (Metadata, Stash),
    rng: &mut impl CryptoRng,
) -> Result<Encrypted, Error> {
    let modified = metadata.modified.clone();
    let skeleton = metadata.clone();
    let mut encryption = Encryption::new((key, cipher), &skeleton, stash, rng);
    if plain.format == Format::Binary {
        let text = binary::seal(plain.bytes.clone(), encryption, &mut metadata)?;
        return Ok(Encrypted { file: File { format: plain.format, text, metadata }, values: 1 });
    }
    let source = plain.text()?;
    let text = format::parse(plain.format, source)?;
    if text.has_block() {
        return Err(Error::AlreadyEncrypted);
    }
    let mut edits = text.walk(&mut encryption)?;
    let values = encryption.values;
    let (mac, layout) = encryption.finish(&modified, text.joints());
    (metadata.mac, metadata.layout) = (Some(mac), layout);
    edits.extend(text.attach(&metadata));
    let text = edit::apply(source, &edits)?;
    let file = File { format: plain.format, text, metadata };
    if is_odd(source) && !file.comes_back_as(plain, key) {
        return Err(Error::Unkept);
    }
    Ok(Encrypted { file, values })
}

/// Whether a text has characters on which readers of a format disagree. People hardly ever write
/// them, so only then it is worth the time to open at once what was encrypted.
fn is_odd(source: &str) -> bool {
    let odd = |char: char| {
        char != '\n' && (char.is_control() || "\u{2028}\u{2029}\u{feff}".contains(char))
    };
    source.contains(odd)
}

impl File {
    /// Reads a file and its block.
    pub fn read(format: Format, bytes: Vec<u8>) -> Result<Self, Error> {
        let text = String::from_utf8(bytes).map_err(|_| FormatError::Encoding)?;
        let block = format::parse(format, &text)?.block()?.ok_or(metadata::Error::Missing)?;
        let metadata = Metadata::from_field(&block)?;
        Ok(Self { format, text, metadata })
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What the block says.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The file.
    pub fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The file in clear text, without its block.
    ///
    /// Nothing is returned unless the MAC fits or the caller asked to ignore it.
    pub fn decrypt(&self, key: &DataKey, check: MacCheck) -> Result<Opened, Error> {
        Ok(self.open(Decryption::new(key, &self.metadata), check)?.0)
    }

    fn comes_back_as(&self, plain: &Plain, key: &DataKey) -> bool {
        let read = Self::read(self.format, self.text.clone().into_bytes());
        let opened = read.and_then(|file| file.decrypt(key, MacCheck::Enforced));
        opened.is_ok_and(|opened| opened.plain.expose() == plain.expose())
    }

    fn open(
        &self,
        mut decryption: Decryption<'_>,
        check: MacCheck,
    ) -> Result<(Opened, Stash), Error> {
        if matches!(self.format, Format::Json) {
            decryption = decryption.of_json();
        }
        if self.format == Format::Binary {
            return binary::open(&self.text, decryption, check);
        }
        let layout = decryption.read_layout();
        let text = format::parse(self.format, &self.text)?;
        let mut edits = text.walk(&mut decryption)?;
        edits.extend(text.detach(&|document| decryption.joint(document)));
        let foreign_comments = decryption.foreign_comments;
        let (verified, stash) = decryption.finish();
        // A MAC that does not fit says more than a layout that does not open.
        let applied = match verified.and(layout) {
            Err(error) if check == MacCheck::Enforced => Err(error.into()),
            _ => edit::apply(&self.text, &edits).map_err(Error::Edit),
        };
        for edit in &mut edits {
            edit.text.zeroize();
        }
        let plain = Plain::new(self.format, applied?.into_bytes());
        Ok((Opened { plain, foreign_comments }, stash))
    }

    /// The file with another content. Values that stay keep their ciphertext.
    ///
    /// Nothing if the content is what it was: then the file is to stay, byte for byte.
    pub fn edit(
        &self,
        key: &DataKey,
        plain: &Plain,
        (check, now): (MacCheck, Timestamp),
        rng: &mut impl CryptoRng,
    ) -> Result<Option<Self>, Error> {
        let decryption = Decryption::new(key, &self.metadata).stashing();
        let (before, stash) = self.open(decryption, check)?;
        if before.plain.expose() == plain.expose() {
            return Ok(None);
        }
        let metadata = Metadata { modified: stamp(now), layout: None, ..self.metadata.clone() };
        let cipher = self.metadata.cipher();
        Ok(Some(seal(plain, (key, cipher), (metadata, stash), rng)?.file))
    }

    /// The file under another data key, which `options` has wrapped; every value is encrypted anew.
    ///
    /// What is encrypted stays what it was, whatever `options` say of it.
    pub fn rotate(
        &self,
        (old, new): (&DataKey, &DataKey),
        options: &Options,
        check: MacCheck,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, Error> {
        let opened = self.decrypt(old, check)?;
        let metadata = Metadata {
            groups: options.groups.clone(),
            threshold: options.threshold,
            modified: stamp(options.now),
            layout: None,
            ..self.metadata.clone()
        };
        let cipher = self.metadata.cipher();
        Ok(seal(&opened.plain, (new, cipher), (metadata, Stash::default()), rng)?.file)
    }

    /// The file with the same data key wrapped for others. Nothing but the block changes.
    pub fn with_keys(&self, groups: Vec<Group>, threshold: Option<usize>) -> Result<Self, Error> {
        let metadata = Metadata { groups, threshold, ..self.metadata.clone() };
        let edits = format::parse(self.format, &self.text)?.replace(&metadata);
        let text = edit::apply(&self.text, &edits)?;
        Ok(Self { format: self.format, text, metadata })
    }
}

impl Plain {
    /// Takes ownership of a file's bytes.
    pub fn new(format: Format, bytes: Vec<u8>) -> Self {
        Self { format, bytes: Zeroizing::new(bytes) }
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.bytes).map_err(|_| FormatError::Encoding.into())
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plain([redacted])")
    }
}

fn stamp(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests;
