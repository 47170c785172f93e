//! Sealing keys: loaded while the daemon runs, made when there is none, renewed in time.
//!
//! Every replica loads; only the leader makes. Keys are added and never removed: what was sealed for
//! an old one must open for ever, unless somebody takes its label or the Secret away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::api::ObjectMeta;
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, ResourceExt as _};
use reconcile::error::class_of_api_error;
use reconcile::request;
use sealer_core::plaintext::Plaintext;
use sealer_core::sealed::certificate;
use sealer_core::sealed::key::{self, SealingKey};
use sealer_core::sealed::keyring::{Keyring, Order};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, info, warn};

use super::Context;
use crate::secrets::{Contents, Desired, write};

/// The label of a key Secret.
const LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";
/// Its value while the key is in use.
const ACTIVE: &str = "active";
/// The pause before a key Secret that could not be read is read again.
const REREAD: Duration = Duration::from_secs(5);
/// The pause before a key that could not be stored is made again.
const REMAKE: Duration = Duration::from_secs(30);

type Meta = PartialObjectMeta<Secret>;

/// Where keys live, and how new ones are made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespace of the key Secrets.
    pub namespace: String,
    /// What the names of new key Secrets begin with.
    pub prefix: String,
    /// How long a new certificate is valid.
    pub validity: SignedDuration,
    /// How old the newest key may become before another is made; zero is for ever.
    pub renew_period: Duration,
    /// The common name of new certificates.
    pub common_name: String,
    /// Which of two keys is the newer.
    pub order: Order,
}

/// Why a key Secret cannot be used.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("could not be read")]
    Read(#[from] request::Error),
    #[error("has no `{0}`")]
    Missing(&'static str),
    #[error("holds no usable key")]
    Parse(#[from] key::Error),
}

/// Keeps the keyring in step with the key Secrets until it is dropped.
pub async fn load(context: Context, settings: Settings) {
    let api: Api<Meta> = Api::namespaced(context.core.client.clone(), &settings.namespace);
    let config = watcher::Config::default().labels(&format!("{LABEL}={ACTIVE}"));
    let mut events = std::pin::pin!(watcher(api, config).default_backoff());
    let mut loader = Loader {
        context,
        settings,
        keys: BTreeMap::new(),
        pending: BTreeSet::new(),
        rejected: BTreeSet::new(),
    };
    let mut listed = BTreeSet::new();
    loop {
        let retry = loader.retry();
        tokio::select! {
            event = events.try_next() => match event {
                Ok(Some(event)) => loader.digest(event, &mut listed).await,
                Ok(None) => return,
                Err(error) => warn!(error = %watch_error(&error), "could not watch sealing keys; trying again"),
            },
            () = retry => loader.reread().await,
        }
    }
}

/// What is loaded, by the name of the key Secret.
struct Loader {
    context: Context,
    settings: Settings,
    keys: BTreeMap<String, (String, Arc<SealingKey>)>,
    pending: BTreeSet<String>,
    rejected: BTreeSet<String>,
}

impl Loader {
    /// When to read again what could not be read.
    fn retry(&self) -> impl Future<Output = ()> + use<> {
        let waits = !self.pending.is_empty();
        async move { if waits { sleep(REREAD).await } else { std::future::pending().await } }
    }

    async fn digest(&mut self, event: watcher::Event<Meta>, listed: &mut BTreeSet<String>) {
        match event {
            watcher::Event::Init => listed.clear(),
            watcher::Event::InitApply(meta) => {
                listed.insert(meta.name_any());
                self.take(&meta).await;
            }
            watcher::Event::InitDone => {
                self.keys.retain(|name, _| listed.contains(name));
                self.rejected.retain(|name| listed.contains(name));
                self.publish();
            }
            watcher::Event::Apply(meta) => {
                self.take(&meta).await;
                self.publish();
            }
            watcher::Event::Delete(meta) => {
                let name = meta.name_any();
                self.pending.remove(&name);
                self.rejected.remove(&name);
                if self.keys.remove(&name).is_some() {
                    info!(key = name, "a sealing key was taken away");
                }
                self.publish();
            }
        }
    }

    async fn take(&mut self, meta: &Meta) {
        let version = meta.resource_version().unwrap_or_default();
        let name = meta.name_any();
        if self.keys.get(&name).is_some_and(|(loaded, _)| *loaded == version) {
            return;
        }
        let created =
            meta.metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
        self.read(name, created).await;
    }

    async fn reread(&mut self) {
        for name in std::mem::take(&mut self.pending) {
            self.read(name, Timestamp::UNIX_EPOCH).await;
        }
        self.publish();
    }

    /// Reads one key Secret. One that cannot be used is told and leaves the others alone.
    async fn read(&mut self, name: String, created: Timestamp) {
        let secrets = &self.context.secrets;
        let read = secrets.read(&self.settings.namespace, &name).await;
        let parsed = match read {
            Ok(Some(contents)) => parse(&contents, created).map(|key| Some((contents, key))),
            Ok(None) => Ok(None),
            Err(error) => Err(error.into()),
        };
        self.rejected.remove(&name);
        match parsed {
            Ok(Some((contents, key))) => {
                info!(key = name, id = %key.id(), "a sealing key is in use");
                self.keys.insert(name, (contents.known.resource_version, Arc::new(key)));
            }
            Ok(None) => drop(self.keys.remove(&name)),
            Err(Error::Read(error)) => {
                warn!(key = name, %error, "could not read a sealing key; trying again");
                self.pending.insert(name);
            }
            Err(problem) => {
                let cause = std::error::Error::source(&problem).map(ToString::to_string);
                error!(key = name, %problem, cause, "a key Secret cannot be used; repair it or remove its label");
                self.keys.remove(&name);
                self.rejected.insert(name);
            }
        }
    }

    fn publish(&self) {
        let metrics = &self.context.metrics;
        metrics.sealing_keys.set(self.keys.len().try_into().unwrap_or(i64::MAX));
        metrics.sealing_keys_rejected.set(self.rejected.len().try_into().unwrap_or(i64::MAX));
        let keys = self.keys.values().map(|(_, key)| Arc::clone(key));
        self.context.keys.replace(Keyring::new(keys, self.settings.order));
    }
}

fn parse(contents: &Contents, created: Timestamp) -> Result<SealingKey, Error> {
    let value = |key| contents.data.get(key).ok_or(Error::Missing(key));
    Ok(SealingKey::parse(value("tls.key")?, value("tls.crt")?.expose(), created)?)
}

/// Makes a key when there is none, and another when the newest is old, until it is dropped.
pub async fn provide(context: Context, settings: Settings) {
    context.keys.listed().await;
    loop {
        let now = context.core.clock.now();
        let Some(pause) = until_due(&context, &settings, now) else {
            // With a key that is never renewed, only its disappearance needs us.
            futures::StreamExt::next(&mut Box::pin(context.keys.changes())).await;
            continue;
        };
        if !pause.is_zero() {
            let mut changes = Box::pin(context.keys.changes());
            tokio::select! {
                () = sleep_until(Instant::now() + pause) => {}
                _ = futures::StreamExt::next(&mut changes) => {}
            }
            continue;
        }
        let mut changes = Box::pin(context.keys.changes());
        match make(&context, &settings, now).await {
            // The watch brings the key back to us; until then there is nothing to decide.
            Ok(()) => drop(futures::StreamExt::next(&mut changes).await),
            Err(problem) => {
                error!(problem, "could not make a sealing key; trying again");
                sleep(REMAKE).await;
            }
        }
    }
}

/// The pause before a new key is needed: zero when it is needed now, none when never.
fn until_due(context: &Context, settings: &Settings, now: Timestamp) -> Option<Duration> {
    let ring = context.keys.current();
    let Some(newest) = ring.newest() else { return Some(Duration::ZERO) };
    if settings.renew_period.is_zero() {
        return None;
    }
    let age = now.as_second().saturating_sub(newest.certificate().not_before().as_second());
    let age = Duration::from_secs(u64::try_from(age).unwrap_or(0));
    Some(settings.renew_period.saturating_sub(age))
}

async fn make(context: &Context, settings: &Settings, now: Timestamp) -> Result<(), String> {
    let (name, validity) = (settings.common_name.clone(), settings.validity);
    let made = tokio::task::spawn_blocking(move || {
        certificate::generate(&name, now, validity, &mut rand::rng())
    });
    let made = made.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let desired = Desired {
        metadata: ObjectMeta {
            namespace: Some(settings.namespace.clone()),
            generate_name: Some(settings.prefix.clone()),
            labels: Some([(LABEL.to_owned(), ACTIVE.to_owned())].into()),
            ..ObjectMeta::default()
        },
        type_: Some("kubernetes.io/tls".to_owned()),
        data: [
            ("tls.key".to_owned(), made.private),
            ("tls.crt".to_owned(), Plaintext::from(made.certificate)),
        ]
        .into(),
        ..Desired::default()
    };
    let stored = context.secrets.generate(&desired).await;
    stored.map(|_| info!("made a sealing key")).map_err(|error| told(&error))
}

fn told(error: &write::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}")
}

/// A watch error without the object that it may quote.
fn watch_error(error: &watcher::Error) -> &'static str {
    match error {
        watcher::Error::InitialListFailed(error) => match class_of_api_error(error) {
            reconcile::Class::Waiting => "listing Secrets is not allowed",
            _ => "the list failed",
        },
        _ => "the watch failed",
    }
}
