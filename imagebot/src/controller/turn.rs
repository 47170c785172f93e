//! One at a time: work on one remote is done by one automation after the other.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Whose turn it is, by remote.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<String, Weak<AsyncMutex<()>>>>);

/// A turn, which ends when it is dropped.
pub(crate) type Turn = OwnedMutexGuard<()>;

impl Turns {
    /// Waits for a turn at `remote`; those who wait are served in order.
    pub(crate) async fn take(&self, remote: &str) -> Turn {
        let place = {
            let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let place = places.get(remote).and_then(Weak::upgrade).unwrap_or_default();
            places.retain(|_, place| place.strong_count() > 0);
            places.insert(remote.to_owned(), Arc::downgrade(&place));
            place
        };
        place.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_remote_is_had_by_one_at_a_time() {
        let turns = Turns::default();
        let first = turns.take("a").await;
        let _other = turns.take("b").await;
        let second = turns.take("a");
        tokio::pin!(second);
        assert!(futures::poll!(second.as_mut()).is_pending());
        drop(first);
        drop(second.await);
        assert!(turns.0.lock().unwrap().len() <= 2);
    }
}
