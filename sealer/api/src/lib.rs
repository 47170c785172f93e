//! The custom resources that sealer serves, and nothing else: no client, no logic.
//!
//! Doc comments on fields become the descriptions that `kubectl explain` prints, so they are
//! written for that reader: in the present tense, with the default stated. Every type decodes
//! anything that its schema lets pass, because one object that does not decode would hide all
//! the others of its kind from a watch; what is wrong with a value is said by
//! `violations`, the Rust twin of the schema's rules, and ends in a condition.

#![expect(clippy::duplicated_attributes, unreachable_pub, reason = "kube-derive")]

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

pub mod external_secret;
pub mod git_secret_sync;
pub mod kustomization;
mod schema;
pub mod sealed_secret;
pub mod secret_store;
pub mod sops_secret;
pub mod violation;
pub mod written;

pub use self::external_secret::ExternalSecret;
pub use self::git_secret_sync::GitSecretSync;
pub use self::kustomization::Kustomization;
pub use self::sealed_secret::SealedSecret;
pub use self::secret_store::SecretStore;
pub use self::sops_secret::SopsSecret;
pub use self::violation::Violation;
pub use source_api::{GitRepository, duration};

/// Every field of every version, for daemons to compare with what a cluster has; made by `make
/// generate`.
pub const FIELDS: &str = include_str!("fields.txt");

/// The definitions of every kind that sealer serves, as they are installed.
///
/// External Secrets kinds are served as `v1` and `v1beta1` with one schema; `v1` is stored.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![
        SealedSecret::crd(),
        GitSecretSync::crd(),
        SopsSecret::crd(),
        also_served(SecretStore::crd(), "v1beta1"),
        also_served(ExternalSecret::crd(), "v1beta1"),
    ]
}

/// The definition of Flux's Kustomization, for clusters without Flux.
pub fn kustomization_crd() -> CustomResourceDefinition {
    Kustomization::crd()
}

/// Serves `crd`'s only version under a second name, too.
fn also_served(mut crd: CustomResourceDefinition, version: &str) -> CustomResourceDefinition {
    let mut second = crd.spec.versions[0].clone();
    version.clone_into(&mut second.name);
    second.storage = false;
    crd.spec.versions.push(second);
    crd
}

#[cfg(test)]
mod tests;
