//! What of an ExternalSecret, besides the store's values, makes the Secret what it is. Pure.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt as _;
use kube::api::ObjectMeta;
use sealer_api::ExternalSecret;
use sealer_core::plaintext::Plaintext;

use super::status::FORCE_SYNC;
use super::values;
use crate::controller::owner_reference;
use crate::secrets::Desired;
use crate::secrets::known::REPEATS_MANIFEST;
use crate::source::Source;

/// On every Secret that an ExternalSecret makes, as upstream has it.
const MANAGED: &str = "reconcile.external-secrets.io/managed";

/// The name of the Secret.
pub(super) fn target(object: &ExternalSecret) -> String {
    object
        .spec
        .target
        .name
        .clone()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| object.name_any())
}

/// Objects of one remote secret are due together, so that one read serves them all.
pub(super) fn phase(object: &ExternalSecret) -> String {
    let store = object.spec.secret_store_ref.as_ref().map(|store| store.name.clone());
    let first = values::request(&object.spec).reads().pop_first().map(|read| read.key);
    [object.namespace(), store, first].map(Option::unwrap_or_default).join("/")
}

/// The hash of everything but the values that the Secret is made of. A forced sync is a change.
pub(super) fn source(object: &ExternalSecret) -> String {
    let spec = serde_json::to_string(&object.spec).expect("an API type is JSON");
    let metadata =
        serde_json::to_string(&(object.labels(), object.annotations())).expect("strings are JSON");
    Source::of("ExternalSecret")
        .and(object.uid().unwrap_or_default())
        .and(spec)
        .and(metadata)
        .finish()
}

/// The Secret that `object` asks for. Without a template it has the object's labels and annotations.
pub(super) fn desired(
    object: &ExternalSecret,
    target: &str,
    data: BTreeMap<String, Plaintext>,
) -> Desired {
    let mut labels = object.labels().clone();
    labels.insert(MANAGED.to_owned(), "true".to_owned());
    let mut annotations = object.annotations().clone();
    let ours = |key: &str| {
        key == FORCE_SYNC
            || key.starts_with("reconcile.fluxcd.io/")
            || key.starts_with("signet.dev/")
    };
    annotations.retain(|key, _| !REPEATS_MANIFEST.contains(&key.as_str()) && !ours(key));
    Desired {
        metadata: ObjectMeta {
            namespace: object.namespace(),
            name: Some(target.to_owned()),
            labels: Some(labels),
            annotations: (!annotations.is_empty()).then_some(annotations),
            owner_references: Some(vec![OwnerReference {
                block_owner_deletion: Some(true),
                ..owner_reference(object)
            }]),
            ..ObjectMeta::default()
        },
        type_: None,
        immutable: object.spec.target.immutable.filter(|immutable| *immutable),
        data,
    }
}
