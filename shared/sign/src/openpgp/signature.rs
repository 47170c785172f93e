//! The packet of a signature.

use aws_lc_rs::{digest, signature::RSA_PKCS1_SHA512};
use keyfile::{Curve, Pair, reader::push_number};
use openpgp::Algorithm;

use super::{Error, Key};

const VERSION: u8 = 4;
const BINARY: u8 = 0;

const SHA256: u8 = 8;
const SHA384: u8 = 9;
const SHA512: u8 = 10;

/// A version 4 signature of `message`, as a packet.
pub(super) fn packet(key: &Key, message: &[u8], at: u32) -> Result<Vec<u8>, Error> {
    let hash = match &key.pair {
        Pair::Ecdsa(Curve::P256, _) => SHA256,
        Pair::Ecdsa(Curve::P384, _) => SHA384,
        Pair::Ecdsa(Curve::P521, _) | Pair::Ed25519(_) | Pair::Rsa(_) => SHA512,
    };
    let mut hashed = vec![22, 33, VERSION];
    hashed.extend(key.fingerprint.0);
    hashed.extend([5, 2]);
    hashed.extend(at.to_be_bytes());
    let mut body = vec![VERSION, BINARY, key.algorithm.0, hash, 0];
    body.push(u8::try_from(hashed.len()).map_err(|_| Error::Sign)?);
    body.extend(&hashed);

    let mut signed = message.to_vec();
    signed.extend(&body);
    signed.extend([VERSION, 0xff]);
    signed.extend(u32::try_from(body.len()).map_err(|_| Error::Sign)?.to_be_bytes());
    let digest = digest::digest(
        match hash {
            SHA256 => &digest::SHA256,
            SHA384 => &digest::SHA384,
            _ => &digest::SHA512,
        },
        &signed,
    );
    // The others hash by themselves; Ed25519 takes what it is given.
    let signed = if matches!(key.pair, Pair::Ed25519(_)) { digest.as_ref() } else { &signed };
    let raw = key.pair.sign(&RSA_PKCS1_SHA512, signed).map_err(|_| Error::Sign)?;

    let issuer = key.fingerprint.id();
    body.extend([0, 10, 9, 16]);
    body.extend(issuer);
    body.extend(&digest.as_ref()[..2]);
    match &key.pair {
        Pair::Ed25519(_) if key.algorithm == Algorithm::ED25519 => body.extend(&raw),
        Pair::Ed25519(_) => raw.chunks(32).for_each(|half| push_number(&mut body, half)),
        Pair::Ecdsa(curve, _) => {
            raw.chunks(curve.size()).for_each(|half| push_number(&mut body, half));
        }
        Pair::Rsa(_) => push_number(&mut body, &raw),
    }
    // An old packet of the type signature with a length of two bytes, which every reader takes.
    let mut packet = vec![0x89];
    packet.extend(u16::try_from(body.len()).map_err(|_| Error::Sign)?.to_be_bytes());
    packet.extend(body);
    Ok(packet)
}
