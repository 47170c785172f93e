//! Who opens SOPS files: the keys of a Secret in Flux's form, and those that the daemon was given.
//!
//! | entry of the Secret | holds |
//! |---|---|
//! | `*.agekey` | age identities |
//! | `*.asc` | OpenPGP keys without a passphrase |
//! | `sops.vault-token` | a token for Vault's or OpenBao's transit engine |
//! | `sops.aws-kms` | `aws_access_key_id`, `aws_secret_access_key`, `aws_session_token` |
//! | `sops.azure-kv` | `tenantId`, `clientId` and a secret or certificate |
//! | `sops.gcp-kms` | the key of a service account |
//!
//! Entries of other names are not looked at. Asking a service blocks, so files are opened on threads
//! for blocking work.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use kms::{Clouds, Credentials, flux};
use reconcile::clock::Clock;
use reconcile::request;
use sealer_core::plaintext::Plaintext;
use sealer_core::sops::age::{self, Identities};
use sealer_core::sops::key::{KeyError, KeyService, Kind, MasterKey, Wrapped};
use sealer_core::sops::local::LocalKeys;
use tokio::runtime::Handle;

use crate::secrets::{Contents, Secrets};

mod file;

pub use self::file::{Document, Failure, MacCheck, decrypt, documents, is_encrypted};

/// What an entry with age identities ends in.
const AGE: &str = ".agekey";
/// What an entry with OpenPGP keys ends in.
const PGP: &str = ".asc";
/// What begins the name of an entry for a service.
const SERVICE: &str = "sops.";

/// Keys that open SOPS files.
pub struct Keys {
    local: LocalKeys,
    services: Option<Clouds>,
    /// What tells these keys from others.
    names: Vec<String>,
}

/// Why an entry of a key Secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It holds no age identities.
    #[error("`{entry}` of Secret `{secret}` cannot be used")]
    Identities {
        /// The name of the Secret.
        secret: String,
        /// The key of the entry.
        entry: String,
        /// Why.
        source: age::Error,
    },
    /// It holds no OpenPGP key.
    #[error("`{entry}` of Secret `{secret}` cannot be used")]
    Pgp {
        /// The name of the Secret.
        secret: String,
        /// The key of the entry.
        entry: String,
        /// Why.
        source: openpgp::Error,
    },
    /// It holds an OpenPGP key that only a passphrase opens.
    #[error("`{entry}` of Secret `{secret}` has a passphrase; export the key without one")]
    Locked {
        /// The name of the Secret.
        secret: String,
        /// The key of the entry.
        entry: String,
    },
    /// It holds no credentials.
    #[error("Secret `{secret}` cannot be used")]
    Credentials {
        /// The name of the Secret.
        secret: String,
        /// Which entry, and why.
        source: flux::Error,
    },
    /// The daemon's own environment cannot be used.
    #[error("the daemon's own environment cannot be used to reach services")]
    Ambient(#[source] kms::Error),
}

/// The keys that the daemon itself was given, for objects that name none. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Own {
    file: Option<Arc<Path>>,
    secret: Option<(String, String)>,
    ambient: bool,
}

/// Why the daemon's own keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key file cannot be read.
    #[error("could not read the age identities of `{file}` (`--age-key-file`)")]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key file holds no identities.
    #[error("could not use the age identities of `{file}` (`--age-key-file`)")]
    Identities {
        /// The file.
        file: PathBuf,
        /// Why.
        source: age::Error,
    },
    /// The Secret cannot be read.
    #[error("could not read Secret `{name}` (`--sops-secret`)")]
    Read {
        /// Its name.
        name: String,
        /// Why.
        source: request::Error,
    },
    /// There is no such Secret.
    #[error("Secret `{name}` (`--sops-secret`) does not exist")]
    Missing {
        /// Its name.
        name: String,
    },
    /// An entry of it is no key.
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

impl Default for Keys {
    fn default() -> Self {
        Self::of_identities(Identities::default())
    }
}

impl Keys {
    /// Nothing but these age identities.
    pub fn of_identities(identities: Identities) -> Self {
        Self::of_local(identities, Vec::new())
    }

    fn of_local(identities: Identities, pgp: Vec<openpgp::Key>) -> Self {
        // Nothing is encrypted here, so it does not matter which keys have expired.
        let local = LocalKeys::new(identities, pgp, Timestamp::UNIX_EPOCH);
        let names = local.names();
        Self { local, services: None, names }
    }

    /// The keys of the Secret `name`. Where it says nothing of a service, `own` does.
    pub fn of(name: &str, contents: &Contents, own: &Own) -> Result<Self, Unusable> {
        Self::with(Identities::default(), name, contents, own)
    }

    /// `identities`, and the keys of the Secret `name`.
    fn with(
        mut identities: Identities,
        name: &str,
        contents: &Contents,
        own: &Own,
    ) -> Result<Self, Unusable> {
        let mut pgp = Vec::new();
        for (entry, text) in &contents.data {
            if entry.ends_with(AGE) {
                identities.extend(age_identities(name, entry, text)?);
            } else if entry.ends_with(PGP) {
                pgp.extend(pgp_keys(name, entry, text)?);
            }
        }
        let mut keys = Self::of_local(identities, pgp);
        if contents.data.keys().any(|entry| entry.starts_with(SERVICE)) {
            let mut credentials = own.credentials()?;
            let entries = contents.data.iter().map(|(key, value)| (key.as_str(), value.expose()));
            flux::read_secret(&mut credentials, entries)
                .map_err(|source| Unusable::Credentials { secret: name.to_owned(), source })?;
            keys.services = Some(services(credentials));
            // Credentials have no public half; another version of the Secret may have others.
            keys.names.push(format!("{name}@{}", contents.known.resource_version));
        } else {
            keys.services = own.services()?;
        }
        Ok(keys)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.local.is_empty() && self.services.is_none()
    }

    /// What tells these keys from others, sorted: what failed with these may open with those.
    pub fn names(&self) -> Vec<String> {
        let mut names = self.names.clone();
        names.sort_unstable();
        names
    }
}

impl KeyService for Keys {
    fn decrypt(&self, wrapped: &Wrapped) -> Result<Plaintext, KeyError> {
        match (wrapped.key.kind(), &self.services) {
            (Kind::Age | Kind::Pgp, _) => self.local.decrypt(wrapped),
            (_, Some(services)) => services.decrypt(wrapped),
            (_, None) => Err(KeyError::Missing(
                "there are no credentials for the service; put them into the key Secret".to_owned(),
            )),
        }
    }

    fn encrypt(&self, _: &MasterKey, _: &Plaintext) -> Result<String, KeyError> {
        Err(KeyError::Failed("the daemon encrypts nothing".to_owned()))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.names).finish()
    }
}

impl Own {
    /// The identities of `file`, and the keys of `secret`, a namespace and a name; `ambient` says
    /// whether services are asked as whoever the daemon is to them.
    pub fn new(file: Option<&Path>, secret: Option<(String, String)>, ambient: bool) -> Self {
        Self { file: file.map(Into::into), secret, ambient }
    }

    /// The keys as they are now.
    pub async fn keys(&self, secrets: &Secrets) -> Result<Keys, Error> {
        let identities = self.identities()?;
        let Some((namespace, name)) = &self.secret else {
            let services = self.services()?;
            return Ok(Keys { services, ..Keys::of_identities(identities) });
        };
        let read = secrets.read(namespace, name).await;
        let read = read.map_err(|source| Error::Read { name: name.clone(), source })?;
        let contents = read.ok_or_else(|| Error::Missing { name: name.clone() })?;
        Ok(Keys::with(identities, name, &contents, self)?)
    }

    /// The identities of the key file; without one there are none.
    pub fn identities(&self) -> Result<Identities, Error> {
        let Some(file) = &self.file else { return Ok(Identities::default()) };
        let named = || file.to_path_buf();
        let text = std::fs::read(file).map_err(|source| Error::File { file: named(), source })?;
        Identities::parse(&Plaintext::new(text))
            .map_err(|source| Error::Identities { file: named(), source })
    }

    /// The services as whom the daemon is to them, if objects may use that.
    fn services(&self) -> Result<Option<Clouds>, Unusable> {
        self.ambient.then(|| self.credentials().map(services)).transpose()
    }

    /// Who the daemon is to services; nobody, unless objects may use that.
    #[expect(clippy::disallowed_methods, reason = "the variables of clouds are too many for flags")]
    fn credentials(&self) -> Result<Credentials, Unusable> {
        let all = Credentials::from_environment(|name| std::env::var(name).ok(), "sealer");
        let all = all.map_err(Unusable::Ambient)?;
        // Without leave not even the machine is asked who it is.
        Ok(if self.ambient { all } else { all.of_nobody() })
    }
}

fn services(credentials: Credentials) -> Clouds {
    let clock = Clock::system();
    Clouds::within(Handle::current(), credentials, move || clock.now())
}

fn age_identities(secret: &str, entry: &str, text: &Plaintext) -> Result<Identities, Unusable> {
    Identities::parse(text).map_err(|source| Unusable::Identities {
        secret: secret.to_owned(),
        entry: entry.to_owned(),
        source,
    })
}

fn pgp_keys(secret: &str, entry: &str, text: &Plaintext) -> Result<Vec<openpgp::Key>, Unusable> {
    let (secret, entry) = (secret.to_owned(), entry.to_owned());
    let armored = String::from_utf8_lossy(text.expose());
    let keys = openpgp::Key::read_armored(&armored);
    let keys = match keys {
        Ok(keys) => keys,
        Err(source) => return Err(Unusable::Pgp { secret, entry, source }),
    };
    if keys.iter().flat_map(openpgp::Key::parts).any(openpgp::Part::is_locked) {
        return Err(Unusable::Locked { secret, entry });
    }
    Ok(keys)
}
