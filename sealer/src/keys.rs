//! The sealing keys in use, for everyone who opens or shows them.

use std::sync::Arc;

use sealer_core::sealed::keyring::{Keyring, Order};
use tokio::sync::watch;

/// The current keyring. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Keys(watch::Sender<State>);

#[derive(Clone, Debug)]
struct State {
    ring: Arc<Keyring>,
    listed: bool,
}

impl Keys {
    /// No keys, until they are loaded.
    pub fn none() -> Self {
        let ring = Arc::new(Keyring::new([], Order::CertNotBefore));
        Self(watch::Sender::new(State { ring, listed: false }))
    }

    /// The keys as of now.
    pub fn current(&self) -> Arc<Keyring> {
        Arc::clone(&self.0.borrow().ring)
    }

    /// Puts `ring` in place of the keys so far.
    pub fn replace(&self, ring: Keyring) {
        self.0.send_replace(State { ring: Arc::new(ring), listed: true });
    }

    /// Waits until the keys that there are have been loaded, even if there is none.
    pub async fn listed(&self) {
        // The sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|state| state.listed).await;
    }

    /// Waits until there is a key.
    pub async fn present(&self) {
        let _ = self.0.subscribe().wait_for(|state| state.ring.newest().is_some()).await;
    }

    /// Tells of every change from now on.
    pub fn changes(&self) -> impl futures::Stream<Item = ()> + Send + 'static {
        let receiver = self.0.subscribe();
        futures::stream::unfold(receiver, |mut receiver| async move {
            receiver.changed().await.ok()?;
            Some(((), receiver))
        })
    }
}
