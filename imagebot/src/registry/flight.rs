//! One question in flight for a need that several have at once.
//!
//! ```text
//! ask ──▶ in flight ──────▶ answer
//!   ask ─┐                      (it may be older than this question)
//!   ask ─┴─ waits ─────────────▶ in flight ──▶ one answer for both
//! ```
//!
//! Whoever asks gets an answer to a question that was put after they asked: a scan that a push
//! caused must not be answered with a list that was read before the push.

use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};

use super::{Error, session::lock};

/// From how many on it is looked for flights that are over and whose askers left early.
const MANY: usize = 256;

/// The questions in flight, by what they ask for and as whom.
pub(super) struct Flights<K, T>(Mutex<HashMap<K, Flight<T>>>);

type Answer<T> = Result<T, Arc<Error>>;
type Question<T> = BoxFuture<'static, Answer<T>>;

struct Flight<T> {
    begun: Arc<AtomicBool>,
    question: WeakShared<Question<T>>,
}

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone, T: Clone + Send + Sync + 'static> Flights<K, T> {
    /// The answer to a question that is put after this call, by this caller or by another one.
    pub(super) async fn join<F>(&self, key: K, ask: F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let answer = self.board(&key, ask).await;
        let mut flights = lock(&self.0);
        if flights.get(&key).is_some_and(|flight| flight.question.upgrade().is_none()) {
            flights.remove(&key);
        }
        answer.map_err(|error| Arc::try_unwrap(error).unwrap_or_else(Error::Shared))
    }

    fn board<F>(&self, key: &K, ask: F) -> Shared<Question<T>>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let mut flights = lock(&self.0);
        if flights.len() >= MANY {
            flights.retain(|_, flight| flight.question.upgrade().is_some());
        }
        let running = flights.get(key).and_then(|flight| {
            Some((flight.question.upgrade()?, flight.begun.load(Ordering::Acquire)))
        });
        let before = match running {
            Some((waiting, false)) => return waiting,
            Some((running, true)) => Some(running),
            None => None,
        };
        let begun = Arc::new(AtomicBool::new(false));
        let begins = Arc::clone(&begun);
        let question = async move {
            if let Some(before) = before {
                // Its answer is for those who asked before.
                let _ = before.await;
            }
            begins.store(true, Ordering::Release);
            ask.await.map_err(Arc::new)
        };
        let question = question.boxed().shared();
        if let Some(weak) = question.downgrade() {
            flights.insert(key.clone(), Flight { begun, question: weak });
        }
        question
    }

    /// How many flights are known.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        lock(&self.0).len()
    }
}
