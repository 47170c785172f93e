//! Prometheus metrics: the driver's own, and a registry for the daemons' others.
//!
//! Names follow controller-runtime where dashboards already use one. Labels come from closed sets.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Metric, Registry},
};

use crate::error::Failure;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Controller {
    controller: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    controller: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    controller: &'static str,
    reason: &'static str,
    class: &'static str,
}

/// The registry of a daemon, and the driver's metrics in it. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    reconciles: Family<Outcome, Counter>,
    errors: Family<Controller, Counter>,
    failures: Family<Failed, Counter>,
    panics: Family<Controller, Counter>,
    seconds: Family<Controller, Histogram>,
    active: Family<Controller, Gauge>,
    status_writes: Family<Controller, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        // 0.5 ms to 65 s: a settled object to a slow clone.
        let buckets: fn() -> Histogram = || Histogram::new(exponential_buckets(0.0005, 2.0, 18));
        let metrics = Self {
            registry: Arc::default(),
            reconciles: Family::default(),
            errors: Family::default(),
            failures: Family::default(),
            panics: Family::default(),
            seconds: Family::new_with_constructor(buckets),
            active: Family::default(),
            status_writes: Family::default(),
        };
        let m = &metrics;
        m.register(
            "controller_runtime_reconcile",
            "Reconciles per controller and result",
            m.reconciles.clone(),
        );
        m.register(
            "controller_runtime_reconcile_errors",
            "Reconciles that failed",
            m.errors.clone(),
        );
        m.register(
            "controller_runtime_reconcile_panics",
            "Reconciles that panicked",
            m.panics.clone(),
        );
        m.register(
            "controller_runtime_reconcile_time_seconds",
            "Length of a reconcile",
            m.seconds.clone(),
        );
        m.register("controller_runtime_active_workers", "Reconciles in progress", m.active.clone());
        m.register(
            "signet_reconcile_failures",
            "Failed reconciles by reason and by who can fix it",
            m.failures.clone(),
        );
        m.register("signet_status_writes", "Status writes", m.status_writes.clone());
        metrics
    }
}

impl Metrics {
    /// Adds a daemon's own metric and returns it, e.g. `metrics.register("name", "help", Counter::default())`.
    ///
    /// Counters get the suffix `_total` when they are written out.
    pub fn register<M: Metric + Clone>(&self, name: &str, help: &str, metric: M) -> M {
        self.lock().register(name, help, metric.clone());
        metric
    }

    /// The metrics in the Prometheus text format.
    pub fn render(&self) -> String {
        let mut page = String::new();
        // Writing into a `String` cannot fail.
        let _ = text::encode(&mut page, &self.lock());
        page
    }

    pub(crate) fn started(&self, controller: &'static str) {
        self.active.get_or_create(&Controller { controller }).inc();
    }

    pub(crate) fn finished(
        &self,
        controller: &'static str,
        took: Duration,
        failure: Option<&Failure>,
        again: bool,
    ) {
        let label = Controller { controller };
        self.active.get_or_create(&label).dec();
        self.seconds.get_or_create(&label).observe(took.as_secs_f64());
        let result = match (failure, again) {
            (Some(_), _) => "error",
            (None, true) => "requeue_after",
            (None, false) => "success",
        };
        self.reconciles.get_or_create(&Outcome { controller, result }).inc();
        if let Some(failure) = failure {
            self.errors.get_or_create(&label).inc();
            let (reason, class) = (failure.reason, failure.class.label());
            self.failures.get_or_create(&Failed { controller, reason, class }).inc();
        }
    }

    pub(crate) fn panicked(&self, controller: &'static str) {
        self.panics.get_or_create(&Controller { controller }).inc();
    }

    pub(crate) fn status_written(&self, controller: &'static str) {
        self.status_writes.get_or_create(&Controller { controller }).inc();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Registry> {
        // A panic while encoding leaves the registry whole.
        self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    #[test]
    fn names_are_those_that_dashboards_of_controller_runtime_use() {
        let metrics = Metrics::default();
        metrics.started("sealedsecret");
        let failure = Failure {
            class: Class::Stalled,
            reason: "UnsealFailed",
            message: String::new(),
            retry_after: None,
        };
        metrics.finished("sealedsecret", Duration::from_millis(3), Some(&failure), false);
        let page = metrics.render();
        for line in [
            r#"controller_runtime_reconcile_total{controller="sealedsecret",result="error"} 1"#,
            r#"controller_runtime_reconcile_errors_total{controller="sealedsecret"} 1"#,
            r#"controller_runtime_active_workers{controller="sealedsecret"} 0"#,
            r#"signet_reconcile_failures_total{controller="sealedsecret",reason="UnsealFailed",class="stalled"} 1"#,
        ] {
            assert!(page.contains(line), "`{line}` in\n{page}");
        }
    }
}
