//! The private key with which we log in.

use std::{fmt, sync::Arc};

use keyfile::{
    Pair,
    ssh::{self, RsaHash},
};
use russh::keys::{HashAlg, PublicKey};

use crate::{Error, Secret};

/// A private key. It signs through aws-lc-rs, rsa above all: the `rsa` crate's timing depends on the
/// key.
pub(crate) struct Key {
    public: PublicKey,
    private: Arc<ssh::Key>,
}

impl Key {
    /// Who is let in by the public half has the private one: the halves of what is read belong
    /// together, for connections wait for their next use by its holder.
    pub(super) fn read(identity: &Secret, passphrase: Option<&Secret>) -> Result<Self, Error> {
        let text = std::str::from_utf8(identity.expose())
            .map_err(|source| unusable("it is not text; give it in PEM", source))?;
        let private = ssh::Key::unlock(text, passphrase.map(Secret::expose)).map_err(refused)?;
        let public = PublicKey::from_bytes(private.public())
            .map_err(|source| unusable("its public half cannot be written", source))?;
        Ok(Self { public, private: Arc::new(private) })
    }

    /// The public half, as it goes over the wire.
    pub(crate) fn blob(&self) -> &[u8] {
        self.private.public()
    }

    pub(super) fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn is_rsa(&self) -> bool {
        matches!(self.private.pair(), Pair::Rsa(_))
    }

    pub(super) fn private(&self) -> Arc<ssh::Key> {
        Arc::clone(&self.private)
    }
}

impl fmt::Display for Key {
    /// What a server's administrator looks for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = self.public.algorithm();
        write!(f, "{} ({})", self.public.fingerprint(HashAlg::Sha256), algorithm.as_str())
    }
}

/// What an rsa key signs after a server named its best hash.
pub(super) fn rsa_hash(hash: Option<HashAlg>) -> RsaHash {
    match hash {
        Some(HashAlg::Sha512) => RsaHash::Sha512,
        _ => RsaHash::Sha256,
    }
}

fn refused(error: ssh::Error) -> Error {
    let why = match &error {
        ssh::Error::NotAKey => {
            let why = "it is no private key; give one in OpenSSH, PKCS#8 or PEM form";
            return Error::Key { why, source: None };
        }
        ssh::Error::Locked => return Error::Key { why: NO_PASSPHRASE, source: None },
        ssh::Error::Password => WRONG_PASSPHRASE,
        ssh::Error::Algorithm(_) => "its type is not supported; use ed25519, ecdsa or rsa",
        ssh::Error::Encryption(_) => {
            "it is encrypted in a way that is not supported; convert it with `ssh-keygen -p`"
        }
        ssh::Error::Rejected | ssh::Error::Sign => "it cannot be read",
    };
    unusable(why, error)
}

fn unusable(why: &'static str, source: impl Into<crate::error::Source>) -> Error {
    Error::Key { why, source: Some(source.into()) }
}

const NO_PASSPHRASE: &str = "it is encrypted; put its passphrase into `password`";
const WRONG_PASSPHRASE: &str = "the passphrase in `password` does not open it";
