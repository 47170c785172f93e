//! The private half of a key.

use aws_lc_rs::{
    encoding::AsDer as _,
    rsa::{Pkcs1PrivateDecryptingKey, PrivateDecryptingKey},
    signature::Ed25519KeyPair,
};
use keyfile::{
    Pair,
    reader::{Reader, padded},
    rsa,
};
use zeroize::Zeroizing;

use super::{Numbers, Public};
use crate::{Algorithm, Error, curve::Curve, protection};

/// Where GnuPG says that the private half is elsewhere: an S2K of its own.
const ELSEWHERE: u8 = 101;

/// A private half, still as it was protected.
pub(super) struct Secret {
    /// How the private numbers are protected, and what follows.
    usage: u8,
    private: Zeroizing<Vec<u8>>,
}

/// A private half that can be used.
pub enum Unlocked {
    /// It signs; an RSA key decrypts as well.
    Pair(Pair),
    /// It agrees on an elliptic curve, by this number.
    Ecdh(EcdhSecret),
}

/// The private number of an ECDH key.
pub struct EcdhSecret {
    pub(crate) curve: Curve,
    pub(crate) number: Zeroizing<Vec<u8>>,
}

impl Secret {
    pub(super) fn new(rest: &[u8]) -> Option<Self> {
        let (usage, private) = rest.split_first()?;
        Some(Self { usage: *usage, private: Zeroizing::new(private.to_vec()) })
    }

    pub(super) fn is_locked(&self) -> bool {
        self.usage != 0 && self.is_present()
    }

    pub(super) fn is_present(&self) -> bool {
        !(matches!(self.usage, 254 | 255) && self.private.get(1) == Some(&ELSEWHERE))
    }

    pub(super) fn unlock(
        &self,
        public: &Public,
        passphrase: Option<&[u8]>,
    ) -> Result<Unlocked, Error> {
        if matches!(public.numbers(), Numbers::Other) {
            return Err(Error::Algorithm(public.algorithm()));
        }
        let private = Reader::new(&self.private);
        let numbers = match self.usage {
            0 => protection::open(private)?,
            usage => protection::decrypt(usage, private, passphrase)?,
        };
        read(public, Reader::new(&numbers))
    }
}

fn read(public: &Public, mut numbers: Reader<'_>) -> Result<Unlocked, Error> {
    let rejected = |_| Error::Rejected;
    match public.numbers() {
        Numbers::Rsa { n, e } => {
            let mut next = || numbers.number().ok_or(Error::NotAKey);
            // OpenPGP keeps the inverse of `p` modulo `q`, so the two change places.
            let numbers =
                rsa::Numbers { n, e, d: next()?, q: next()?, p: next()?, q_inverse: next()? };
            numbers.pair().map(Pair::Rsa).map(Unlocked::Pair).map_err(rejected)
        }
        Numbers::Ecdsa { curve, point } => {
            let private = numbers.number().ok_or(Error::NotAKey)?;
            let private = padded(private, curve.size()).ok_or(Error::Rejected)?;
            Pair::ecdsa(*curve, &private, point).map(Unlocked::Pair).map_err(rejected)
        }
        Numbers::Ed25519(key) => {
            let bare = public.algorithm() == Algorithm::ED25519;
            let seed = if bare { numbers.take(32) } else { numbers.number() };
            let seed = seed.and_then(|seed| padded(seed, 32)).ok_or(Error::Rejected)?;
            let pair = Ed25519KeyPair::from_seed_and_public_key(&seed, key);
            pair.map(|pair| Unlocked::Pair(Pair::Ed25519(pair))).map_err(rejected)
        }
        Numbers::Ecdh(key) => {
            let size = match key.curve {
                Curve::X25519 => 32,
                Curve::Nist(curve) => curve.size(),
            };
            let number = numbers.number().and_then(|it| padded(it, size));
            let mut number = number.ok_or(Error::Rejected)?;
            if key.curve == Curve::X25519 {
                // A number here, bytes in the other order there.
                number.reverse();
            }
            Ok(Unlocked::Ecdh(EcdhSecret { curve: key.curve, number }))
        }
        Numbers::X25519(_) => {
            let number = numbers.take(32).ok_or(Error::Rejected)?;
            let number = Zeroizing::new(number.to_vec());
            Ok(Unlocked::Ecdh(EcdhSecret { curve: Curve::X25519, number }))
        }
        Numbers::Other => Err(Error::Algorithm(public.algorithm())),
    }
}

/// The key of an RSA pair that decrypts.
pub(crate) fn decrypting(pair: &Pair) -> Option<Pkcs1PrivateDecryptingKey> {
    let Pair::Rsa(pair) = pair else { return None };
    let der = pair.as_der().ok()?;
    let key = PrivateDecryptingKey::from_pkcs8(der.as_ref()).ok()?;
    Pkcs1PrivateDecryptingKey::new(key).ok()
}
