//! One at a time: who asks for the same thing waits, and then finds it there.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, Weak},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::session::lock;

/// Whose turn it is, by what is wanted.
pub(super) struct Turns<K>(Mutex<HashMap<K, Weak<AsyncMutex<()>>>>);

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash> Turns<K> {
    /// Waits for a turn, which ends when what this returns is dropped.
    pub(super) async fn take(&self, key: &K) -> OwnedMutexGuard<()> {
        let place = {
            let mut places = lock(&self.0);
            places.retain(|_, place| place.strong_count() > 0);
            let place = places.get(key).and_then(Weak::upgrade).unwrap_or_default();
            places.insert(key.clone(), Arc::downgrade(&place));
            place
        };
        place.lock_owned().await
    }
}
