//! The image whose tags are read.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Duration, reference::LocalReference};

/// Reads the tags of one image from its registry.
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(group = "image.toolkit.fluxcd.io", version = "v1", kind = "ImageRepository", namespaced)]
#[kube(plural = "imagerepositories", shortname = "imgrepo", shortname = "imagerepo")]
#[kube(category = "all", category = "fluxcd", category = "fluxcd-images")]
#[kube(status = "ImageRepositoryStatus", derive = "PartialEq", derive = "Default")]
#[kube(doc = "An image whose tags are read from its registry at an interval.")]
#[kube(printcolumn(name = "Image", type_ = "string", json_path = ".spec.image"))]
#[kube(printcolumn(
    name = "Tags",
    type_ = "string",
    json_path = ".status.lastScanResult.tagCount"
))]
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
#[kube(printcolumn(
    name = "Last scan",
    type_ = "string",
    json_path = ".status.lastScanResult.scanTime",
    priority = 1
))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[serde(rename_all = "camelCase")]
pub struct ImageRepositorySpec {
    /// The image without scheme and tag, such as `ghcr.io/acme/web` or `registry:5000/web`. A name
    /// without a registry is one of Docker Hub.
    pub image: String,

    /// Time from one scan to the next, such as `5m`. At least one second.
    pub interval: Duration,

    /// Time that one scan may take. Defaults to `interval`; at least one second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,

    /// Secret of type `kubernetes.io/dockerconfigjson` with the credentials of the registry.
    /// Without it, and without `serviceAccountName`, the registry is read anonymously.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalReference>,

    /// Secret with the proxy to the registry: key `address`, and optionally `username` and
    /// `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalReference>,

    /// ServiceAccount whose `imagePullSecrets` are tried as credentials, after `secretRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub service_account_name: Option<String>,

    /// Secret with TLS material: `ca.crt` is trusted besides the system's roots, and `tls.crt`
    /// with `tls.key` is shown to registries that ask for a client certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<LocalReference>,

    /// While true nothing is scanned, and what was found stays in force. Defaults to false.
    #[serde(default)]
    pub suspend: bool,

    /// Namespaces whose ImagePolicies may refer to this object. Without it, only its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_from: Option<AccessFrom>,

    /// Regular expressions; a tag that one of them matches anywhere is dropped when it is read.
    /// At most 25. Defaults to `^.*\.sig$`.
    #[serde(default = "exclusion_list")]
    #[schemars(length(max = 25))]
    pub exclusion_list: Vec<String>,

    /// How to log in: `generic` uses the Secrets named here; `aws`, `azure` and `gcp` the login
    /// of the cloud. Defaults to `generic`.
    #[serde(default)]
    pub provider: Provider,

    /// Allows plain HTTP where the registry has no TLS. Certificates are verified all the same.
    /// Defaults to false.
    #[serde(default)]
    pub insecure: bool,

    /// Share of the known tags that may be gone from one scan to the next, such as `50%`. A list
    /// that lost more, or that lost all, is not used until someone accepts it: see the condition
    /// `Ready`. `100%` accepts everything. Fewer than ten tags may always go, unless they were all.
    /// Defaults to the annotation `signet.dev/tag-loss-limit`, and without it to `50%`. Signet's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(100|[0-9]{1,2})%$"))]
    pub tag_loss_limit: Option<String>,
}

/// How to log in to a registry.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// With the Secrets that the object names.
    #[default]
    Generic,
    /// With the identity that Amazon Web Services gives.
    Aws,
    /// With the identity that Azure gives.
    Azure,
    /// With the identity that Google Cloud gives.
    Gcp,
}

/// Who may refer to an object across namespaces.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AccessFrom {
    /// A namespace is let in when one of these matches its labels. An empty list lets nobody in.
    pub namespace_selectors: Vec<NamespaceSelector>,
}

/// The labels of namespaces.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceSelector {
    /// Labels that the namespace must all have. `{}` matches every namespace.
    #[serde(default)]
    pub match_labels: BTreeMap<String, String>,
}

/// What was found in the registry.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ImageRepositoryStatus {
    /// `Ready`, `Reconciling` and `Stalled`, as kstatus defines them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,

    /// The generation that the conditions speak about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The image with its registry spelled out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical_image_name: Option<String>,

    /// The last scan that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_scan_result: Option<ScanResult>,

    /// The last scan, if its list is not used since too many tags were gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld_scan_result: Option<WithheldScan>,

    /// The `exclusionList` with which the last scan was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed_exclusion_list: Vec<String>,

    /// The last `reconcile.fluxcd.io/requestedAt` that was acted upon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// One scan.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ScanResult {
    /// Identifies the set of tags: it changes exactly when the set does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,

    /// How many tags there are, after exclusion.
    pub tag_count: i64,

    /// When the tags were read. Written with every other change, on request, and otherwise at
    /// most once in ten minutes or `interval`; metrics tell the exact time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan_time: Option<Time>,

    /// The ten last tags in byte order, for a first look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latest_tags: Vec<String>,
}

/// A scan whose list is not used.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WithheldScan {
    /// How many tags the registry listed, after exclusion.
    pub tag_count: i64,

    /// How many of the tags of `lastScanResult` were not among them.
    pub missing_count: i64,

    /// The value of the annotation `signet.dev/accept-tag-loss` with which the list is used: it
    /// names the one that is given up, so it works once.
    pub accept: String,
}

/// What `exclusionList` is when nobody writes it: the tags under which signatures are stored.
fn exclusion_list() -> Vec<String> {
    vec![r"^.*\.sig$".to_owned()]
}
