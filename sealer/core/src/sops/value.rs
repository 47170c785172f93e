//! One value: its type, its canonical bytes, and its `ENC[…]` form.
//!
//! ```text
//! ENC[AES256_GCM,data:BASE64,iv:BASE64,tag:BASE64,type:str]
//! ```
//!
//! The canonical bytes are what is encrypted and what the MAC covers: a file means what Go's
//! `yaml.v3` reads in it, so `0x1F` is `31` and `1.10` is `1.1`.

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use golang::strconv::{parse_bool, parse_float};
use rand_core::CryptoRng;
use yaml::resolve::Resolved;

use super::{
    cipher::{self, Cipher, Engine, Sealed},
    path::Path,
};
use crate::plaintext::Plaintext;

mod number;
mod time;

pub(super) use number::float_text;

/// The type of a value, which its ciphertext carries in clear text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Str,
    /// A whole number of 64 bits.
    Int,
    /// A floating-point number.
    Float,
    /// `True` or `False`.
    Bool,
    /// A point in time, in RFC 3339.
    Time,
    /// Bytes that need not be text.
    Bytes,
    /// What follows the `#` of a comment.
    Comment,
}

/// A value in clear text: its type and its canonical bytes.
#[derive(Debug)]
pub struct Leaf {
    /// The type.
    pub kind: Kind,
    /// The canonical bytes.
    pub bytes: Plaintext,
}

/// Why a value cannot be encrypted or decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not of the form `ENC[…]`.
    #[error("the value is not of the form `ENC[cipher,data:…,iv:…,tag:…,type:…]`")]
    Form,
    /// A value that should be encrypted is a number or the like.
    #[error("Expected encrypted value as string, but got {0}")]
    NotText(&'static str),
    /// The text of an encrypted comment matches a rule that leaves values in clear text.
    #[error("`unencrypted_comment_regex` matches an encrypted comment; make it more specific")]
    Comment,
    /// Another cipher than the file's.
    #[error("the value is under cipher `{found}`, but the file's is `{expected}`")]
    Cipher {
        /// What the value says.
        found: String,
        /// What the file says.
        expected: &'static str,
    },
    /// A type that sops does not have.
    #[error("the value has the unknown type `{0}`")]
    Kind(String),
    /// The value does not open.
    #[error(transparent)]
    Open(#[from] cipher::Error),
    /// The decrypted bytes are not of the type that the value says.
    #[error("the decrypted value is not of its type `{0}`")]
    Content(&'static str),
    /// A whole number that sops cannot hold.
    #[error("the number does not fit 64 bits with a sign; put it in quotes")]
    TooLarge,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Str, Self::Int, Self::Float, Self::Bool, Self::Time, Self::Bytes, Self::Comment];

    /// The name after `type:`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Str => "str",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Time => "time",
            Self::Bytes => "bytes",
            Self::Comment => "comment",
        }
    }
}

impl Leaf {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self { kind: Kind::Str, bytes: Plaintext::new(text.as_bytes().to_vec()) }
    }

    /// A boolean.
    pub(super) fn boolean(value: bool) -> Self {
        let text = if value { "True" } else { "False" };
        Self { kind: Kind::Bool, ..Self::text(text) }
    }

    /// A number of JSON: whole where 64 bits hold it.
    pub(super) fn json_number(text: &str) -> Result<Self, Error> {
        if let Ok(int) = text.parse::<i64>() {
            return Ok(Self { kind: Kind::Int, bytes: int.to_string().into() });
        }
        let float = parse_float(text).filter(|float| float.is_finite()).ok_or(Error::TooLarge)?;
        Ok(Self { kind: Kind::Float, bytes: number::canonical(float).into() })
    }

    /// What follows the `#` of a comment.
    pub(super) fn comment(text: &str) -> Self {
        Self { kind: Kind::Comment, ..Self::text(text) }
    }

    /// The value of a resolved scalar; `None` for null, which is neither encrypted nor hashed.
    pub(super) fn of(resolved: Resolved<'_>) -> Result<Option<Self>, Error> {
        let (kind, text) = match resolved {
            Resolved::Null => return Ok(None),
            Resolved::Str(text) => return Ok(Some(Self::text(text))),
            Resolved::Binary(text) => return Self::binary(text).map(Some),
            Resolved::Bool(true) => (Kind::Bool, "True".to_owned()),
            Resolved::Bool(false) => (Kind::Bool, "False".to_owned()),
            Resolved::Int(value) => {
                let value = i64::try_from(value).map_err(|_| Error::TooLarge)?;
                (Kind::Int, value.to_string())
            }
            Resolved::Float(value) => (Kind::Float, number::canonical(value)),
            Resolved::Timestamp(text) => {
                (Kind::Time, time::canonical(text).ok_or(Error::Content("time"))?)
            }
        };
        Ok(Some(Self { kind, bytes: text.into() }))
    }

    /// `!!binary` becomes a string, as in sops.
    fn binary(text: &str) -> Result<Self, Error> {
        let compact: String = text.split_ascii_whitespace().collect();
        let bytes = BASE64_STANDARD.decode(compact).map_err(|_| Error::Content("bytes"))?;
        Ok(Self { kind: Kind::Str, bytes: Plaintext::new(bytes) })
    }

    /// The decrypted text as UTF-8.
    pub(super) fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes.expose()).ok()
    }

    /// The `ENC[…]` form under `engine`, bound to `path`.
    pub(super) fn encrypt(
        &self,
        engine: &Engine,
        path: &Path,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> String {
        let sealed = engine.seal(&aad(engine.cipher(), path, self.kind), self.bytes.expose(), rng);
        format(engine.cipher(), &sealed, self.kind)
    }

    /// Opens an `ENC[…]` at `path`.
    pub(super) fn decrypt(text: &str, engine: &Engine, path: &Path) -> Result<Self, Error> {
        let (sealed, kind) = parse(text, engine.cipher())?;
        let bytes = engine.open_owned(&aad(engine.cipher(), path, kind), sealed)?;
        let leaf = Self { kind, bytes };
        leaf.check()?;
        Ok(leaf)
    }

    fn check(&self) -> Result<(), Error> {
        let text = self.as_str();
        let sound = match self.kind {
            Kind::Bytes | Kind::Str => true,
            Kind::Comment => text.is_some(),
            Kind::Int => text.is_some_and(|text| text.parse::<i64>().is_ok()),
            Kind::Float => text.and_then(parse_float).is_some(),
            Kind::Bool => text.and_then(parse_bool).is_some(),
            Kind::Time => text.is_some_and(time::is_rfc3339),
        };
        if sound { Ok(()) } else { Err(Error::Content(self.kind.name())) }
    }

    /// A boolean's value, in any spelling that Go's `ParseBool` takes.
    pub(super) fn as_bool(&self) -> Option<bool> {
        self.as_str().and_then(parse_bool)
    }

    /// The value as Go prints it where a format has texts only.
    pub(super) fn go_text(&self) -> String {
        let text = self.as_str().unwrap_or_default();
        match self.kind {
            Kind::Bool => self.as_bool().unwrap_or_default().to_string(),
            Kind::Float => number::go_text(text),
            Kind::Time => time::whole_seconds(text),
            _ => String::from_utf8_lossy(self.bytes.expose()).into_owned(),
        }
    }

    /// What versions of sops see that read this number as a float, if they see another one.
    pub(super) fn as_float(&self) -> Option<String> {
        if self.kind != Kind::Int {
            return None;
        }
        let text = self.as_str()?;
        Some(number::canonical(parse_float(text)?)).filter(|float| float != text)
    }

    /// The bytes that the MAC covers.
    ///
    /// sops hashes the value that it read, so a boolean or number written by another program in
    /// another spelling counts in its canonical one.
    pub(super) fn hashed(&self) -> Cow<'_, [u8]> {
        let text = match self.kind {
            Kind::Bool => self.as_bool().map(|value| if value { "True" } else { "False" }.into()),
            Kind::Float => self.as_str().and_then(parse_float).map(number::canonical),
            _ => None,
        };
        text.map_or(Cow::Borrowed(self.bytes.expose()), |text: String| text.into_bytes().into())
    }
}

/// Whether a text looks like an encrypted value of any cipher.
pub fn is_encrypted(text: &str) -> bool {
    text.strip_prefix("ENC[")
        .and_then(|rest| rest.split_once(','))
        .is_some_and(|(cipher, rest)| Cipher::named(cipher).is_some() && rest.starts_with("data:"))
}

/// The base64 of the tag of an `ENC[…]`.
pub(super) fn tag_of(text: &str) -> Option<&str> {
    let (rest, _) = text.rsplit_once(",type:")?;
    Some(rest.rsplit_once(",tag:")?.1)
}

/// The cipher of an `ENC[…]`, if it is one.
pub(super) fn cipher_of(text: &str) -> Option<Cipher> {
    Cipher::named(text.strip_prefix("ENC[")?.split_once(',')?.0)
}

/// What a value is bound to. The native cipher binds the type too, which sops leaves open.
pub(super) fn aad(cipher: Cipher, path: &Path, kind: Kind) -> Vec<u8> {
    match cipher {
        Cipher::Aes256Gcm => path.sops_aad(),
        Cipher::ChaCha20Poly1305 => {
            let mut aad = path.native_aad();
            aad.push(b't');
            aad.extend_from_slice(kind.name().as_bytes());
            aad
        }
    }
}

/// The `ENC[…]` form of a ciphertext.
pub(super) fn format(cipher: Cipher, sealed: &Sealed, kind: Kind) -> String {
    let mut text = String::with_capacity(sealed.data.len().div_ceil(3) * 4 + 192);
    text.push_str(&format_start(cipher));
    BASE64_STANDARD.encode_string(&sealed.data, &mut text);
    text.push_str(&format_end(sealed, kind));
    text
}

/// What stands before the base64 of the data.
pub(super) fn format_start(cipher: Cipher) -> String {
    format!("ENC[{},data:", cipher.name())
}

/// What stands after it.
pub(super) fn format_end(sealed: &Sealed, kind: Kind) -> String {
    let base64 = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    format!(",iv:{},tag:{},type:{}]", base64(&sealed.iv), base64(&sealed.tag), kind.name())
}

/// Splits an `ENC[…]`; what follows the last bracket is ignored, as sops does.
pub(super) fn parse(text: &str, expected: Cipher) -> Result<(Sealed, Kind), Error> {
    let inner = text.strip_prefix("ENC[").and_then(|rest| rest.rsplit_once(']'));
    let (name, fields) = inner.and_then(|(inner, _)| inner.split_once(',')).ok_or(Error::Form)?;
    if name != expected.name() {
        return Err(Error::Cipher { found: name.to_owned(), expected: expected.name() });
    }
    let (rest, kind) = fields.rsplit_once(",type:").ok_or(Error::Form)?;
    let (rest, tag) = rest.rsplit_once(",tag:").ok_or(Error::Form)?;
    let (data, iv) = rest.rsplit_once(",iv:").ok_or(Error::Form)?;
    let data = data.strip_prefix("data:").ok_or(Error::Form)?;
    let base64 = |text: &str| BASE64_STANDARD.decode(text).map_err(|_| Error::Form);
    let kind = Kind::ALL
        .into_iter()
        .find(|known| known.name() == kind)
        .ok_or_else(|| Error::Kind(kind.to_owned()))?;
    Ok((Sealed { data: base64(data)?, iv: base64(iv)?, tag: base64(tag)? }, kind))
}

#[cfg(test)]
mod tests;
