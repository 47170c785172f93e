//! Sealing keys from files, for the day on which there is no cluster.
//!
//! A file is the PEM of a private key, or the manifests of key Secrets as `kubectl get -o yaml`
//! prints them: one, a list, or a stream.

use std::path::{Path, PathBuf};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use sealer_core::{
    plaintext::{Plaintext, wipe},
    sealed::{
        key::{self, SealingKey},
        keyring::{Keyring, Order},
    },
};
use serde_json::Value;
use yaml::Schema;

use crate::{file, manifests, terminal::Streams};

/// Why a file gives no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] file::Error),
    #[error("could not use the key in `{}`", .path.display())]
    Key { path: PathBuf, source: key::Error },
    #[error("`{}` holds neither a PEM private key nor manifests of key Secrets", .path.display())]
    Content { path: PathBuf, source: yaml::Error },
    #[error("`{}` holds no Secret with `tls.key`", .path.display())]
    NoKey { path: PathBuf },
}

/// All keys of all files.
pub(crate) fn keyring<'p>(
    paths: impl IntoIterator<Item = &'p Path>,
    streams: &mut Streams<'_>,
) -> Result<Keyring, Error> {
    let mut keys = Vec::new();
    for path in paths {
        keys.extend(read(path, streams)?);
    }
    Ok(Keyring::new(keys.into_iter().map(Into::into), Order::CertNotBefore))
}

fn read(path: &Path, streams: &mut Streams<'_>) -> Result<Vec<SealingKey>, Error> {
    let failed = |source| Error::Key { path: path.to_owned(), source };
    let text = file::read(Some(path), streams)?;
    let private = Plaintext::new(text.as_bytes().to_vec());
    match SealingKey::recover(&private, Timestamp::UNIX_EPOCH, &mut rand::rng()) {
        Ok(key) => return Ok(vec![key]),
        // Manifests hold PEM only below base64, so any PEM here is meant as the key.
        Err(key::Error::NoPrivateKey) => {}
        Err(error) => return Err(failed(error)),
    }
    let content = |source| Error::Content { path: path.to_owned(), source };
    let mut objects = manifests::parse(&text, Schema::Kubernetes).map_err(content)?;
    let keys = objects.iter().filter_map(of_secret).collect::<Result<Vec<_>, _>>();
    objects.iter_mut().for_each(wipe);
    let keys = keys.map_err(failed)?;
    if keys.is_empty() { Err(Error::NoKey { path: path.to_owned() }) } else { Ok(keys) }
}

/// The key in a Secret that has one.
fn of_secret(secret: &Value) -> Option<Result<SealingKey, key::Error>> {
    let created = secret["metadata"]["creationTimestamp"].as_str();
    let created = created.and_then(|time| time.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH);
    let private = value(secret, "tls.key")?;
    Some(match value(secret, "tls.crt") {
        Some(certificate) => SealingKey::parse(&private, certificate.expose(), created),
        None => SealingKey::recover(&private, created, &mut rand::rng()),
    })
}

fn value(secret: &Value, key: &str) -> Option<Plaintext> {
    match (&secret["stringData"][key], &secret["data"][key]) {
        (Value::String(text), _) => Some(text.clone().into()),
        (_, Value::String(encoded)) => BASE64_STANDARD.decode(encoded).ok().map(Plaintext::new),
        _ => None,
    }
}
