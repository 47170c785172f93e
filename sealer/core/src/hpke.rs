//! HPKE (RFC 9180) in base mode with HKDF-SHA256 and ChaCha20-Poly1305.
//!
//! One message a key: [`seal`] and [`open`] set up, use the first nonce and forget the rest.

pub mod x25519;
pub mod xwing;

use aws_lc_rs::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
    hmac,
};
use zeroize::Zeroizing;

/// HKDF-SHA256, then ChaCha20-Poly1305.
const KDF_AND_AEAD: [u8; 4] = [0, 1, 0, 3];
const BASE: u8 = 0;

/// The bytes by which a ciphertext is longer than its plaintext.
pub const TAG: usize = 16;

/// Seals `plaintext` under what a KEM of this id agreed on.
///
/// `shared` must be fresh: the nonce follows from it.
///
/// # Panics
///
/// If `plaintext` is longer than the cipher takes: 256 GiB.
pub fn seal(kem: u16, shared: &[u8], info: &[u8], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let (key, nonce) = schedule(kem, shared, info);
    let mut sealed = plaintext.to_vec();
    key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut sealed)
        .expect("a message in memory is shorter than the limit of the cipher");
    sealed
}

/// What was sealed, or nothing if it was altered or sealed under something else.
pub fn open(
    kem: u16,
    shared: &[u8],
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (key, nonce) = schedule(kem, shared, info);
    let mut plain = Zeroizing::new(sealed.to_vec());
    let length = key.open_in_place(nonce, Aad::from(aad), &mut plain).ok()?.len();
    plain.truncate(length);
    Some(plain)
}

/// `KeySchedule` of RFC 9180, §5.1.
fn schedule(kem: u16, shared: &[u8], info: &[u8]) -> (LessSafeKey, Nonce) {
    let suite = [b"HPKE".as_slice(), &kem.to_be_bytes(), &KDF_AND_AEAD].concat();
    let mut context = vec![BASE];
    for (label, input) in [("psk_id_hash", &b""[..]), ("info_hash", info)] {
        let hash = extract(&suite, &[], label, input);
        context.extend_from_slice(hash.as_slice());
    }
    let secret = prk(&suite, shared, "secret", &[]);
    let mut key = Zeroizing::new([0; 32]);
    let mut nonce = [0; 12];
    expand(&suite, &secret, "key", &context, key.as_mut_slice());
    expand(&suite, &secret, "base_nonce", &context, &mut nonce);
    let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_slice()).expect("a key of 32 bytes");
    (LessSafeKey::new(key), Nonce::assume_unique_for_key(nonce))
}

/// `LabeledExtract` of RFC 9180, §4, as bytes: HKDF extracts by HMAC, and aws-lc-rs keeps what its
/// HKDF extracts.
fn extract(suite: &[u8], salt: &[u8], label: &str, input: &[u8]) -> Zeroizing<[u8; 32]> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt);
    let tag = hmac::sign(&key, &labeled(suite, label, input));
    Zeroizing::new(tag.as_ref().try_into().expect("SHA-256 has 32 bytes"))
}

/// `LabeledExtract`, as a key to expand.
fn prk(suite: &[u8], salt: &[u8], label: &str, input: &[u8]) -> Prk {
    Salt::new(HKDF_SHA256, salt).extract(&labeled(suite, label, input))
}

fn labeled(suite: &[u8], label: &str, input: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([b"HPKE-v1", suite, label.as_bytes(), input].concat())
}

/// `LabeledExpand` of RFC 9180, §4.
fn expand(suite: &[u8], secret: &Prk, label: &str, info: &[u8], into: &mut [u8]) {
    let length = u16::try_from(into.len()).expect("keys and nonces are short").to_be_bytes();
    let info = [length.as_slice(), b"HPKE-v1", suite, label.as_bytes(), info];
    secret
        .expand(&info, Length(into.len()))
        .and_then(|expanded| expanded.fill(into))
        .expect("HKDF gives a few bytes");
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests;
