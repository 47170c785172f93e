//! Reads of external stores, each made once for all who want it at the same time.
//!
//! A read is shared by its store, its place and the credential that makes it, so nobody is served what
//! their own credential did not open. Values are kept for a moment after they came, for the objects
//! that are due together, and then wiped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use sealer_core::store::plan::{Answer, Read};
use tokio::time::{Instant, sleep};

use super::stores::{Identity, Store};
use super::vault;
use crate::metrics::{Metrics, ProviderCall};

/// How long a value is kept for those who come a little later.
const KEPT: Duration = Duration::from_secs(1);

/// What a read gave.
pub type Outcome = Result<Arc<Answer>, Arc<vault::Error>>;

type Key = (Identity, Read);

/// The reads in flight, and those that have just ended. Cheap to clone.
#[derive(Clone)]
pub struct Reads {
    flights: Arc<Mutex<HashMap<Key, Flight>>>,
    metrics: Metrics,
}

struct Flight {
    read: Shared<BoxFuture<'static, Outcome>>,
    landed: Option<Instant>,
}

impl Reads {
    /// No reads yet.
    pub fn new(metrics: Metrics) -> Self {
        Self { flights: Arc::default(), metrics }
    }

    /// Reads a secret of `store`, or joins who is reading it. What was read a moment ago will do,
    /// unless somebody asked for what is there `now`.
    pub async fn read(&self, store: &Arc<Store>, read: &Read, now: bool) -> Outcome {
        // The place, and not how an object spells it, is what is read.
        let place = vault::location(store.mount.as_deref(), &read.key);
        let read = Read { key: place, version: read.version.clone() };
        let key: Key = (store.identity.clone(), read.clone());
        let flight = {
            let mut flights = self.flights();
            if now && flights.get(&key).is_some_and(|flight| flight.landed.is_some()) {
                flights.remove(&key);
            }
            let flight = flights.entry(key.clone()).or_insert_with(|| self.begin(store, read));
            flight.read.clone()
        };
        let outcome = flight.await;
        let mut flights = self.flights();
        match (&outcome, flights.get_mut(&key)) {
            (Ok(_), Some(flight)) => drop(flight.landed.get_or_insert_with(Instant::now)),
            // A failure is told to all who waited, and to nobody after them.
            (Err(_), _) => drop(flights.remove(&key)),
            (Ok(_), None) => {}
        }
        outcome
    }

    /// Forgets what is no longer fresh, until it is dropped.
    pub async fn run(self) {
        loop {
            sleep(KEPT).await;
            let now = Instant::now();
            self.flights()
                .retain(|_, flight| flight.landed.is_none_or(|landed| now - landed < KEPT));
        }
    }

    fn begin(&self, store: &Arc<Store>, read: Read) -> Flight {
        let (store, metrics) = (Arc::clone(store), self.metrics.clone());
        let flight = async move {
            let outcome = store.vault.read(&read.key, read.version.as_deref()).await;
            count(&metrics, "ReadSecretData", outcome.is_ok());
            outcome.map(Arc::new).map_err(Arc::new)
        };
        Flight { read: flight.boxed().shared(), landed: None }
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Key, Flight>> {
        // Every change is one call, so a panic elsewhere leaves it sound.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a call.
pub(crate) fn count(metrics: &Metrics, call: &'static str, succeeded: bool) {
    let status = if succeeded { "success" } else { "error" };
    metrics
        .provider_calls
        .get_or_create(&ProviderCall { provider: "HashiCorp/Vault", call, status })
        .inc();
}
