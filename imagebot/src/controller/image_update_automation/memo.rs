//! What is remembered of each automation while the process lives. Losing it costs a look.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use imagebot_api::{GitRepository, ImageUpdateAutomation};
use jiff::Timestamp;
use kube::ResourceExt as _;

use super::Picks;

/// A push that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pushed {
    /// The commit.
    pub(super) commit: String,
    /// When.
    pub(super) at: Timestamp,
}

/// A look at a remote.
struct Looked {
    at: Timestamp,
    uid: Option<String>,
    generation: Option<i64>,
    /// What source-controller had fetched then.
    artifact: Option<String>,
}

#[derive(Default)]
struct Memo {
    looked: Option<Looked>,
    pushed: Option<Pushed>,
    /// Picks that wait to be committed, and when they last changed.
    pending: Option<(Picks, Timestamp)>,
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
        let Some(looked) = looked else { return Some(self.start) };
        let same =
            looked.uid == source.metadata.uid && looked.generation == source.metadata.generation;
        same.then_some(looked.at)
    }

    /// Whether source-controller has fetched something since the last look of this process.
    pub(super) fn is_news(&self, object: &ImageUpdateAutomation, artifact: &str) -> bool {
        let memos = self.lock();
        let looked = memos.get(&key(object)).and_then(|memo| memo.looked.as_ref());
        looked.is_none_or(|looked| looked.artifact.as_deref() != Some(artifact))
    }

    /// When `picks`, which wait to be committed, last changed. After a restart that is `first`.
    pub(super) fn pending(
        &self,
        object: &ImageUpdateAutomation,
        picks: &Picks,
        (first, now): (Option<Timestamp>, Timestamp),
    ) -> Timestamp {
        let mut memos = self.lock();
        let memo = memos.entry(key(object)).or_default();
        let last = match &memo.pending {
            Some((known, last)) if known == picks => *last,
            Some(_) => now,
            None => first.unwrap_or(now),
        };
        memo.pending = Some((picks.clone(), last));
        last
    }

    /// Remembers a look.
    pub(super) fn looked(
        &self,
        object: &ImageUpdateAutomation,
        source: &GitRepository,
        at: Timestamp,
    ) {
        let looked = Looked {
            at,
            uid: source.metadata.uid.clone(),
            generation: source.metadata.generation,
            artifact: artifact(source).map(str::to_owned),
        };
        let mut memos = self.lock();
        let memo = memos.entry(key(object)).or_default();
        memo.looked = Some(looked);
        memo.pending = None;
    }

    /// Remembers a push for the automation `name`, so that a failure after it does not keep it out
    /// of the status.
    pub(super) fn push(&self, namespace: &str, name: &str, pushed: Pushed) {
        self.lock().entry(format!("{namespace}/{name}")).or_default().pushed = Some(pushed);
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

/// The commit that source-controller fetched last, as `source` tells it.
pub(super) fn artifact(source: &GitRepository) -> Option<&str> {
    let revision = source.status.as_ref()?.artifact.as_ref()?.revision.as_deref()?;
    Some(revision.rsplit_once(':').map_or(revision, |(_, id)| id))
}

fn key(object: &ImageUpdateAutomation) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}
