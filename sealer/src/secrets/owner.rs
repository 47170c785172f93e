//! Which of our objects a Secret belongs to.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::known::Known;

/// A kind of ours that writes or reads Secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `bitnami.com` SealedSecret.
    SealedSecret,
    /// `signet.dev` GitSecretSync.
    GitSecretSync,
    /// `kustomize.toolkit.fluxcd.io` Kustomization.
    Kustomization,
    /// `isindir.github.com` SopsSecret.
    SopsSecret,
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
    /// Labels that name an object whose Secret is in another namespace, where an owner reference
    /// cannot: its name and its namespace. They say whom to wake and prove nothing.
    fn labels(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::SealedSecret => {
                Some(("signet.dev/sealed-secret", "signet.dev/sealed-secret-namespace"))
            }
            Self::GitSecretSync => {
                Some(("signet.dev/git-secret-sync", "signet.dev/git-secret-sync-namespace"))
            }
            Self::Kustomization => {
                Some(("signet.dev/kustomization", "signet.dev/kustomization-namespace"))
            }
            Self::SopsSecret | Self::SecretStore | Self::ExternalSecret => None,
        }
    }

    fn of(reference: &OwnerReference) -> Option<Self> {
        let group = reference.api_version.split('/').next().unwrap_or_default();
        match (group, reference.kind.as_str()) {
            ("bitnami.com", "SealedSecret") => Some(Self::SealedSecret),
            ("signet.dev", "GitSecretSync") => Some(Self::GitSecretSync),
            ("kustomize.toolkit.fluxcd.io", "Kustomization") => Some(Self::Kustomization),
            ("isindir.github.com", "SopsSecret") => Some(Self::SopsSecret),
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
    let label = |key: &str| known.labels.get(key).cloned();
    [Kind::GitSecretSync, Kind::Kustomization, Kind::SealedSecret].into_iter().find_map(|kind| {
        let (name, namespace) = kind.labels()?;
        Some(Owner { kind, namespace: label(namespace)?, name: label(name)? })
    })
}

impl Owner {
    /// The labels of a Secret of its own in another namespace.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let keys = self.kind.labels().into_iter();
        let pairs = keys.flat_map(|(name, namespace)| {
            [(name, self.name.clone()), (namespace, self.namespace.clone())]
        });
        pairs.map(|(key, value)| (key.to_owned(), value)).collect()
    }
}
