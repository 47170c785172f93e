//! Keys, once they are unlocked.

use aws_lc_rs::{
    error::{KeyRejected, Unspecified},
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
        ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
        KeyPair as _, RsaEncoding, RsaKeyPair,
    },
};

use crate::reader::Reader;

/// A key that signs.
pub enum Pair {
    /// Ed25519.
    Ed25519(Ed25519KeyPair),
    /// ECDSA on a NIST curve.
    Ecdsa(Curve, EcdsaKeyPair),
    /// RSA of 2048 bits or more.
    Rsa(RsaKeyPair),
}

/// A NIST curve, with the hash that goes with its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// `secp256r1`.
    P256,
    /// `secp384r1`.
    P384,
    /// `secp521r1`.
    P521,
}

impl Curve {
    /// Every curve.
    pub const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// Signing with the hash of the curve; the halves of the signature have equal lengths.
    pub fn algorithm(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            Self::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
            Self::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
        }
    }

    /// The bytes of a private key, and of each half of a signature.
    pub fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

impl Pair {
    /// A key of its numbers, if they belong together.
    pub fn ecdsa(curve: Curve, private: &[u8], public: &[u8]) -> Result<Self, KeyRejected> {
        let pair =
            EcdsaKeyPair::from_private_key_and_public_key(curve.algorithm(), private, public)?;
        Ok(Self::Ecdsa(curve, pair))
    }

    /// The signature of `message`: of itself with Ed25519, of its hash with the others, which is
    /// `hash` with RSA. The halves of an ECDSA signature have equal lengths.
    pub fn sign(
        &self,
        hash: &'static dyn RsaEncoding,
        message: &[u8],
    ) -> Result<Vec<u8>, Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Ecdsa(_, pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(hash, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }
}

/// The modulus and the exponent of an RSA key.
pub fn public_numbers(pair: &RsaKeyPair) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut fields = Reader::new(Reader::new(pair.public_key().as_ref()).der(0x30)?);
    let (n, e) = (fields.der(0x02)?, fields.der(0x02)?);
    Some((n.to_vec(), e.to_vec()))
}
