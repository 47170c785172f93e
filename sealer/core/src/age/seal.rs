//! How age seals: a file key within a stanza, and the payload in chunks.

use aws_lc_rs::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::Error;
use crate::plaintext::Plaintext;

const TAG: usize = 16;
const NONCE: usize = 16;
const CHUNK: usize = 64 * 1024;

/// The length of a wrapped file key.
pub(super) const WRAPPED: usize = FileKey::LENGTH + TAG;

/// The key of one file, which recipients have wrapped.
pub(super) struct FileKey(Zeroizing<[u8; Self::LENGTH]>);

impl FileKey {
    pub(super) const LENGTH: usize = 16;

    pub(super) fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut key = Zeroizing::new([0; Self::LENGTH]);
        rng.fill_bytes(key.as_mut_slice());
        Self(key)
    }

    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|key| Self(Zeroizing::new(key)))
    }

    pub(super) fn expose(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The body of a stanza. `key` is used for nothing else, so the nonce is zero.
    pub(super) fn wrap(&self, key: &[u8; 32]) -> Vec<u8> {
        let mut body = self.0.to_vec();
        under(key)
            .seal_in_place_append_tag(zero(), Aad::empty(), &mut body)
            .expect("16 bytes can be sealed");
        body
    }

    /// What is in the body of a stanza, which has the length of [`WRAPPED`].
    pub(super) fn unwrap(body: &[u8], key: &[u8; 32]) -> Option<Self> {
        let mut body = Zeroizing::new(body.to_vec());
        let opened = under(key).open_in_place(zero(), Aad::empty(), &mut body).ok()?;
        Self::new(opened)
    }
}

/// 32 bytes of HKDF with SHA-256.
pub(super) fn hkdf(salt: &[u8], secret: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[info], HKDF_SHA256)
        .and_then(|derived| derived.fill(key.as_mut_slice()))
        .expect("HKDF gives 32 bytes");
    key
}

/// Appends the nonce and the chunks of `plaintext`.
pub(super) fn payload(
    file_key: &FileKey,
    plaintext: &[u8],
    rng: &mut (impl CryptoRng + ?Sized),
    into: &mut Vec<u8>,
) {
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut nonce);
    let key = under(&hkdf(&nonce, file_key.expose(), b"payload"));
    into.reserve(NONCE + plaintext.len() + (plaintext.len() / CHUNK + 1) * TAG);
    into.extend(nonce);
    // Of nothing there is one chunk, which is empty.
    let count = plaintext.len().div_ceil(CHUNK).max(1);
    for index in 0..count {
        let start = index * CHUNK;
        let mut chunk =
            Zeroizing::new(plaintext[start..plaintext.len().min(start + CHUNK)].to_vec());
        let nonce = nonce_of(index, index + 1 == count);
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::empty(), &mut chunk)
            .expect("a chunk can be sealed");
        into.extend_from_slice(&chunk);
        into.extend_from_slice(tag.as_ref());
    }
}

/// What is in the nonce and chunks of a file.
pub(super) fn open_payload(file_key: &FileKey, payload: &[u8]) -> Result<Plaintext, Error> {
    let (nonce, chunks) =
        payload.split_at_checked(NONCE).ok_or(Error::Header("its nonce is cut off"))?;
    let key = under(&hkdf(nonce, file_key.expose(), b"payload"));
    let count = chunks.len().div_ceil(CHUNK + TAG);
    let mut plaintext = Zeroizing::new(Vec::with_capacity(chunks.len()));
    let mut buffer = Zeroizing::new(Vec::with_capacity(CHUNK + TAG));
    for (index, chunk) in chunks.chunks(CHUNK + TAG).enumerate() {
        buffer.clear();
        buffer.extend_from_slice(chunk);
        let last = index + 1 == count;
        let opened = key
            .open_in_place(nonce_of(index, last), Aad::empty(), &mut buffer)
            .map_err(|_| Error::Payload)?;
        if opened.is_empty() && index > 0 {
            return Err(Error::Payload);
        }
        plaintext.extend_from_slice(opened);
    }
    if count == 0 { Err(Error::Payload) } else { Ok(plaintext.into()) }
}

/// A counter of 11 bytes, and whether the chunk is the last.
fn nonce_of(index: usize, last: bool) -> Nonce {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&(index as u64).to_be_bytes());
    nonce[11] = u8::from(last);
    Nonce::assume_unique_for_key(nonce)
}

fn zero() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn under(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).expect("a key of 32 bytes"))
}
