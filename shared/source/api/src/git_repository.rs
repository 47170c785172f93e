//! Where a Git repository is and how to log in, as Flux's source-controller describes it.
//!
//! What we read is `url`, `ref`, `secretRef`, `provider`, `serviceAccountName`, `proxySecretRef` and
//! `timeout`; sealer reads `suspend` too. The remaining fields are here so that our definition prunes
//! none of them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Duration, GitReference, LocalReference};

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
    /// Address of the repository: `https://`, `http://` or `ssh://`, and `file://` for a daemon
    /// that runs without a cluster.
    #[schemars(regex(pattern = r"^(http|https|ssh|file)://.*$"))]
    pub url: String,

    /// Secret with the credentials: `username` and `password`, or `bearerToken`, with `ca.crt`,
    /// `tls.crt` and `tls.key`, for http(s); `identity`, its `password`, and `known_hosts` for
    /// ssh; the keys of a GitHub App for the provider `github`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalReference>,

    /// How to log in: `generic` uses the Secret; `aws`, `azure` and `github` the login of the
    /// host. Defaults to `generic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "provider")]
    pub provider: Option<String>,

    /// ServiceAccount with which `provider` logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,

    /// Time from one fetch by source-controller to the next. What reads the repository here has
    /// an interval of its own.
    pub interval: Duration,

    /// Time that one Git operation may take. Defaults to `60s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,

    /// What is read where the object that refers here does not say so itself.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<GitReference>,

    /// How source-controller verifies commits. It is not read here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "unread_object")]
    pub verify: Option<serde_json::Value>,

    /// Secret with the proxy: key `address`, and optionally `username` and `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalReference>,

    /// What source-controller leaves out of its artifact. It is not read here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<String>,

    /// Stops source-controller and every GitSecretSync that refers here. imagebot goes on, as
    /// upstream does: suspend the automation to stop it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// Whether source-controller reads submodules. None is read or edited here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurse_submodules: Option<bool>,

    /// What source-controller copies into its artifact. It is not read here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "unread_objects")]
    pub include: Option<Vec<serde_json::Value>>,

    /// The directories that source-controller checks out. It is not read here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sparse_checkout: Option<Vec<String>>,
}

/// What source-controller last found. It is never written here.
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

    /// What source-controller last fetched: news for those who read the repository themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
}

/// What source-controller last fetched.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Artifact {
    /// The revision, such as `main@sha1:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// The names are a schema and no type: one unknown word must not hide every object of the kind.
fn provider(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let names = ["generic", "aws", "azure", "github"];
    schemars::json_schema!({ "type": "string", "nullable": true, "enum": [names[0], names[1], names[2], names[3]] })
}

fn unread_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

fn unread_objects(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let item = unread_object(generator);
    schemars::json_schema!({ "type": "array", "items": item })
}
