//! The server: its options, its start, its client.

use std::{path::PathBuf, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use crate::{
    api::Api,
    failure::Failure,
    gc,
    kind::{Kind, Registry, builtin, crd},
    meta,
    object::{self, Object},
    service::ApiService,
    store::{self, Store},
};

/// The namespace of what names none.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory whose manifests are the objects, if any.
    pub directory: Option<PathBuf>,
    /// Where everything that is kept goes; see [`crate::state_directory`].
    pub state: PathBuf,
    /// The daemon that writes this store: a part of its path.
    pub owner: String,
    /// The kinds that are served beside the built-in ones.
    pub crds: Vec<CustomResourceDefinition>,
    /// Says what time it is.
    pub clock: fn() -> Timestamp,
}

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A CustomResourceDefinition cannot be served.
    #[error("could not serve a CustomResourceDefinition")]
    Definition(#[source] crd::Error),
    /// A place for the state could not be made.
    #[error("could not make the state directory `{}`", path.display())]
    State {
        /// The place.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The store could not be opened or brought up to date.
    #[error("could not start the embedded API")]
    Store(#[source] store::Error),
    /// The definitions of the kinds could not be stored.
    #[error("could not prepare the embedded API: {message}")]
    Prepare {
        /// Why not.
        message: String,
    },
}

/// A Kubernetes API in the process.
pub struct Server {
    api: Arc<Api>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    /// Opens the store and serves.
    pub fn open(options: Options) -> Result<Self, Error> {
        let (registry, definitions) = kinds(&options.crds)?;
        let place = options.state.join(&options.owner);
        std::fs::create_dir_all(&place)
            .map_err(|source| Error::State { path: place.clone(), source })?;
        let stamp = (options.clock)().strftime("%Y%m%dT%H%M%SZ").to_string();
        let (store, _moved) =
            Store::open(&place.join("store.redb"), &stamp).map_err(Error::Store)?;
        let api = Arc::new(Api { store, kinds: registry, clock: options.clock });
        let prepared = prepare(&api, &definitions);
        prepared.map_err(|failure| Error::Prepare { message: failure.into_message() })?;
        Ok(Self { api })
    }

    /// A client of this server. It must be called in a tokio runtime.
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.service(), DEFAULT_NAMESPACE)
    }

    /// The API as a tower service.
    pub fn service(&self) -> ApiService {
        ApiService::new(Arc::clone(&self.api))
    }
}

/// All kinds, and the definitions of those that are not built in.
fn kinds(crds: &[CustomResourceDefinition]) -> Result<(Registry, Vec<Value>), Error> {
    let mut kinds: Vec<Kind> = builtin::kinds();
    let mut definitions = Vec::new();
    for crd in crds {
        let value = serde_json::to_value(crd).expect("a definition serializes: it is a CRD type");
        kinds.push(crd::kind(&value).map_err(Error::Definition)?);
        definitions.push(value);
    }
    Ok((Registry::new(kinds), definitions))
}

/// Stores what every server has: its definitions and the default namespace.
fn prepare(api: &Api, definitions: &[Value]) -> Result<(), Failure> {
    let now = api.now();
    api.write(false, |writer| {
        let Some(kind) = api.kinds.by_kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
        else {
            return Ok(());
        };
        let mut stale = writer.keys(&kind.stored)?;
        for definition in definitions {
            let Value::Object(mut new) = crd::established(definition, &now) else { continue };
            new.remove("apiVersion");
            new.remove("kind");
            let key = kind.key("", object::name(&new));
            stale.retain(|other| *other != key);
            let old = writer.object(&key)?;
            if old.as_ref().is_some_and(|old| old.get("spec") == new.get("spec")) {
                continue;
            }
            identify(&mut new, old.as_ref(), &now);
            writer.put(kind, old.as_ref(), &mut new)?;
        }
        for key in stale {
            if let Some(old) = writer.object(&key)? {
                writer.remove(kind, &old)?;
            }
        }
        api.ensure_namespace(writer, DEFAULT_NAMESPACE)?;
        gc::sweep(api, writer)
    })?;
    // Watches from before this start have to list again.
    api.store.log.begin(api.store.snapshot()?.version);
    Ok(())
}

/// Gives a definition the identity of its predecessor, or a new one.
fn identify(new: &mut Object, old: Option<&Object>, now: &str) {
    let generation = match old {
        Some(old) => {
            object::carry(old, new, "uid");
            object::carry(old, new, "creationTimestamp");
            object::meta(old).get("generation").and_then(Value::as_i64).unwrap_or(0) + 1
        }
        None => {
            object::set(new, "uid", &meta::uid());
            object::set(new, "creationTimestamp", now);
            1
        }
    };
    object::meta_mut(new).insert("generation".to_owned(), Value::from(generation));
}
