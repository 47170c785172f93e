//! Scans an image for tags when it is due, and at once when someone asks.
//!
//! The tags go to the tag database; the status shows what they amount to. Policies are woken when
//! the set of tags changes.

mod error;
mod held;
mod report;
mod scan;
mod telemetry;

use std::{sync::Arc, time::Duration};

use futures::channel::mpsc;
use imagebot_api::ImageRepository;
use imagebot_core::{
    reference::Repository,
    tags::{self as list, Exclusions, guard::Limit},
};
use jiff::Timestamp;
use kube::ResourceExt as _;
use reconcile::{Core, Reconciler, Report};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::{
    access::{self, Workloads},
    due::{is_due, open_request},
};
use crate::{
    registry::{Listing, Memo, Registry},
    tags::{self, Found, Scan, Tags},
};

pub use error::Error;
use scan::Reason;
use telemetry::Telemetry;

/// The shortest pause between scans, and the shortest time for one.
const SHORTEST: Duration = Duration::from_secs(1);

/// The controller of `ImageRepository`.
pub struct ImageRepositories {
    core: Core,
    tags: Arc<Tags>,
    registry: Registry,
    workloads: Workloads,
    scanned: mpsc::UnboundedSender<Scanned>,
    telemetry: Telemetry,
    /// Who reads Secrets: many wait for registries, and few may ask the API at once.
    readers: Semaphore,
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
    limit: Limit,
}

/// What was read.
pub enum Observed {
    /// Nothing: no scan is due. This is the last one.
    Settled(Option<Scan>),
    /// The registry's tags, as it listed them.
    Listed(Reason, Arc<Listing>, Before),
}

/// What was there before a scan.
pub struct Before {
    /// The scan of this object before, and its tags.
    last: Option<(Scan, Vec<String>)>,
    /// What it spared this one, as it is on the disk.
    memo: Vec<u8>,
}

/// What is done about it.
pub enum Plan {
    /// Nothing.
    Keep(Option<Scan>),
    /// A scan is recorded.
    Record(Box<Record>),
}

/// A scan that is recorded.
pub struct Record {
    reason: Reason,
    scan: Scan,
    tags: Vec<String>,
    /// Whether the tags are others than before.
    changed: bool,
    /// What the next scan is spared, where it is other than before.
    memo: Option<Vec<u8>>,
    /// Held until all is on the disk: it bounds how many are on their way there.
    listing: Arc<Listing>,
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
        (registry, workloads): (Registry, Workloads),
        scanned: mpsc::UnboundedSender<Scanned>,
    ) -> Self {
        let telemetry = Telemetry::register(&core.metrics);
        let readers = Semaphore::new(core.concurrency.into());
        Self { core, tags, registry, workloads, scanned, telemetry, readers }
    }

    /// Reads what the registry has, within the object's time.
    async fn list(&self, object: &ImageRepository, valid: &Valid) -> Result<Arc<Listing>, Error> {
        let listing = async {
            let access = {
                // It is never closed.
                let _turn = self.readers.acquire().await.ok();
                access::of(&self.core, self.workloads, object).await.map_err(Error::Access)?
            };
            let tags = self.own(object, valid);
            let memo = move || tags.memo().map(|memo| Memo::decode(&memo)).unwrap_or_default();
            self.registry.list(&valid.image, &access, memo).await.map_err(Error::Scan)
        };
        let listed = timeout(valid.timeout, listing).await;
        listed.unwrap_or(Err(Error::TooSlow { timeout: valid.timeout }))
    }

    /// What the database has of the object.
    fn own(&self, object: &ImageRepository, valid: &Valid) -> Own {
        let uid = object.uid().unwrap_or_default();
        Own { tags: Arc::clone(&self.tags), key: key(object), uid, image: valid.image.to_string() }
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
    const PATIENT: bool = true;

    fn suspended(&self, object: &ImageRepository) -> bool {
        // A request is answered even then, as upstream does, so that nobody waits for it.
        let handled = object.status.as_ref().and_then(|it| it.last_handled_reconcile_at.as_ref());
        object.spec.suspend && open_request(object, handled).is_none()
    }

    fn validate(&self, object: &ImageRepository) -> Result<Valid, Error> {
        let spec = &object.spec;
        self.workloads.admit(object).map_err(Error::Access)?;
        let image = Repository::parse(&spec.image).map_err(Error::Image)?;
        let parse = |field, duration: &imagebot_api::Duration| {
            duration.parse().map_err(|source| Error::Duration { field, source })
        };
        let interval = parse("spec.interval", &spec.interval)?;
        if interval < SHORTEST {
            return Err(Error::TooShort { field: "spec.interval" });
        }
        // As upstream has it, a shorter one means a second.
        let timeout = match &spec.timeout {
            Some(timeout) => parse("spec.timeout", timeout)?.max(SHORTEST),
            None => interval,
        };
        let exclusions = Exclusions::parse(&spec.exclusion_list).map_err(Error::Exclusions)?;
        let limit = held::limit(object)?;
        Ok(Valid { image, interval, timeout, exclusions, limit })
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
                let listing = self.list(object, valid).await?;
                let own = self.own(object, valid);
                // It waits for the disk, and a long list takes a while to unpack.
                let before = spawn_blocking(move || own.before()).await;
                let before = before.map_err(Error::Interrupted)?.map_err(Error::Tags)?;
                Ok(Observed::Listed(reason, listing, before))
            }
        }
    }

    fn decide(
        &self,
        object: &ImageRepository,
        valid: &Valid,
        observed: Observed,
    ) -> Result<Plan, Error> {
        let (reason, listing, before) = match observed {
            Observed::Settled(last) => return Ok(Plan::Keep(last)),
            Observed::Listed(reason, listing, before) => (reason, listing, before),
        };
        let tags = scan::keep(&listing.tags, &valid.exclusions);
        held::check(object, valid, before.last.as_ref(), &tags)?;
        let scan = Scan {
            uid: object.uid().unwrap_or_default(),
            image: valid.image.to_string(),
            exclusion_list: object.spec.exclusion_list.clone(),
            at: self.core.clock.now().as_millisecond(),
            revision: list::revision(tags.iter().map(String::as_str)),
            count: tags.len(),
        };
        let changed = before.last.is_none_or(|(last, _)| last.revision != scan.revision);
        let memo = Some(listing.memo.encode()).filter(|memo| *memo != before.memo);
        Ok(Plan::Record(Box::new(Record { reason, scan, tags, changed, memo, listing })))
    }

    async fn apply(
        &self,
        object: &ImageRepository,
        _: &Valid,
        plan: Plan,
    ) -> Result<Applied, Error> {
        let Record { reason, scan, tags, changed, memo, listing } = match plan {
            Plan::Keep(scan) => return Ok(Applied { scan, latest: None, reason: None }),
            Plan::Record(record) => *record,
        };
        let latest = list::latest(&tags).to_vec();
        let (database, key, record) = (Arc::clone(&self.tags), key(object), scan.clone());
        // It waits for the disk.
        let stored = spawn_blocking(move || {
            let found = Found { tags: changed.then_some(&tags[..]), memo: memo.as_deref() };
            database.store(&key, &record, found)
        });
        stored.await.map_err(Error::Interrupted)?.map_err(Error::Tags)?;
        drop(listing);
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
        report::report(object, outcome, self.tags.aside().as_deref(), now)
    }

    fn forget(&self, namespace: Option<&str>, name: &str) {
        self.telemetry.forget(namespace.unwrap_or_default(), name);
        if let Err(error) = self.tags.forget(&format!("{}/{name}", namespace.unwrap_or_default())) {
            tracing::warn!(%error, "could not drop the tags of a deleted ImageRepository");
        }
    }
}

/// What the database has of one object, if it is of the image that the object names now.
struct Own {
    tags: Arc<Tags>,
    key: String,
    uid: String,
    image: String,
}

impl Own {
    fn memo(&self) -> Result<Vec<u8>, tags::Error> {
        match self.tags.scan(&self.key)? {
            Some(scan) if self.is(&scan) => self.tags.memo(&self.key),
            _ => Ok(Vec::new()),
        }
    }

    fn before(&self) -> Result<Before, tags::Error> {
        let last = self.tags.list(&self.key)?.filter(|(scan, _)| self.is(scan));
        Ok(Before { last, memo: self.tags.memo(&self.key)? })
    }

    fn is(&self, scan: &Scan) -> bool {
        scan.uid == self.uid && scan.image == self.image
    }
}

/// The object's key in the tag database.
fn key(object: &ImageRepository) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}
