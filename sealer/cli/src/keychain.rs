//! The keys of the person at the keyboard, wherever sops looks for them.
//!
//! | kind | where its private half is |
//! |---|---|
//! | age | variables, files, commands and plugins: `age` |
//! | PGP | in keyrings: `keyring`; or with GnuPG, in its own process: `gpg` |
//! | AWS, Google, Azure, Vault | there; the environment says who we are to them: `kms` |

use std::sync::OnceLock;

use jiff::Timestamp;
use kms::{Clouds, Credentials};
use sealer_core::{
    plaintext::Plaintext,
    sops::key::{KeyError, KeyService, MasterKey, Wrapped},
};

use crate::persona::Environment;

mod age;
mod gpg;
mod host;
mod keyring;

pub(crate) use age::Places;
pub(crate) use host::Terminal;

/// All keys that can be had here.
pub(crate) struct Keychain {
    age: age::Chain,
    keyring: keyring::Keyring,
    gpg: gpg::Gpg,
    environment: Environment,
    clouds: OnceLock<Result<Clouds, String>>,
}

impl Keychain {
    /// The keys that an environment leads to. Nothing is read or asked before it is needed.
    pub(crate) fn new(places: Places, environment: &Environment) -> Self {
        Self {
            age: age::Chain::new(places),
            keyring: keyring::Keyring::new(environment),
            gpg: gpg::Gpg::new(environment),
            environment: environment.clone(),
            clouds: OnceLock::new(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "requests are signed at the time of asking")]
    fn clouds(&self) -> Result<&Clouds, KeyError> {
        let made = self.clouds.get_or_init(|| {
            let variable = |name: &str| {
                self.environment.get(name).map(|value| value.to_string_lossy().into_owned())
            };
            let host = variable("HOSTNAME").unwrap_or_else(|| "sealctl".to_owned());
            let credentials = Credentials::from_environment(variable, &host);
            Ok(Clouds::new(credentials.map_err(|error| error.to_string())?, Timestamp::now))
        });
        made.as_ref().map_err(|reason| KeyError::Failed(reason.clone()))
    }

    /// A key as a file must name it: one of Azure without a version is the newest one.
    pub(crate) fn complete(&self, key: MasterKey) -> Result<MasterKey, KeyError> {
        match key {
            MasterKey::AzureKeyVault { ref version, .. } if version.is_empty() => {
                self.clouds()?.complete(key)
            }
            key => Ok(key),
        }
    }
}

impl KeyService for Keychain {
    fn decrypt(&self, wrapped: &Wrapped) -> Result<Plaintext, KeyError> {
        match &wrapped.key {
            MasterKey::Age { recipient } => self.age.open(recipient, &wrapped.enc),
            MasterKey::Pgp { .. } => {
                either(self.keyring.open(wrapped), || self.gpg.open(&wrapped.enc))
            }
            _ => self.clouds()?.decrypt(wrapped),
        }
    }

    fn encrypt(&self, key: &MasterKey, part: &Plaintext) -> Result<String, KeyError> {
        match key {
            MasterKey::Age { recipient } => age::wrap(recipient, part),
            MasterKey::Pgp { fingerprint } => {
                either(self.keyring.wrap(key, part), || self.gpg.wrap(fingerprint, part))
            }
            _ => self.clouds()?.encrypt(key, part),
        }
    }
}

/// What the keyrings did, or else GnuPG: if neither can, both say why.
fn either<T>(
    keyrings: Option<Result<T, KeyError>>,
    gpg: impl FnOnce() -> Result<T, KeyError>,
) -> Result<T, KeyError> {
    let Some(tried) = keyrings else { return gpg() };
    tried.or_else(|ours| gpg().map_err(|theirs| KeyError::Failed(format!("{ours}; {theirs}"))))
}
