//! Kubernetes events: what changed, told once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
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
use serde_json::json;
use tracing::warn;

use crate::{
    clock::Clock,
    error::{Failure, bounded},
    reconciler::Object,
};

/// How long the same news is counted rather than told again.
const SERIES: SignedDuration = SignedDuration::from_mins(6);

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

    pub(crate) fn failure(failure: &Failure) -> Self {
        Self::warning(failure.reason, &failure.message)
    }
}

/// Publishes events. The same news within six minutes is one event with a count; other news of the
/// same reason, such as the next commit, is an event of its own. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    client: Client,
    controller: String,
    instance: String,
    clock: Clock,
    told: Arc<Mutex<HashMap<News, Told>>>,
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
    /// Events that name `controller` (the daemon) and `instance` (the pod) as their source.
    pub fn new(client: Client, controller: &str, instance: &str, clock: Clock) -> Self {
        let (controller, instance) = (controller.to_owned(), instance.to_owned());
        Self { client, controller, instance, clock, told: Arc::default() }
    }

    /// Publishes `event` about `object`. A failure is logged and otherwise ignored: an event is
    /// news, not state.
    pub async fn publish<K: Object>(&self, object: &K, event: &Event) {
        let regarding = object.object_ref(&());
        let namespace = regarding.namespace.clone().unwrap_or_else(|| "default".to_owned());
        let api: Api<ApiEvent> = Api::namespaced(self.client.clone(), &namespace);
        let news = (object.uid(), event.reason.clone(), event.message.clone());
        let now = self.clock.now();
        let published = if let Some((name, count)) = self.again(&news, now) {
            self.count(&api, &name, count, now).await
        } else {
            let created = self.create(&api, regarding, event, now).await;
            created.map(|name| self.remember(news, name, now))
        };
        if let Err(error) = published {
            warn!(%error, kind = %K::kind(&()), "could not publish an event");
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
