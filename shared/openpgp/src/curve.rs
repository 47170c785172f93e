//! The curves on which keys encrypt and sign.

use aws_lc_rs::agreement::{
    Algorithm, ECDH_P256, ECDH_P384, ECDH_P521, PrivateKey, UnparsedPublicKey, agree,
};
use keyfile::{Curve as Nist, x25519};
use zeroize::Zeroizing;

/// A curve of an ECDH key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    X25519,
    Nist(Nist),
}

/// What was agreed on, and wiped.
pub(crate) type Agreed = Zeroizing<Vec<u8>>;

pub(crate) const OID_ED25519: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
const OID_X25519: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01];
const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const OID_P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

/// What stands before a point that is in its own, compressed form.
pub(crate) const NATIVE: u8 = 0x40;

/// The NIST curve with this name.
pub(crate) fn nist(oid: &[u8]) -> Option<Nist> {
    match oid {
        OID_P256 => Some(Nist::P256),
        OID_P384 => Some(Nist::P384),
        OID_P521 => Some(Nist::P521),
        _ => None,
    }
}

impl Curve {
    pub(crate) fn named(oid: &[u8]) -> Option<Self> {
        if oid == OID_X25519 { Some(Self::X25519) } else { nist(oid).map(Self::Nist) }
    }

    /// Agrees with `theirs`, a point as a packet has it, by means of a private number.
    pub(crate) fn agree(self, private: &[u8], theirs: &[u8]) -> Option<Agreed> {
        match self {
            Self::X25519 => {
                let theirs = theirs.strip_prefix(&[NATIVE])?.try_into().ok()?;
                let agreed = x25519::agree(private.try_into().ok()?, theirs)?;
                Some(Zeroizing::new(agreed.to_vec()))
            }
            Self::Nist(curve) => {
                let private = PrivateKey::from_private_key(algorithm(curve), private).ok()?;
                nist_agree(&private, curve, theirs)
            }
        }
    }

    /// Agrees with `theirs` by means of a new key, whose public half comes first.
    pub(crate) fn agree_anew(self, theirs: &[u8]) -> Option<(Vec<u8>, Agreed)> {
        match self {
            Self::X25519 => {
                let mut private = Zeroizing::new([0; x25519::LENGTH]);
                aws_lc_rs::rand::fill(private.as_mut_slice()).ok()?;
                let public = [&[NATIVE], x25519::public(&private)?.as_slice()].concat();
                Some((public, self.agree(private.as_slice(), theirs)?))
            }
            Self::Nist(curve) => {
                let private = PrivateKey::generate(algorithm(curve)).ok()?;
                let public = private.compute_public_key().ok()?.as_ref().to_vec();
                Some((public, nist_agree(&private, curve, theirs)?))
            }
        }
    }
}

fn nist_agree(private: &PrivateKey, curve: Nist, theirs: &[u8]) -> Option<Agreed> {
    let theirs = UnparsedPublicKey::new(algorithm(curve), theirs);
    agree(private, theirs, (), |secret| Ok(Zeroizing::new(secret.to_vec()))).ok()
}

fn algorithm(curve: Nist) -> &'static Algorithm {
    match curve {
        Nist::P256 => &ECDH_P256,
        Nist::P384 => &ECDH_P384,
        Nist::P521 => &ECDH_P521,
    }
}
