//! What is kept of a Secret: the metadata that decisions need, and no value.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::ObjectMeta;
use sealer_core::claim::{Controller, Existing};

/// Annotations that repeat a whole manifest, values included.
pub const REPEATS_MANIFEST: [&str; 2] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubecfg.ksonnet.io/last-applied-configuration",
];

/// A Secret without its values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`, without those that repeat the manifest.
    pub annotations: BTreeMap<String, String>,
    /// `metadata.finalizers`.
    pub finalizers: Vec<String>,
    /// `metadata.ownerReferences`.
    pub owners: Vec<OwnerReference>,
}

impl Known {
    /// What is kept of `meta`.
    pub fn of(meta: &ObjectMeta) -> Self {
        let mut annotations = meta.annotations.clone().unwrap_or_default();
        annotations.retain(|key, _| !REPEATS_MANIFEST.contains(&key.as_str()));
        Self {
            uid: meta.uid.clone().unwrap_or_default(),
            resource_version: meta.resource_version.clone().unwrap_or_default(),
            labels: meta.labels.clone().unwrap_or_default(),
            annotations,
            finalizers: meta.finalizers.clone().unwrap_or_default(),
            owners: meta.owner_references.clone().unwrap_or_default(),
        }
    }

    /// The owner that controls it.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owners.iter().find(|owner| owner.controller == Some(true))
    }

    /// What `claim` needs to judge it.
    pub fn existing(&self) -> Existing {
        Existing {
            uid: self.uid.clone(),
            resource_version: self.resource_version.clone(),
            controller: self.controller().map(|owner| Controller {
                kind: owner.kind.clone(),
                name: owner.name.clone(),
                uid: owner.uid.clone(),
            }),
            annotations: self.annotations.clone(),
        }
    }

    /// Whether this is the same Secret in an earlier state. Versions of one object are numbers that
    /// grow; where they are not, the later news is believed.
    pub fn is_older_than(&self, other: &Self) -> bool {
        let version = |known: &Self| known.resource_version.parse::<u64>().ok();
        self.uid == other.uid && version(self) < version(other)
    }
}
