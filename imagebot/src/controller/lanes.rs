//! Work that waits on remotes, so that slow ones hold nobody up.
//!
//! ```text
//! a remote that answered last time ──▶ the fast lane: few places
//!                                          │ not done within a moment
//! a remote that did not            ──▶ the slow lane: many places, no claim to be quick
//! ```
//!
//! What is on the fast lane may use the processor; what has waited for a moment only waits.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
};
use reconcile::metrics::Metrics;
use tokio::{
    pin, select,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

/// How long work may keep a place on the fast lane.
const MOMENT: Duration = Duration::from_millis(250);
/// Places for remotes that answer, for each that the concurrency gives.
const FAST: usize = 4;
/// Threads that may wait on remotes that do not. Below what the runtime has for blocking work.
const SLOW: usize = 256;

/// The places of both lanes, and the remotes that are suspected to be slow.
pub(crate) struct Lanes {
    fast: Arc<Semaphore>,
    slow: Arc<Semaphore>,
    suspects: Mutex<HashSet<String>>,
    busy: Family<Lane, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lane {
    lane: &'static str,
}

/// A place on a lane, and that it is counted.
struct Place {
    _permit: OwnedSemaphorePermit,
    busy: Gauge,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.busy.dec();
    }
}

impl Lanes {
    /// Lanes for a controller that does `concurrency` things at once.
    pub(crate) fn new(concurrency: u16, metrics: &Metrics) -> Self {
        let fast = usize::from(concurrency.max(1)) * FAST;
        let busy = metrics.register(
            "imagebot_git_lane_busy",
            "Git operations under way by lane: fast, or slow for remotes that keep one waiting",
            Family::default(),
        );
        Self {
            busy,
            fast: Arc::new(Semaphore::new(fast)),
            slow: Arc::new(Semaphore::new(SLOW)),
            suspects: Mutex::default(),
        }
    }

    /// Runs `work` on `remote` when there is a place. `failed` says whether the remote was at fault.
    pub(crate) async fn run<T, W: Future<Output = T>>(
        &self,
        remote: &str,
        work: impl FnOnce() -> W,
        failed: impl Fn(&T) -> bool,
    ) -> T {
        let suspect = self.suspects().contains(remote);
        let place = self.enter(if suspect { "slow" } else { "fast" }).await;
        let work = work();
        pin!(work);
        let done = if suspect {
            work.await
        } else {
            select! {
                done = &mut work => done,
                _slower = self.change_lanes(place) => work.await,
            }
        };
        if failed(&done) {
            self.suspects().insert(remote.to_owned());
        } else {
            self.suspects().remove(remote);
        }
        done
    }

    /// Leaves the fast lane after a moment, when the slow one has a place.
    async fn change_lanes(&self, fast: Place) -> Place {
        sleep(MOMENT).await;
        let slow = self.enter("slow").await;
        drop(fast);
        slow
    }

    async fn enter(&self, lane: &'static str) -> Place {
        let places = if lane == "slow" { &self.slow } else { &self.fast };
        let permit = Arc::clone(places).acquire_owned().await.expect("no lane is ever closed");
        let busy = self.busy.get_or_create(&Lane { lane }).clone();
        busy.inc();
        Place { _permit: permit, busy }
    }

    fn suspects(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures::future::join_all;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn two_hundred_dead_remotes_hold_nobody_up() {
        let lanes = Arc::new(Lanes::new(4, &Metrics::default()));
        let dead = join_all((0..200).map(|n| {
            let lanes = Arc::clone(&lanes);
            async move { lanes.run(&format!("dead-{n}"), pending::<()>, |()| true).await }
        }));
        let dead = tokio::spawn(dead);
        tokio::task::yield_now().await;
        let good = lanes.run("good", || ready(1), |_| false);
        assert_eq!(timeout(Duration::from_secs(4), good).await.ok(), Some(1));
        dead.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_remote_that_failed_is_slow_until_it_answers() {
        let lanes = Lanes::new(1, &Metrics::default());
        lanes.run("a", || ready(()), |()| true).await;
        let all = Arc::clone(&lanes.fast).acquire_many_owned(4).await.unwrap();
        // Every fast place is taken, and it needs none.
        lanes.run("a", || ready(()), |()| false).await;
        let waits = timeout(Duration::from_secs(9), lanes.run("a", || ready(()), |()| false));
        assert!(waits.await.is_err(), "it is trusted again");
        drop(all);
    }
}
