//! The packet of a private key: its algorithm, its public numbers, and its private ones.

use aws_lc_rs::{digest, signature::Ed25519KeyPair};

use super::{Error, protection};
use keyfile::{
    Curve, Pair,
    reader::{Reader, padded},
    rsa::Numbers,
};

pub(super) const RSA: u8 = 1;
pub(super) const RSA_SIGN: u8 = 3;
pub(super) const ECDSA: u8 = 19;
pub(super) const EDDSA: u8 = 22;
pub(super) const ED25519: u8 = 27;

const OID_ED25519: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const OID_P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

/// A private key, still as it was protected.
pub(super) struct Secret<'a> {
    pub(super) algorithm: u8,
    pub(super) fingerprint: [u8; 20],
    public: Public<'a>,
    /// How the private numbers are protected, and what follows.
    usage: u8,
    private: Reader<'a>,
}

enum Public<'a> {
    Rsa {
        n: &'a [u8],
        e: &'a [u8],
    },
    Ecdsa {
        curve: Curve,
        point: &'a [u8],
    },
    /// The number of an `EdDSA` key, or the bytes of an `Ed25519` key.
    Ed25519(&'a [u8]),
}

impl<'a> Secret<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Error> {
        let mut fields = Reader::new(body);
        let head = fields.array::<6>().ok_or(Error::NotAKey)?;
        let algorithm = head[5];
        let public = Public::read(algorithm, &mut fields)?;
        let length = body.len() - fields.rest().len();
        let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        hash.update(&[0x99]);
        hash.update(&u16::try_from(length).map_err(|_| Error::NotAKey)?.to_be_bytes());
        hash.update(&body[..length]);
        let fingerprint = hash.finish().as_ref().try_into().map_err(|_| Error::NotAKey)?;
        let usage = fields.u8().ok_or(Error::NotAKey)?;
        Ok(Self { algorithm, fingerprint, public, usage, private: fields })
    }

    pub(super) fn unlock(&self, passphrase: Option<&[u8]>) -> Result<Pair, Error> {
        let numbers = match self.usage {
            0 => protection::open(self.private)?,
            usage => protection::decrypt(usage, self.private, passphrase)?,
        };
        let mut numbers = Reader::new(&numbers);
        let rejected = |_| Error::Rejected;
        match &self.public {
            Public::Rsa { n, e } => {
                let mut next = || numbers.number().ok_or(Error::NotAKey);
                // OpenPGP keeps the inverse of `p` modulo `q`, so the two change places.
                let numbers =
                    Numbers { n, e, d: next()?, q: next()?, p: next()?, q_inverse: next()? };
                numbers.pair().map(Pair::Rsa).map_err(rejected)
            }
            Public::Ecdsa { curve, point } => {
                let private = numbers.number().ok_or(Error::NotAKey)?;
                let private = padded(private, curve.size()).ok_or(Error::Rejected)?;
                Pair::ecdsa(*curve, &private, point).map_err(rejected)
            }
            Public::Ed25519(public) => {
                let seed =
                    if self.algorithm == ED25519 { numbers.take(32) } else { numbers.number() };
                let seed = seed.and_then(|seed| padded(seed, 32)).ok_or(Error::Rejected)?;
                let pair = Ed25519KeyPair::from_seed_and_public_key(&seed, public);
                pair.map(Pair::Ed25519).map_err(rejected)
            }
        }
    }
}

impl<'a> Public<'a> {
    fn read(algorithm: u8, fields: &mut Reader<'a>) -> Result<Self, Error> {
        match algorithm {
            RSA | RSA_SIGN => {
                let numbers = fields.number().zip(fields.number()).ok_or(Error::NotAKey)?;
                Ok(Self::Rsa { n: numbers.0, e: numbers.1 })
            }
            ECDSA | EDDSA => {
                let length = usize::from(fields.u8().ok_or(Error::NotAKey)?);
                let oid = fields.take(length).ok_or(Error::NotAKey)?;
                let point = fields.number().ok_or(Error::NotAKey)?;
                let curve = match (algorithm, oid) {
                    (ECDSA, OID_P256) => Curve::P256,
                    (ECDSA, OID_P384) => Curve::P384,
                    (ECDSA, OID_P521) => Curve::P521,
                    (EDDSA, OID_ED25519) => {
                        // 0x40 says that the point is in its own, compressed form.
                        return point
                            .strip_prefix(&[0x40])
                            .map(Self::Ed25519)
                            .ok_or(Error::NotAKey);
                    }
                    _ => return Err(Error::Algorithm(algorithm)),
                };
                Ok(Self::Ecdsa { curve, point })
            }
            ED25519 => fields.take(32).map(Self::Ed25519).ok_or(Error::NotAKey),
            other => Err(Error::Algorithm(other)),
        }
    }
}
