//! Many wishes for the same write, few writes.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Runs at most one write a key at a time; wishes that arrive meanwhile share the next.
#[derive(Default)]
pub(super) struct Coalescer {
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

#[derive(Default)]
struct Slot {
    /// How many wishes there were.
    wished: AtomicU64,
    /// How many of them a write has covered.
    written: tokio::sync::Mutex<u64>,
}

impl Coalescer {
    /// Returns once a write that began after this call has succeeded.
    ///
    /// When a write fails, each wish that it stood for tries for itself: no failure is hidden.
    pub(super) async fn run<E, F: Future<Output = Result<(), E>>>(
        &self,
        key: &str,
        write: impl FnOnce() -> F,
    ) -> Result<(), E> {
        let slot = self.slot(key);
        let ticket = slot.wished.fetch_add(1, Ordering::AcqRel) + 1;
        let written = {
            let mut written = slot.written.lock().await;
            if *written >= ticket {
                Ok(())
            } else {
                let covered = slot.wished.load(Ordering::Acquire);
                let outcome = write().await;
                if outcome.is_ok() {
                    *written = covered;
                }
                outcome
            }
        };
        self.tidy(key, slot);
        written
    }

    fn slot(&self, key: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(key.to_owned()).or_default())
    }

    /// Drops a slot that nobody else holds.
    fn tidy(&self, key: &str, slot: Arc<Slot>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        drop(slot);
        if slots.get(key).is_some_and(|slot| Arc::strong_count(slot) == 1) {
            slots.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::future::{join, join_all};
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn wishes_that_come_during_a_write_share_the_next() {
        let coalescer = Coalescer::default();
        let writes = AtomicU64::new(0);
        let (begun, go) = (Notify::new(), Notify::new());
        let first = coalescer.run("a", || async {
            writes.fetch_add(1, Ordering::SeqCst);
            begun.notify_one();
            go.notified().await;
            Ok::<_, Infallible>(())
        });
        let others = async {
            begun.notified().await;
            let later = (0..50).map(|_| {
                coalescer.run("a", || async {
                    writes.fetch_add(1, Ordering::SeqCst);
                    Ok::<_, Infallible>(())
                })
            });
            let later = join_all(later);
            go.notify_one();
            later.await
        };
        let (one, rest) = join(first, others).await;
        assert!(one.is_ok() && rest.iter().all(Result::is_ok));
        assert_eq!(writes.load(Ordering::SeqCst), 2, "the first, and one for all the others");
        assert!(coalescer.slots.lock().unwrap().is_empty(), "nothing is left behind");
    }

    #[tokio::test]
    async fn a_failure_reaches_everyone_it_concerns() {
        let coalescer = Coalescer::default();
        let wishes = (0..3).map(|_| coalescer.run("a", || async { Err::<(), _>("no") }));
        assert!(join_all(wishes).await.iter().all(Result::is_err));
        assert!(coalescer.run("a", || async { Ok::<_, &str>(()) }).await.is_ok());
    }
}
