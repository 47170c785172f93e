//! SealedSecrets become Secrets.
//!
//! | verb | here |
//! |---|---|
//! | validate | scope, values and template; the hash of the source as stored |
//! | observe | the keys, and the Secret's metadata from the watch |
//! | decide | nothing, when the record says so; else unseal |
//! | apply | write what `claim` allows |
//! | report | `Synced`, kstatus, and the record that lets a restart read nothing |

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::ObjectMeta;
use kube::runtime::reflector::ObjectRef;
use reconcile::error::Failure;
use reconcile::{Classify, Reconciler, Report, Tasks, Watched, drive, event::Event};
use sealer_api::SealedSecret;
use sealer_api::sealed_secret::SecretTemplate;
use sealer_api::written::Written;
use sealer_core::claim::Rules;
use sealer_core::plaintext::Plaintext;
use sealer_core::sealed::keyring::Keyring;
use sealer_core::sealed::scope::{Label, Scope};
use tokio::time::timeout;

use super::{Context, is_recorded, names, owner, owner_reference};
use crate::metrics::UnsealError;
use crate::secrets::write::{Intent, Outcome};
use crate::secrets::{Desired, Kind, Known, Owner};
use crate::source::Source;

mod error;
mod gone;
mod memory;
mod render;
mod status;
mod whole;

pub use self::error::Error;
use self::memory::Memory;

/// On the template: the Secret is to have no owner, and to outlive the SealedSecret.
const SKIP_OWNER: &str = "sealedsecrets.bitnami.com/skip-set-owner-references";

/// How long objects wait for the first sealing key before they say that there is none.
const FIRST_KEY: Duration = Duration::from_secs(15);

/// How the controller behaves where upstream lets people choose.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of upstream's")]
pub struct Settings {
    /// SealedSecrets of 2017 are opened.
    pub old_data: bool,
    /// The status is written.
    pub update_status: bool,
    /// A Secret that somebody deleted stays away.
    pub skip_recreate: bool,
    /// We delete the Secret of a SealedSecret that is gone, and not Kubernetes.
    pub deletes: bool,
    /// How often a failure is tried again without a change; no limit is for ever.
    pub retries: Option<u32>,
    /// No name of an object stands in the metrics.
    pub anonymous: bool,
}

/// Adds the controller to `tasks`.
pub fn start(context: &Context, settings: Settings, tasks: &mut Tasks) {
    let objects: Watched<SealedSecret> = context.core.watch(tasks);
    let memory = Memory::new(&context.metrics, settings);
    let reconciler = Arc::new(Unsealer { context: context.clone(), settings, memory });
    if settings.deletes {
        tasks.add("sealedsecret-deletions", gone::follow(context.secrets.clone(), objects.clone()));
    }
    let secrets = context.secrets.wakes(Kind::SealedSecret);
    let unsynced = objects.clone();
    let keys = context.keys.changes().flat_map(move |()| stream::iter(out_of_step(&unsynced)));
    let (core, context) = (context.core.clone(), context.clone());
    tasks.add("sealedsecret", async move {
        context.secrets.ready().await;
        context.keys.listed().await;
        // In a new cluster the first key is about to be made; nobody needs to hear of errors until then.
        let _ = timeout(FIRST_KEY, context.keys.present()).await;
        drive(core, reconciler, objects, stream::select(secrets, keys)).await;
    });
}

/// The objects that a new key may help.
fn out_of_step(objects: &Watched<SealedSecret>) -> Vec<ObjectRef<SealedSecret>> {
    let all = objects.all();
    let failing = all.iter().filter(|object| !status::is_synced(object));
    failing.map(|object| ObjectRef::from_obj(object.as_ref())).collect()
}

struct Unsealer {
    context: Context,
    settings: Settings,
    memory: Memory,
}

/// What a valid SealedSecret means.
pub struct Valid {
    label: Label,
    values: BTreeMap<String, String>,
    /// A whole Secret, as SealedSecrets of 2017 have it.
    whole: Option<String>,
    template: SecretTemplate,
    source: String,
}

/// What the world looks like.
pub struct Observed {
    ring: Arc<Keyring>,
    secret: Option<Known>,
}

/// What should be done.
pub enum Plan {
    /// The Secret is as it was written.
    Settled(Written),
    /// The Secret is written, if it is ours.
    Write(Box<Write>),
}

/// A Secret to be written.
pub struct Write {
    desired: Desired,
    secret: Option<Known>,
    pristine: bool,
    renewed: bool,
    keys: Vec<String>,
}

/// What was done.
pub struct Applied {
    written: Written,
    outcome: Outcome,
}

impl Reconciler for Unsealer {
    type Object = SealedSecret;
    type Valid = Valid;
    type Observed = Observed;
    type Plan = Plan;
    type Applied = Applied;
    type Error = Error;

    const NAME: &'static str = "sealedsecret";

    fn validate(&self, object: &SealedSecret) -> Result<Valid, Error> {
        let broken = object.spec.violations(self.settings.old_data);
        if !broken.is_empty() {
            self.count(object, "unseal");
            return Err(Error::Invalid(broken));
        }
        let (namespace, name) = names(object);
        let label = Scope::of(object.annotations()).label(&namespace, &name);
        let values = object.spec.encrypted_data.iter();
        let values =
            values.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        let values: BTreeMap<_, _> = values.collect();
        let template = object.spec.template.clone().unwrap_or_default();
        let source = source(object, &label, &values, &template);
        let whole = object.spec.data.clone();
        Ok(Valid { label, values, whole, template, source })
    }

    async fn observe(&self, object: &SealedSecret, _: &Valid) -> Result<Observed, Error> {
        let (namespace, name) = names(object);
        let ring = self.context.keys.current();
        let secret = match self.context.secrets.known(&namespace, &name) {
            Some(known) => Some(Known::clone(&known)),
            // A Secret without an owner is in no cache; the record says that there should be one.
            None if status::record(object).is_some() => self
                .context
                .secrets
                .look_up(&namespace, &name)
                .await
                .map_err(|source| Error::Read { name, source })?,
            None => None,
        };
        Ok(Observed { ring, secret })
    }

    fn decide(
        &self,
        object: &SealedSecret,
        valid: &Valid,
        observed: Observed,
    ) -> Result<Plan, Error> {
        let record = status::record(object);
        let renewed = record.is_none_or(|record| record.source != valid.source);
        let pristine = match (record, &observed.secret) {
            (Some(record), Some(known)) => is_recorded(record, known),
            _ => false,
        };
        let left_away = self.settings.skip_recreate && observed.secret.is_none();
        if let Some(record) = record.filter(|_| (pristine || left_away) && !renewed) {
            return Ok(Plan::Settled(record.clone()));
        }
        let made = self.unseal(object, valid, &observed.ring);
        let (desired, keys) = made.inspect_err(|_| self.count(object, "unseal"))?;
        let secret = observed.secret;
        Ok(Plan::Write(Box::new(Write { desired, secret, pristine, renewed, keys })))
    }

    async fn apply(
        &self,
        object: &SealedSecret,
        valid: &Valid,
        plan: Plan,
    ) -> Result<Applied, Error> {
        let write = match plan {
            Plan::Settled(written) => return Ok(Applied { written, outcome: Outcome::Unchanged }),
            Plan::Write(write) => *write,
        };
        let us = object.uid().unwrap_or_default();
        let Write { desired, secret: seen, pristine, renewed, keys } = write;
        let (adopts, made) = (false, None);
        let intent =
            Intent { rules: Rules::Sealed, us: &us, seen, pristine, renewed, adopts, made };
        let put = self.context.secrets.put(intent, &desired).await;
        self.await_change(object, put.is_err());
        let (outcome, known) = put.map_err(|source| self.unwritten(object, source))?;
        if outcome != Outcome::Unchanged {
            self.context.metrics.secret_writes.inc();
        }
        let written = Written {
            source: valid.source.clone(),
            keys,
            uid: known.uid.clone(),
            resource_version: known.resource_version.clone(),
        };
        Ok(Applied { written, outcome })
    }

    fn forget(&self, namespace: Option<&str>, name: &str) {
        let (namespace, name) = (namespace.unwrap_or_default().to_owned(), name.to_owned());
        self.memory.forget(&namespace, &name);
        let owner = Owner { kind: Kind::SealedSecret, namespace, name };
        self.context.secrets.refer(&owner, None::<&str>);
    }

    fn report(
        &self,
        object: &SealedSecret,
        outcome: Result<&Applied, &Error>,
        now: Timestamp,
    ) -> Report {
        let written = outcome.ok().map(|applied| applied.written.clone());
        let sealed_by = status::sealed_by(written.as_ref(), &self.context.keys.current());
        let next = self.memory.note(object, outcome.err().map(Classify::class), &sealed_by);
        let status = status::of(object, outcome.err(), written.zip(Some(sealed_by)), now);
        let mut report = Report { next, ..Report::default() };
        match outcome {
            Err(error) if !self.settings.update_status => {
                // The driver tells a failure with the status that it writes.
                report = report.telling(Event::failure(&Failure::of(error)));
            }
            Ok(Applied { outcome: Outcome::Created | Outcome::Updated, .. }) => {
                let unsealed = Event::normal("Unsealed", "SealedSecret unsealed successfully");
                report = report.telling(unsealed);
            }
            Ok(_) | Err(_) => {}
        }
        if self.settings.update_status {
            report.status = Report::status(&status).status;
        }
        report
    }
}

impl Unsealer {
    /// Opens every value; answers the Secret that they make and the keys that opened them.
    fn unseal(
        &self,
        object: &SealedSecret,
        valid: &Valid,
        ring: &Keyring,
    ) -> Result<(Desired, Vec<String>), Error> {
        let metrics = &self.context.metrics;
        metrics.unseal_requests.inc();
        if let Some(whole) = &valid.whole {
            let opened = ring.unseal(&valid.label, whole).map_err(Error::UnsealWhole)?;
            metrics.values_unsealed.inc();
            let (namespace, name) = names(object);
            let secret = whole::secret(&opened.value, &namespace, &name).map_err(Error::Whole)?;
            return Ok((owned(object, &valid.template, secret), vec![opened.key_id.to_string()]));
        }
        let opened = ring.unseal_all(&valid.label, &valid.values).map_err(Error::Unseal)?;
        metrics.values_unsealed.inc_by(opened.len() as u64);
        let mut keys: Vec<_> = opened.values().map(|value| value.key_id.to_string()).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut data = opened.into_iter().map(|(key, unsealed)| (key, unsealed.value)).collect();
        render::add(&valid.template, &mut data).map_err(Error::Render)?;
        Ok((desired(object, &valid.template, data), keys))
    }

    fn unwritten(&self, object: &SealedSecret, source: crate::secrets::write::Error) -> Error {
        let refused = matches!(source, crate::secrets::write::Error::NotOurs { .. });
        self.count(object, if refused { "unmanaged" } else { "update" });
        if refused {
            Error::NotManaged { name: object.name_any(), source }
        } else {
            Error::Write(source)
        }
    }

    /// While the Secret could not be written, every change of it is worth another try.
    fn await_change(&self, object: &SealedSecret, refused: bool) {
        let name = refused.then(|| object.name_any());
        self.context.secrets.refer(&owner(Kind::SealedSecret, object), name);
    }

    fn count(&self, object: &SealedSecret, reason: &'static str) {
        let namespace = object.namespace().unwrap_or_default();
        self.context.metrics.unseal_errors.get_or_create(&UnsealError { reason, namespace }).inc();
    }
}

/// The hash of everything that the Secret is made of, as it is stored.
fn source(
    object: &SealedSecret,
    label: &Label,
    values: &BTreeMap<String, String>,
    template: &SecretTemplate,
) -> String {
    let template = serde_json::to_string(template).expect("an API type is JSON");
    Source::of("SealedSecret")
        .and(object.uid().unwrap_or_default())
        .and(label.as_bytes())
        .and(template)
        .and_all(values.iter().flat_map(|(key, value)| [key, value]))
        .and_all(&object.spec.data)
        .finish()
}

/// The Secret that `object` asks for.
fn desired(
    object: &SealedSecret,
    template: &SecretTemplate,
    data: BTreeMap<String, Plaintext>,
) -> Desired {
    let (namespace, name) = names(object);
    let metadata = template.metadata.clone().unwrap_or_default();
    let secret = Desired {
        metadata: ObjectMeta {
            namespace: Some(namespace),
            name: Some(name),
            labels: metadata.labels,
            annotations: metadata.annotations,
            finalizers: metadata.finalizers,
            ..ObjectMeta::default()
        },
        type_: template.type_.clone(),
        immutable: template.immutable,
        data,
    };
    owned(object, template, secret)
}

/// The same Secret as `object`'s own, unless the template says that it is to have no owner.
fn owned(object: &SealedSecret, template: &SecretTemplate, secret: Desired) -> Desired {
    let annotations = template.metadata.as_ref().and_then(|metadata| metadata.annotations.as_ref());
    let skips = annotations.and_then(|annotations| annotations.get(SKIP_OWNER));
    let owned = skips.is_none_or(|value| value != "true");
    let owner_references = owned.then(|| vec![owner_reference(object)]);
    Desired { metadata: ObjectMeta { owner_references, ..secret.metadata }, ..secret }
}

#[cfg(test)]
mod tests;
