//! ExternalSecrets: values of an external store become a Secret.
//!
//! | verb | here |
//! |---|---|
//! | validate | which reads are needed; the hash of the source as stored |
//! | observe | is it due? the store; the reads, shared with whoever needs the same |
//! | decide | which values the Secret holds, and whether they are those it holds |
//! | apply | write what `claim` allows; remove a Secret of a former name |
//! | report | `Ready`, and times that are written with other news only |

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use reconcile::phase::{is_due, until_due};
use reconcile::{Classify, Reconciler, Report, Tasks, Watched, drive, event::Event};
use sealer_api::written::Written;
use sealer_api::{ExternalSecret, SecretStore, duration};
use sealer_core::store::plan::{Answer, Read, Request};

use super::{Context, again, is_recorded, names, secret_store};
use crate::metrics::Named;
use crate::provider::reads::Reads;
use crate::provider::stores::{self, Stores};
use crate::secrets::write::Outcome;
use crate::secrets::{Desired, Kind, Known, Owner};

mod error;
mod shape;
mod status;
mod sync;
#[cfg(test)]
mod tests;
mod values;

use self::error::Error;
use self::shape::{desired, phase, source, target};

/// What the controllers of external stores share.
#[derive(Clone)]
pub struct External {
    /// The stores that are open.
    pub stores: Arc<Stores>,
    /// The reads in flight.
    pub reads: Reads,
    /// The class of stores that are ours.
    pub class: String,
}

/// Adds the controllers of stores and of ExternalSecrets to `tasks`.
pub fn start(context: &Context, external: External, tasks: &mut Tasks) {
    let stores: Watched<SecretStore> = context.core.watch_referents(tasks);
    let objects: Watched<ExternalSecret> = context.core.watch(tasks);
    secret_store::start(
        context,
        Arc::clone(&external.stores),
        stores.clone(),
        &external.class,
        tasks,
    );
    tasks.add("reads", external.reads.clone().run());

    let wakes = context.secrets.wakes(Kind::ExternalSecret);
    let readers = objects.clone();
    let changed = stores
        .changes()
        .flat_map(move |change| stream::iter(readers_of(&readers, change.object())));
    let (core, secrets) = (context.core.clone(), context.secrets.clone());
    let memory = Mutex::default();
    let reconciler =
        Arc::new(Fetcher { context: context.clone(), external, stores: stores.clone(), memory });
    tasks.add("externalsecret", async move {
        secrets.ready().await;
        stores.ready().await;
        drive(core, reconciler, objects, stream::select(wakes, changed)).await;
    });
}

/// The objects that read from `store`.
fn readers_of(
    objects: &Watched<ExternalSecret>,
    store: &SecretStore,
) -> Vec<ObjectRef<ExternalSecret>> {
    let (namespace, name) = names(store);
    let mut all = objects.all();
    all.retain(|object| {
        let reference = object.spec.secret_store_ref.as_ref();
        object.namespace().as_deref() == Some(&namespace)
            && reference.is_some_and(|reference| reference.name == name)
    });
    all.iter().map(|object| ObjectRef::from_obj(object.as_ref())).collect()
}

/// What a store answered to each read.
type Answers = BTreeMap<Read, Arc<Answer>>;

struct Fetcher {
    context: Context,
    external: External,
    stores: Watched<SecretStore>,
    memory: Mutex<HashMap<(String, String), Memory>>,
}

/// What is remembered of an object between syncs.
#[derive(Clone)]
struct Memory {
    synced: Timestamp,
    secret: (String, String),
    print: Vec<u8>,
}

/// What a valid ExternalSecret means.
struct Valid {
    store: String,
    target: String,
    interval: Duration,
    source: String,
    request: Request,
}

/// What the world looks like.
enum Observed {
    /// As it was left, and it is not time to look.
    Settled,
    /// Somebody else looks after the store.
    Foreign,
    /// What the store holds.
    Read {
        /// The remote secrets.
        answers: Answers,
        /// The Secret.
        secret: Option<Known>,
        /// When the reading began.
        began: Timestamp,
    },
}

/// What should be done.
enum Plan {
    /// Nothing.
    Settled,
    /// Nothing, and nothing is to be said.
    Foreign,
    /// The Secret is written, if it is ours.
    Write(Box<Write>),
}

/// A Secret to be written.
struct Write {
    desired: Desired,
    secret: Option<Known>,
    began: Timestamp,
}

/// What was done.
enum Applied {
    /// Nothing, and nothing is to be said.
    Foreign,
    /// Nothing.
    Settled,
    /// The Secret is as the store says.
    Synced {
        /// The record.
        written: Written,
        /// What it took.
        outcome: Outcome,
        /// When the sync began.
        began: Timestamp,
    },
}

impl Reconciler for Fetcher {
    type Object = ExternalSecret;
    type Valid = Valid;
    type Observed = Observed;
    type Plan = Plan;
    type Applied = Applied;
    type Error = Error;

    const NAME: &'static str = "externalsecret";

    fn validate(&self, object: &ExternalSecret) -> Result<Valid, Error> {
        let broken = object.spec.violations();
        if !broken.is_empty() {
            return Err(Error::Invalid(broken));
        }
        let spec = &object.spec;
        let store = spec.secret_store_ref.as_ref().map(|store| store.name.clone());
        Ok(Valid {
            store: store.unwrap_or_default(),
            target: target(object),
            interval: duration::parse(&spec.refresh_interval).unwrap_or(Duration::from_secs(3600)),
            source: source(object),
            request: values::request(spec),
        })
    }

    async fn observe(&self, object: &ExternalSecret, valid: &Valid) -> Result<Observed, Error> {
        let namespace = object.namespace().unwrap_or_default();
        let store = self.stores.get(Some(&namespace), &valid.store);
        let store = store.ok_or_else(|| Error::NoStore { name: valid.store.clone() })?;
        if !secret_store::is_ours(&store.spec, &self.external.class) {
            return Ok(Observed::Foreign);
        }
        let began = self.context.core.clock.now();
        let secret = self.secret(object, &namespace, valid).await?;
        if !self.is_wanted(object, valid, secret.as_ref(), began) {
            return Ok(Observed::Settled);
        }
        self.count(object, |metrics, named| {
            metrics.sync_calls.get_or_create(&named).inc();
        });
        let answers = self.fetch(object, valid, &store).await.inspect_err(|_| {
            self.count(object, |metrics, named| {
                metrics.sync_errors.get_or_create(&named).inc();
            });
        })?;
        Ok(Observed::Read { answers, secret, began })
    }

    fn decide(
        &self,
        object: &ExternalSecret,
        valid: &Valid,
        observed: Observed,
    ) -> Result<Plan, Error> {
        let (answers, secret, began) = match observed {
            Observed::Settled => return Ok(Plan::Settled),
            Observed::Foreign => return Ok(Plan::Foreign),
            Observed::Read { answers, secret, began } => (answers, secret, began),
        };
        let data = valid.request.assemble(&answers).map_err(Error::Values)?;
        let desired = desired(object, &valid.target, data);
        Ok(Plan::Write(Box::new(Write { desired, secret, began })))
    }

    async fn apply(
        &self,
        object: &ExternalSecret,
        valid: &Valid,
        plan: Plan,
    ) -> Result<Applied, Error> {
        let Write { desired, secret, began } = match plan {
            Plan::Settled => return Ok(Applied::Settled),
            Plan::Foreign => return Ok(Applied::Foreign),
            Plan::Write(write) => *write,
        };
        let (outcome, known) = self.write(object, valid, &desired, secret).await?;
        if outcome != Outcome::Unchanged {
            self.context.metrics.secret_writes.inc();
        }
        self.remember(object, &desired, &known, began);
        self.retire(object, valid).await?;
        let written = Written {
            source: valid.source.clone(),
            keys: Vec::new(),
            uid: known.uid.clone(),
            resource_version: known.resource_version.clone(),
        };
        Ok(Applied::Synced { written, outcome, began })
    }

    fn report(
        &self,
        object: &ExternalSecret,
        outcome: Result<&Applied, &Error>,
        now: Timestamp,
    ) -> Report {
        if matches!(outcome, Ok(Applied::Foreign)) {
            return Report::default();
        }
        let interval = duration::parse(&object.spec.refresh_interval).unwrap_or_default();
        let mut report = Report::status(&status::of(object, outcome, interval, now));
        match outcome {
            Ok(Applied::Synced { outcome: Outcome::Created, .. }) => {
                report = report.telling(Event::normal("Created", "secret created"));
            }
            Ok(Applied::Synced { outcome: Outcome::Updated, .. }) => {
                report = report.telling(Event::normal("Updated", "secret updated"));
            }
            _ => {}
        }
        let due = (!interval.is_zero()).then(|| until_due(&phase(object), interval, now));
        again(report, outcome.err().map(Classify::class), due)
    }

    fn forget(&self, namespace: Option<&str>, name: &str) {
        let named =
            Named { name: name.to_owned(), namespace: namespace.unwrap_or_default().to_owned() };
        let metrics = &self.context.metrics;
        metrics.sync_calls.remove(&named);
        metrics.sync_errors.remove(&named);
        metrics.sync_time.remove(&named);
        let Named { name, namespace } = named;
        self.memory().remove(&(namespace.clone(), name.clone()));
        let owner = Owner { kind: Kind::ExternalSecret, namespace, name };
        self.context.secrets.refer(&owner, None::<&str>);
    }
}

impl Fetcher {
    /// The Secret as last seen; it is asked for where the watch does not say but the record does.
    async fn secret(
        &self,
        object: &ExternalSecret,
        namespace: &str,
        valid: &Valid,
    ) -> Result<Option<Known>, Error> {
        match self.context.secrets.known(namespace, &valid.target) {
            Some(known) => Ok(Some(Known::clone(&known))),
            None if status::record(object).is_some() => {
                let looked = self.context.secrets.look_up(namespace, &valid.target).await;
                looked.map_err(|source| Error::Read { name: valid.target.clone(), source })
            }
            None => Ok(None),
        }
    }

    /// Whether the store must be asked: because something changed, or because it is time.
    fn is_wanted(
        &self,
        object: &ExternalSecret,
        valid: &Valid,
        secret: Option<&Known>,
        now: Timestamp,
    ) -> bool {
        let Some(record) = status::record(object) else { return true };
        let intact = secret.is_some_and(|known| is_recorded(record, known));
        if record.source != valid.source || !intact || !status::is_ready(object) {
            return true;
        }
        if valid.interval.is_zero() {
            return false;
        }
        let remembered = self.memory().get(&names(object)).map(|memory| memory.synced);
        let Some(synced) = remembered else {
            // After a restart, the next due moment is soon enough; all at once would be a stampede.
            self.memory_of(object, now);
            return false;
        };
        is_due(&phase(object), valid.interval, Some(synced), now)
    }

    fn remember(
        &self,
        object: &ExternalSecret,
        desired: &Desired,
        known: &Known,
        began: Timestamp,
    ) {
        let secret = (known.uid.clone(), known.resource_version.clone());
        let memory = Memory { synced: began, secret, print: stores::print(desired.data.iter()) };
        self.memory().insert(names(object), memory);
        self.count(object, |metrics, named| {
            metrics.sync_time.get_or_create(&named).set(began.as_second());
        });
    }

    /// Remembers that the object was settled at `now`.
    fn memory_of(&self, object: &ExternalSecret, now: Timestamp) {
        let memory = Memory { synced: now, secret: <_>::default(), print: Vec::new() };
        self.memory().insert(names(object), memory);
    }

    fn memory(&self) -> MutexGuard<'_, HashMap<(String, String), Memory>> {
        // Every change is one call, so a panic elsewhere leaves it sound.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, object: &ExternalSecret, count: impl FnOnce(&crate::metrics::Metrics, Named)) {
        let (namespace, name) = names(object);
        count(&self.context.metrics, Named { name, namespace });
    }
}
