//! `source.toolkit.fluxcd.io/v1` GitRepository, as far as sealer reads it.
//!
//! The kind belongs to Flux: sealer never serves, installs or writes it, and source-controller
//! need not run. What is not read here is not in the type.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a Git repository is and how to reach it.
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(group = "source.toolkit.fluxcd.io", version = "v1", kind = "GitRepository", namespaced)]
#[kube(plural = "gitrepositories", derive = "PartialEq")]
#[serde(rename_all = "camelCase", default)]
pub struct GitRepositorySpec {
    /// The repository's `http(s)://` or `ssh://` URL.
    pub url: String,
    /// The revision to read. Defaults to the branch `master`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<GitReference>,
    /// The Secret with the credentials for the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalReference>,
    /// The Secret that names a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalReference>,
    /// Who issues the credentials. Defaults to `generic`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// How long one Git operation may take. Defaults to `60s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Whether reading is paused. Defaults to false.
    pub suspend: bool,
}

/// Which revision of a repository to read; of several fields the first one counts, in the order
/// commit, name, semver, tag, branch.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct GitReference {
    /// A branch. Defaults to `master` in a GitRepository, and to `main` in `spec.git`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// A tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// A range of tags that are versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semver: Option<String>,
    /// A full reference, e.g. `refs/pull/420/head`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// An object in the same namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalReference {
    /// Name of the object.
    pub name: String,
}
