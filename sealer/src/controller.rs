//! The controllers, one for each kind, and what they share.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, ResourceExt as _};
use reconcile::backoff::WAITING;
use reconcile::{Class, Core, Object, Report};
use sealer_api::written::Written;

use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::secrets::{Kind, Known, Owner, Secrets};

mod batch;
pub mod external_secret;
pub mod git_secret_sync;
pub mod kustomization;
mod object;
pub mod sealed_secret;
pub mod sealing_key;
pub mod secret_store;
pub mod sops_secret;

/// What every controller is given. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The client, the scope, and where to tell what happened.
    pub core: Core,
    /// Secrets, read and written.
    pub secrets: Secrets,
    /// The sealing keys.
    pub keys: Keys,
    /// The daemon's own numbers.
    pub metrics: Metrics,
}

/// The namespace and the name of an object.
fn names(object: &impl Object) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// The report, with the next look at the `due` moment. What somebody else must mend is looked at when
/// it is due as well, where that is sooner than the driver would.
fn again(report: Report, failure: Option<Class>, due: Option<Duration>) -> Report {
    let next = match failure {
        None => due,
        Some(Class::Waiting) => due.filter(|due| *due < WAITING),
        Some(Class::Transient | Class::Stalled) => None,
    };
    Report { next, ..report }
}

/// The object as the watch of Secrets knows it.
fn owner(kind: Kind, object: &impl Object) -> Owner {
    let (namespace, name) = names(object);
    Owner { kind, namespace, name }
}

/// The reference that makes `object` the controller of its Secret.
fn owner_reference<K: Resource<DynamicType = ()>>(object: &K) -> OwnerReference {
    OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

/// Whether `known` is the Secret that `record` speaks about, unchanged since.
fn is_recorded(record: &Written, known: &Known) -> bool {
    record.uid == known.uid && record.resource_version == known.resource_version
}
