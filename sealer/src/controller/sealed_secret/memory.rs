//! What is kept of each SealedSecret in memory: what the metrics say of it, and how often it failed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kube::ResourceExt as _;
use reconcile::Class;
use sealer_api::SealedSecret;
use sealer_api::sealed_secret::SealedBy;

use super::Settings;
use crate::controller::names;
use crate::metrics::{self, ConditionInfo, Metrics};

/// The pause of who waits for a change and nothing else: longer than a process lives.
const FOR_A_CHANGE: Duration = Duration::from_secs(365 * 24 * 3600);

/// What is kept of each object.
pub(super) struct Memory {
    metrics: Metrics,
    settings: Settings,
    objects: Mutex<HashMap<(String, String), Entry>>,
}

#[derive(Default)]
struct Entry {
    generation: Option<i64>,
    failures: u32,
    condition: Option<ConditionInfo>,
    keys: Vec<String>,
}

impl Memory {
    pub(super) fn new(metrics: &Metrics, settings: Settings) -> Self {
        Self { metrics: metrics.clone(), settings, objects: Mutex::default() }
    }

    /// Takes in how a reconcile ended. Answers when to try again, where that is not as the class says.
    pub(super) fn note(
        &self,
        object: &SealedSecret,
        failure: Option<Class>,
        sealed_by: &[SealedBy],
    ) -> Option<Duration> {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = objects.entry(names(object)).or_default();
        if !self.settings.anonymous {
            let condition = condition(object);
            let value = if failure.is_none() { 1 } else { -1 };
            if entry.condition.as_ref().is_some_and(|before| *before != condition) {
                self.drop_condition(entry);
            }
            self.metrics.condition_info.get_or_create(&condition).set(value);
            entry.condition = Some(condition);
        }
        if failure.is_none() {
            self.count_keys(entry, sealed_by.iter().map(|by| by.key.clone()).collect());
        }
        if entry.generation != object.metadata.generation || failure.is_none() {
            (entry.generation, entry.failures) = (object.metadata.generation, 0);
        }
        failure?;
        entry.failures += 1;
        let limit = self.settings.retries?;
        (entry.failures > limit).then_some(FOR_A_CHANGE)
    }

    /// Drops everything about an object that is gone.
    pub(super) fn forget(&self, namespace: &str, name: &str) {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut entry) = objects.remove(&(namespace.to_owned(), name.to_owned())) {
            self.drop_condition(&mut entry);
            self.count_keys(&mut entry, Vec::new());
        }
    }

    fn drop_condition(&self, entry: &mut Entry) {
        if let Some(condition) = entry.condition.take() {
            self.metrics.condition_info.remove(&condition);
        }
    }

    fn count_keys(&self, entry: &mut Entry, keys: Vec<String>) {
        let gauge = |key: &String| {
            self.metrics.sealed_by.get_or_create_owned(&metrics::SealedBy { key: key.clone() })
        };
        for key in &keys {
            gauge(key).inc();
        }
        for key in std::mem::replace(&mut entry.keys, keys) {
            if gauge(&key).dec() <= 1 {
                self.metrics.sealed_by.remove(&metrics::SealedBy { key });
            }
        }
    }
}

fn condition(object: &SealedSecret) -> ConditionInfo {
    let (namespace, name) = names(object);
    let instance = object.labels().get("app.kubernetes.io/instance").cloned();
    let ss_app_kubernetes_io_instance = instance.unwrap_or_default();
    ConditionInfo { namespace, name, condition: "Synced", ss_app_kubernetes_io_instance }
}
