//! What the driver remembers of each object between reconciles.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kube::{ResourceExt, runtime::reflector::ObjectRef};

use crate::{backoff, error::Failure, reconciler::Object, watched::slim};

/// Per object: what it looked like, how often it failed in a row, and what we wrote last.
pub(super) struct Memory<K: Object> {
    objects: Mutex<HashMap<ObjectRef<K>, Entry<K>>>,
    hasher: RandomState,
}

struct Entry<K> {
    seen: Option<u64>,
    /// The version that the watch told last.
    version: Option<u64>,
    failures: u32,
    written: Option<Arc<K>>,
}

impl<K: Object> Default for Memory<K> {
    fn default() -> Self {
        Self { objects: Mutex::default(), hasher: RandomState::new() }
    }
}

impl<K> Default for Entry<K> {
    fn default() -> Self {
        Self { seen: None, version: None, failures: 0, written: None }
    }
}

impl<K: Object> Memory<K> {
    /// Whether `object` (from the watch) differs from when this was last asked in what its author
    /// controls. A write of ours that the watch has caught up with is no longer kept.
    pub(super) fn is_news(&self, reference: &ObjectRef<K>, object: &K) -> bool {
        let print = Some(self.fingerprint(object));
        let mut objects = self.lock();
        let entry = objects.entry(reference.clone()).or_default();
        entry.version = version(object);
        entry.written.take_if(|written| !is_newer(written.as_ref(), object));
        let news = entry.seen != print;
        entry.seen = print;
        news
    }

    /// The newest state of the object that is known: of what `seen` answers (what the watch knows
    /// now) and what our last write answered, so that a reconcile right after a write never acts on
    /// the state before it.
    ///
    /// `seen` is asked last: a write is forgotten only after the watch has caught up with it.
    pub(super) fn newest(&self, reference: &ObjectRef<K>, seen: impl FnOnce() -> Arc<K>) -> Arc<K> {
        let written = self.lock().get(reference).and_then(|entry| entry.written.clone());
        let seen = seen();
        written.filter(|written| is_newer(written.as_ref(), seen.as_ref())).unwrap_or(seen)
    }

    /// Remembers what a write of ours answered, unless the watch was faster.
    pub(super) fn wrote(&self, mut object: K) {
        slim(&mut object);
        let reference = ObjectRef::from_obj(&object);
        let mut objects = self.lock();
        let entry = objects.entry(reference).or_default();
        if entry.version.is_none() || version(&object) > entry.version {
            entry.written = Some(Arc::new(object));
        }
    }

    /// Begins the count of failures anew.
    pub(super) fn succeeded(&self, reference: &ObjectRef<K>) {
        if let Some(entry) = self.lock().get_mut(reference) {
            entry.failures = 0;
        }
    }

    /// Counts a failure; answers the pause before the next try.
    pub(super) fn failed(&self, reference: &ObjectRef<K>, failure: &Failure) -> Option<Duration> {
        let mut objects = self.lock();
        let entry = objects.entry(reference.clone()).or_default();
        entry.failures = entry.failures.saturating_add(1);
        let hash = self.hasher.hash_one((&reference.name, &reference.namespace, entry.failures));
        #[expect(clippy::cast_precision_loss, reason = "noise needs no precision")]
        let noise = hash as f64 / u64::MAX as f64;
        backoff::pause(failure, entry.failures, noise)
    }

    /// Drops everything about an object that is gone.
    pub(super) fn forget(&self, reference: &ObjectRef<K>) {
        self.lock().remove(reference);
    }

    fn fingerprint(&self, object: &K) -> u64 {
        let mut hash = self.hasher.build_hasher();
        let meta = object.meta();
        meta.uid.hash(&mut hash);
        meta.generation.hash(&mut hash);
        meta.labels.hash(&mut hash);
        meta.annotations.hash(&mut hash);
        meta.deletion_timestamp.is_some().hash(&mut hash);
        hash.finish()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectRef<K>, Entry<K>>> {
        // Nothing here panics between two states of an entry.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `ours` is a later state of the object than `theirs`. Versions of one object are numbers
/// that grow, on every API server that there is; where they are not, the watch is believed.
fn is_newer(ours: &impl Object, theirs: &impl Object) -> bool {
    ours.uid() == theirs.uid() && version(ours) > version(theirs)
}

fn version(object: &impl Object) -> Option<u64> {
    object.resource_version()?.parse().ok()
}
