//! Sealed values of our own: for several clusters at once, and for the time of quantum computers.
//!
//! ```text
//! value      = "signet1." base64( header │ commitment │ body )
//! header     = suite : u8 │ scope : u8 │ count : u16 BE │ recipient × count
//! recipient  = key id : 32 │ sent by the KEM : 32 or 1120 │ content key, sealed with HPKE : 48
//! commitment = 32 bytes
//! body       = ChaCha20-Poly1305 of the plaintext, with its tag
//! ```
//!
//! The content key is 32 random bytes, used for one value. With HKDF-SHA256, salted with the hash of
//! header and context, it gives the key of the body and the commitment: whoever opens a value knows
//! that every other recipient that opens it sees the same, for the same list of recipients. The
//! context is suite, scope, data key, and namespace and name as far as the scope fixes them. Nothing
//! is tried: the key id says which key opens. `docs/reference/sealed-native.md` is the whole of it.

use std::fmt;

use aws_lc_rs::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    constant_time,
    digest::{self, SHA256},
    hkdf::{HKDF_SHA256, KeyType, Salt},
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    certificate::KeyId,
    scope::{Label, Scope},
};
use crate::{hpke, plaintext::Plaintext};

mod key;
mod wire;

pub use key::{Error as KeyError, PrivateKey, PublicKey, Suite};
pub use wire::{Error, PREFIX, Value};
use wire::{Header, Recipient};

/// The label of the Secrets that hold native keys, `active` while in use. It is not that of RSA keys,
/// with which sealed-secrets' controller would read them, and fall over.
pub const NATIVE_LABEL: &str = "signet.dev/sealing-key";
/// The type of these Secrets.
pub const NATIVE_TYPE: &str = "signet.dev/sealing-key";

/// What HPKE and HKDF are told that this is.
const INFO: &[u8] = b"signet sealed value 1";
const CONTENT_KEY: usize = 32;
const COMMITMENT: usize = 32;
const TAG: usize = 16;

/// Those for whom a value is sealed: one or more keys of one suite.
#[derive(Clone, Debug)]
pub struct Recipients(Vec<PublicKey>);

/// Why keys cannot be recipients together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientsError {
    /// There is none.
    #[error("a value needs at least one key to be sealed for")]
    None,
    /// A value is as strong as its weakest recipient.
    #[error(
        "keys of the suites `{0}` and `{1}` cannot share a value: it would be as weak as the weaker"
    )]
    Mixed(Suite, Suite),
    /// There are more than anybody has clusters.
    #[error("a value has at most {} recipients", wire::MOST)]
    Many,
}

/// Why a key did not open a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejected {
    /// The value is not sealed for this key.
    Recipient,
    /// It is, but for another place, or it was altered.
    Damaged,
}

impl Recipients {
    /// Collects keys; of the same key one is kept.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Result<Self, RecipientsError> {
        let mut recipients: Vec<PublicKey> = Vec::new();
        for key in keys {
            if let Some(first) = recipients.first().filter(|first| first.suite() != key.suite()) {
                return Err(RecipientsError::Mixed(first.suite(), key.suite()));
            }
            if !recipients.iter().any(|known| known.id() == key.id()) {
                recipients.push(key);
            }
        }
        match recipients.len() {
            0 => Err(RecipientsError::None),
            count if count > wire::MOST => Err(RecipientsError::Many),
            _ => Ok(Self(recipients)),
        }
    }

    /// Their suite.
    pub fn suite(&self) -> Suite {
        self.0[0].suite()
    }

    /// The keys.
    pub fn keys(&self) -> &[PublicKey] {
        &self.0
    }

    /// Seals one value; the result is what `spec.encryptedData` holds.
    ///
    /// # Panics
    ///
    /// If the label is not that of a data key: see [`Label::of`].
    pub fn seal(&self, label: &Label, value: &[u8], rng: &mut (impl CryptoRng + ?Sized)) -> String {
        let mut content_key = Zeroizing::new([0; CONTENT_KEY]);
        rng.fill_bytes(content_key.as_mut_slice());
        let context = context(self.suite(), label).expect("a native value has a data key");
        let recipients = self.0.iter().map(|key| wrap(key, &content_key, &context, rng)).collect();
        let header = Header { suite: self.suite(), scope: label.scope(), recipients };
        finish(header, &content_key, &context, value).to_string()
    }
}

impl Value {
    /// Opens the value with a key that is one of its recipients.
    pub(super) fn open(&self, key: &PrivateKey, label: &Label) -> Result<Plaintext, Rejected> {
        self.open_both(key, label).map(|(value, _)| value)
    }

    /// The value and its content key.
    fn open_both(
        &self,
        key: &PrivateKey,
        label: &Label,
    ) -> Result<(Plaintext, Zeroizing<[u8; CONTENT_KEY]>), Rejected> {
        let of_key = |recipient: &&Recipient| recipient.key_id == *key.id_bytes();
        let recipient = self.header.recipients.iter().find(of_key).ok_or(Rejected::Recipient)?;
        let suite = self.header.suite;
        if self.header.scope != label.scope() || suite != key.suite() {
            return Err(Rejected::Damaged);
        }
        let context = context(suite, label).ok_or(Rejected::Damaged)?;
        let shared = key.decapsulate(&recipient.sent).ok_or(Rejected::Damaged)?;
        let content_key =
            hpke::open(suite.kem(), shared.as_slice(), INFO, &context, &recipient.wrapped)
                .ok_or(Rejected::Damaged)?;
        let content_key: &[u8; CONTENT_KEY] =
            content_key.as_slice().try_into().map_err(|_| Rejected::Damaged)?;
        let content_key = Zeroizing::new(*content_key);
        let (body_key, commitment) = derive(&self.header, &content_key, &context);
        constant_time::verify_slices_are_equal(&commitment, &self.commitment)
            .map_err(|_| Rejected::Damaged)?;
        let mut body = Zeroizing::new(self.body.clone());
        let length = body_key
            .open_in_place(nonce(), Aad::from(&context), &mut body)
            .map_err(|_| Rejected::Damaged)?
            .len();
        body.truncate(length);
        Ok((body.into(), content_key))
    }

    /// The same value for `newest` in place of `key`.
    ///
    /// Other recipients keep what they have, and so the content key: what it opens is the same.
    /// A value with no other recipient gets a new one.
    pub(super) fn renew(
        &self,
        key: &PrivateKey,
        newest: &PublicKey,
        label: &Label,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<String, Rejected> {
        let (value, content_key) = self.open_both(key, label)?;
        if self.header.recipients.len() == 1 {
            return Ok(Recipients(vec![newest.clone()]).seal(label, value.expose(), rng));
        }
        let context = context(self.header.suite, label).ok_or(Rejected::Damaged)?;
        let mut header = self.header.clone();
        let (own, next) = (*key.id_bytes(), *newest.id_bytes());
        header.recipients.retain(|it| it.key_id == own || it.key_id != next);
        if let Some(place) = header.recipients.iter_mut().find(|it| it.key_id == own) {
            *place = wrap(newest, &content_key, &context, rng);
        }
        Ok(finish(header, &content_key, &context, value.expose()).to_string())
    }
}

fn wrap(
    key: &PublicKey,
    content_key: &[u8; CONTENT_KEY],
    context: &[u8],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Recipient {
    let (sent, shared) = key.encapsulate(rng);
    let wrapped = hpke::seal(key.suite().kem(), shared.as_slice(), INFO, context, content_key);
    Recipient { key_id: *key.id_bytes(), sent, wrapped }
}

/// Puts commitment and body behind a header.
fn finish(header: Header, content_key: &[u8; CONTENT_KEY], context: &[u8], value: &[u8]) -> Value {
    let (body_key, commitment) = derive(&header, content_key, context);
    let mut body = value.to_vec();
    body_key
        .seal_in_place_append_tag(nonce(), Aad::from(context), &mut body)
        .expect("a value in memory is shorter than the limit of the cipher");
    Value { header, commitment, body }
}

/// The key of the body, which seals it alone, and the commitment.
fn derive(
    header: &Header,
    content_key: &[u8; CONTENT_KEY],
    context: &[u8],
) -> (LessSafeKey, [u8; COMMITMENT]) {
    let mut salt = digest::Context::new(&SHA256);
    let header = header.to_bytes();
    let length = u64::try_from(header.len()).expect("a header is short").to_be_bytes();
    for part in [&length[..], &header, context] {
        salt.update(part);
    }
    let secret = Salt::new(HKDF_SHA256, salt.finish().as_ref()).extract(content_key);
    let mut both = Zeroizing::new([0; 32 + COMMITMENT]);
    secret
        .expand(&[INFO], Both)
        .and_then(|expanded| expanded.fill(both.as_mut_slice()))
        .expect("HKDF gives a few bytes");
    let (key, commitment) = both.split_at(32);
    let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("a key of 32 bytes");
    (LessSafeKey::new(key), commitment.try_into().expect("the rest"))
}

struct Both;

impl KeyType for Both {
    fn len(&self) -> usize {
        32 + COMMITMENT
    }
}

/// The key is used once.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

/// What a value is bound to, none of it ambiguous; nothing without a data key.
fn context(suite: Suite, label: &Label) -> Option<Vec<u8>> {
    let parts = label.parts();
    parts[0]?;
    let mut context = vec![suite.id(), wire::scope_id(label.scope())];
    for part in parts.into_iter().flatten() {
        let length = u32::try_from(part.len()).ok()?;
        context.extend_from_slice(&length.to_be_bytes());
        context.extend_from_slice(part.as_bytes());
    }
    Some(context)
}

impl Value {
    /// The suite of its recipients.
    pub fn suite(&self) -> Suite {
        self.header.suite
    }

    /// The scope in which it was sealed.
    pub fn scope(&self) -> Scope {
        self.header.scope
    }

    /// The keys that open it.
    pub fn key_ids(&self) -> impl Iterator<Item = KeyId> {
        self.header.recipients.iter().map(|recipient| KeyId::of_hash(&recipient.key_id))
    }

    /// The size of what was sealed.
    pub fn plaintext_len(&self) -> usize {
        self.body.len() - TAG
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.key_ids().collect();
        f.debug_struct("Value").field("suite", &self.suite()).field("keys", &keys).finish()
    }
}

#[cfg(test)]
mod tests;
