//! Private SSH keys: OpenSSH's own format, and the older ones of OpenSSL.

mod encrypted;
mod openssh;

use aws_lc_rs::signature::{
    EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding,
    RsaKeyPair,
};

use crate::{
    Curve, Pair,
    pair::public_numbers,
    pem,
    reader::{push_mpint, push_string},
};

/// An unlocked private key: ed25519, ECDSA on a NIST curve, or RSA of 2048 bits or more.
pub struct Key {
    pair: Pair,
    public: Vec<u8>,
}

/// Why a key cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
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
    #[error(
        "the key is encrypted as `{0}`, which is not supported; convert it with `ssh-keygen -p`"
    )]
    Encryption(String),
    /// The algorithm is not known.
    #[error("a key of the type `{0}` is not supported; use ed25519, ecdsa or rsa")]
    Algorithm(String),
    /// The numbers of the key do not make one.
    #[error("the key is damaged, or is an RSA key of less than 2048 bits")]
    Rejected,
    /// Signing failed.
    #[error("the signature could not be made")]
    Sign,
}

/// What an RSA key signs. Keys of other types have one hash each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RsaHash {
    /// `rsa-sha2-256`.
    Sha256,
    /// `rsa-sha2-512`.
    Sha512,
}

impl Key {
    /// Reads a private key, which `password` opens if it is encrypted.
    ///
    /// An empty password is none. The halves of the key belong together, or it is refused.
    pub fn unlock(text: &str, password: Option<&[u8]>) -> Result<Self, Error> {
        let block = pem::decode(text).ok_or(Error::NotAKey)?;
        let password = password.filter(|password| !password.is_empty());
        let pair = match (block.label.as_str(), &block.encryption) {
            ("OPENSSH PRIVATE KEY", _) => openssh::unlock(&block.bytes, password)?,
            ("ENCRYPTED PRIVATE KEY", _) => pkcs8(&encrypted::pkcs8(&block.bytes, password)?)?,
            ("RSA PRIVATE KEY", None) => pkcs1(&block.bytes)?,
            ("RSA PRIVATE KEY", Some(how)) => {
                // A wrong password makes good padding now and then, but no key.
                let der = encrypted::openssl(how, &block.bytes, password)?;
                pkcs1(&der).map_err(|_| Error::Password)?
            }
            ("EC PRIVATE KEY", None) => ecdsa(&block.bytes).ok_or(Error::Rejected)?,
            ("EC PRIVATE KEY", Some(how)) => return Err(Error::Encryption(how.clone())),
            ("PRIVATE KEY", _) => pkcs8(&block.bytes)?,
            ("DSA PRIVATE KEY", _) => return Err(Error::Algorithm("ssh-dss".to_owned())),
            _ => return Err(Error::NotAKey),
        };
        let public = public(&pair).ok_or(Error::Rejected)?;
        Ok(Self { pair, public })
    }

    /// The key itself.
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// The public half as it is written on the wire, and in base64 in files.
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// The signature of `message` as ssh has it: `string(algorithm) string(signature)`.
    pub fn sign(&self, hash: RsaHash, message: &[u8]) -> Result<Vec<u8>, Error> {
        let (rsa, padding): (_, &'static dyn RsaEncoding) = match hash {
            RsaHash::Sha256 => ("rsa-sha2-256", &RSA_PKCS1_SHA256),
            RsaHash::Sha512 => ("rsa-sha2-512", &RSA_PKCS1_SHA512),
        };
        let raw = self.pair.sign(padding, message).map_err(|_| Error::Sign)?;
        let mut signature = Vec::with_capacity(raw.len() + 32);
        match &self.pair {
            Pair::Ed25519(_) => push_string(&mut signature, ED25519.as_bytes()),
            Pair::Rsa(_) => push_string(&mut signature, rsa.as_bytes()),
            Pair::Ecdsa(curve, _) => push_string(&mut signature, names(*curve).0.as_bytes()),
        }
        match &self.pair {
            Pair::Ed25519(_) | Pair::Rsa(_) => push_string(&mut signature, &raw),
            Pair::Ecdsa(curve, _) => {
                let mut halves = Vec::new();
                raw.chunks(curve.size()).for_each(|half| push_mpint(&mut halves, half));
                push_string(&mut signature, &halves);
            }
        }
        Ok(signature)
    }
}

/// The public half of an OpenSSH key, which is readable even where the key is encrypted.
pub fn public_half(text: &str) -> Option<Vec<u8>> {
    let block = pem::decode(text).filter(|block| block.label == "OPENSSH PRIVATE KEY")?;
    openssh::public_half(&block.bytes)
}

/// Whether the text is a private key of these formats, readable or not.
pub fn is_key(text: &str) -> bool {
    ["OPENSSH ", "RSA ", "EC ", "DSA ", "ENCRYPTED ", ""]
        .iter()
        .any(|kind| text.contains(&format!("-----BEGIN {kind}PRIVATE KEY-----")))
}

fn pkcs1(der: &[u8]) -> Result<Pair, Error> {
    RsaKeyPair::from_der(der).map(Pair::Rsa).map_err(|_| Error::Rejected)
}

fn pkcs8(der: &[u8]) -> Result<Pair, Error> {
    Ed25519KeyPair::from_pkcs8(der)
        .map(Pair::Ed25519)
        .or_else(|_| RsaKeyPair::from_pkcs8(der).map(Pair::Rsa))
        .or_else(|_| ecdsa(der).ok_or(Error::Rejected))
}

fn ecdsa(der: &[u8]) -> Option<Pair> {
    Curve::ALL.into_iter().find_map(|curve| {
        let pair = EcdsaKeyPair::from_private_key_der(curve.algorithm(), der).ok()?;
        Some(Pair::Ecdsa(curve, pair))
    })
}

fn public(pair: &Pair) -> Option<Vec<u8>> {
    let mut blob = Vec::new();
    match pair {
        Pair::Ed25519(pair) => {
            push_string(&mut blob, ED25519.as_bytes());
            push_string(&mut blob, pair.public_key().as_ref());
        }
        Pair::Ecdsa(curve, pair) => {
            let (format, name) = names(*curve);
            push_string(&mut blob, format.as_bytes());
            push_string(&mut blob, name.as_bytes());
            push_string(&mut blob, pair.public_key().as_ref());
        }
        Pair::Rsa(pair) => {
            let (n, e) = public_numbers(pair)?;
            push_string(&mut blob, RSA.as_bytes());
            push_mpint(&mut blob, &e);
            push_mpint(&mut blob, &n);
        }
    }
    Some(blob)
}

/// The names of an ECDSA key and of its curve.
fn names(curve: Curve) -> (&'static str, &'static str) {
    match curve {
        Curve::P256 => ("ecdsa-sha2-nistp256", "nistp256"),
        Curve::P384 => ("ecdsa-sha2-nistp384", "nistp384"),
        Curve::P521 => ("ecdsa-sha2-nistp521", "nistp521"),
    }
}

const ED25519: &str = "ssh-ed25519";
const RSA: &str = "ssh-rsa";

#[cfg(test)]
mod tests;
