//! The recent changes, in order, from which every watch is fed.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use tokio::sync::watch;

use crate::object::Object;

/// What is kept for watches that come back; older ones list again.
const MAX_BYTES: usize = 4 << 20;
const MAX_EVENTS: usize = 8_192;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Added,
    Modified,
    Deleted,
}

/// One change of one object.
pub(crate) struct Event {
    pub version: u64,
    /// Which kind's storage it happened in.
    pub stored: String,
    pub change: Change,
    /// What selectors can ask about the object before the change.
    pub before: Option<Object>,
    /// The same, after it.
    pub after: Option<Object>,
    /// The object after the change, or its last state when it was deleted.
    pub object: Bytes,
    /// The object is what a file says.
    pub from_file: bool,
    /// The state before a change that selectors may see, under the new version.
    pub previous: Option<Bytes>,
}

/// The recent changes.
pub(crate) struct Log {
    recent: Mutex<Recent>,
    head: watch::Sender<u64>,
}

#[derive(Default)]
struct Recent {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    /// Every event above this version is still here.
    complete_after: u64,
}

impl Default for Log {
    fn default() -> Self {
        Self { recent: Mutex::default(), head: watch::Sender::new(0) }
    }
}

impl Log {
    /// Starts an empty history at `version`.
    pub(crate) fn begin(&self, version: u64) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        *recent = Recent { complete_after: version, ..Recent::default() };
        self.head.send_replace(version);
    }

    pub(crate) fn publish(&self, events: Vec<Arc<Event>>) {
        let Some(last) = events.last() else { return };
        let head = last.version;
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            recent.bytes += event.object.len();
            recent.events.push_back(event);
        }
        while recent.bytes > MAX_BYTES || recent.events.len() > MAX_EVENTS {
            let Some(dropped) = recent.events.pop_front() else { break };
            recent.bytes -= dropped.object.len();
            recent.complete_after = dropped.version;
        }
        drop(recent);
        self.head.send_replace(head);
    }

    /// The version of the last change, now and whenever it moves.
    pub(crate) fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// The changes above `version` in one kind's storage, and the version they reach up to.
    /// `Err` names the first version from which history is complete.
    pub(crate) fn after(&self, version: u64, stored: &str) -> Result<(Vec<Arc<Event>>, u64), u64> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if version < recent.complete_after {
            return Err(recent.complete_after);
        }
        let start = recent.events.partition_point(|event| event.version <= version);
        let newer = recent.events.range(start..);
        let reached = recent.events.back().map_or(version, |last| last.version.max(version));
        Ok((newer.filter(|event| event.stored == stored).cloned().collect(), reached))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(version: u64, size: usize) -> Arc<Event> {
        Arc::new(Event {
            version,
            stored: "secrets./".to_owned(),
            change: Change::Added,
            before: None,
            after: None,
            object: vec![0; size].into(),
            from_file: false,
            previous: None,
        })
    }

    fn versions(log: &Log, after: u64) -> Result<Vec<u64>, u64> {
        let (events, _) = log.after(after, "secrets./")?;
        Ok(events.iter().map(|event| event.version).collect())
    }

    #[test]
    fn history_is_told_in_order_after_a_version() {
        let log = Log::default();
        log.begin(5);
        log.publish(vec![event(6, 1), event(7, 1)]);
        log.publish(vec![event(9, 1)]);
        assert_eq!(versions(&log, 5), Ok(vec![6, 7, 9]));
        assert_eq!(versions(&log, 7), Ok(vec![9]));
        assert_eq!(versions(&log, 9), Ok(vec![]));
        assert_eq!(versions(&log, 4), Err(5), "before the beginning");
        assert_eq!(log.after(5, "configmaps./").unwrap().1, 9, "others' changes count as told");
    }

    #[test]
    fn history_is_bounded_in_number_and_size() {
        for (count, size) in [(MAX_EVENTS as u64 + 10, 1), (20, MAX_BYTES / 10)] {
            let log = Log::default();
            log.begin(0);
            for version in 1..=count {
                log.publish(vec![event(version, size)]);
            }
            assert_eq!(versions(&log, 0), Err(10), "the first ten are gone");
            assert_eq!(versions(&log, 10).unwrap().len() as u64, count - 10);
        }
    }
}
