//! Keeping a deleted object until its controller has cleaned up.

use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::reconciler::Object;

/// Whether `object` carries `finalizer`.
pub(crate) fn holds(object: &impl Object, finalizer: &str) -> bool {
    object.finalizers().iter().any(|held| held == finalizer)
}

/// Adds `finalizer`.
pub(crate) async fn add<K: Object>(
    api: &Api<K>,
    object: &K,
    finalizer: &str,
) -> Result<K, kube::Error> {
    let mut finalizers = object.finalizers().to_vec();
    finalizers.push(finalizer.to_owned());
    set(api, object, &finalizers).await
}

/// Removes `finalizer`, which lets the deletion go on.
pub(crate) async fn remove<K: Object>(
    api: &Api<K>,
    object: &K,
    finalizer: &str,
) -> Result<K, kube::Error> {
    let finalizers: Vec<_> =
        object.finalizers().iter().filter(|held| *held != finalizer).cloned().collect();
    set(api, object, &finalizers).await
}

/// A merge patch replaces the whole list, so it carries the resourceVersion that was read: a
/// finalizer that someone added meanwhile makes it fail rather than vanish.
async fn set<K: Object>(api: &Api<K>, object: &K, finalizers: &[String]) -> Result<K, kube::Error> {
    let patch = json!({ "metadata": {
        "uid": object.meta().uid,
        "resourceVersion": object.meta().resource_version,
        "finalizers": finalizers,
    }});
    api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await
}
