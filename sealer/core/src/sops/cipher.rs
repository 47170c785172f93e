//! The ciphers of a SOPS file and the data key that they share.
//!
//! sops has one: AES-256-GCM with an IV of 32 bytes, which GCM hashes into its counter, unlike
//! the usual 12. Ours is the native one of `docs/adr/0002-native-sops-cipher.md`:
//! XChaCha20-Poly1305 with an IV of 24 bytes.

use std::fmt;

use aes_gcm::{AesGcm, aes::Aes256};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{
        AeadInOut, KeyInit as _,
        consts::{U12, U16, U32},
    },
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::plaintext::Plaintext;

/// Which cipher the values of a file are under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cipher {
    /// What sops reads and writes.
    #[default]
    Aes256Gcm,
    /// Ours; real sops refuses the file.
    ChaCha20Poly1305,
}

/// The key of 32 bytes under which all values of one file are.
pub struct DataKey(Zeroizing<[u8; 32]>);

/// What the native cipher's key for values is derived for.
const VALUES: &[u8] = b"signet/sops/v1/values";
/// What its key for the MAC and the layout is derived for.
const WHOLE: &[u8] = b"signet/sops/v1/whole";

/// A ciphertext in the three parts in which a file holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// As long as the plaintext.
    pub data: Vec<u8>,
    /// Random, fresh for every value.
    pub iv: Vec<u8>,
    /// 16 bytes.
    pub tag: Vec<u8>,
}

/// Why a ciphertext does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It was altered, moved, or encrypted under another data key.
    #[error("the value does not authenticate: it was altered or moved")]
    Altered,
    /// The IV has a length that the cipher does not take.
    #[error("the IV has {0} bytes")]
    Iv(usize),
    /// The data key has another length than 32 bytes.
    #[error("the data key has {0} bytes instead of 32")]
    DataKey(usize),
}

impl Cipher {
    /// The name inside `ENC[…]`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "AES256_GCM",
            Self::ChaCha20Poly1305 => "CHACHA20_POLY1305",
        }
    }

    /// The cipher with this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Aes256Gcm, Self::ChaCha20Poly1305].into_iter().find(|cipher| cipher.name() == name)
    }
}

impl DataKey {
    /// A new key.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(key.as_mut_slice());
        Self(key)
    }

    /// A key that a master key unwrapped.
    pub fn new(bytes: &Plaintext) -> Result<Self, Error> {
        let bytes = bytes.expose();
        let key = bytes.try_into().map_err(|_| Error::DataKey(bytes.len()))?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// The bytes, to be wrapped by a master key.
    pub(super) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key, ready for what covers the whole file under `cipher`: the MAC and the layout.
    pub(super) fn over(&self, cipher: Cipher) -> Engine {
        match cipher {
            Cipher::Aes256Gcm => self.under(cipher),
            Cipher::ChaCha20Poly1305 => {
                Engine::ChaCha(Box::new(XChaCha20Poly1305::new((&*self.derived(WHOLE)).into())))
            }
        }
    }

    /// A key that is good for one purpose only.
    pub(super) fn derived(&self, purpose: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        Salt::new(HKDF_SHA256, &[])
            .extract(&*self.0)
            .expand(&[purpose], HKDF_SHA256)
            .and_then(|okm| okm.fill(key.as_mut_slice()))
            .expect("HKDF gives as many bytes as its hash has");
        key
    }

    /// The key, ready to work on values under `cipher`.
    pub(super) fn under(&self, cipher: Cipher) -> Engine {
        match cipher {
            Cipher::Aes256Gcm => Engine::Aes(Box::new(Aes256::new((&*self.0).into()))),
            Cipher::ChaCha20Poly1305 => {
                Engine::ChaCha(Box::new(XChaCha20Poly1305::new((&*self.derived(VALUES)).into())))
            }
        }
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey([redacted])")
    }
}

/// A cipher with its key schedule, so that many values cost one set-up.
pub(super) enum Engine {
    Aes(Box<Aes256>),
    ChaCha(Box<XChaCha20Poly1305>),
}

impl Engine {
    pub(super) fn cipher(&self) -> Cipher {
        match self {
            Self::Aes(_) => Cipher::Aes256Gcm,
            Self::ChaCha(_) => Cipher::ChaCha20Poly1305,
        }
    }

    pub(super) fn seal(
        &self,
        aad: &[u8],
        plaintext: &[u8],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Sealed {
        let mut data = plaintext.to_vec();
        let sealed = self.seal_in_place(aad, &mut data, rng);
        Sealed { data, ..sealed }
    }

    /// Encrypts in place; `data` of the result is empty.
    pub(super) fn seal_in_place(
        &self,
        aad: &[u8],
        data: &mut [u8],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Sealed {
        let mut iv = vec![0; if matches!(self, Self::Aes(_)) { 32 } else { 24 }];
        rng.fill_bytes(&mut iv);
        let tag = match self {
            Self::Aes(aes) => {
                encrypt(&AesGcm::<Aes256, U32>::from(aes.as_ref().clone()), &iv, aad, data)
            }
            Self::ChaCha(chacha) => encrypt(chacha.as_ref(), &iv, aad, data),
        };
        Sealed { data: Vec::new(), iv, tag }
    }

    pub(super) fn open(&self, aad: &[u8], sealed: &Sealed) -> Result<Plaintext, Error> {
        self.open_owned(aad, sealed.clone())
    }

    /// Decrypts in place.
    pub(super) fn open_owned(&self, aad: &[u8], sealed: Sealed) -> Result<Plaintext, Error> {
        let Sealed { data, iv, tag } = sealed;
        let mut data = Zeroizing::new(data);
        let (iv, tag) = (&iv, &tag);
        let opened = match (self, iv.len()) {
            (Self::Aes(aes), 32) => decrypt(&gcm::<U32>(aes), iv, aad, &mut data, tag),
            (Self::Aes(aes), 12) => decrypt(&gcm::<U12>(aes), iv, aad, &mut data, tag),
            (Self::Aes(aes), 16) => decrypt(&gcm::<U16>(aes), iv, aad, &mut data, tag),
            (Self::ChaCha(chacha), 24) => decrypt(chacha.as_ref(), iv, aad, &mut data, tag),
            (_, length) => return Err(Error::Iv(length)),
        };
        opened.map(|()| data.into()).ok_or(Error::Altered)
    }
}

fn gcm<N: aes_gcm::aead::array::ArraySize>(aes: &Aes256) -> AesGcm<Aes256, N> {
    AesGcm::from(aes.clone())
}

fn encrypt(cipher: &impl AeadInOut, iv: &[u8], aad: &[u8], data: &mut [u8]) -> Vec<u8> {
    let iv = iv.try_into().expect("the IV was made for this cipher");
    cipher
        .encrypt_inout_detached(iv, aad, data.into())
        .expect("a value in memory is shorter than the limit of the cipher")
        .to_vec()
}

fn decrypt(
    cipher: &impl AeadInOut,
    iv: &[u8],
    aad: &[u8],
    data: &mut [u8],
    tag: &[u8],
) -> Option<()> {
    let (iv, tag) = (iv.try_into().ok()?, tag.try_into().ok()?);
    cipher.decrypt_inout_detached(iv, aad, data.into(), tag).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CIPHERS: [Cipher; 2] = [Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305];

    proptest! {
        #[test]
        fn opening_undoes_sealing_and_notices_every_change(
            plaintext: Vec<u8>, aad: Vec<u8>, at: prop::sample::Index, bit in 0..8u8,
        ) {
            let key = DataKey::generate(&mut rand::rng());
            for cipher in CIPHERS {
                let engine = key.under(cipher);
                let sealed = engine.seal(&aad, &plaintext, &mut rand::rng());
                let opened = engine.open(&aad, &sealed).unwrap();
                prop_assert_eq!(opened.expose(), &plaintext[..]);

                let mut altered = sealed.clone();
                let bytes = altered.data.iter_mut().chain(&mut altered.iv).chain(&mut altered.tag);
                let mut bytes: Vec<&mut u8> = bytes.collect();
                let at = at.index(bytes.len());
                *bytes[at] ^= 1 << bit;
                prop_assert_eq!(engine.open(&aad, &altered).unwrap_err(), Error::Altered);
                prop_assert!(engine.open(&[&aad[..], b"x"].concat(), &sealed).is_err());
            }
        }
    }

    #[test]
    fn twelve_byte_ivs_of_other_writers_open() {
        let key = DataKey::generate(&mut rand::rng());
        let Engine::Aes(aes) = key.under(Cipher::Aes256Gcm) else { unreachable!() };
        let mut data = b"value".to_vec();
        let tag = encrypt(&gcm::<U12>(&aes), &[7; 12], b"a:", &mut data);
        let sealed = Sealed { data, iv: vec![7; 12], tag };
        let opened = key.under(Cipher::Aes256Gcm).open(b"a:", &sealed).unwrap();
        assert_eq!(opened.expose(), b"value");
        let odd = Sealed { iv: vec![7; 13], ..sealed };
        assert_eq!(key.under(Cipher::Aes256Gcm).open(b"a:", &odd).unwrap_err(), Error::Iv(13));
    }
}
