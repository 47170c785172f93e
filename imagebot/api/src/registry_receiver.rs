//! The address at which a registry tells of a push.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{reference::LocalReference, rule::Rule};

/// Lets a registry tell of a push, so that nothing waits for an interval.
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(group = "signet.dev", version = "v1alpha1", kind = "RegistryReceiver", namespaced)]
#[kube(plural = "registryreceivers", shortname = "regrecv", category = "signet")]
#[kube(status = "RegistryReceiverStatus", derive = "PartialEq")]
#[kube(doc = "The address at which a registry tells of a push.")]
#[kube(printcolumn(name = "Type", type_ = "string", json_path = ".spec.type"))]
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
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[serde(rename_all = "camelCase")]
pub struct RegistryReceiverSpec {
    /// What sends the deliveries: `distribution` is docker-registry, version 2 and 3.
    #[serde(rename = "type")]
    pub kind: ReceiverKind,

    /// Secret with the key `token`. The token makes the path unguessable; a registry may also
    /// send it as `Authorization: Bearer <token>`, and a delivery with another one is refused.
    pub secret_ref: LocalReference,

    /// The registry as ImageRepositories of this namespace write it, such as `registry:5000`, where
    /// its deliveries name another host. Defaults to the host that the delivery names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,

    /// The ImageRepositories of this namespace that may be scanned because of a delivery.
    /// Defaults to all. Either way only those are scanned whose image the delivery names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub resources: Vec<ReceiverResource>,

    /// While true deliveries are answered with 503 and nothing is scanned. Defaults to false.
    #[serde(default)]
    pub suspend: bool,
}

/// What sends the deliveries.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ReceiverKind {
    /// The notifications of docker-registry.
    Distribution,
}

/// An object that may be scanned because of a delivery.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiverResource {
    /// Kind of the object. Only `ImageRepository`, which is the default.
    #[serde(default)]
    pub kind: ResourceKind,

    /// Name of the object.
    pub name: String,
}

/// What can be scanned.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResourceKind {
    /// An image.
    #[default]
    ImageRepository,
}

/// Where deliveries go.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RegistryReceiverStatus {
    /// The path to give to the registry. It is a credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_path: Option<String>,

    /// The generation that the conditions speak about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready`, `Reconciling` and `Stalled`, as kstatus defines them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,

    /// The last `reconcile.fluxcd.io/requestedAt` that was acted upon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// What one field of a RegistryReceiver sets for another.
pub const RULES: &[Rule<RegistryReceiverSpec>] = &[Rule {
    cel: "!has(self.registry) || !self.registry.contains('/')",
    message: "spec.registry must be a host with an optional port, without a scheme and a path",
    holds: |spec| spec.registry.as_ref().is_none_or(|registry| !registry.contains('/')),
}];
