//! `isindir.github.com/v1alpha3` SopsSecret.
//!
//! The encrypted document is the object itself, so its `sops` block stands beside `spec`, where
//! kube's derive knows no field. The derive makes the definition; the object is written out here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::core::{NamespaceResourceScope, TypeMeta};
use kube::{CustomResource, CustomResourceExt as _, KubeSchema, Resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::git_secret_sync::Inventory;
use crate::violation::Violation;

/// Secrets that sops encrypted together.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(group = "isindir.github.com", version = "v1alpha3", kind = "SopsSecret", namespaced)]
#[kube(root = "Definition", shortname = "sops", status = "SopsSecretStatus", derive = "PartialEq")]
#[kube(doc = "Secrets that sops encrypted together, as one object of the cluster.")]
#[kube(printcolumn(name = "Status", type_ = "string", json_path = ".status.message"))]
#[serde(rename_all = "camelCase")]
pub struct SopsSecretSpec {
    /// The Secrets.
    #[schemars(length(min = 1))]
    pub secret_templates: Vec<SecretTemplate>,

    /// Leaves the Secrets as they are while true. Defaults to false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// Takes over Secrets that exist and that no other object controls. Defaults to what the daemon's
    /// `--default-enforce-ownership` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce_ownership: Option<bool>,
}

/// One Secret.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SecretTemplate {
    /// The name of the Secret.
    pub name: String,
    /// Annotations of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Labels of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// The type of the Secret. Defaults to `Opaque`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// Values in base64, which is what is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<BTreeMap<String, String>>,
    /// Values as they are; of a key that is in `data`, too, this is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_data: Option<BTreeMap<String, String>>,
}

/// What became of the Secrets.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct SopsSecretStatus {
    /// `Healthy`, or in the words of sops-secrets-operator what is wrong.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// `Ready`, `Reconciling` and `Stalled`, as kstatus defines them, with the reason and the remedy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The generation that the conditions speak about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The Secrets that were written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Inventory>,
}

/// A SopsSecret: a document that sops encrypted.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct SopsSecret {
    /// `apiVersion` and `kind`, which lists leave out.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub types: Option<TypeMeta>,
    /// The object's metadata.
    pub metadata: ObjectMeta,
    /// What is encrypted.
    #[serde(default)]
    pub spec: SopsSecretSpec,
    /// Who can decrypt it, and which values are encrypted, as sops writes it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub sops: Value,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<SopsSecretStatus>,
}

impl Resource for SopsSecret {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        Definition::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        Definition::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        Definition::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        Definition::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl SopsSecret {
    /// The definition that is installed.
    ///
    /// # Panics
    /// When the derived definition has no schema, which a test would find.
    pub fn crd() -> CustomResourceDefinition {
        let mut crd = Definition::crd();
        for version in &mut crd.spec.versions {
            let schema = version.schema.as_mut().and_then(|all| all.open_api_v3_schema.as_mut());
            let properties = schema.and_then(|schema| schema.properties.as_mut());
            properties.expect("the derive writes a schema").insert("sops".to_owned(), block());
        }
        crd
    }

    /// Every rule that the object breaks.
    pub fn violations(&self) -> Vec<Violation> {
        let mut broken = Vec::new();
        if self.spec.secret_templates.is_empty() {
            broken
                .push(Violation::new("spec.secretTemplates", "is empty: name at least one Secret"));
        }
        if !self.sops.is_object() {
            broken.push(Violation::new(
                "sops",
                "is missing: encrypt the object with `sops --encrypted-suffix Templates`",
            ));
        }
        broken
    }
}

/// The block of sops. All of it is kept: upstream's schema drops what it does not know, and with it
/// what newer versions of sops need to decrypt.
fn block() -> JSONSchemaProps {
    JSONSchemaProps {
        description: Some(
            "Who can decrypt the values, and which are encrypted, as sops writes it.".to_owned(),
        ),
        type_: Some("object".to_owned()),
        x_kubernetes_preserve_unknown_fields: Some(true),
        ..JSONSchemaProps::default()
    }
}
