//! Letting go of objects that Flux's controllers held.
//!
//! Those add a finalizer to every object, and are not there any more to remove it: without this,
//! deleting an object that they once saw would never end. Nothing of ours outlives an object in a
//! way that would need a finalizer, so none is ever added.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
};
use reconcile::{Core, Object, Watched, watched::Change};
use serde_json::json;
use tracing::{info, warn};

/// The finalizer of Flux's controllers.
const FINALIZER: &str = "finalizers.fluxcd.io";
/// How often a race for the list of finalizers is run again, and after how long.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// Removes the finalizer from every object of `objects` that is being deleted. Runs for ever.
pub async fn release<K: Object>(core: Core, objects: Watched<K>) {
    let changes = objects.changes();
    let held = changes.filter_map(|change| {
        let held = match change {
            Change::Applied(object) if is_held(object.as_ref()) => Some(object),
            Change::Applied(_) | Change::Deleted(_) => None,
        };
        std::future::ready(held)
    });
    held.for_each(|object| let_go(&core, object)).await;
}

fn is_held(object: &impl Object) -> bool {
    object.meta().deletion_timestamp.is_some()
        && object.finalizers().iter().any(|held| held == FINALIZER)
}

async fn let_go<K: Object>(core: &Core, mut object: Arc<K>) {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let api = core.namespaced::<K>(&namespace);
    for _ in 0..TRIES {
        let rest: Vec<_> = object.finalizers().iter().filter(|held| *held != FINALIZER).collect();
        // A list is replaced whole, so the version keeps what others add meanwhile.
        let patch = json!({ "metadata": {
            "uid": object.uid(), "resourceVersion": object.resource_version(), "finalizers": rest,
        }});
        match api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => return info!(%namespace, %name, "let go of what Flux held"),
            Err(kube::Error::Api(status)) if status.code == 404 => return,
            Err(error) => warn!(%error, %namespace, %name, "could not remove Flux's finalizer"),
        }
        tokio::time::sleep(PAUSE).await;
        match api.get_opt(&name).await {
            Ok(Some(now)) if is_held(&now) => object = Arc::new(now),
            Ok(_) => return,
            Err(error) => warn!(%error, %namespace, %name, "could not read a deleted object"),
        }
    }
}
