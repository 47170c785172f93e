//! Numbers about commits.

use imagebot_api::ImageUpdateAutomation;
use kube::ResourceExt as _;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};
use reconcile::metrics::Metrics;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Object {
    namespace: String,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Result {
    result: &'static str,
}

/// What became of pushes, and what was left undone.
pub(super) struct Telemetry {
    pushes: Family<Result, Counter>,
    undone: Family<Object, Gauge>,
}

impl Telemetry {
    pub(super) fn register(metrics: &Metrics) -> Self {
        Self {
            pushes: metrics.register(
                "imagebot_pushes",
                "Pushes to Git remotes by result: pushed, stale (somebody was faster) or rejected",
                Family::default(),
            ),
            undone: metrics.register(
                "imagebot_markers_not_applied",
                "Markers and files of an automation that could not be applied at its last look",
                Family::default(),
            ),
        }
    }

    pub(super) fn pushed(&self, result: &'static str) {
        self.pushes.get_or_create(&Result { result }).inc();
    }

    pub(super) fn undone(&self, object: &ImageUpdateAutomation, count: usize) {
        let label = label(&object.namespace().unwrap_or_default(), &object.name_any());
        self.undone.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(super) fn forget(&self, namespace: &str, name: &str) {
        self.undone.remove(&label(namespace, name));
    }
}

fn label(namespace: &str, name: &str) -> Object {
    Object { namespace: namespace.to_owned(), name: name.to_owned() }
}
