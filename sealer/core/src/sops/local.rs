//! The keys that the caller holds, as a key service: age identities and OpenPGP keys.

use std::fmt;

use jiff::Timestamp;
use openpgp::Part;
use zeroize::Zeroizing;

use super::{
    age::Identities,
    key::{KeyError, KeyService, MasterKey, Wrapped},
    pgp,
};
use crate::{
    age::{self, Recipient, plugin::Host},
    plaintext::Plaintext,
    random::System,
};

/// Gives the passphrase of a part of an OpenPGP key, or nothing.
type Passphrases = Box<dyn Fn(&Part) -> Option<Zeroizing<Vec<u8>>> + Send + Sync>;

/// Opens with age identities and OpenPGP keys, and wraps for age recipients of every kind and for
/// the OpenPGP keys it was given. Every other kind of master key is missing.
pub struct LocalKeys {
    identities: Identities,
    pgp: Vec<openpgp::Key>,
    now: Timestamp,
    passphrases: Option<Passphrases>,
    host: Option<Box<dyn Host + Send + Sync>>,
}

impl LocalKeys {
    /// These keys. At `now` OpenPGP keys have expired, for which nothing is wrapped any more.
    pub fn new(identities: Identities, pgp: Vec<openpgp::Key>, now: Timestamp) -> Self {
        Self { identities, pgp, now, passphrases: None, host: None }
    }

    /// Asks for the passphrases of locked OpenPGP keys, which open nothing otherwise.
    #[must_use]
    pub fn with_passphrases(
        mut self,
        ask: impl Fn(&Part) -> Option<Zeroizing<Vec<u8>>> + Send + Sync + 'static,
    ) -> Self {
        self.passphrases = Some(Box::new(ask));
        self
    }

    /// Starts the plugins that age keys need, which are of no use otherwise.
    #[must_use]
    pub fn with_plugins(mut self, host: impl Host + Send + Sync + 'static) -> Self {
        self.host = Some(Box::new(host));
        self
    }

    /// The age identities.
    pub fn identities(&self) -> &Identities {
        &self.identities
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.identities.is_empty() && self.pgp.is_empty()
    }

    /// The public halves: age recipients, and fingerprints of OpenPGP keys.
    pub fn names(&self) -> Vec<String> {
        let pgp = self.pgp.iter().map(|key| key.primary().public().fingerprint().to_string());
        self.identities.recipients().into_iter().chain(pgp).collect()
    }

    fn host(&self) -> Option<&dyn Host> {
        self.host.as_deref().map(|host| host as &dyn Host)
    }

    fn open_age(&self, enc: &str) -> Result<Plaintext, KeyError> {
        if self.identities.is_empty() {
            return Err(KeyError::Missing("failed to load age identities: there are none".into()));
        }
        let identities = self.identities.as_slice();
        age::decrypt(enc.as_bytes(), identities, self.host()).map_err(|error| {
            let why =
                format!("failed to create reader for decrypting sops data key with age: {error}");
            match error {
                age::Error::NoMatch | age::Error::Locked { .. } => KeyError::Missing(why),
                _ => KeyError::Failed(why),
            }
        })
    }

    fn open_pgp(&self, enc: &str) -> Result<Plaintext, KeyError> {
        let mut ask = |part: &Part| self.passphrases.as_ref().and_then(|ask| ask(part));
        pgp::unwrap(enc, &self.pgp, &mut ask).map_err(|error| {
            let why = format!("could not decrypt data key with PGP key: {error}");
            match error {
                openpgp::Error::NoMatch(_) | openpgp::Error::Locked | openpgp::Error::Absent => {
                    KeyError::Missing(why)
                }
                _ => KeyError::Failed(why),
            }
        })
    }

    fn wrap_age(&self, recipient: &str, part: &Plaintext) -> Result<String, KeyError> {
        let failed = |why: String| {
            KeyError::Failed(format!("failed to encrypt sops data key with age: {why}"))
        };
        let recipient = Recipient::parse(recipient).map_err(|error| failed(error.to_string()))?;
        age::encrypt_armored(part, &[recipient], self.host(), &mut System)
            .map_err(|error| failed(error.to_string()))
    }

    fn wrap_pgp(&self, fingerprint: &str, part: &Plaintext) -> Result<String, KeyError> {
        let Some(key) = pgp::find(&self.pgp, fingerprint) else {
            let why = format!(
                "could not encrypt data key with PGP key: key with fingerprint '{fingerprint}' is not available in keyring"
            );
            return Err(KeyError::Missing(why));
        };
        pgp::wrap(part, key, self.now.as_second()).map_err(|error| {
            KeyError::Failed(format!("could not encrypt data key with PGP key: {error}"))
        })
    }
}

impl KeyService for LocalKeys {
    fn decrypt(&self, wrapped: &Wrapped) -> Result<Plaintext, KeyError> {
        match &wrapped.key {
            MasterKey::Age { .. } => self.open_age(&wrapped.enc),
            MasterKey::Pgp { .. } => self.open_pgp(&wrapped.enc),
            other => Err(elsewhere(other)),
        }
    }

    fn encrypt(&self, key: &MasterKey, part: &Plaintext) -> Result<String, KeyError> {
        match key {
            MasterKey::Age { recipient } => self.wrap_age(recipient, part),
            MasterKey::Pgp { fingerprint } => self.wrap_pgp(fingerprint, part),
            other => Err(elsewhere(other)),
        }
    }
}

fn elsewhere(key: &MasterKey) -> KeyError {
    KeyError::Missing(format!("keys of the kind `{}` are not held here", key.kind().name()))
}

impl fmt::Debug for LocalKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalKeys").field(&self.names()).finish()
    }
}

#[cfg(test)]
mod tests;
