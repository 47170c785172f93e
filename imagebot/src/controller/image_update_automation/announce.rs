//! Telling source-controller of a push, so that Flux applies it at once.

use imagebot_api::ImageUpdateAutomation;
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tracing::warn;

use super::ImageUpdateAutomations;
use crate::controller::due::REQUESTED_AT;

impl ImageUpdateAutomations {
    /// Asks for a reconcile of the GitRepository of `object`, where the daemon should.
    pub(super) async fn announce(&self, object: &ImageUpdateAutomation) {
        if !self.settings.annotate_sources {
            return;
        }
        let Ok(source) = self.source(object) else { return };
        let (namespace, name) = (source.namespace().unwrap_or_default(), source.name_any());
        let at = self.core.clock.now().to_string();
        let patch = json!({ "metadata": {
            "uid": source.uid(), "annotations": { REQUESTED_AT: at },
        }});
        let api = self.core.namespaced::<imagebot_api::GitRepository>(&namespace);
        // The push stands whether source-controller hears of it now or at its own interval.
        if let Err(error) = api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await {
            warn!(%error, %namespace, %name, "could not announce a push to the GitRepository");
        }
    }
}
