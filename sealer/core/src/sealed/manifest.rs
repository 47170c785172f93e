//! A Secret's manifest, turned into a `SealedSecret`'s and back.
//!
//! The template takes a copy of the Secret's metadata without what a server wrote into it;
//! `stringData` wins over `data`, as in Kubernetes; the values of `data` are sealed decoded.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rand_core::CryptoRng;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{
    certificate::Certificate,
    native::Recipients,
    scope::{CLUSTER_WIDE, Label, NAMESPACE_WIDE, Scope},
};
use crate::plaintext::Plaintext;

mod unseal;

pub use unseal::{Unsealable, unseal};

/// Metadata that only a server writes, or that must not reach the new Secret.
const DROPPED_METADATA: [&str; 9] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];
/// Annotations that repeat the manifest, plaintext included.
const DROPPED_ANNOTATIONS: [&str; 2] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubecfg.ksonnet.io/last-applied-configuration",
];

/// Why a manifest cannot be sealed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The object is not a Secret.
    #[error("expected a v1 Secret but found {found}")]
    NotSecret {
        /// Its `apiVersion` and `kind`.
        found: String,
    },
    /// The Secret has no name.
    #[error("missing metadata.name in input Secret")]
    NoName,
    /// The scope needs a namespace.
    #[error("the Secret has no namespace, so it cannot be sealed with scope `{scope}`")]
    NoNamespace {
        /// The scope asked for.
        scope: Scope,
    },
    /// There is nothing to seal.
    #[error("secret.data is empty in input Secret, assuming this is an error and aborting")]
    Empty,
    /// A field has another type than a Secret's.
    #[error("`{field}` is not {expected}")]
    Field {
        /// The field's path.
        field: String,
        /// What it should be.
        expected: &'static str,
    },
}

/// How a manifest is to be sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// A scope other than strict overrides the Secret's annotations, as with kubeseal.
    pub scope: Scope,
    /// Whether a Secret without data may be sealed.
    pub empty_allowed: bool,
}

/// Somebody for whom values are sealed.
pub trait Target {
    /// Seals the value with this label, which is that of its data key.
    fn seal(&self, label: &Label, value: &[u8], rng: &mut dyn CryptoRng) -> String;
}

impl Target for Certificate {
    fn seal(&self, label: &Label, value: &[u8], rng: &mut dyn CryptoRng) -> String {
        Self::seal(self, label, value, rng)
    }
}

impl Target for Recipients {
    fn seal(&self, label: &Label, value: &[u8], rng: &mut dyn CryptoRng) -> String {
        Self::seal(self, label, value, rng)
    }
}

/// Seals every value of a Secret.
pub fn seal(
    secret: &Value,
    options: Options,
    target: &dyn Target,
    rng: &mut dyn CryptoRng,
) -> Result<Value, Error> {
    check_kind(secret)?;
    let metadata = object(secret, "metadata")?.cloned().unwrap_or_default();
    let name = text(&metadata, "name").ok_or(Error::NoName)?;
    let scope = scope_of(&metadata, options);
    let namespace = text(&metadata, "namespace").unwrap_or_default();
    if namespace.is_empty() && scope != Scope::ClusterWide {
        return Err(Error::NoNamespace { scope });
    }

    let values = values(secret)?;
    if values.is_empty() && !options.empty_allowed {
        return Err(Error::Empty);
    }
    let label = scope.label(namespace, name);
    let encrypted: Map<String, Value> = values
        .iter()
        .map(|(key, value)| (key.clone(), target.seal(&label.of(key), value.expose(), rng).into()))
        .collect();

    let mut sealed = json!({
        "apiVersion": "bitnami.com/v1alpha1",
        "kind": "SealedSecret",
        "metadata": { "name": name },
        "spec": { "encryptedData": encrypted, "template": template(secret, &metadata, scope)? },
    });
    if !namespace.is_empty() {
        sealed["metadata"]["namespace"] = namespace.into();
    }
    if let Some(annotation) = scope.annotation() {
        sealed["metadata"]["annotations"] = json!({ annotation: "true" });
    }
    Ok(sealed)
}

fn check_kind(secret: &Value) -> Result<(), Error> {
    let field = |name| secret.get(name).and_then(Value::as_str).unwrap_or_default();
    if (field("apiVersion"), field("kind")) == ("v1", "Secret") {
        return Ok(());
    }
    let found = match (field("apiVersion"), field("kind")) {
        ("", "") => "an object without `apiVersion` and `kind`".to_owned(),
        (version, kind) => format!("`{version}` `{kind}`"),
    };
    Err(Error::NotSecret { found })
}

fn scope_of(metadata: &Map<String, Value>, options: Options) -> Scope {
    if options.scope != Scope::Strict {
        return options.scope;
    }
    let annotations = metadata.get("annotations").and_then(Value::as_object);
    let strings = annotations.into_iter().flatten();
    let strings =
        strings.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    Scope::of(&strings.collect())
}

/// The values to seal: `data` decoded, then `stringData` over it.
fn values(secret: &Value) -> Result<BTreeMap<String, Plaintext>, Error> {
    let mut values = BTreeMap::new();
    for (key, value) in object(secret, "data")?.into_iter().flatten() {
        let invalid = || Error::Field { field: format!("data.{key}"), expected: "base64 text" };
        let encoded = match value {
            Value::Null => "",
            other => other.as_str().ok_or_else(invalid)?,
        };
        // The decoder's own error would quote a byte of the value.
        // Line breaks are no part of it, as in Go.
        let joined = Zeroizing::new(encoded.replace(['\n', '\r'], ""));
        let decoded = BASE64_STANDARD.decode(joined.as_bytes()).map_err(|_| invalid())?;
        values.insert(key.clone(), Plaintext::new(decoded));
    }
    for (key, value) in object(secret, "stringData")?.into_iter().flatten() {
        let field = || Error::Field {
            field: format!("stringData.{key}"),
            expected: "text; put it in quotes",
        };
        let text = value.as_str().ok_or_else(field)?;
        values.insert(key.clone(), Plaintext::new(text.as_bytes().to_vec()));
    }
    Ok(values)
}

fn template(secret: &Value, metadata: &Map<String, Value>, scope: Scope) -> Result<Value, Error> {
    let mut metadata = metadata.clone();
    metadata.retain(|key, value| !DROPPED_METADATA.contains(&key.as_str()) && !value.is_null());
    let mut annotations = match metadata.remove("annotations") {
        None => Map::new(),
        Some(Value::Object(annotations)) => annotations,
        Some(_) => {
            let field = "metadata.annotations".to_owned();
            return Err(Error::Field { field, expected: "a map" });
        }
    };
    for dropped in DROPPED_ANNOTATIONS.iter().chain(&[NAMESPACE_WIDE, CLUSTER_WIDE]) {
        annotations.remove(*dropped);
    }
    if let Some(annotation) = scope.annotation() {
        annotations.insert(annotation.to_owned(), "true".into());
    }
    if !annotations.is_empty() {
        metadata.insert("annotations".to_owned(), annotations.into());
    }
    let mut template = json!({ "metadata": metadata });
    for copied in ["type", "immutable"] {
        if let Some(value) = secret.get(copied).filter(|value| !value.is_null()) {
            template[copied] = value.clone();
        }
    }
    Ok(template)
}

fn object<'v>(parent: &'v Value, field: &str) -> Result<Option<&'v Map<String, Value>>, Error> {
    match parent.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map)),
        Some(_) => Err(Error::Field { field: field.to_owned(), expected: "a map" }),
    }
}

fn text<'m>(metadata: &'m Map<String, Value>, field: &str) -> Option<&'m str> {
    metadata.get(field).and_then(Value::as_str).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
