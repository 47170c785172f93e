//! Keys of native values: loaded while the daemon runs, and made by people only.
//!
//! Their Secrets have a label of their own: the one of RSA keys would make sealed-secrets' controller,
//! wherever it runs beside us, read them as RSA keys and fall over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, ResourceExt as _};
use sealer_core::sealed::native::{KeyError, NATIVE_LABEL, PrivateKey};
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::{ACTIVE, Settings};
use crate::controller::Context;

/// The pause before a key Secret that could not be read is read again.
const REREAD: Duration = Duration::from_secs(5);

type Meta = PartialObjectMeta<Secret>;

/// Keeps the native keys in step with their Secrets until it is dropped.
pub async fn load_native(context: Context, settings: Settings) {
    let api: Api<Meta> = Api::namespaced(context.core.client.clone(), &settings.namespace);
    let config = watcher::Config::default().labels(&format!("{NATIVE_LABEL}={ACTIVE}"));
    let mut events = watcher(api, config).default_backoff().boxed();
    let mut loader = Loader { context, settings, keys: BTreeMap::new(), pending: Vec::new() };
    let mut incoming = BTreeMap::new();
    let mut listed = false;
    loop {
        let retry = async {
            if loader.pending.is_empty() {
                std::future::pending::<()>().await;
            } else {
                sleep(REREAD).await;
            }
        };
        let event = tokio::select! {
            event = events.next() => event,
            () = retry => {
                for name in std::mem::take(&mut loader.pending) {
                    if let Some(key) = loader.read(&name).await {
                        loader.keys.insert(name, key);
                    }
                }
                loader.publish(listed);
                continue;
            }
        };
        match event {
            Some(Ok(watcher::Event::Init)) => incoming = BTreeMap::new(),
            Some(Ok(watcher::Event::InitApply(meta))) => {
                let name = meta.name_any();
                incoming.extend(loader.read(&name).await.map(|key| (name, key)));
            }
            Some(Ok(watcher::Event::InitDone)) => {
                loader.keys = std::mem::take(&mut incoming);
                listed = true;
            }
            Some(Ok(watcher::Event::Apply(meta))) => {
                let name = meta.name_any();
                match loader.read(&name).await {
                    Some(key) => drop(loader.keys.insert(name, key)),
                    None => drop(loader.keys.remove(&name)),
                }
            }
            Some(Ok(watcher::Event::Delete(meta))) => drop(loader.keys.remove(&meta.name_any())),
            Some(Err(_)) => warn!("could not watch native sealing keys; trying again"),
            None => return,
        }
        loader.publish(listed);
    }
}

struct Loader {
    context: Context,
    settings: Settings,
    /// By the name of the key Secret.
    keys: BTreeMap<String, Arc<PrivateKey>>,
    /// What could not be read.
    pending: Vec<String>,
}

impl Loader {
    /// Reads one key Secret. One that cannot be used is told and leaves the others alone.
    async fn read(&mut self, name: &str) -> Option<Arc<PrivateKey>> {
        let read = self.context.secrets.read(&self.settings.namespace, name).await;
        let contents = match read {
            Ok(contents) => contents?,
            Err(error) => {
                warn!(key = name, %error, "could not read a native sealing key; trying again");
                self.pending.push(name.to_owned());
                return None;
            }
        };
        let value = |key| contents.data.get(key);
        let parsed = match (value("seed"), value("public")) {
            (Some(seed), Some(public)) => PrivateKey::parse(seed, public.expose()),
            (None, _) => Err(KeyError::Seed),
            (_, None) => Err(KeyError::NoPem),
        };
        match parsed {
            Ok(key) => {
                info!(key = name, id = %key.id(), suite = %key.suite(), "a native sealing key is in use");
                Some(Arc::new(key))
            }
            Err(problem) => {
                error!(key = name, %problem, "a native key Secret cannot be used; repair it or remove its label");
                None
            }
        }
    }

    /// Puts the keys into use, once all are known.
    fn publish(&self, listed: bool) {
        if listed {
            self.context.keys.replace_native(self.keys.values().cloned());
        }
    }
}

#[cfg(test)]
mod tests;
