//! Signatures with SSH keys (SSHSIG), as `ssh-keygen -Y sign -n git` makes them.

mod key;

use aws_lc_rs::{digest, signature::KeyPair as _};

use crate::{
    pair::{Curve, Pair, public_numbers},
    pem,
    reader::unpadded,
};

/// What a signature is good for, and for nothing else.
const NAMESPACE: &[u8] = b"git";
const HASH: &[u8] = b"sha512";
const MAGIC: &[u8] = b"SSHSIG";

/// A private key that signs commits: ed25519, ECDSA on a NIST curve, or RSA of 2048 bits or more.
pub struct Key(Pair);

/// Why a key does not sign.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no private key that is known.
    #[error("it is not a private SSH key in PEM")]
    NotAKey,
    /// The key is encrypted, and there is no password.
    #[error("the key is encrypted, and there is no password for it")]
    Locked,
    /// The password does not open the key.
    #[error("the password does not open the key")]
    Password,
    /// The file is encrypted in a way that is not known.
    #[error("the key is encrypted as `{0}`, which is not supported")]
    Encryption(String),
    /// The algorithm is not known.
    #[error("a key of the type `{0}` cannot sign; use ed25519, ecdsa or rsa")]
    Algorithm(String),
    /// The numbers of the key do not make one.
    #[error("the key is damaged, or is an RSA key of less than 2048 bits")]
    Rejected,
    /// Signing failed.
    #[error("the signature could not be made")]
    Sign,
}

impl Key {
    /// Reads a private key, which `password` opens if it is encrypted.
    pub fn unlock(text: &str, password: Option<&[u8]>) -> Result<Self, Error> {
        key::unlock(text, password).map(Self)
    }

    /// The signature of `message`, armored.
    pub fn sign(&self, message: &[u8]) -> Result<String, Error> {
        let hash = digest::digest(&digest::SHA512, message);
        let mut signed = MAGIC.to_vec();
        for field in [NAMESPACE, b"", HASH, hash.as_ref()] {
            string(&mut signed, field);
        }
        let (public, format) = self.public()?;
        let raw = self.0.sign(&signed).map_err(|_| Error::Sign)?;
        let mut signature = Vec::new();
        string(&mut signature, format.as_bytes());
        match &self.0 {
            Pair::Ed25519(_) | Pair::Rsa(_) => string(&mut signature, &raw),
            Pair::Ecdsa(curve, _) => {
                let mut halves = Vec::new();
                raw.chunks(curve.size()).for_each(|half| number(&mut halves, half));
                string(&mut signature, &halves);
            }
        }
        let mut blob = MAGIC.to_vec();
        blob.extend(1_u32.to_be_bytes());
        for field in [&public, NAMESPACE, b"", HASH, &signature] {
            string(&mut blob, field);
        }
        Ok(pem::encode("SSH SIGNATURE", &blob, 70, None))
    }

    /// The public key as it is written on the wire, and the name of what it signs with.
    fn public(&self) -> Result<(Vec<u8>, &'static str), Error> {
        let mut blob = Vec::new();
        match &self.0 {
            Pair::Ed25519(pair) => {
                string(&mut blob, b"ssh-ed25519");
                string(&mut blob, pair.public_key().as_ref());
                Ok((blob, "ssh-ed25519"))
            }
            Pair::Ecdsa(curve, pair) => {
                let (format, name) = names(*curve);
                string(&mut blob, format.as_bytes());
                string(&mut blob, name.as_bytes());
                string(&mut blob, pair.public_key().as_ref());
                Ok((blob, format))
            }
            Pair::Rsa(pair) => {
                let (n, e) = public_numbers(pair).ok_or(Error::Sign)?;
                string(&mut blob, b"ssh-rsa");
                number(&mut blob, &e);
                number(&mut blob, &n);
                Ok((blob, "rsa-sha2-512"))
            }
        }
    }
}

/// The names of an ECDSA key and of its curve.
fn names(curve: Curve) -> (&'static str, &'static str) {
    match curve {
        Curve::P256 => ("ecdsa-sha2-nistp256", "nistp256"),
        Curve::P384 => ("ecdsa-sha2-nistp384", "nistp384"),
        Curve::P521 => ("ecdsa-sha2-nistp521", "nistp521"),
    }
}

fn string(into: &mut Vec<u8>, field: &[u8]) {
    let length = u32::try_from(field.len()).expect("no field here has four gigabytes");
    into.extend(length.to_be_bytes());
    into.extend_from_slice(field);
}

/// A positive number: a leading zero where its first bit is set.
fn number(into: &mut Vec<u8>, field: &[u8]) {
    let field = unpadded(field);
    let zero: &[u8] = if field.first().is_some_and(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
    string(into, &[zero, field].concat());
}
