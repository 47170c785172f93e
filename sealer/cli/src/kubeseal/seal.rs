//! Secrets and bare values, sealed.

use sealer_core::{
    plaintext::wipe,
    sealed::{
        certificate::Certificate,
        manifest::{self, Options},
        scope::{CLUSTER_WIDE, Scope},
    },
};
use serde_json::{Value, json};
use yaml::Schema;
use zeroize::Zeroizing;

use super::{Error, Flags, Format, input, product, shape, target::Target};
use crate::{file, manifests, terminal::Streams};

/// Seals the Secrets of the input.
pub(super) fn secrets(
    flags: &Flags,
    certificate: &Certificate,
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    let mut secrets = read(flags, streams)?;
    let sealed: Result<Vec<Value>, Error> = secrets
        .iter_mut()
        .map(|secret| {
            if let Some(name) = flags.filled("name") {
                secret["metadata"]["name"] = name.into();
            }
            one(secret, flags, scope(flags), certificate)
        })
        .collect();
    secrets.iter_mut().for_each(wipe);
    let format = Format::of(flags)?;
    let text: String = sealed?
        .iter_mut()
        .map(|object| format.print(object, &shape::SEALED_SECRET).to_string())
        .collect();
    product(&text, flags, streams)
}

/// The Secrets of the input, as Go's type reads them.
pub(super) fn read(flags: &Flags, streams: &mut Streams<'_>) -> Result<Vec<Value>, Error> {
    let text = input(flags, streams)?;
    let lenient = manifests::concatenated(&text).is_none();
    let objects = manifests::parse(&text, Schema::Kubernetes).map_err(Error::Yaml)?;
    if objects.is_empty() || objects.iter().all(|object| !object.is_object()) {
        return Err(Error::NoSecrets);
    }
    let read = |object| {
        let mut secret = shape::read(object, &shape::SECRET, lenient)?;
        // kubeseal does not ask what it is, so whoever leaves it out means a Secret.
        for (field, value) in [("apiVersion", "v1"), ("kind", "Secret")] {
            if secret[field].is_null() {
                secret[field] = value.into();
            }
        }
        if secret["metadata"].is_null() {
            secret["metadata"] = json!({});
        }
        Ok(secret)
    };
    objects.into_iter().map(read).collect()
}

/// Seals one Secret where flags, itself and the context say.
pub(super) fn one(
    secret: &mut Value,
    flags: &Flags,
    scope: Scope,
    certificate: &Certificate,
) -> Result<Value, Error> {
    let wide = |secret: &Value| {
        let annotated = secret["metadata"]["annotations"][CLUSTER_WIDE] == "true";
        scope == Scope::ClusterWide || scope == Scope::Strict && annotated
    };
    if !wide(secret) {
        place(secret, flags)?;
    }
    let options = Options { scope, empty_allowed: flags.on("allow-empty-data") };
    Ok(manifest::seal(secret, options, certificate, &mut rand::rng())?)
}

/// Puts the namespace into a Secret that has none, and refuses another than its own.
fn place(secret: &mut Value, flags: &Flags) -> Result<(), Error> {
    let found = secret["metadata"]["namespace"].as_str().filter(|found| !found.is_empty());
    if found.is_some() && flags.filled("namespace").is_none() {
        return Ok(());
    }
    // Without a kubeconfig there is no namespace, and sealing says so.
    let Ok((asked, explicit)) = Target::of(flags)?.namespace() else { return Ok(()) };
    match found {
        Some(found) if explicit && *found != asked => {
            Err(Error::NamespaceMismatch { found: found.to_owned(), asked })
        }
        Some(_) => Ok(()),
        None => {
            secret["metadata"]["namespace"] = asked.into();
            Ok(())
        }
    }
}

/// The scope of `--scope`.
pub(super) fn scope(flags: &Flags) -> Scope {
    flags.text("scope").parse().unwrap_or_default()
}

/// Seals bytes as they are, a last line break included.
pub(super) fn raw(
    flags: &Flags,
    certificate: &Certificate,
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    let scope = scope(flags);
    let (name, mut namespace) = (flags.text("name"), String::new());
    if scope != Scope::ClusterWide {
        (namespace, _) = Target::of(flags)?.namespace()?;
        let missing = |flag| Err(Error::Raw { flag, scope: scope.to_string() });
        if namespace.is_empty() {
            return missing("namespace");
        }
        if name.is_empty() && scope == Scope::Strict {
            return missing("name");
        }
    }
    let path = match flags.list("from-file") {
        [] => {
            if streams.interactive {
                let hint = "(tty detected: expecting a secret to encrypt in stdin)";
                let _ = writeln!(streams.messages, "{hint}");
            }
            None
        }
        [given] => Some(given.split_once('=').map_or(given.as_str(), |(_, path)| path)),
        _ => return Err(Error::ManyFiles),
    };
    let value = match path {
        Some(path) => Zeroizing::new(
            std::fs::read(path).map_err(|why| Error::Open { path: path.to_owned(), why })?,
        ),
        None => file::read_bytes(None, streams)?,
    };
    let sealed = certificate.seal(&scope.label(&namespace, name), &value, &mut rand::rng());
    product(&sealed, flags, streams)
}
