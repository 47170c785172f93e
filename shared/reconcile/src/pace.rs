//! No more requests to the API server than somebody allowed.
//!
//! The API server shares itself out by priority and fairness, so there is no limit unless a flag
//! asks for one. A limit is a schedule: each request gets the next free moment and waits for it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until};
use tower::{Layer, Service};

/// How fast requests may go. Cheap to clone; clones share the limit.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    between: Duration,
    burst: u32,
    /// When a request may go that had no burst to use.
    next: Arc<Mutex<Option<Instant>>>,
}

/// A service whose requests wait for their moment.
#[derive(Clone, Debug)]
pub(crate) struct Paced<S> {
    inner: S,
    pace: Pace,
}

impl Pace {
    /// `qps` requests a second, and `burst` at once; nothing when `qps` is no positive number.
    pub(crate) fn new(qps: f32, burst: u32) -> Option<Self> {
        let between = Duration::try_from_secs_f32(1.0 / qps).ok()?;
        (qps > 0.0).then(|| Self { between, burst: burst.max(1), next: Arc::default() })
    }

    /// The moment of a request that comes `now`.
    fn moment(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let moment = next.map_or(now, |next| next.max(now));
        *next = Some(moment + self.between);
        let ahead = self.between * (self.burst - 1);
        moment.checked_sub(ahead).map_or(now, |moment| moment.max(now))
    }
}

impl<S> Layer<S> for Pace {
    type Service = Paced<S>;

    fn layer(&self, inner: S) -> Paced<S> {
        Paced { inner, pace: self.clone() }
    }
}

impl<S, R> Service<R> for Paced<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let moment = self.pace.moment(Instant::now());
        // A future that nobody polls sends nothing.
        let sending = self.inner.call(request);
        Box::pin(async move {
            sleep_until(moment).await;
            sending.await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_in_turn() {
        let pace = Pace::new(10.0, 3).unwrap();
        let now = Instant::now();
        let waits: Vec<_> = (0..6).map(|_| (pace.moment(now) - now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 100, 200, 300]);
        // Whoever was quiet has a burst again.
        let later = now + Duration::from_secs(10);
        let waits: Vec<_> = (0..4).map(|_| (pace.moment(later) - later).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 100]);
    }

    #[test]
    fn no_limit_is_none() {
        for qps in [0.0, -1.0, f32::NAN] {
            assert!(Pace::new(qps, 10).is_none(), "{qps}");
        }
    }
}
