//! SopsSecrets (isindir.github.com) become Secrets.
//!
//! | verb | here |
//! |---|---|
//! | validate | what the object lacks; the hash of the source as stored |
//! | observe | whether every Secret is as it was written; else the keys, and what they open |
//! | decide | nothing when all is settled or suspended; else which Secrets should be there |
//! | apply | write what `claim` allows; delete what is no longer there |
//! | report | the operator's words, kstatus, and the inventory |
//!
//! The MAC is not looked at: the API server reorders and completes what it stores, so no object would
//! ever pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt as _;
use reconcile::{Reconciler, Report, Tasks, Watched, drive, event::Event};
use sealer_api::SopsSecret;
use sealer_api::git_secret_sync::{Conflict, InventoryEntry};
use sealer_core::claim::Rules;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::batch::{Author, Batch, Done, Planned, Wanted, is_entry, place};
use super::{Context, names, owner};
use crate::decryption::{Document, Own};
use crate::secrets::{Desired, Kind, Owner};
use crate::source::Source;

mod error;
mod status;
mod template;

use self::error::Error;

/// What stands in the inventory where a file would be named.
const PLACE: &str = "spec.secretTemplates";

/// How the controller behaves where the operator lets people choose.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The keys.
    pub keys: Own,
    /// Whether Secrets that exist are taken over where the object does not say.
    pub enforces_ownership: bool,
}

/// Adds the controller to `tasks`.
pub fn start(context: &Context, settings: Settings, tasks: &mut Tasks) {
    let objects: Watched<SopsSecret> = context.core.watch(tasks);
    let secrets = context.secrets.clone();
    let wakes = context.secrets.wakes(Kind::SopsSecret);
    let (core, context) = (context.core.clone(), context.clone());
    let reconciler = Arc::new(Opener { context, settings });
    tasks.add("sopssecret", async move {
        secrets.ready().await;
        drive(core, reconciler, objects, wakes).await;
    });
}

struct Opener {
    context: Context,
    settings: Settings,
}

/// What a valid SopsSecret means.
struct Valid {
    source: String,
}

/// What the world looks like.
enum Observed {
    /// The author wants no change.
    Suspended,
    /// Everything is as it was written.
    Settled,
    /// Something has to be written.
    Opened(Document),
}

/// What should be done.
enum Plan {
    /// Nothing: see [`Observed::Suspended`].
    Suspended,
    /// Nothing.
    Settled,
    /// These Secrets should be there.
    Write(Planned),
}

/// What was done.
#[derive(Debug)]
enum Applied {
    /// Nothing: see [`Observed::Suspended`].
    Suspended,
    /// Nothing.
    Settled,
    /// This.
    Wrote(Done),
}

impl Reconciler for Opener {
    type Object = SopsSecret;
    type Valid = Valid;
    type Observed = Observed;
    type Plan = Plan;
    type Applied = Applied;
    type Error = Error;

    const NAME: &'static str = "sopssecret";

    fn validate(&self, object: &SopsSecret) -> Result<Valid, Error> {
        let broken = object.violations();
        if !broken.is_empty() {
            return Err(Error::Invalid(broken));
        }
        let stored = json!([object.spec.secret_templates, object.sops, self.adopts(object)]);
        let source = Source::of("SopsSecret")
            .and(object.uid().unwrap_or_default())
            .and(stored.to_string())
            .finish();
        Ok(Valid { source })
    }

    async fn observe(&self, object: &SopsSecret, valid: &Valid) -> Result<Observed, Error> {
        if object.spec.suspend == Some(true) {
            return Ok(Observed::Suspended);
        }
        if status::is_current(object) && self.is_settled(object, valid) {
            return Ok(Observed::Settled);
        }
        self.context.secrets.refer(&owner(Kind::SopsSecret, object), None::<&str>);
        let keys = self.settings.keys.keys(&self.context.secrets).await?;
        // Services may be asked, which blocks.
        let stored = template::stored(object);
        let opened = spawn_blocking(move || template::open(&stored, &keys)).await;
        Ok(Observed::Opened(opened.map_err(|_| Error::Interrupted)??))
    }

    fn decide(
        &self,
        object: &SopsSecret,
        valid: &Valid,
        observed: Observed,
    ) -> Result<Plan, Error> {
        let opened = match observed {
            Observed::Suspended => return Ok(Plan::Suspended),
            Observed::Settled => return Ok(Plan::Settled),
            Observed::Opened(opened) => opened,
        };
        let secrets = template::secrets(object, &opened)?;
        self.context.metrics.files_decrypted.inc();
        let wanted = |desired: Desired| {
            let part = |part: &Option<String>| part.clone().unwrap_or_default();
            let at = (part(&desired.metadata.namespace), part(&desired.metadata.name));
            (at, Wanted { desired, file: PLACE.to_owned(), source: valid.source.clone() })
        };
        let wanted: BTreeMap<_, _> = secrets.into_iter().map(wanted).collect();
        Ok(Plan::Write(Planned { wanted, ..Planned::default() }))
    }

    async fn apply(&self, object: &SopsSecret, _: &Valid, plan: Plan) -> Result<Applied, Error> {
        let planned = match plan {
            Plan::Suspended => return Ok(Applied::Suspended),
            Plan::Settled => return Ok(Applied::Settled),
            Plan::Write(planned) => planned,
        };
        let conflict = if self.adopts(object) { Conflict::Force } else { Conflict::Fail };
        let author =
            Author { rules: Rules::SopsSecret, conflict, ..Author::of(Kind::SopsSecret, object) };
        let done =
            Batch::new(&self.context, &author, status::inventory(object), planned).run().await;
        if done.failures.is_empty() { Ok(Applied::Wrote(done)) } else { Err(Error::Write(done)) }
    }

    fn report(
        &self,
        object: &SopsSecret,
        outcome: Result<&Applied, &Error>,
        now: Timestamp,
    ) -> Report {
        let report = Report::status(&status::of(object, outcome, now));
        match outcome {
            Ok(Applied::Wrote(done)) if done.created + done.updated + done.deleted > 0 => {
                let Done { created, updated, deleted, .. } = done;
                let story =
                    format!("{created} Secrets created, {updated} changed, {deleted} deleted");
                report.telling(Event::normal("Healthy", story))
            }
            _ => report,
        }
    }

    fn forget(&self, namespace: Option<&str>, name: &str) {
        let (namespace, name) = (namespace.unwrap_or_default().to_owned(), name.to_owned());
        let owner = Owner { kind: Kind::SopsSecret, namespace, name };
        self.context.secrets.refer(&owner, None::<&str>);
    }
}

impl Opener {
    /// Whether Secrets that nobody controls are taken over.
    fn adopts(&self, object: &SopsSecret) -> bool {
        object.spec.enforce_ownership.unwrap_or(self.settings.enforces_ownership)
    }

    /// Whether the inventory was made of this source, and every Secret of it is as it was written.
    fn is_settled(&self, object: &SopsSecret, valid: &Valid) -> bool {
        let (namespace, _) = names(object);
        let recorded = |entry: &InventoryEntry| {
            let known = self.context.secrets.known(&namespace, place(entry).1);
            entry.source == valid.source && known.is_some_and(|known| is_entry(entry, &known))
        };
        status::inventory(object).iter().all(recorded)
    }
}

#[cfg(test)]
mod tests;
