//! Numbers about scans.

use imagebot_api::ImageRepository;
use kube::ResourceExt as _;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};
use reconcile::metrics::Metrics;

use crate::tags::Scan;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Object {
    namespace: String,
    name: String,
}

/// When each image was scanned, and what was found.
pub(super) struct Telemetry {
    scans: Counter,
    tags: Family<Object, Gauge>,
    at: Family<Object, Gauge>,
}

impl Telemetry {
    pub(super) fn register(metrics: &Metrics) -> Self {
        Self {
            scans: metrics.register(
                "imagebot_scans",
                "Scans of images that succeeded",
                Counter::default(),
            ),
            tags: metrics.register(
                "imagebot_image_tags",
                "Tags of an image at its last scan, after exclusion",
                Family::default(),
            ),
            at: metrics.register(
                "imagebot_image_scan_timestamp_seconds",
                "When an image was scanned last",
                Family::default(),
            ),
        }
    }

    pub(super) fn scanned(&self, object: &ImageRepository, scan: &Scan) {
        let label = label(&object.namespace().unwrap_or_default(), &object.name_any());
        self.scans.inc();
        self.tags.get_or_create(&label).set(i64::try_from(scan.count).unwrap_or(i64::MAX));
        self.at.get_or_create(&label).set(scan.time().as_second());
    }

    pub(super) fn forget(&self, namespace: &str, name: &str) {
        let label = label(namespace, name);
        self.tags.remove(&label);
        self.at.remove(&label);
    }
}

fn label(namespace: &str, name: &str) -> Object {
    Object { namespace: namespace.to_owned(), name: name.to_owned() }
}
