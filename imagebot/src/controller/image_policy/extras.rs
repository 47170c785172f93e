//! What a policy's status holds that is not of Flux.
//!
//! Where Flux's own definition is installed, the API server drops these fields. That is seen in what
//! it answers: a status that was written with them and came back without. From then on they are kept
//! in an annotation.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use imagebot_api::{ImagePolicy, ImagePolicyStatus, image_policy::Candidate};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
};
use reconcile::Core;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The annotation that holds what the status cannot.
pub const ANNOTATION: &str = "signet.dev/status";

/// The fields of ours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Extras {
    /// See the field of this name in the status.
    pub candidates: Vec<Candidate>,
    /// See the field of this name in the status.
    pub first_seen: BTreeMap<String, Time>,
    /// See the field of this name in the status.
    pub picked_by: Option<String>,
}

impl Extras {
    /// What `object` holds, wherever it does.
    pub fn of(object: &ImagePolicy) -> Self {
        let status = object.status.clone().unwrap_or_default();
        let own = Self {
            candidates: status.candidates,
            first_seen: status.first_seen,
            picked_by: status.picked_by,
        };
        if own != Self::default() {
            return own;
        }
        let kept = object.annotations().get(ANNOTATION);
        kept.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Puts them into a status.
    pub fn show(self, status: &mut ImagePolicyStatus) {
        status.candidates = self.candidates;
        status.first_seen = self.first_seen;
        status.picked_by = self.picked_by;
    }
}

/// Whether the API server keeps the fields of ours.
#[derive(Default)]
pub struct Keeping {
    dropped: AtomicBool,
    /// By uid: what `Ready` said in the last status that was to be written with such fields.
    written: Mutex<HashMap<String, String>>,
}

impl Keeping {
    /// Whether they are known to be dropped.
    pub fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Sees what became of the status that was written last.
    pub fn look(&self, object: &ImagePolicy) {
        let Some(status) = &object.status else { return };
        let written = self.lock().remove(&object.uid().unwrap_or_default());
        let came_back = written.is_some() && written == said(status);
        if came_back && status.candidates.is_empty() && status.picked_by.is_none() {
            self.dropped.store(true, Ordering::Relaxed);
        }
    }

    /// Remembers what is about to be written, if it has such fields, or takes these away where they
    /// would be dropped.
    pub fn prepare(&self, object: &ImagePolicy, status: &mut ImagePolicyStatus) {
        if self.is_dropped() {
            Extras::default().show(status);
            // Names of older versions, which a definition may keep or drop by itself.
            let old = object.status.as_ref();
            if old.is_some_and(|old| old.latest_ref.is_some() && old.latest_image.is_none()) {
                (status.latest_image, status.observed_previous_image) = (None, None);
            }
        } else if let (false, Some(said)) = (status.candidates.is_empty(), said(status)) {
            self.lock().insert(object.uid().unwrap_or_default(), said);
        }
    }

    /// Writes the annotation, where the status cannot hold what is to be kept.
    pub async fn annotate(
        &self,
        core: &Core,
        object: &ImagePolicy,
        extras: &Extras,
    ) -> Result<(), kube::Error> {
        let text = serde_json::to_string(extras).unwrap_or_default();
        let kept = object.annotations().get(ANNOTATION);
        if !self.is_dropped() || kept == Some(&text) {
            return Ok(());
        }
        let patch = json!({"metadata": {"uid": object.uid(), "annotations": {ANNOTATION: text}}});
        let api = core.namespaced::<ImagePolicy>(&object.namespace().unwrap_or_default());
        api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await.map(drop)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the `Ready` condition says.
fn said(status: &ImagePolicyStatus) -> Option<String> {
    status.conditions.iter().find(|it| it.type_ == "Ready").map(|it| it.message.clone())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use reconcile::condition;

    use super::*;

    fn object(status: ImagePolicyStatus) -> ImagePolicy {
        let mut object = ImagePolicy::new("web", <_>::default());
        object.metadata.uid = Some("u".to_owned());
        object.status = Some(status);
        object
    }

    fn status(message: &str) -> ImagePolicyStatus {
        let conditions =
            condition::ready(Vec::new(), "Succeeded", message, 1, Timestamp::UNIX_EPOCH);
        let candidates = vec![Candidate { tag: "1".to_owned(), verdict: "selected".to_owned() }];
        ImagePolicyStatus { conditions, candidates, ..<_>::default() }
    }

    #[test]
    fn fields_that_do_not_come_back_are_dropped() {
        let keeping = Keeping::default();
        keeping.prepare(&object(<_>::default()), &mut status("one"));
        keeping.look(&object(status("one")));
        assert!(!keeping.is_dropped(), "they came back");
        keeping.prepare(&object(<_>::default()), &mut status("two"));
        keeping.look(&object(ImagePolicyStatus { candidates: Vec::new(), ..status("one") }));
        assert!(!keeping.is_dropped(), "the status was not written");
        keeping.prepare(&object(<_>::default()), &mut status("three"));
        keeping.look(&object(ImagePolicyStatus { candidates: Vec::new(), ..status("three") }));
        assert!(keeping.is_dropped());
        let mut next = status("four");
        keeping.prepare(&object(<_>::default()), &mut next);
        assert_eq!(next.candidates, []);
    }

    #[test]
    fn what_the_status_cannot_hold_is_read_from_the_annotation() {
        let extras = Extras { picked_by: Some("abc".to_owned()), ..Extras::default() };
        let mut annotated = object(ImagePolicyStatus::default());
        let text = serde_json::to_string(&extras).unwrap();
        annotated.annotations_mut().insert(ANNOTATION.to_owned(), text);
        assert_eq!(Extras::of(&annotated), extras);
        let own = object(ImagePolicyStatus { picked_by: Some("def".into()), ..<_>::default() });
        assert_eq!(Extras::of(&own).picked_by.as_deref(), Some("def"));
        assert_eq!(Extras::of(&object(<_>::default())), Extras::default());
    }
}
