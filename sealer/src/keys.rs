//! The sealing keys in use, for everyone who opens or shows them.

use std::sync::Arc;

use sealer_core::sealed::keyring::{Keyring, Order};
use sealer_core::sealed::native::PrivateKey;
use tokio::sync::watch;

/// The current keyring. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Keys(watch::Sender<State>);

#[derive(Clone, Debug)]
struct State {
    ring: Arc<Keyring>,
    listed: bool,
    /// Whether native keys are still to be listed.
    awaits_native: bool,
}

impl Keys {
    /// No keys, until they are loaded.
    pub fn none() -> Self {
        let ring = Arc::new(Keyring::new([], Order::CertNotBefore));
        Self(watch::Sender::new(State { ring, listed: false, awaits_native: false }))
    }

    /// The keys as of now.
    pub fn current(&self) -> Arc<Keyring> {
        Arc::clone(&self.0.borrow().ring)
    }

    /// Puts `ring` in place of the keys so far; native keys stay.
    pub fn replace(&self, ring: Keyring) {
        self.0.send_modify(|state| {
            let native = state.ring.native().iter().cloned();
            state.ring = Arc::new(ring.with_native(native));
            state.listed = true;
        });
    }

    /// Says that native keys will be listed, too, before all are known.
    pub fn await_native(&self) {
        self.0.send_modify(|state| state.awaits_native = true);
    }

    /// Puts these native keys in place of those so far.
    pub fn replace_native(&self, keys: impl IntoIterator<Item = Arc<PrivateKey>>) {
        self.0.send_modify(|state| {
            state.ring = Arc::new(state.ring.without_native().with_native(keys));
            state.awaits_native = false;
        });
    }

    /// Waits until the keys that there are have been loaded, even if there is none.
    pub async fn listed(&self) {
        // The sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|state| state.listed && !state.awaits_native).await;
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
