//! The deliveries that were taken already.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, PoisonError},
};

/// Senders repeat what they think was lost; more than this many later, it is news again.
const KEPT: usize = 4096;

/// The ids of the last events that were acted upon.
#[derive(Default)]
pub(super) struct Seen(Mutex<(HashSet<String>, VecDeque<String>)>);

impl Seen {
    /// Whether the event was acted upon. An event without an id never was.
    pub(super) fn has(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.contains(id)
    }

    /// Remembers an event.
    pub(super) fn add(&self, id: String) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, order) = &mut *seen;
        if id.is_empty() || !known.insert(id.clone()) {
            return;
        }
        order.push_back(id);
        if order.len() > KEPT
            && let Some(oldest) = order.pop_front()
        {
            known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_bounded() {
        let seen = Seen::default();
        (0..=KEPT).for_each(|n| seen.add(n.to_string()));
        assert!(!seen.has("0") && seen.has("1") && seen.has(&KEPT.to_string()));
        seen.add(String::new());
        assert!(!seen.has(""));
    }
}
