//! The server: its options, its start, its client.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    api::Api,
    export::Exporter,
    failure::Failure,
    files::{Decrypt, Files, Problem, Report},
    gc,
    kind::{Kind, Registry, builtin, crd},
    meta,
    object::{self, Object},
    place,
    service::ApiService,
    store::{self, Store},
};

/// The namespace of what names none.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// How often the directory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often old events are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(600);

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
    /// A `CustomResourceDefinition` cannot be served.
    #[error("could not serve a CustomResourceDefinition")]
    Definition(#[source] crd::Error),
    /// The place for the state cannot be used.
    #[error("could not use the place for the state")]
    Place(#[source] place::Error),
    /// The store could not be opened.
    #[error("could not open the store of the embedded API")]
    Store(#[source] store::Error),
    /// The manifests' directory is not there.
    #[error("could not read the directory of manifests `{}`", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The store could not be brought up to date.
    #[error("could not prepare the embedded API: {message}")]
    Prepare {
        /// Why not.
        message: String,
    },
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Prepare { message: failure.into_message() }
    }
}

/// A Kubernetes API in the process. It serves until it is dropped: then its clients fail, watches
/// end, and the store is free.
pub struct Server {
    api: Arc<Api>,
    files: Option<Arc<Mutex<Files>>>,
    report: watch::Sender<Report>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    /// Opens the store, reads the files, and serves. It waits for the disk.
    #[expect(clippy::needless_pass_by_value, reason = "they are the server's from now on")]
    pub fn open(options: Options) -> Result<Self, Error> {
        let (kinds, definitions) = kinds(&options.crds)?;
        let place = options.state.join(&options.owner);
        place::prepare(&options.state).map_err(Error::Place)?;
        place::prepare(&place).map_err(Error::Place)?;
        let stamp = (options.clock)().strftime("%Y%m%dT%H%M%SZ").to_string();
        let path = place.join("store.redb");
        let (store, moved) = Store::open(&path, &stamp).map_err(Error::Store)?;
        let fresh = store.snapshot().map_err(Error::Store)?.version == 1;
        let api = Arc::new(Api {
            store,
            kinds,
            clock: options.clock,
            turn: tokio::sync::Mutex::default(),
        });
        prepare(&api, &definitions)?;
        let mut notices = Vec::new();
        notices.extend(moved.map(|aside| moved_aside(&path, &aside)));
        let report = watch::Sender::new(Report::default());
        let mut server = Self { api, files: None, report };
        if let Some(directory) = &options.directory {
            notices.extend(server.export(&place, fresh)?);
            let mut files = open_files(directory, &options)?;
            files.notices = notices;
            server.files = Some(Arc::new(Mutex::new(files)));
            server.scan(None)?;
        } else {
            server.report.send_replace(Report { problems: notices, ..Report::default() });
        }
        // Watches from before this start have to list again.
        let version = server.api.store.snapshot().map_err(Error::Store)?.version;
        server.api.store.log.begin(version);
        Ok(server)
    }

    /// A client of this server. It must be called in a tokio runtime.
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.service(), DEFAULT_NAMESPACE)
    }

    /// The API as a tower service.
    pub fn service(&self) -> ApiService {
        ApiService::new(&self.api)
    }

    /// What was found in the directory, now and whenever it changes.
    pub fn problems(&self) -> watch::Receiver<Report> {
        self.report.subscribe()
    }

    /// Looks at the files once. It waits for the disk.
    pub fn scan(&self, decrypt: Option<&Decrypt>) -> Result<(), Error> {
        let Some(files) = &self.files else { return Ok(()) };
        Ok(scan(files, &self.api, &self.report, decrypt)?)
    }

    /// Follows the files until `shutdown`.
    pub async fn run(&self, decrypt: Option<Decrypt>, shutdown: impl Future<Output = ()>) {
        let Some(files) = &self.files else { return shutdown.await };
        let follow = async {
            let mut tidied = Instant::now();
            loop {
                let began = Instant::now();
                let tidy = began - tidied > TIDY_EVERY;
                if tidy {
                    tidied = began;
                }
                let (files, api) = (Arc::clone(files), Arc::clone(&self.api));
                let (report, decrypt) = (self.report.clone(), decrypt.clone());
                let scanned = tokio::task::spawn_blocking(move || {
                    if tidy {
                        api.write(false, |writer| gc::expire_events(&api, writer))?;
                    }
                    scan(&files, &api, &report, decrypt.as_ref())
                });
                match scanned.await {
                    Ok(Ok(())) => {}
                    Ok(Err(failure)) => {
                        let error = failure.into_message();
                        tracing::error!(error, "could not take the files over");
                    }
                    Err(err) => {
                        tracing::error!(
                            panicked = err.is_panic(),
                            "a look at the files was cut off"
                        );
                    }
                }
                // A directory that takes long to look at is looked at less often.
                tokio::time::sleep(LOOK_EVERY.max(began.elapsed() * 20)).await;
            }
        };
        tokio::select! {
            () = follow => {}
            () = shutdown => {}
        }
    }

    /// Exports Secrets from now on; into a store that is new, they are read back first.
    fn export(&self, place: &Path, fresh: bool) -> Result<Vec<Problem>, Error> {
        let exporter = Exporter::new(place);
        let unread = if fresh { exporter.restore(&self.api)? } else { Vec::new() };
        exporter.synchronize(&self.api.store, &unread).map_err(Error::Store)?;
        if self.api.store.exporter.set(exporter).is_err() {
            tracing::debug!("Secrets are exported already");
        }
        let message = "the Secret could not be read back into the new store; repair or delete it";
        let told = unread.into_iter();
        Ok(told.map(|file| Problem { file, line: None, message: message.to_owned() }).collect())
    }
}

fn open_files(directory: &Path, options: &Options) -> Result<Files, Error> {
    let missing = |source| Error::Directory { path: directory.to_owned(), source };
    std::fs::read_dir(directory).map_err(missing)?;
    Ok(Files::new(&place::resolve(directory), &options.state, &options.owner))
}

fn moved_aside(path: &Path, aside: &Path) -> Problem {
    let message = format!(
        "the store was damaged and is now `{}`; a new one was begun from the manifests and the \
         exported Secrets, and every status is worked out again",
        aside.display()
    );
    Problem { file: path.to_owned(), line: None, message }
}

fn scan(
    files: &Mutex<Files>,
    api: &Api,
    report: &watch::Sender<Report>,
    decrypt: Option<&Decrypt>,
) -> Result<(), Failure> {
    let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = files.scan(api, decrypt)? {
        report.send_if_modified(|last| {
            let differs = *last != found;
            *last = found;
            differs
        });
    }
    Ok(())
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
        gc::sweep(api, writer)?;
        gc::expire_events(api, writer)
    })
}

/// Gives a definition the identity of its predecessor, or a new one.
fn identify(new: &mut Object, old: Option<&Object>, now: &str) {
    let mut generation = 1;
    if let Some(old) = old {
        object::carry(old, new, "uid");
        object::carry(old, new, "creationTimestamp");
        generation += object::meta(old).get("generation").and_then(Value::as_i64).unwrap_or(0);
    } else {
        object::set(new, "uid", &meta::uid());
        object::set(new, "creationTimestamp", now);
    }
    object::meta_mut(new).insert("generation".to_owned(), Value::from(generation));
}
