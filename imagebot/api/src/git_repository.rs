//! Where a Git repository is and how to log in, as Flux's source-controller describes it.
//!
//! imagebot reads `url`, `ref`, `secretRef`, `provider`, `proxySecretRef` and `timeout`, and
//! writes nothing. The remaining fields are here so that our definition prunes none of them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Duration, image_update_automation::GitReference, reference::LocalReference};

/// Says where a Git repository is.
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(group = "source.toolkit.fluxcd.io", version = "v1", kind = "GitRepository", namespaced)]
#[kube(plural = "gitrepositories", shortname = "gitrepo")]
#[kube(category = "all", category = "fluxcd", category = "fluxcd-sources")]
#[kube(status = "GitRepositoryStatus", derive = "PartialEq", derive = "Default")]
#[kube(doc = "Where a Git repository is and how to log in.")]
#[kube(printcolumn(name = "URL", type_ = "string", json_path = ".spec.url"))]
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
#[serde(rename_all = "camelCase")]
pub struct GitRepositorySpec {
    /// Address of the repository: `https://`, `http://` or `ssh://`, and `file://` for an imagebot
    /// that runs without a cluster.
    #[schemars(regex(pattern = r"^(http|https|ssh|file)://.*$"))]
    pub url: String,

    /// Secret with the credentials: `username` and `password`, or `bearerToken`, and `ca.crt` for
    /// http(s); `identity` and `known_hosts` for ssh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalReference>,

    /// How to log in: `generic` uses the Secret; `aws`, `azure` and `github` the login of the
    /// host. Defaults to `generic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<GitProvider>,

    /// ServiceAccount with which `provider` logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,

    /// Time from one fetch by source-controller to the next. imagebot has its own.
    pub interval: Duration,

    /// Time that one Git operation may take. Defaults to `60s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,

    /// What is read where an automation does not say so itself.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<GitReference>,

    /// How source-controller verifies commits. imagebot does not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "unread_object")]
    pub verify: Option<serde_json::Value>,

    /// Secret with the proxy: key `address`, and optionally `username` and `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalReference>,

    /// What source-controller leaves out of its artifact. imagebot does not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<String>,

    /// Stops source-controller. imagebot goes on: suspend the automation to stop it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// Whether source-controller reads submodules. imagebot never edits one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurse_submodules: Option<bool>,

    /// What source-controller copies into its artifact. imagebot does not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "unread_objects")]
    pub include: Option<Vec<serde_json::Value>>,

    /// The directories that source-controller checks out. imagebot does not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sparse_checkout: Option<Vec<String>>,
}

/// How to log in to a Git host.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum GitProvider {
    /// With the Secret that the object names.
    #[default]
    Generic,
    /// With the identity that Amazon Web Services gives.
    Aws,
    /// With the identity that Azure gives.
    Azure,
    /// As a GitHub App.
    Github,
}

/// What source-controller last found. imagebot neither reads nor writes it.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct GitRepositoryStatus {
    /// The generation that the conditions speak about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready`, `Reconciling` and `Stalled`, as kstatus defines them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

fn unread_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

fn unread_objects(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let item = unread_object(generator);
    schemars::json_schema!({ "type": "array", "items": item })
}
