//! Signatures with OpenPGP keys, as `gpg --detach-sign --armor` makes them.
//!
//! A signature is version 4 with SHA-512, or the hash of an ECDSA key's curve. Which keys are read
//! says `openpgp::key`: what their self-signatures claim is believed, for who could forge one here
//! could as well replace the whole key, and who checks a commit holds the public key and verifies
//! them there.

mod signature;

use keyfile::Pair;
use openpgp::{Algorithm, Fingerprint, armor, key::Unlocked};

/// An unlocked key that signs.
pub struct Key {
    pair: Pair,
    algorithm: Algorithm,
    fingerprint: Fingerprint,
}

/// Why a key does not sign.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no armored private key.
    #[error("it is not an armored OpenPGP private key")]
    NotAKey,
    /// The text is a public key.
    #[error("it is a public key; export the private key with `gpg --armor --export-secret-keys`")]
    Public,
    /// There are several keys.
    #[error("it holds {0} keys; exactly one is needed")]
    Several(usize),
    /// The key has another version.
    #[error("keys of version {0} are not supported; version 4 is")]
    Version(u8),
    /// The key is encrypted, and there is no passphrase.
    #[error("the key is encrypted, and there is no passphrase for it")]
    Locked,
    /// The passphrase does not open the key.
    #[error("the passphrase does not open the key")]
    Passphrase,
    /// The key is encrypted in a way that is not known.
    #[error("the key is encrypted with {0}, which is not supported; AES with a salted S2K is")]
    Protection(String),
    /// The key itself is elsewhere.
    #[error(
        "the part of the key that signs is not in it, as after `--export-secret-subkeys` or on a smart card"
    )]
    Absent,
    /// The key has an algorithm that is not known.
    #[error(
        "keys of the OpenPGP algorithm {0} cannot sign here; ed25519, ECDSA on a NIST curve and RSA can"
    )]
    Algorithm(Algorithm),
    /// No part of the key is meant for signing.
    #[error("no part of the key is meant for signing")]
    NotForSigning,
    /// The key is revoked.
    #[error("the key is revoked")]
    Revoked,
    /// The key has expired.
    #[error("the key has expired")]
    Expired,
    /// The numbers of the key do not make one.
    #[error("the key is damaged, or is an RSA key of less than 2048 bits")]
    Rejected,
    /// Signing failed.
    #[error("the signature could not be made")]
    Sign,
}

impl Key {
    /// Reads an armored private key, of which the part is taken that signs at `now`, in seconds
    /// since 1970. `passphrase` opens it if it is encrypted.
    pub fn unlock(armored: &str, passphrase: Option<&[u8]>, now: i64) -> Result<Self, Error> {
        let block = armor::decode(armored).ok_or(Error::NotAKey)?;
        match block.label.as_str() {
            "PGP PRIVATE KEY BLOCK" => {}
            "PGP PUBLIC KEY BLOCK" => return Err(Error::Public),
            _ => return Err(Error::NotAKey),
        }
        let keys = openpgp::Key::read(&block.bytes)?;
        let [key] = keys.as_slice() else { return Err(Error::Several(keys.len())) };
        if !key.is_secret() {
            return Err(Error::Public);
        }
        let part = key.signer(now)?;
        let unlocked = part.unlock(passphrase.filter(|it| !it.is_empty()))?;
        let Unlocked::Pair(pair) = unlocked else { return Err(Error::NotForSigning) };
        let public = part.public();
        Ok(Self { pair, algorithm: public.algorithm(), fingerprint: public.fingerprint() })
    }

    /// The signature of `message` made `at`, in seconds since 1970; armored.
    pub fn sign(&self, message: &[u8], at: i64) -> Result<String, Error> {
        let at = u32::try_from(at).map_err(|_| Error::Sign)?;
        let packet = signature::packet(self, message, at)?;
        Ok(armor::encode("PGP SIGNATURE", &packet))
    }
}

impl From<openpgp::Error> for Error {
    fn from(error: openpgp::Error) -> Self {
        use openpgp::Error as Read;
        match error {
            Read::Version(version) => Self::Version(version),
            Read::Locked => Self::Locked,
            Read::Passphrase => Self::Passphrase,
            Read::Protection(how) => Self::Protection(how),
            Read::Absent => Self::Absent,
            Read::Algorithm(algorithm) => Self::Algorithm(algorithm),
            Read::Revoked => Self::Revoked,
            Read::Expired => Self::Expired,
            Read::Purpose(_) => Self::NotForSigning,
            Read::Rejected => Self::Rejected,
            Read::NotAKey
            | Read::NotAMessage
            | Read::NoMatch(_)
            | Read::Unsupported(_)
            | Read::Altered
            | Read::Encrypt => Self::NotAKey,
        }
    }
}
