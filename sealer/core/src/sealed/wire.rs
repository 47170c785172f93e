//! The bytes of one sealed value, as sealed-secrets writes them.
//!
//! ```text
//! value = base64( len(wrapped) : u16 BE │ wrapped │ body )
//! wrapped = RSA-OAEP(SHA-256, MGF1 SHA-256, label) of a session key of 32 bytes
//! body    = AES-256-GCM(session key, 12 zero bytes as nonce, no AAD) of the value, then its tag
//! ```
//!
//! The zero nonce is sound only because a session key seals exactly one value.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    rsa::{OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::scope::Label;
use crate::plaintext::Plaintext;

const SESSION_KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// One sealed value, split into its parts but not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    bytes: Vec<u8>,
    body_at: usize,
}

/// Why a value is not a sealed value, whatever the keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not base64.
    #[error("the value is not base64")]
    Base64(#[source] base64::DecodeError),
    /// There are too few bytes for a wrapped key, a body and its tag.
    #[error("the value is truncated: {found} bytes, at least {needed} expected")]
    Truncated {
        /// Bytes present.
        found: usize,
        /// Bytes that its own length prefix asks for.
        needed: usize,
    },
}

/// Why one key did not open an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejected {
    /// RSA-OAEP failed: another key, another label, or a damaged wrapped key.
    Key,
    /// The session key came out, but the body does not authenticate under it.
    Body,
}

impl Envelope {
    /// Splits the base64 of a value; line breaks inside are accepted, as Go's decoder does.
    pub fn parse(value: &str) -> Result<Self, Error> {
        let decoded = if value.contains(['\n', '\r']) {
            BASE64_STANDARD.decode(value.replace(['\n', '\r'], ""))
        } else {
            BASE64_STANDARD.decode(value)
        };
        Self::from_bytes(decoded.map_err(Error::Base64)?)
    }

    /// Splits the bytes of a value.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Error> {
        let found = bytes.len();
        let [high, low, ..] = bytes[..] else {
            return Err(Error::Truncated { found, needed: 2 + TAG_BYTES });
        };
        let body_at = 2 + usize::from(u16::from_be_bytes([high, low]));
        let needed = body_at + TAG_BYTES;
        if found < needed {
            return Err(Error::Truncated { found, needed });
        }
        Ok(Self { bytes, body_at })
    }

    /// The size in bits of the RSA key that can open this.
    pub fn key_bits(&self) -> usize {
        self.wrapped().len() * 8
    }

    /// The size of what was sealed.
    pub fn plaintext_len(&self) -> usize {
        self.bytes.len() - self.body_at - TAG_BYTES
    }

    /// All bytes, for remembering the value by its hash.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn wrapped(&self) -> &[u8] {
        &self.bytes[2..self.body_at]
    }

    /// Opens the envelope with one key: one private-key operation.
    pub(super) fn open(
        &self,
        key: &OaepPrivateDecryptingKey,
        label: &Label,
    ) -> Result<Plaintext, Rejected> {
        let mut space = Zeroizing::new(vec![0; key.min_output_size()]);
        let session = key
            .decrypt(&OAEP_SHA256_MGF1SHA256, self.wrapped(), &mut space, Some(label.as_bytes()))
            .map_err(|_| Rejected::Key)?;
        let session = UnboundKey::new(&AES_256_GCM, session).map_err(|_| Rejected::Body)?;
        let mut body = Zeroizing::new(self.bytes[self.body_at..].to_vec());
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let opened = LessSafeKey::new(session)
            .open_in_place(nonce, Aad::empty(), &mut body)
            .map_err(|_| Rejected::Body)?
            .len();
        body.truncate(opened);
        Ok(body.into())
    }
}

/// Seals one value under a public key; the result is what `spec.encryptedData` holds.
pub(super) fn seal(
    key: &OaepPublicEncryptingKey,
    label: &Label,
    value: &[u8],
    rng: &mut (impl CryptoRng + ?Sized),
) -> String {
    let mut session = Zeroizing::new([0; SESSION_KEY_BYTES]);
    rng.fill_bytes(session.as_mut_slice());
    let mut wrapped = vec![0; key.ciphertext_size()];
    let wrapped = key
        .encrypt(&OAEP_SHA256_MGF1SHA256, session.as_slice(), &mut wrapped, Some(label.as_bytes()))
        .expect("a parsed RSA key has room for 32 bytes");
    let length = u16::try_from(wrapped.len()).expect("the longest accepted key is 8192 bits");

    let mut bytes = Vec::with_capacity(2 + wrapped.len() + value.len() + TAG_BYTES);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(wrapped);
    let body_at = bytes.len();
    bytes.extend_from_slice(value);
    let session = UnboundKey::new(&AES_256_GCM, session.as_slice())
        .expect("a session key has the length of an AES-256 key");
    let tag = LessSafeKey::new(session)
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key([0; 12]),
            Aad::empty(),
            &mut bytes[body_at..],
        )
        .expect("a value in memory is shorter than the 64 GiB limit of GCM");
    bytes.extend_from_slice(tag.as_ref());
    BASE64_STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn malformed_values_are_told_apart() {
        let truncated = |found, needed| Err(Error::Truncated { found, needed });
        #[rustfmt::skip]
        let cases = [
            // bytes                        envelope
            (vec![],                        truncated(0, 18)),
            (vec![2],                       truncated(1, 18)),
            (vec![2, 0],                    truncated(2, 530)),
            (vec![0xff; 100],               truncated(100, 2 + 0xffff + 16)),
            (vec![2; 2 + 0x0202 + 15],      truncated(531, 532)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Envelope::from_bytes(bytes.clone()), expected, "{} bytes", bytes.len());
        }
        assert!(matches!(Envelope::parse("AgB*"), Err(Error::Base64(_))));
        assert!(matches!(Envelope::parse("-_-_"), Err(Error::Base64(_))), "base64url");
    }

    #[test]
    fn line_breaks_inside_base64_are_accepted() {
        let bytes = [&[0, 1][..], &[7; 40]].concat();
        let text = BASE64_STANDARD.encode(&bytes);
        let broken = format!("{}\r\n{}\n", &text[..10], &text[10..]);
        assert_eq!(Envelope::parse(&broken), Envelope::from_bytes(bytes));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(bytes: Vec<u8>, text: String) {
            let _ = Envelope::from_bytes(bytes).map(|envelope| envelope.key_bits());
            let _ = Envelope::parse(&text);
        }
    }
}
