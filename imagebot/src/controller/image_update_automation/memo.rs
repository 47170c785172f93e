//! What is remembered of each automation while the process lives. Losing it costs a look.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use imagebot_api::{GitRepository, ImageUpdateAutomation};
use jiff::Timestamp;
use kube::ResourceExt as _;

/// A push that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pushed {
    /// The commit.
    pub(super) commit: String,
    /// When.
    pub(super) at: Timestamp,
}

#[derive(Default)]
struct Memo {
    looked: Option<(Timestamp, Option<String>, Option<i64>)>,
    pushed: Option<Pushed>,
}

/// What is remembered, by automation.
pub(super) struct Memos {
    start: Timestamp,
    memos: Mutex<HashMap<String, Memo>>,
}

impl Memos {
    pub(super) fn new(start: Timestamp) -> Self {
        Self { start, memos: Mutex::default() }
    }

    /// When the remote was looked at last, as `source` describes it. An object that nobody has
    /// looked at since the start counts as looked at then: a restart asks nothing of anybody
    /// before it is due. `None` says that `source` has changed since.
    pub(super) fn last(
        &self,
        object: &ImageUpdateAutomation,
        source: &GitRepository,
    ) -> Option<Timestamp> {
        let memos = self.lock();
        let looked = memos.get(&key(object)).and_then(|memo| memo.looked.as_ref());
        let Some((at, uid, generation)) = looked else { return Some(self.start) };
        let same = *uid == source.metadata.uid && *generation == source.metadata.generation;
        same.then_some(*at)
    }

    /// Remembers a look.
    pub(super) fn looked(
        &self,
        object: &ImageUpdateAutomation,
        source: &GitRepository,
        at: Timestamp,
    ) {
        let looked = (at, source.metadata.uid.clone(), source.metadata.generation);
        self.lock().entry(key(object)).or_default().looked = Some(looked);
    }

    /// Remembers a push, so that a failure after it does not keep it out of the status.
    pub(super) fn push(&self, object: &ImageUpdateAutomation, pushed: Pushed) {
        self.lock().entry(key(object)).or_default().pushed = Some(pushed);
    }

    /// The last push.
    pub(super) fn pushed(&self, object: &ImageUpdateAutomation) -> Option<Pushed> {
        self.lock().get(&key(object)).and_then(|memo| memo.pushed.clone())
    }

    pub(super) fn forget(&self, namespace: &str, name: &str) {
        self.lock().remove(&format!("{namespace}/{name}"));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Memo>> {
        self.memos.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(object: &ImageUpdateAutomation) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}
