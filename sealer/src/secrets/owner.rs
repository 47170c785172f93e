//! Which of our objects a Secret belongs to.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::known::Known;

/// Names the GitSecretSync that a Secret of another namespace comes from, where an owner reference
/// cannot. It says whom to wake and proves nothing.
pub const SYNC_NAME: &str = "signet.dev/git-secret-sync";
/// See [`SYNC_NAME`].
pub const SYNC_NAMESPACE: &str = "signet.dev/git-secret-sync-namespace";

/// A kind of ours that writes or reads Secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `bitnami.com` SealedSecret.
    SealedSecret,
    /// `signet.dev` GitSecretSync.
    GitSecretSync,
    /// `external-secrets.io` SecretStore, which only reads.
    SecretStore,
    /// `external-secrets.io` ExternalSecret.
    ExternalSecret,
}

/// An object of ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] =
        [Self::SealedSecret, Self::GitSecretSync, Self::SecretStore, Self::ExternalSecret];

    fn of(reference: &OwnerReference) -> Option<Self> {
        let group = reference.api_version.split('/').next().unwrap_or_default();
        match (group, reference.kind.as_str()) {
            ("bitnami.com", "SealedSecret") => Some(Self::SealedSecret),
            ("signet.dev", "GitSecretSync") => Some(Self::GitSecretSync),
            ("external-secrets.io", "ExternalSecret") => Some(Self::ExternalSecret),
            _ => None,
        }
    }
}

/// The object of ours that should hear about the Secret `known` in `namespace`.
pub fn of(namespace: &str, known: &Known) -> Option<Owner> {
    if let Some(reference) = known.controller() {
        let kind = Kind::of(reference)?;
        let (namespace, name) = (namespace.to_owned(), reference.name.clone());
        return Some(Owner { kind, namespace, name });
    }
    let label = |key| known.labels.get(key).cloned();
    let (namespace, name) = (label(SYNC_NAMESPACE)?, label(SYNC_NAME)?);
    Some(Owner { kind: Kind::GitSecretSync, namespace, name })
}

/// The labels of a Secret that the GitSecretSync `namespace/name` writes into another namespace.
pub fn labels(namespace: &str, name: &str) -> BTreeMap<String, String> {
    [(SYNC_NAMESPACE, namespace), (SYNC_NAME, name)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}
