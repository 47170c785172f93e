//! The public half of a key.

use aws_lc_rs::digest;
use keyfile::{Curve as Nist, reader::Reader};

use super::Fingerprint;
use crate::{
    Algorithm, Error,
    curve::{self, Curve, NATIVE, OID_ED25519},
};

const VERSION: u8 = 4;

/// A public key: what it is, and since when.
pub struct Public {
    algorithm: Algorithm,
    created: u32,
    fingerprint: Fingerprint,
    numbers: Numbers,
}

/// The numbers of a key, as far as something can be done with them.
pub(crate) enum Numbers {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    Ecdsa {
        curve: Nist,
        point: Vec<u8>,
    },
    Ed25519([u8; 32]),
    Ecdh(Ecdh),
    X25519([u8; 32]),
    /// Of an algorithm or curve that is not supported.
    Other,
}

/// A key of RFC 6637.
pub(crate) struct Ecdh {
    pub(crate) curve: Curve,
    pub(crate) oid: Vec<u8>,
    pub(crate) point: Vec<u8>,
    /// The numbers of the hash and of the cipher with which a session key is wrapped.
    pub(crate) hash: u8,
    pub(crate) cipher: u8,
}

impl Public {
    /// The public half at the front of a packet; what is left is the private one.
    pub(super) fn read(fields: &mut Reader<'_>) -> Result<Self, Error> {
        let whole = fields.rest();
        let version = fields.u8().ok_or(Error::NotAKey)?;
        if version != VERSION {
            return Err(Error::Version(version));
        }
        let created = fields.u32().ok_or(Error::NotAKey)?;
        let algorithm = Algorithm(fields.u8().ok_or(Error::NotAKey)?);
        let numbers = Numbers::read(algorithm, fields)?;
        let body = &whole[..whole.len() - fields.rest().len()];
        let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        hash.update(&[0x99]);
        hash.update(&u16::try_from(body.len()).map_err(|_| Error::NotAKey)?.to_be_bytes());
        hash.update(body);
        let fingerprint = hash.finish().as_ref().try_into().map_err(|_| Error::NotAKey)?;
        Ok(Self { algorithm, created, fingerprint: Fingerprint(fingerprint), numbers })
    }

    /// What kind of key it is.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// When it was made, in seconds since 1970.
    pub fn created(&self) -> u32 {
        self.created
    }

    /// Its name.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn numbers(&self) -> &Numbers {
        &self.numbers
    }
}

impl Numbers {
    fn read(algorithm: Algorithm, fields: &mut Reader<'_>) -> Result<Self, Error> {
        let read = match algorithm {
            Algorithm::RSA | Algorithm::RSA_ENCRYPT | Algorithm::RSA_SIGN => {
                let numbers = fields.number().zip(fields.number());
                numbers.map(|(n, e)| Self::Rsa { n: n.to_vec(), e: e.to_vec() })
            }
            Algorithm::ECDSA | Algorithm::EDDSA => Self::elliptic(algorithm, fields),
            Algorithm::ECDH => Self::ecdh(fields),
            Algorithm::ED25519 => fields.array().map(Self::Ed25519),
            Algorithm::X25519 => fields.array().map(Self::X25519),
            Algorithm::DSA => skip(fields, 4),
            Algorithm::ELGAMAL => skip(fields, 3),
            other => return Err(Error::Algorithm(other)),
        };
        read.ok_or(Error::NotAKey)
    }

    fn elliptic(algorithm: Algorithm, fields: &mut Reader<'_>) -> Option<Self> {
        let (oid, point) = (name(fields)?, fields.number()?);
        if algorithm == Algorithm::EDDSA {
            let native = point.strip_prefix(&[NATIVE]).filter(|_| oid == OID_ED25519);
            return Some(
                native.and_then(|it| it.try_into().ok()).map_or(Self::Other, Self::Ed25519),
            );
        }
        let curve = curve::nist(oid);
        Some(curve.map_or(Self::Other, |curve| Self::Ecdsa { curve, point: point.to_vec() }))
    }

    fn ecdh(fields: &mut Reader<'_>) -> Option<Self> {
        let (oid, point) = (name(fields)?, fields.number()?);
        let length = usize::from(fields.u8()?);
        let [_, hash, cipher] = fields.take(length)?.try_into().ok()?;
        let Some(curve) = Curve::named(oid) else { return Some(Self::Other) };
        let (oid, point) = (oid.to_vec(), point.to_vec());
        Some(Self::Ecdh(Ecdh { curve, oid, point, hash, cipher }))
    }
}

/// The name of a curve.
fn name<'a>(fields: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = usize::from(fields.u8()?);
    fields.take(length)
}

fn skip(fields: &mut Reader<'_>, numbers: usize) -> Option<Numbers> {
    for _ in 0..numbers {
        fields.number()?;
    }
    Some(Numbers::Other)
}
