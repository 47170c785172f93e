//! `bitnami.com/v1alpha1` SealedSecret.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema;
use crate::violation::Violation;
use crate::written::Written;

/// Encrypted values that only the holder of the sealing key can turn into a Secret.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(group = "bitnami.com", version = "v1alpha1", kind = "SealedSecret", namespaced)]
#[kube(plural = "sealedsecrets", singular = "sealedsecret")]
#[kube(status = "SealedSecretStatus", derive = "PartialEq")]
#[kube(
    doc = "A Secret that is safe to store anywhere: only the holder of the sealing key can open it."
)]
#[kube(printcolumn(
    name = "Status",
    type_ = "string",
    json_path = ".status.conditions[0].message"
))]
#[kube(printcolumn(name = "Synced", type_ = "string", json_path = ".status.conditions[0].status"))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[serde(rename_all = "camelCase")]
pub struct SealedSecretSpec {
    /// The encrypted values, by the key that each has in the Secret.
    ///
    /// A value is what `kubeseal --raw` or `sealctl seal --raw` prints.
    #[serde(default)]
    #[schemars(schema_with = "schema::lenient_strings", required)]
    pub encrypted_data: BTreeMap<String, Value>,

    /// Deprecated: a whole Secret encrypted as one blob, as in 2017; `encryptedData` is empty then.
    /// Sealing it again, or `kubeseal --re-encrypt`, gives `encryptedData`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,

    /// What the Secret looks like, apart from its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<SecretTemplate>,
}

/// What the Secret looks like, apart from its values.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretTemplate {
    /// Labels, annotations and finalizers of the Secret. Name and namespace are always those of
    /// the SealedSecret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TemplateMetadata>,

    /// The type of the Secret. Defaults to `Opaque`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,

    /// Whether the Secret may never change after it was made. Defaults to false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub immutable: Option<bool>,

    /// Values of the Secret that are rendered from the decrypted ones with Go's text/template; one that
    /// is sealed wins. `null` takes a sealed value out of the Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<BTreeMap<String, Option<String>>>,
}

/// The part of the Secret's metadata that its author chooses.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct TemplateMetadata {
    /// Annotations of the Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Labels of the Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Finalizers of the Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finalizers: Option<Vec<String>>,
    /// Ignored: the Secret has the name of the SealedSecret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Ignored: the Secret is in the namespace of the SealedSecret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// What became of a SealedSecret.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct SealedSecretStatus {
    /// Whether the Secret is in step (`Synced`), and what kstatus wants to know after it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<SyncCondition>,
    /// The generation that the conditions speak about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The sealing keys that opened the values, the newest first: what to seal again when a key is to
    /// go, or has become old.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sealed_by: Vec<SealedBy>,
    /// What was written last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// A sealing key that opened a value.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct SealedBy {
    /// The fingerprint of its certificate, as `ssh-keygen -l` prints it.
    pub key: String,
    /// Since when its certificate is valid; none when the key is no longer there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Time>,
}

/// One thing that is or is not so.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SyncCondition {
    /// What the condition is about: `Synced`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// When the condition was last written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Time>,
    /// When its status last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
    /// One word for machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// One sentence for people; empty when all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The generation that the condition speaks about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

impl SealedSecretSpec {
    /// Every rule that the object breaks. `old_data` says whether the format of 2017 is accepted.
    pub fn violations(&self, old_data: bool) -> Vec<Violation> {
        let strings = self.encrypted_data.iter().filter(|(_, value)| !value.is_string());
        let mut broken: Vec<_> = strings
            .map(|(key, _)| {
                Violation::new(
                    format!("spec.encryptedData.{key}"),
                    "is not a string: put in the text that `kubeseal --raw` or `sealctl seal --raw` prints",
                )
            })
            .collect();
        if self.data.is_some() && !old_data {
            broken.push(Violation::new(
                "spec.data",
                "is the format of 2017, which is turned off here (`--accept-deprecated-v1-data=false`): seal the Secret again to get `spec.encryptedData`",
            ));
        } else if self.data.is_some() && !self.encrypted_data.is_empty() {
            // Upstream's sentence, which people search for, follows the field.
            broken.push(Violation::new(
                "spec.data",
                "is too much: cannot use the field 'encryptedData' and the deprecated field 'data' at the same time; leave `spec.data` out",
            ));
        }
        broken
    }
}
