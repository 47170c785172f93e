//! Kubernetes events: what changed, told once.
//!
//! Events are news, not state: a daemon [queues](Events::queued) them, so that no reconcile waits for
//! one, and after a burst they go out slowly, so that they take nothing from the work.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event as ApiEvent},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use prometheus_client::metrics::counter::Counter;
use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use tracing::warn;

use crate::{
    clock::Clock,
    error::{Failure, bounded},
    metrics::Metrics,
    reconciler::Object,
};

/// How long the same news is counted rather than told again.
const SERIES: SignedDuration = SignedDuration::from_mins(6);

/// How many events wait at most; what comes on top is counted and in the log only.
const QUEUED: usize = 4096;

/// How many events go out at once after a pause, and at which intervals more may follow.
const BURST: u32 = 25;
const PACE: Duration = Duration::from_millis(20);

/// The API refuses notes of more than a kilobyte.
const MAX_NOTE: usize = 1000;

/// Something worth telling the people who watch an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whether it needs attention.
    pub warning: bool,
    /// A CamelCase constant.
    pub reason: String,
    /// One line. Never anything secret.
    pub message: String,
}

impl Event {
    /// The world changed as it should.
    pub fn normal(reason: &str, message: impl Into<String>) -> Self {
        Self { warning: false, reason: reason.to_owned(), message: message.into() }
    }

    /// Something needs attention.
    pub fn warning(reason: &str, message: impl Into<String>) -> Self {
        Self { warning: true, reason: reason.to_owned(), message: message.into() }
    }

    /// That something failed.
    pub fn failure(failure: &Failure) -> Self {
        Self::warning(failure.reason, &failure.message)
    }
}

/// Publishes events. The same news within six minutes is one event with a count; other news of the
/// same reason, such as the next commit, is an event of its own. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    shared: Arc<Shared>,
    queue: Option<Queue>,
}

struct Shared {
    client: Client,
    controller: String,
    instance: String,
    clock: Clock,
    told: Mutex<HashMap<News, Told>>,
}

/// Where events wait.
#[derive(Clone)]
struct Queue {
    sender: mpsc::Sender<Waiting>,
    hurry: watch::Sender<bool>,
    dropped: Counter,
}

/// An event, and what it is about.
struct Waiting {
    regarding: ObjectReference,
    event: Event,
    at: Timestamp,
}

/// What makes two events the same: the object's uid, the reason and the message.
type News = (Option<String>, String, String);

/// An event that was published.
struct Told {
    name: String,
    count: i32,
    at: Timestamp,
}

impl Events {
    /// Events that name `controller` (the daemon) and `instance` (the pod) as their source, each
    /// published before [`Events::publish`] returns.
    pub fn new(client: Client, controller: &str, instance: &str, clock: Clock) -> Self {
        let (controller, instance) = (controller.to_owned(), instance.to_owned());
        let told = Mutex::default();
        let shared = Shared { client, controller, instance, clock, told };
        Self { shared: Arc::new(shared), queue: None }
    }

    /// The same, published by the future that is answered with them: in order, a burst at once and
    /// then fifty a second. It ends when told to [finish](Events::finish) and nothing waits any more.
    pub(crate) fn queued(
        self,
        metrics: &Metrics,
    ) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (sender, receiver) = mpsc::channel(QUEUED);
        let dropped = metrics.register(
            "signet_events_dropped",
            "Events that were not published because too many waited",
            Counter::default(),
        );
        let hurry = watch::Sender::new(false);
        let delivery = Arc::clone(&self.shared).deliver(receiver, hurry.subscribe());
        (Self { queue: Some(Queue { sender, hurry, dropped }), ..self }, delivery)
    }

    /// Lets what waits go out without a pause.
    pub(crate) fn finish(&self) {
        if let Some(queue) = &self.queue {
            queue.hurry.send_replace(true);
        }
    }

    /// Publishes `event` about `object`. A failure is logged and otherwise ignored: an event is
    /// news, not state.
    pub async fn publish<K: Object>(&self, object: &K, event: &Event) {
        let (regarding, at) = (object.object_ref(&()), self.shared.clock.now());
        let waiting = Waiting { regarding, event: event.clone(), at };
        match &self.queue {
            None => self.shared.publish(waiting).await,
            Some(queue) => {
                if queue.sender.try_send(waiting).is_err() {
                    queue.dropped.inc();
                }
            }
        }
    }
}

impl Shared {
    async fn deliver(
        self: Arc<Self>,
        mut queue: mpsc::Receiver<Waiting>,
        mut hurry: watch::Receiver<bool>,
    ) {
        let mut pace = Pace::new();
        loop {
            let waiting = tokio::select! {
                biased;
                waiting = queue.recv() => waiting,
                _ = hurry.wait_for(|hurry| *hurry) => None,
            };
            // Either nobody can send any more, or it is time to end and nothing waits.
            let Some(waiting) = waiting else { return };
            tokio::select! {
                () = pace.turn() => {}
                _ = hurry.wait_for(|hurry| *hurry) => {}
            }
            self.publish(waiting).await;
        }
    }

    async fn publish(&self, Waiting { regarding, event, at }: Waiting) {
        let namespace = regarding.namespace.clone().unwrap_or_else(|| "default".to_owned());
        let api: Api<ApiEvent> = Api::namespaced(self.client.clone(), &namespace);
        let news = (regarding.uid.clone(), event.reason.clone(), event.message.clone());
        let kind = regarding.kind.clone().unwrap_or_default();
        let published = if let Some((name, count)) = self.again(&news, at) {
            self.count(&api, &name, count, at).await
        } else {
            let created = self.create(&api, regarding, &event, at).await;
            created.map(|name| self.remember(news, name, at))
        };
        if let Err(error) = published {
            warn!(%error, kind, "could not publish an event");
        }
    }

    /// The event that told the same a short while ago, and how often it is told with this time.
    fn again(&self, news: &News, now: Timestamp) -> Option<(String, i32)> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, told| now.duration_since(told.at) < SERIES);
        let told = told.get_mut(news)?;
        (told.count, told.at) = (told.count.saturating_add(1), now);
        Some((told.name.clone(), told.count))
    }

    async fn count(
        &self,
        api: &Api<ApiEvent>,
        name: &str,
        count: i32,
        now: Timestamp,
    ) -> Result<(), kube::Error> {
        let series = json!({ "count": count, "lastObservedTime": MicroTime(now) });
        let patch = Patch::Merge(json!({ "series": series }));
        api.patch(name, &PatchParams::default(), &patch).await.map(drop)
    }

    async fn create(
        &self,
        api: &Api<ApiEvent>,
        regarding: ObjectReference,
        event: &Event,
        now: Timestamp,
    ) -> Result<String, kube::Error> {
        let object = regarding.name.clone().unwrap_or_default();
        let event = ApiEvent {
            metadata: ObjectMeta {
                // As client-go names them: the object, then something that no other event has.
                name: Some(format!("{}.{:x}", bounded(&object, 220, ""), now.as_nanosecond())),
                namespace: regarding.namespace.clone().or_else(|| Some("default".to_owned())),
                ..<_>::default()
            },
            type_: Some(if event.warning { "Warning" } else { "Normal" }.to_owned()),
            reason: Some(event.reason.clone()),
            action: Some(event.reason.clone()),
            note: Some(bounded(&event.message, MAX_NOTE, "…")),
            event_time: Some(MicroTime(now)),
            reporting_controller: Some(self.controller.clone()),
            reporting_instance: Some(self.instance.clone()),
            regarding: Some(regarding),
            ..<_>::default()
        };
        Ok(api.create(&PostParams::default(), &event).await?.name_any())
    }

    fn remember(&self, news: News, name: String, at: Timestamp) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(news, Told { name, count: 1, at });
    }
}

/// A bucket of [`BURST`] turns that gets a new one at every [`PACE`].
struct Pace {
    /// When the bucket is full again.
    full: Instant,
}

impl Pace {
    fn new() -> Self {
        Self { full: Instant::now() }
    }

    /// Waits until it is somebody's turn, and takes it.
    async fn turn(&mut self) {
        self.full = self.full.max(Instant::now()) + PACE;
        sleep_until(self.full - PACE * BURST).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_out_at_once_and_the_rest_slowly() {
        let (mut pace, begin) = (Pace::new(), Instant::now());
        let mut passed = Vec::new();
        for _ in 0..BURST + 2 {
            pace.turn().await;
            passed.push(begin.elapsed());
        }
        let (burst, rest) = passed.split_at(BURST as usize);
        assert!(burst.iter().all(Duration::is_zero), "{burst:?}");
        assert_eq!(rest, [PACE, PACE * 2]);
        tokio::time::sleep(PACE * BURST * 9).await;
        let begin = Instant::now();
        for _ in 0..BURST {
            pace.turn().await;
        }
        assert!(begin.elapsed().is_zero(), "after a pause there may be a burst again");
        pace.turn().await;
        assert_eq!(begin.elapsed(), PACE, "but a long pause buys no longer burst");
    }
}
