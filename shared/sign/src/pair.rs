//! The keys of both formats, once they are unlocked.

use aws_lc_rs::{
    error::{KeyRejected, Unspecified},
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
        ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
        KeyPair as _, RSA_PKCS1_SHA512, RsaKeyPair,
    },
};

use crate::reader::Reader;

/// A key that signs.
pub(crate) enum Pair {
    Ed25519(Ed25519KeyPair),
    Ecdsa(Curve, EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// A NIST curve, with the hash that goes with its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(crate) const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    pub(crate) fn algorithm(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            Self::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
            Self::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
        }
    }

    /// The bytes of a private key, and of each half of a signature.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

impl Pair {
    pub(crate) fn ecdsa(curve: Curve, private: &[u8], public: &[u8]) -> Result<Self, KeyRejected> {
        let pair =
            EcdsaKeyPair::from_private_key_and_public_key(curve.algorithm(), private, public)?;
        Ok(Self::Ecdsa(curve, pair))
    }

    /// The signature of `message`: of itself with Ed25519, of its hash with the others, which is
    /// SHA-512 with RSA. The halves of an ECDSA signature have equal lengths.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Ecdsa(_, pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA512, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }
}

/// The modulus and the exponent of an RSA key.
pub(crate) fn public_numbers(pair: &RsaKeyPair) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut outer = Reader::new(pair.public_key().as_ref());
    let mut fields = Reader::new(der(&mut outer, 0x30)?);
    let (n, e) = (der(&mut fields, 0x02)?, der(&mut fields, 0x02)?);
    Some((n.to_vec(), e.to_vec()))
}

/// The content of the next DER field, which has this tag.
fn der<'a>(reader: &mut Reader<'a>, tag: u8) -> Option<&'a [u8]> {
    (reader.u8()? == tag).then_some(())?;
    let length = match reader.u8()? {
        short @ 0..=0x7f => usize::from(short),
        long => {
            let bytes = reader.take(usize::from(long & 0x7f))?;
            bytes.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte))
        }
    };
    reader.take(length)
}
