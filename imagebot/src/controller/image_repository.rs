//! Scans an image for tags when it is due, and at once when someone asks.
//!
//! The tags go to the tag database; the status shows what they amount to. Policies are woken when
//! the set of tags changes.

mod error;
mod report;
mod scan;
mod telemetry;

use std::{sync::Arc, time::Duration};

use futures::channel::mpsc;
use imagebot_api::{ImageRepository, image_repository::Provider};
use imagebot_core::{
    reference::Repository,
    tags::{self as list, Exclusions},
};
use jiff::Timestamp;
use kube::ResourceExt as _;
use reconcile::{Core, Reconciler, Report};
use tokio::{task::spawn_blocking, time::timeout};

use super::{
    access,
    due::{is_due, open_request},
};
use crate::{
    registry::Registry,
    tags::{Scan, Tags},
};

pub use error::Error;
use scan::Reason;
use telemetry::Telemetry;

/// The controller of `ImageRepository`.
pub struct ImageRepositories {
    core: Core,
    tags: Arc<Tags>,
    registry: Registry,
    scanned: mpsc::UnboundedSender<Scanned>,
    telemetry: Telemetry,
}

/// An image whose set of tags changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// The namespace of the ImageRepository.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A spec that makes sense.
pub struct Valid {
    /// The image.
    pub image: Repository,
    /// The pause between scans.
    pub interval: Duration,
    /// How long a scan may take.
    pub timeout: Duration,
    exclusions: Exclusions,
}

/// What was read.
pub enum Observed {
    /// Nothing: no scan is due. This is the last one.
    Settled(Option<Scan>),
    /// The registry's tags, as it listed them.
    Listed(Reason, Vec<String>, Option<Scan>),
}

/// What is done about it.
pub enum Plan {
    /// Nothing.
    Keep(Option<Scan>),
    /// A scan is recorded, with its tags where they changed.
    Record(Reason, Scan, Vec<String>, bool),
}

/// What is known now.
pub struct Applied {
    scan: Option<Scan>,
    latest: Option<Vec<String>>,
    reason: Option<Reason>,
}

impl ImageRepositories {
    /// The controller, which tells `scanned` of every image whose tags changed.
    pub fn new(
        core: Core,
        tags: Arc<Tags>,
        registry: Registry,
        scanned: mpsc::UnboundedSender<Scanned>,
    ) -> Self {
        let telemetry = Telemetry::register(&core.metrics);
        Self { core, tags, registry, scanned, telemetry }
    }

    /// Reads what the registry has, within the object's time.
    async fn list(&self, object: &ImageRepository, valid: &Valid) -> Result<Vec<String>, Error> {
        let listing = async {
            let access = access::of(&self.core, object).await.map_err(Error::Access)?;
            self.registry.tags(&valid.image, &access).await.map_err(Error::Scan)
        };
        let listed = timeout(valid.timeout, listing).await;
        listed.unwrap_or(Err(Error::TooSlow { timeout: valid.timeout }))
    }

    fn last(&self, object: &ImageRepository) -> Result<Option<Scan>, Error> {
        self.tags.scan(&key(object)).map_err(Error::Tags)
    }
}

impl Reconciler for ImageRepositories {
    type Object = ImageRepository;
    type Valid = Valid;
    type Observed = Observed;
    type Plan = Plan;
    type Applied = Applied;
    type Error = Error;

    const NAME: &'static str = "imagerepository";

    fn suspended(&self, object: &ImageRepository) -> bool {
        // A request is answered even then, as upstream does, so that nobody waits for it.
        let handled = object.status.as_ref().and_then(|it| it.last_handled_reconcile_at.as_ref());
        object.spec.suspend && open_request(object, handled).is_none()
    }

    fn validate(&self, object: &ImageRepository) -> Result<Valid, Error> {
        let spec = &object.spec;
        if spec.provider != Provider::Generic {
            return Err(Error::Provider(spec.provider));
        }
        let image = Repository::parse(&spec.image).map_err(Error::Image)?;
        let positive = |field, duration: &imagebot_api::Duration| {
            let parsed = duration.parse().map_err(|source| Error::Duration { field, source })?;
            if parsed < Duration::from_secs(1) {
                Err(Error::TooShort { field })
            } else {
                Ok(parsed)
            }
        };
        let interval = positive("spec.interval", &spec.interval)?;
        let timeout = match &spec.timeout {
            Some(timeout) => positive("spec.timeout", timeout)?,
            None => interval,
        };
        let exclusions = Exclusions::parse(&spec.exclusion_list).map_err(Error::Exclusions)?;
        Ok(Valid { image, interval, timeout, exclusions })
    }

    async fn observe(&self, object: &ImageRepository, valid: &Valid) -> Result<Observed, Error> {
        let last = self.last(object)?;
        if object.spec.suspend {
            return Ok(Observed::Settled(last));
        }
        let handled = object.status.as_ref().and_then(|it| it.last_handled_reconcile_at.as_ref());
        let requested = open_request(object, handled).is_some();
        let now = self.core.clock.now();
        let due = is_due(object, valid.interval, last.as_ref().map(Scan::time), now);
        let image = valid.image.to_string();
        match scan::reason(object, &image, last.as_ref(), requested, due) {
            None => Ok(Observed::Settled(last)),
            Some(reason) => {
                tracing::debug!(reason = reason.text(), "scanning");
                Ok(Observed::Listed(reason, self.list(object, valid).await?, last))
            }
        }
    }

    fn decide(
        &self,
        object: &ImageRepository,
        valid: &Valid,
        observed: Observed,
    ) -> Result<Plan, Error> {
        let (reason, listed, before) = match observed {
            Observed::Settled(last) => return Ok(Plan::Keep(last)),
            Observed::Listed(reason, listed, before) => (reason, listed, before),
        };
        let tags = scan::keep(listed, &valid.exclusions);
        let scan = Scan {
            uid: object.uid().unwrap_or_default(),
            image: valid.image.to_string(),
            exclusion_list: object.spec.exclusion_list.clone(),
            at: self.core.clock.now().as_millisecond(),
            revision: list::revision(tags.iter().map(String::as_str)),
            count: tags.len(),
        };
        let changed = before.is_none_or(|it| it.uid != scan.uid || it.revision != scan.revision);
        Ok(Plan::Record(reason, scan, tags, changed))
    }

    async fn apply(
        &self,
        object: &ImageRepository,
        _: &Valid,
        plan: Plan,
    ) -> Result<Applied, Error> {
        let (reason, scan, tags, changed) = match plan {
            Plan::Keep(scan) => return Ok(Applied { scan, latest: None, reason: None }),
            Plan::Record(reason, scan, tags, changed) => (reason, scan, tags, changed),
        };
        let latest = list::latest(&tags).to_vec();
        let (database, key, record) = (Arc::clone(&self.tags), key(object), scan.clone());
        // It waits for the disk.
        let stored =
            spawn_blocking(move || database.store(&key, &record, changed.then_some(&tags[..])));
        stored.await.map_err(Error::Interrupted)?.map_err(Error::Tags)?;
        self.telemetry.scanned(object, &scan);
        if changed {
            let namespace = object.namespace().unwrap_or_default();
            // Nobody listening is nobody to wake.
            let _ = self.scanned.unbounded_send(Scanned { namespace, name: object.name_any() });
        }
        Ok(Applied { scan: Some(scan), latest: Some(latest), reason: Some(reason) })
    }

    fn report(
        &self,
        object: &ImageRepository,
        outcome: Result<&Applied, &Error>,
        now: Timestamp,
    ) -> Report {
        report::report(object, outcome, self.tags.aside(), now)
    }

    fn forget(&self, namespace: Option<&str>, name: &str) {
        self.telemetry.forget(namespace.unwrap_or_default(), name);
        if let Err(error) = self.tags.forget(&format!("{}/{name}", namespace.unwrap_or_default())) {
            tracing::warn!(%error, "could not drop the tags of a deleted ImageRepository");
        }
    }
}

/// The object's key in the tag database.
fn key(object: &ImageRepository) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}
