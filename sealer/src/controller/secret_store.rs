//! SecretStores: checked from time to time, so that whoever reads from one knows whether it works.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;
use reconcile::error::Failure;
use reconcile::phase::until_due;
use reconcile::{Class, Classify, Reconciler, Report, Tasks, Watched, condition, drive};
use sealer_api::secret_store::{SecretStoreSpec, SecretStoreStatus};
use sealer_api::{SecretStore, Violation, duration};
use serde_json::Value;

use super::{Context, again, names, owner};
use crate::provider::reads;
use crate::provider::stores::{self, Stores};
use crate::secrets::{Kind, Owner};

/// How often a store is checked that does not say.
const INTERVAL: Duration = Duration::from_secs(300);

/// Adds the controller to `tasks`.
pub fn start(
    context: &Context,
    stores: Arc<Stores>,
    objects: Watched<SecretStore>,
    class: &str,
    tasks: &mut Tasks,
) {
    let wakes = context.secrets.wakes(Kind::SecretStore);
    let (core, secrets) = (context.core.clone(), context.secrets.clone());
    let class = class.to_owned();
    let seen = Mutex::default();
    let reconciler = Arc::new(Checker { context: context.clone(), stores, class, seen });
    tasks.add("secretstore", async move {
        secrets.ready().await;
        drive(core, reconciler, objects, wakes).await;
    });
}

/// Whether the daemon with this class looks after the store.
pub(super) fn is_ours(spec: &SecretStoreSpec, class: &str) -> bool {
    spec.controller.as_deref().is_none_or(|theirs| theirs.is_empty() || theirs == class)
}

/// Whether the store works, as far as its status says.
pub(super) fn readiness(object: &SecretStore) -> Result<(), String> {
    let status = object.status.as_ref();
    let conditions = status.map(|status| &status.conditions[..]).unwrap_or_default();
    match conditions.iter().find(|condition| condition.type_ == condition::READY) {
        Some(ready) if ready.status == "True" => Ok(()),
        Some(ready) => Err(ready.message.clone()),
        None => Err("it has not been checked yet".to_owned()),
    }
}

struct Checker {
    context: Context,
    stores: Arc<Stores>,
    class: String,
    seen: Mutex<HashSet<(String, String)>>,
}

/// Why a store does not work.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The object breaks its own rules.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Violation>),
    /// The client could not be made.
    #[error("unable to create client")]
    Open(#[source] stores::Error),
    /// The server does not accept us.
    #[error("unable to validate store")]
    Check(#[source] stores::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Invalid(_) => Class::Stalled,
            Self::Open(error) | Self::Check(error) => error.class(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) | Self::Open(_) | Self::Check(_) => "InvalidProviderConfig",
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Open(stores::Error::Vault(error)) | Self::Check(stores::Error::Vault(error)) => {
                error.retry_after()
            }
            _ => None,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            Self::Invalid(_) => None,
            Self::Open(error) | Self::Check(error) => error.remedy(),
        }
    }
}

/// Whether the store was looked at.
enum Checked {
    /// It works.
    Works,
    /// It worked when its status was written, and it is not time to look.
    Settled,
}

impl Reconciler for Checker {
    type Object = SecretStore;
    type Valid = ();
    type Observed = Checked;
    type Plan = Checked;
    type Applied = Checked;
    type Error = Error;

    const NAME: &'static str = "secretstore";

    fn suspended(&self, object: &SecretStore) -> bool {
        !is_ours(&object.spec, &self.class)
    }

    fn validate(&self, object: &SecretStore) -> Result<(), Error> {
        let mut broken = object.spec.violations(&object.namespace().unwrap_or_default());
        if interval(&object.spec).is_none() {
            let message = "must be a duration such as `5m`, or a number of seconds";
            broken.push(Violation::new("spec.refreshInterval", message));
        }
        if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
    }

    async fn observe(&self, object: &SecretStore, (): &()) -> Result<Checked, Error> {
        let names_of = stores::secret_names(object);
        self.context.secrets.refer(&owner(Kind::SecretStore, object), names_of);
        let first = self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(names(object));
        if first && is_current(object) {
            return Ok(Checked::Settled);
        }
        let store = self.stores.renew(&self.context, object).await.map_err(Error::Open)?;
        let checked = store.vault.check().await;
        reads::count(&self.context.metrics, "LookupSelf", checked.is_ok());
        checked.map_err(|error| Error::Check(error.into()))?;
        Ok(Checked::Works)
    }

    fn decide(&self, _: &SecretStore, (): &(), observed: Checked) -> Result<Checked, Error> {
        Ok(observed)
    }

    async fn apply(&self, _: &SecretStore, (): &(), plan: Checked) -> Result<Checked, Error> {
        Ok(plan)
    }

    fn report(
        &self,
        object: &SecretStore,
        outcome: Result<&Checked, &Error>,
        now: Timestamp,
    ) -> Report {
        let old = object.status.clone().unwrap_or_default();
        let generation = object.metadata.generation.unwrap_or_default();
        let conditions = match outcome {
            Ok(_) => condition::ready(old.conditions, "Valid", "store validated", generation, now),
            Err(error) => condition::failed(old.conditions, &Failure::of(error), generation, now),
        };
        let report = Report::status(&SecretStoreStatus {
            conditions,
            capabilities: Some("ReadOnly".to_owned()),
            observed_generation: Some(generation),
        });
        let interval = interval(&object.spec);
        let due =
            interval.map(|interval| until_due(&object.uid().unwrap_or_default(), interval, now));
        again(report, outcome.err().map(Classify::class), due)
    }

    fn forget(&self, namespace: Option<&str>, name: &str) {
        let namespace = namespace.unwrap_or_default();
        self.stores.forget(namespace, name);
        let owner = Owner {
            kind: Kind::SecretStore,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        self.context.secrets.refer(&owner, None::<&str>);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.remove(&(namespace.to_owned(), name.to_owned()));
    }
}

fn is_current(object: &SecretStore) -> bool {
    let observed = object.status.as_ref().and_then(|status| status.observed_generation);
    observed == object.metadata.generation && readiness(object).is_ok()
}

/// How often the store is checked; nothing when that cannot be read.
fn interval(spec: &SecretStoreSpec) -> Option<Duration> {
    let asked = match &spec.refresh_interval {
        None | Some(Value::Null) => Duration::ZERO,
        Some(Value::Number(seconds)) => Duration::from_secs(seconds.as_u64()?),
        Some(Value::String(text)) if text.is_empty() => Duration::ZERO,
        Some(Value::String(text)) => duration::parse(text)?,
        Some(_) => return None,
    };
    Some(if asked.is_zero() { INTERVAL } else { asked })
}
