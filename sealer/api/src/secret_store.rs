//! `external-secrets.io` SecretStore, served as v1 and v1beta1.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema;
use crate::violation::Violation;

/// Where secrets are stored outside the cluster, and how to reach them.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(group = "external-secrets.io", version = "v1", kind = "SecretStore", namespaced)]
#[kube(status = "SecretStoreStatus", derive = "PartialEq")]
#[kube(shortname = "ss", category = "external-secrets")]
#[kube(label("external-secrets.io/component", "controller"))]
#[kube(doc = "A place outside the cluster that holds secrets, and how to reach it.")]
#[kube(printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[kube(printcolumn(
    name = "Status",
    type_ = "string",
    json_path = r#".status.conditions[?(@.type=="Ready")].reason"#
))]
#[kube(printcolumn(name = "Capabilities", type_ = "string", json_path = ".status.capabilities"))]
#[kube(printcolumn(
    name = "Ready",
    type_ = "string",
    json_path = r#".status.conditions[?(@.type=="Ready")].status"#
))]
#[serde(rename_all = "camelCase")]
pub struct SecretStoreSpec {
    /// The class of the controller that this store is for. A class that is neither empty nor the
    /// daemon's own leaves the store to someone else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<String>,

    /// The system that holds the secrets. Exactly one provider is set.
    pub provider: Provider,

    /// How often the store is checked: a duration, or a number of seconds. Defaults to `5m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::int_or_string")]
    pub refresh_interval: Option<Value>,

    /// How failed requests are repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub retry_settings: Option<Value>,

    /// Which namespaces may use the store. Only a ClusterSecretStore heeds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque_list")]
    pub conditions: Option<Value>,
}

/// The system that holds the secrets. Exactly one field is set; providers that are not listed
/// are accepted, and answered by a condition.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[schemars(extend(
    "x-kubernetes-preserve-unknown-fields" = true,
    "minProperties" = 1,
    "maxProperties" = 1
))]
pub struct Provider {
    /// Vault or OpenBao, KV version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<Vault>,
    /// A provider that is not supported yet.
    #[serde(flatten)]
    #[schemars(skip)]
    pub other: BTreeMap<String, Value>,
}

/// Vault or OpenBao.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Vault {
    /// The server's URL, e.g. `https://vault.example.com:8200`.
    pub server: String,
    /// Where the KV engine is mounted, e.g. `secret`. Defaults to the first part of each key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The version of the KV engine. Defaults to `v2`.
    #[serde(default)]
    pub version: KvVersion,
    /// The Vault namespace, sent as `X-Vault-Namespace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// PEM certificates that the server's certificate is checked against, in base64.
    /// Defaults to the system's roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<String>,
    /// The Secret or ConfigMap that holds those certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_provider: Option<CaProvider>,
    /// How to log in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<VaultAuth>,
    /// Headers that are sent with each request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Whether a read after a write sees it on a performance standby. Only Enterprise heeds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_your_writes: Option<bool>,
    /// Whether a standby forwards what it does not know yet. Only Enterprise heeds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_inconsistent: Option<bool>,
    /// What is not supported yet.
    #[serde(flatten)]
    #[schemars(skip)]
    pub other: BTreeMap<String, Value>,
}

/// How to log in to Vault.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct VaultAuth {
    /// The Vault namespace to log in to, if it is not that of the secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// A token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret_ref: Option<SecretKeySelector>,
    /// A method that is not supported yet.
    #[serde(flatten)]
    #[schemars(skip)]
    pub other: BTreeMap<String, Value>,
}

/// The version of a KV engine.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum KvVersion {
    /// Without versions.
    V1,
    /// With versions.
    #[default]
    V2,
}

/// One entry of a Secret in the store's namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretKeySelector {
    /// Name of the Secret.
    #[serde(default)]
    pub name: String,
    /// Namespace of the Secret. A SecretStore reads only its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Key of the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Where PEM certificates are.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct CaProvider {
    /// `Secret` or `ConfigMap`.
    #[serde(rename = "type")]
    pub type_: CaKind,
    /// Name of the object.
    pub name: String,
    /// Key of the entry. Defaults to `ca.crt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Namespace of the object. A SecretStore reads only its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// The kind of object that holds certificates.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaKind {
    /// A Secret.
    #[default]
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

/// Whether the store can be used.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretStoreStatus {
    /// `Ready`, `Reconciling` and `Stalled`, as kstatus defines them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// What can be done with it: `ReadOnly`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<String>,
    /// The generation that the conditions speak about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

impl SecretStoreSpec {
    /// Every rule that the object breaks.
    pub fn violations(&self, namespace: &str) -> Vec<Violation> {
        let Some(vault) = &self.provider.vault else {
            return vec![self.provider.unsupported()];
        };
        if let Some(name) = self.provider.other.keys().next() {
            return vec![Violation::new(
                "spec.provider",
                format!("has both `vault` and `{name}`: leave exactly one"),
            )];
        }
        vault.violations(namespace)
    }
}

impl Provider {
    fn unsupported(&self) -> Violation {
        match self.other.keys().next() {
            Some(name) => Violation::new(
                format!("spec.provider.{name}"),
                "is a provider that is not supported yet: use `vault`",
            ),
            None => {
                Violation::new("spec.provider", "is empty: set exactly one provider, e.g. `vault`")
            }
        }
    }
}

impl Vault {
    fn violations(&self, namespace: &str) -> Vec<Violation> {
        let field = |name: &str| format!("spec.provider.vault.{name}");
        let mut broken = Vec::new();
        if self.version == KvVersion::V1 {
            broken.push(Violation::new(
                field("version"),
                "is `v1`, which is not supported yet: mount the engine as `v2`",
            ));
        }
        for name in self.other.keys() {
            broken.push(Violation::new(field(name), "is not supported yet: leave it out"));
        }
        let Some(auth) = &self.auth else {
            broken.push(Violation::new(
                field("auth"),
                "is missing: name a Secret that holds a token in `auth.tokenSecretRef`",
            ));
            return broken;
        };
        for name in auth.other.keys() {
            broken.push(Violation::new(
                field(&format!("auth.{name}")),
                "is a login method that is not supported yet: use `tokenSecretRef`",
            ));
        }
        match &auth.token_secret_ref {
            None if auth.other.is_empty() => broken
                .push(Violation::new(field("auth"), "names no login method: set `tokenSecretRef`")),
            Some(token)
                if token.name.is_empty() || token.key.as_deref().is_none_or(str::is_empty) =>
            {
                broken.push(Violation::new(
                    field("auth.tokenSecretRef"),
                    "needs `name` and `key` of the Secret's entry that holds the token",
                ));
            }
            _ => {}
        }
        let elsewhere =
            |other: &Option<String>| other.as_deref().is_some_and(|other| other != namespace);
        if auth.token_secret_ref.as_ref().is_some_and(|token| elsewhere(&token.namespace)) {
            broken.push(Violation::new(
                field("auth.tokenSecretRef.namespace"),
                "must be the store's own namespace: copy the Secret there",
            ));
        }
        if self.ca_provider.as_ref().is_some_and(|ca| elsewhere(&ca.namespace)) {
            broken.push(Violation::new(
                field("caProvider.namespace"),
                "must be the store's own namespace: copy the object there",
            ));
        }
        broken
    }
}
