//! The custom resources that imagebot serves, and nothing else: no client, no decision.
//!
//! One Rust type a kind serves every version of it: its fields are the union of what v1, v1beta2
//! and v1beta1 had, so nothing is ever converted, and status carries old and new names side by
//! side. Doc comments on fields are what `kubectl explain` prints.

#![expect(clippy::duplicated_attributes, reason = "kube-derive")]
#![expect(clippy::doc_markdown, reason = "descriptions are read as plain text")]

pub mod image_policy;
pub mod image_repository;
pub mod image_update_automation;
pub mod reference;
pub mod registry_receiver;
pub mod rule;
mod schema;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

pub use image_policy::{ImagePolicy, ImagePolicySpec, ImagePolicyStatus};
pub use image_repository::{ImageRepository, ImageRepositorySpec, ImageRepositoryStatus};
pub use image_update_automation::{
    ImageUpdateAutomation, ImageUpdateAutomationSpec, ImageUpdateAutomationStatus,
};
pub use registry_receiver::{RegistryReceiver, RegistryReceiverSpec, RegistryReceiverStatus};
pub use source_api::{Duration, GitRepository, GitRepositorySpec, duration};

/// The versions under which the `image.toolkit.fluxcd.io` kinds are served; the first is stored.
pub const IMAGE_VERSIONS: [&str; 3] = ["v1", "v1beta2", "v1beta1"];

/// Every field of every version, for daemons to compare with what a cluster has; made by `make
/// generate`.
pub const FIELDS: &str = include_str!("fields.txt");

/// The definitions that imagebot owns, as the chart installs them.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![
        schema::served(ImageRepository::crd(), &IMAGE_VERSIONS, &[]),
        schema::served(ImagePolicy::crd(), &IMAGE_VERSIONS, &rule::published(image_policy::RULES)),
        schema::served(
            ImageUpdateAutomation::crd(),
            &IMAGE_VERSIONS,
            &rule::published(image_update_automation::RULES),
        ),
        schema::served(
            RegistryReceiver::crd(),
            &["v1alpha1"],
            &rule::published(registry_receiver::RULES),
        ),
    ]
}

/// The definition of `GitRepository`, for places where Flux's source-controller is not installed.
///
/// It is a superset of upstream's schema, and is never installed over one that is there.
pub fn git_repository_crd() -> CustomResourceDefinition {
    schema::served(GitRepository::crd(), &["v1"], &[])
}

#[cfg(test)]
mod tests;
