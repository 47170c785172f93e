//! `external-secrets.io` ExternalSecret, served as v1 and v1beta1.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema;
use crate::written::Written;

mod rules;

/// A Secret whose values are kept in an external store.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(group = "external-secrets.io", version = "v1", kind = "ExternalSecret", namespaced)]
#[kube(status = "ExternalSecretStatus", derive = "PartialEq")]
#[kube(shortname = "es", category = "external-secrets")]
#[kube(label("external-secrets.io/component", "controller"))]
#[kube(doc = "Keeps a Secret in step with values of an external store.")]
#[kube(selectable = ".spec.secretStoreRef.name", selectable = ".spec.secretStoreRef.kind")]
#[kube(selectable = ".spec.target.name", selectable = ".spec.refreshInterval")]
#[kube(printcolumn(name = "StoreType", type_ = "string", json_path = ".spec.secretStoreRef.kind"))]
#[kube(printcolumn(name = "Store", type_ = "string", json_path = ".spec.secretStoreRef.name"))]
#[kube(printcolumn(
    name = "Refresh Interval",
    type_ = "string",
    json_path = ".spec.refreshInterval"
))]
#[kube(printcolumn(
    name = "Status",
    type_ = "string",
    json_path = r#".status.conditions[?(@.type=="Ready")].reason"#
))]
#[kube(printcolumn(
    name = "Ready",
    type_ = "string",
    json_path = r#".status.conditions[?(@.type=="Ready")].status"#
))]
#[kube(printcolumn(name = "Last Sync", type_ = "date", json_path = ".status.refreshTime"))]
#[x_kube(validation = (
    "(has(self.data) && size(self.data) > 0) || (has(self.dataFrom) && size(self.dataFrom) > 0)",
    "`spec` needs `data` or `dataFrom`"
))]
#[serde(rename_all = "camelCase")]
pub struct ExternalSecretSpec {
    /// The store that holds the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_store_ref: Option<StoreReference>,

    /// The Secret that is written.
    #[serde(default)]
    pub target: Target,

    /// How often the store is asked, as a duration. `0s` asks once. Defaults to `1h0m0s`.
    #[serde(default = "an_hour")]
    pub refresh_interval: String,

    /// When the store is asked again: `Periodic` (the default), `CreatedOnce` or `OnChange`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_policy: Option<RefreshPolicy>,

    /// When periodic refreshes are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub sync_windows: Option<Value>,

    /// Single values, each under a key of the Secret. They win over `dataFrom`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<Data>,

    /// All values of a remote secret at once; later entries win.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_from: Vec<DataFrom>,
}

/// A store.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(default)]
pub struct StoreReference {
    /// Name of the store.
    pub name: String,
    /// `SecretStore` (the default) or `ClusterSecretStore`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<StoreKind>,
}

/// The kind of a store.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// A store of the same namespace.
    SecretStore,
    /// A store of the whole cluster.
    ClusterSecretStore,
}

/// The Secret that is written.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Target {
    /// Name of the Secret. Defaults to that of the ExternalSecret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who makes and owns the Secret. Defaults to `Owner`.
    pub creation_policy: CreationPolicy,
    /// What becomes of the Secret when the store no longer has a value. Defaults to `Retain`.
    pub deletion_policy: DeletionPolicy,
    /// Whether the Secret may never change after it was made. Defaults to false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub immutable: Option<bool>,
    /// How the Secret is rendered from the values.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub template: Option<Value>,
    /// Another kind to write instead of a Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub manifest: Option<Value>,
}

/// Who makes and owns the Secret.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CreationPolicy {
    /// The ExternalSecret: the Secret goes when it goes.
    #[default]
    Owner,
    /// The ExternalSecret makes it, and it stays.
    Orphan,
    /// Somebody else makes it; values are merged into it.
    Merge,
    /// Nobody.
    None,
    /// Whoever comes first; values are merged into it.
    CreateOrMerge,
}

/// What becomes of the Secret when the store no longer has a value.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// The Secret is deleted.
    Delete,
    /// The value is removed from it.
    Merge,
    /// It stays as it is.
    #[default]
    Retain,
}

/// When the store is asked again.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshPolicy {
    /// Once.
    CreatedOnce,
    /// At each interval.
    Periodic,
    /// When the ExternalSecret changes.
    OnChange,
}

/// One value of the Secret.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Data {
    /// Key of the value in the Secret.
    pub secret_key: String,
    /// Where the value is.
    pub remote_ref: RemoteReference,
    /// Another store or generator than `secretStoreRef`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub source_ref: Option<Value>,
}

/// All values of a remote secret at once.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(validation = (
    // Spelled out: a macro over a list costs more than the API server allows for each item.
    "has(self.extract) ? !has(self.find) && !(has(self.sourceRef) && has(self.sourceRef.generatorRef)) : has(self.find) != (has(self.sourceRef) && has(self.sourceRef.generatorRef))",
    "an entry of `dataFrom` needs exactly one of `extract`, `find` and `sourceRef.generatorRef`"
))]
#[serde(rename_all = "camelCase")]
pub struct DataFrom {
    /// A remote secret whose value is a JSON object; each member becomes a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extract: Option<RemoteReference>,
    /// A search over remote secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub find: Option<Value>,
    /// How the keys are changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque_list")]
    pub rewrite: Option<Value>,
    /// Another store or a generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<SourceReference>,
}

/// Another store or a generator.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceReference {
    /// Another store than `secretStoreRef`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_ref: Option<StoreReference>,
    /// A generator.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub generator_ref: Option<Value>,
}

/// Where a remote value is. An empty strategy behaves as the default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct RemoteReference {
    /// Name or path of the remote secret.
    pub key: String,
    /// The member of the remote secret, if it is a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// The version of the remote secret. Defaults to the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `None` (the default), or `Fetch` to read what is said about the secret instead of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_policy: Option<String>,
    /// How characters that a Secret's key cannot hold are replaced: `Default` or `Unicode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversion_strategy: Option<String>,
    /// How values are decoded: `None` (the default), `Base64`, `Base64URL` or `Auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoding_strategy: Option<String>,
    /// What a zero byte in a value means: `Ignore` (the default) or `Fail`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub null_byte_policy: Option<String>,
}

/// What became of an ExternalSecret.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct ExternalSecretStatus {
    /// `Ready`, `Reconciling` and `Stalled`, as kstatus defines them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// When the last successful sync began. Exact times are metrics; this one may lag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_time: Option<Time>,
    /// The generation, labels and annotations that were synced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synced_resource_version: Option<String>,
    /// The Secret, for tools that follow servicebinding.io.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
    /// The generation that the conditions speak about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// What was written last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// The Secret that a workload binds to.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(default)]
pub struct Binding {
    /// Name of the Secret.
    pub name: String,
}

fn an_hour() -> String {
    "1h0m0s".to_owned()
}
