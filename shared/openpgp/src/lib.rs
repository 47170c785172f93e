//! OpenPGP keys, and messages encrypted for them; as GnuPG writes and reads both.
//!
//! ```text
//! armor, keyring ──▶ Key (primary key, subkeys, what its self-signatures say) ──▶ a part that signs, or encrypts
//! message ──▶ PKESK: the session key, for one part ──▶ SEIPD: data with a proof that it is whole
//! ```
//!
//! Keys are version 4, which is every key of GnuPG before 2.4 and most after. What is not known is
//! refused by name. The signatures that bind subkeys and user ids are read for what they say (what
//! a part is for, until when) and **not verified**: who gives a key is believed, and could replace
//! the whole of it.

pub mod armor;
mod cipher;
mod claim;
mod curve;
pub mod key;
pub mod message;
mod packet;
mod protection;

pub use key::{Fingerprint, Key, Part};
pub use message::{decrypt, encrypt};

/// Why a key or a message cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are no OpenPGP key.
    #[error("it is not an OpenPGP key")]
    NotAKey,
    /// The bytes are no encrypted message.
    #[error("it is not an encrypted OpenPGP message")]
    NotAMessage,
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
        "the private part of the key is not in it, as after `--export-secret-subkeys` or on a smart card"
    )]
    Absent,
    /// The key has an algorithm that is not known, or that cannot do what is asked for.
    #[error("keys of the OpenPGP algorithm {0} cannot be used")]
    Algorithm(Algorithm),
    /// The key is revoked.
    #[error("the key is revoked")]
    Revoked,
    /// The key has expired.
    #[error("the key has expired")]
    Expired,
    /// No part of the key is meant for what is asked for.
    #[error("no part of the key is meant for {0}")]
    Purpose(&'static str),
    /// The numbers of the key do not make one.
    #[error("the key is damaged, or is an RSA key of less than 2048 bits")]
    Rejected,
    /// No private key is for the message.
    #[error("no private key opens the message; it is for {}", .0.join(", "))]
    NoMatch(Vec<String>),
    /// The message is encrypted in a way that is not known.
    #[error("the message uses {0}, which is not supported; encrypt it again with `gpg --rfc4880`")]
    Unsupported(String),
    /// The message was altered, or is for another key than it says.
    #[error("the message was altered or cut off, or its key is another")]
    Altered,
    /// Encryption failed.
    #[error("the message could not be encrypted")]
    Encrypt,
}

/// An algorithm of keys, by its number; shown with its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Algorithm(pub u8);

impl Algorithm {
    /// RSA for everything.
    pub const RSA: Self = Self(1);
    /// RSA that only encrypts.
    pub const RSA_ENCRYPT: Self = Self(2);
    /// RSA that only signs.
    pub const RSA_SIGN: Self = Self(3);
    /// ElGamal, which encrypts.
    pub const ELGAMAL: Self = Self(16);
    /// DSA, which signs.
    pub const DSA: Self = Self(17);
    /// Diffie and Hellman's agreement on an elliptic curve.
    pub const ECDH: Self = Self(18);
    /// ECDSA.
    pub const ECDSA: Self = Self(19);
    /// Ed25519 as GnuPG has it.
    pub const EDDSA: Self = Self(22);
    /// X25519 as RFC 9580 has it.
    pub const X25519: Self = Self(25);
    /// Ed25519 as RFC 9580 has it.
    pub const ED25519: Self = Self(27);
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match *self {
            Self::RSA | Self::RSA_ENCRYPT | Self::RSA_SIGN => "RSA",
            Self::ELGAMAL => "ElGamal",
            Self::DSA => "DSA",
            Self::ECDH => "ECDH",
            Self::ECDSA => "ECDSA",
            Self::EDDSA | Self::ED25519 => "Ed25519",
            Self::X25519 => "X25519",
            _ => return write!(f, "{}", self.0),
        };
        write!(f, "{} ({name})", self.0)
    }
}

impl std::fmt::Debug for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
