//! The key Secrets, followed by two watches: that of our label, and that of the first releases' name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, ResourceExt as _};
use reconcile::error::class_of_api_error;
use reconcile::request;
use sealer_core::sealed::key::{self, SealingKey};
use sealer_core::sealed::keyring::Keyring;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::{ACTIVE, LABEL, Settings};
use crate::controller::Context;
use crate::secrets::Contents;

/// The pause before a key Secret that could not be read is read again.
const REREAD: Duration = Duration::from_secs(5);

type Meta = PartialObjectMeta<Secret>;

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

/// Which watch told of a key Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// That of the Secrets with our label.
    Labelled,
    /// That of the one Secret whose name is the prefix: a key of the first releases has no label.
    Named,
}

/// Keeps the keyring in step with the key Secrets until it is dropped.
pub async fn load(context: Context, settings: Settings) {
    let api: Api<Meta> = Api::namespaced(context.core.client.clone(), &settings.namespace);
    let follow = |seen, config| {
        let events = watcher(api.clone(), config).default_backoff();
        events.map(move |event| (seen, event)).boxed()
    };
    let labelled = watcher::Config::default().labels(&format!("{LABEL}={ACTIVE}"));
    let named = watcher::Config::default().fields(&format!("metadata.name={}", settings.prefix));
    let mut events = stream::select(follow(Seen::Labelled, labelled), follow(Seen::Named, named));
    let mut loader = Loader {
        context,
        settings,
        keys: BTreeMap::new(),
        pending: BTreeMap::new(),
        rejected: BTreeSet::new(),
        listed: Listed::default(),
    };
    loop {
        let retry = loader.retry();
        tokio::select! {
            event = events.next() => match event {
                Some((seen, Ok(event))) => loader.digest(seen, event).await,
                Some((_, Err(error))) => warn!(error = %watch_error(&error), "could not watch sealing keys; trying again"),
                None => return,
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
    /// What could not be read, and when it was created.
    pending: BTreeMap<String, Timestamp>,
    rejected: BTreeSet<String>,
    listed: Listed,
}

/// What the two watches have listed.
#[derive(Default)]
struct Listed {
    labelled: BTreeSet<String>,
    /// Whether the Secret that is called like the prefix counts.
    named: bool,
    /// The same, of a list that is not complete yet.
    incoming: (BTreeSet<String>, bool),
    /// Which of them have told everything once.
    done: (bool, bool),
}

impl Listed {
    /// What a watch did not list again is gone.
    fn complete(&mut self, seen: Seen) {
        match seen {
            Seen::Labelled => {
                self.labelled = std::mem::take(&mut self.incoming.0);
                self.done.0 = true;
            }
            Seen::Named => {
                self.named = std::mem::take(&mut self.incoming.1);
                self.done.1 = true;
            }
        }
    }
}

impl Loader {
    /// When to read again what could not be read.
    fn retry(&self) -> impl Future<Output = ()> + use<> {
        let waits = !self.pending.is_empty();
        async move { if waits { sleep(REREAD).await } else { std::future::pending().await } }
    }

    async fn digest(&mut self, seen: Seen, event: watcher::Event<Meta>) {
        match event {
            watcher::Event::Init => match seen {
                Seen::Labelled => self.listed.incoming.0.clear(),
                Seen::Named => self.listed.incoming.1 = false,
            },
            watcher::Event::InitApply(meta) => self.applied(seen, &meta).await,
            watcher::Event::InitDone => {
                self.listed.complete(seen);
                self.publish();
            }
            watcher::Event::Apply(meta) => {
                self.applied(seen, &meta).await;
                self.publish();
            }
            watcher::Event::Delete(meta) => {
                match seen {
                    Seen::Labelled => drop(self.listed.labelled.remove(&meta.name_any())),
                    Seen::Named => self.listed.named = false,
                }
                self.publish();
            }
        }
    }

    async fn applied(&mut self, seen: Seen, meta: &Meta) {
        match seen {
            Seen::Labelled => {
                self.listed.incoming.0.insert(meta.name_any());
                self.listed.labelled.insert(meta.name_any());
            }
            Seen::Named => {
                // With a label it is the business of the other watch.
                self.listed.named = !meta.labels().contains_key(LABEL);
                self.listed.incoming.1 = self.listed.named;
            }
        }
        if self.counts(&meta.name_any()) {
            self.take(meta).await;
        }
    }

    /// Whether the Secret of that name is a key.
    fn counts(&self, name: &str) -> bool {
        self.listed.labelled.contains(name) || (self.listed.named && name == self.settings.prefix)
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
        for (name, created) in std::mem::take(&mut self.pending) {
            self.read(name, created).await;
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
                self.pending.insert(name, created);
            }
            Err(problem) => {
                let cause = std::error::Error::source(&problem).map(ToString::to_string);
                error!(key = name, %problem, cause, "a key Secret cannot be used; repair it or remove its label");
                self.keys.remove(&name);
                self.rejected.insert(name);
            }
        }
    }

    /// Drops what is no key any more, and puts the others into use, once all are known.
    fn publish(&mut self) {
        let gone: Vec<_> = self.keys.keys().filter(|name| !self.counts(name)).cloned().collect();
        for name in gone {
            self.keys.remove(&name);
            info!(key = name, "a sealing key was taken away");
        }
        let mut rejected = std::mem::take(&mut self.rejected);
        rejected.retain(|name| self.counts(name));
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain(|name, _| self.counts(name));
        (self.rejected, self.pending) = (rejected, pending);
        if self.listed.done != (true, true) {
            return;
        }
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
