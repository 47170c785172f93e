//! Sealing keys from files, for the day on which there is no cluster.
//!
//! A file is the PEM of a private key, or the manifests of key Secrets as `kubectl get -o yaml`
//! prints them: one, a list, or a stream. It may be encrypted with age.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use sealer_core::{
    age,
    plaintext::{Plaintext, wipe},
    sealed::{
        key::{self, SealingKey},
        keyring::{Keyring, Order},
        native::{KeyError, PrivateKey},
    },
};
use serde_json::Value;
use yaml::Schema;
use zeroize::Zeroizing;

use crate::{file, manifests, terminal::Streams};

/// Which files hold keys.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Sources {
    /// A file of sealing keys: PEM, key Secrets, or a backup of `sealctl keys`. May be repeated.
    #[arg(short, long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,

    /// The age identities that open an encrypted backup.
    #[arg(long, value_name = "FILE", requires = "keys")]
    identity: Option<PathBuf>,
}

/// Why a file gives no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] file::Error),
    #[error("could not use the key in `{}`", .path.display())]
    Key { path: PathBuf, source: key::Error },
    #[error("could not use the native key in `{}`", .path.display())]
    Native { path: PathBuf, source: KeyError },
    #[error("`{}` holds neither a PEM private key nor manifests of key Secrets", .path.display())]
    Content { path: PathBuf, source: yaml::Error },
    #[error("`{}` is not UTF-8", .path.display())]
    Encoding { path: PathBuf },
    #[error("`{}` holds no Secret with `tls.key` or `seed`", .path.display())]
    NoKey { path: PathBuf },
    #[error("could not open the backup `{}`", .path.display())]
    Backup { path: PathBuf, source: age::Error },
    #[error("could not use the age identities in `{}`", .path.display())]
    Identity { path: PathBuf, source: age::Malformed },
}

impl Error {
    pub(crate) fn hint(&self) -> Option<String> {
        let Self::Backup { source: age::Error::NoMatch, .. } = self else { return None };
        Some("name the file of your age identity with `--identity`".to_owned())
    }
}

impl Sources {
    /// Whether any file is named.
    pub(crate) fn are_given(&self) -> bool {
        !self.keys.is_empty()
    }

    /// All keys of all files.
    pub(crate) fn keyring(&self, streams: &mut Streams<'_>) -> Result<Keyring, Error> {
        keyring(self.keys.iter().map(PathBuf::as_path), self.identity.as_deref(), streams)
    }

    /// What a file holds, decrypted if it is a backup.
    pub(crate) fn text(
        path: &Path,
        identity: Option<&Path>,
        streams: &mut Streams<'_>,
    ) -> Result<Zeroizing<String>, Error> {
        let bytes = file::read_bytes(Some(path), streams)?;
        let plain = if age::is_file(&bytes) {
            let identities = identity.map(|path| identities(path, streams)).transpose()?;
            let opened = age::decrypt(&bytes, &identities.unwrap_or_default(), None);
            opened.map_err(|source| Error::Backup { path: path.to_owned(), source })?
        } else {
            Plaintext::from(bytes)
        };
        let text = std::str::from_utf8(plain.expose());
        let text = text.map_err(|_| Error::Encoding { path: path.to_owned() })?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

fn identities(path: &Path, streams: &mut Streams<'_>) -> Result<Vec<age::Identity>, Error> {
    let text = Plaintext::from(file::read_bytes(Some(path), streams)?);
    age::parse_identities(&text).map_err(|source| Error::Identity { path: path.to_owned(), source })
}

/// All keys of all files.
pub(crate) fn keyring<'p>(
    paths: impl IntoIterator<Item = &'p Path>,
    identity: Option<&Path>,
    streams: &mut Streams<'_>,
) -> Result<Keyring, Error> {
    let mut all = Keys::default();
    for path in paths {
        let text = Sources::text(path, identity, streams)?;
        all.read(path, &text)?;
    }
    Ok(Keyring::new(all.rsa, Order::CertNotBefore).with_native(all.native))
}

#[derive(Default)]
struct Keys {
    rsa: Vec<Arc<SealingKey>>,
    native: Vec<Arc<PrivateKey>>,
}

impl Keys {
    fn read(&mut self, path: &Path, text: &str) -> Result<(), Error> {
        let failed = |source| Error::Key { path: path.to_owned(), source };
        let private = Plaintext::new(text.as_bytes().to_vec());
        match SealingKey::recover(&private, Timestamp::UNIX_EPOCH, &mut rand::rng()) {
            Ok(key) => {
                self.rsa.push(Arc::new(key));
                return Ok(());
            }
            // Manifests hold PEM only below base64, so any PEM here is meant as the key.
            Err(key::Error::NoPrivateKey) => {}
            Err(error) => return Err(failed(error)),
        }
        let content = |source| Error::Content { path: path.to_owned(), source };
        let mut objects = manifests::parse(text, Schema::Kubernetes).map_err(content)?;
        let before = self.rsa.len() + self.native.len();
        let read: Result<(), Error> = objects.iter().try_for_each(|secret| {
            if let Some(key) = rsa(secret) {
                self.rsa.push(Arc::new(key.map_err(failed)?));
            } else if let (Some(seed), Some(public)) =
                (value(secret, "seed"), value(secret, "public"))
            {
                let key = PrivateKey::parse(&seed, public.expose());
                let failed = |source| Error::Native { path: path.to_owned(), source };
                self.native.push(Arc::new(key.map_err(failed)?));
            }
            Ok(())
        });
        objects.iter_mut().for_each(wipe);
        read?;
        if self.rsa.len() + self.native.len() == before {
            return Err(Error::NoKey { path: path.to_owned() });
        }
        Ok(())
    }
}

/// The RSA key in a Secret that has one.
fn rsa(secret: &Value) -> Option<Result<SealingKey, key::Error>> {
    let created = secret["metadata"]["creationTimestamp"].as_str();
    let created = created.and_then(|time| time.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH);
    let private = value(secret, "tls.key")?;
    Some(match value(secret, "tls.crt") {
        Some(certificate) => SealingKey::parse(&private, certificate.expose(), created),
        None => SealingKey::recover(&private, created, &mut rand::rng()),
    })
}

/// A value of a Secret, decoded.
pub(crate) fn value(secret: &Value, key: &str) -> Option<Plaintext> {
    match (&secret["stringData"][key], &secret["data"][key]) {
        (Value::String(text), _) => Some(text.clone().into()),
        (_, Value::String(encoded)) => BASE64_STANDARD.decode(encoded).ok().map(Plaintext::new),
        _ => None,
    }
}
