//! `kustomize.toolkit.fluxcd.io/v1` Kustomization, as far as its `decryption` needs it.
//!
//! The definition is Flux's own. Ours is for clusters without Flux, and keeps fields that it does not
//! know.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::git_secret_sync::{Decryption, GitSecretSyncStatus, SourceReference};

/// Encrypted Secrets below a path of a Git repository.
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(group = "kustomize.toolkit.fluxcd.io", version = "v1", kind = "Kustomization", namespaced)]
#[kube(status = "GitSecretSyncStatus", derive = "PartialEq", derive = "Default", shortname = "ks")]
#[kube(
    doc = "What is below a path of a Git repository. Of it, sealer decrypts and applies Secrets."
)]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[kube(printcolumn(
    name = "Ready",
    type_ = "string",
    json_path = r#".status.conditions[?(@.type=="Ready")].status"#
))]
#[kube(printcolumn(
    name = "Status",
    type_ = "string",
    json_path = r#".status.conditions[?(@.type=="Ready")].message"#
))]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct KustomizationSpec {
    /// How often the repository is looked at, e.g. `10m`.
    pub interval: String,
    /// The folder that is read. One with a `kustomization.yaml` is followed through its `resources`
    /// and `components`; of any other, every YAML file is read. Defaults to the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether a Secret is deleted when its file is gone.
    pub prune: bool,
    /// The GitRepository with the files, in the Kustomization's own namespace.
    pub source_ref: SourceReference,
    /// Pauses reading and writing. Defaults to false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// The namespace that all Secrets go to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_namespace: Option<String>,
    /// What the names of all Secrets begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_prefix: Option<String>,
    /// What the names of all Secrets end in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_suffix: Option<String>,
    /// Labels and annotations of all Secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_metadata: Option<CommonMetadata>,
    /// Who decrypts, and with which keys. Without it the Kustomization is left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decryption: Option<Decryption>,
    /// A ServiceAccount of the same namespace, whose own token writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// How long one look may take. Defaults to `interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

/// Labels and annotations of all objects.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct CommonMetadata {
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}
