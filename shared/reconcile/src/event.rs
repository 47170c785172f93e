//! Kubernetes events: what changed, told once.

use kube::{
    Client,
    runtime::events::{Event as ApiEvent, EventType, Recorder, Reporter},
};
use tracing::warn;

use crate::{error::Failure, reconciler::Object};

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

/// Publishes events; repeats within six minutes become one series.
#[derive(Clone)]
pub struct Events(Recorder);

impl Events {
    /// Events that name `controller` (the daemon) and `instance` (the pod) as their source.
    pub fn new(client: Client, controller: &str, instance: &str) -> Self {
        let reporter =
            Reporter { controller: controller.to_owned(), instance: Some(instance.to_owned()) };
        Self(Recorder::new(client, reporter))
    }

    /// Publishes `event` about `object`. A failure is logged and otherwise ignored: an event is
    /// news, not state.
    pub async fn publish<K: Object>(&self, object: &K, event: &Event) {
        const MAX_BYTES: usize = 1000;
        let mut note = event.message.clone();
        if note.len() > MAX_BYTES {
            let cut = (0..=MAX_BYTES).rev().find(|&at| note.is_char_boundary(at)).unwrap_or(0);
            note.truncate(cut);
            note.push('…');
        }
        let event = ApiEvent {
            type_: if event.warning { EventType::Warning } else { EventType::Normal },
            reason: event.reason.clone(),
            note: Some(note),
            action: event.reason.clone(),
            secondary: None,
        };
        if let Err(error) = self.0.publish(&event, &object.object_ref(&())).await {
            warn!(%error, kind = %K::kind(&()), "could not publish an event");
        }
    }
}
