//! The daemon on an embedded API, for the tests of this crate.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use clap::Parser as _;
use embedded::{Options, Server};
use futures::FutureExt as _;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Event, Secret};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use reconcile::clock::Clock;
use reconcile::event::Events;
use reconcile::lease::Fence;
use reconcile::{Core, Scope, Tasks};
use sealer_core::plaintext::Plaintext;
use sealer_core::sealed::certificate::{self, Certificate, Generated};
use sealer_core::sealed::scope::Scope as SealScope;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::Daemon;
use crate::args::Args;

/// Longer than any machine needs, shorter than anyone waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two sealing keys, made once for all tests.
pub(crate) static KEYS: LazyLock<[Generated; 2]> = LazyLock::new(|| {
    ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"].map(|at| {
        let at: Timestamp = at.parse().unwrap();
        certificate::generate("", at, SignedDuration::from_hours(240_000), &mut rand::rng())
            .unwrap()
    })
});

/// An embedded API that outlives the daemons on it.
pub(crate) struct Bed {
    pub(crate) dir: TempDir,
    server: Server,
    requests: Arc<Mutex<Vec<(Method, String)>>>,
    pub(crate) client: Client,
}

/// A daemon on a bed; dropping it kills it.
pub(crate) struct Running {
    core: Core,
    pub(crate) daemon: Daemon,
    _tasks: JoinSet<()>,
}

impl Bed {
    /// A bed with the first sealing key in the namespace `default`.
    pub(crate) async fn new() -> Self {
        let bed = Self::without_keys();
        bed.add_key("sealed-secrets-key1", 0).await;
        bed
    }

    pub(crate) fn without_keys() -> Self {
        reconcile::process::install_tls();
        let dir = TempDir::new().unwrap();
        let server = Server::open(Options {
            directory: None,
            state: dir.path().join("state"),
            owner: "sealer".to_owned(),
            crds: crate::local::kinds(true),
            clock: now,
        })
        .unwrap();
        let client = server.client();
        Self { dir, server, requests: Arc::default(), client }
    }

    /// Starts a daemon whose requests are counted.
    pub(crate) fn start(&self) -> Running {
        self.start_with(&[])
    }

    pub(crate) fn start_with(&self, flags: &[&str]) -> Running {
        let client = self.counting();
        let core = Core {
            events: Events::new(client.clone(), "sealer", "test", Clock::system()),
            replica: client.clone(),
            fence: Fence::default(),
            client,
            scope: Scope::default(),
            metrics: reconcile::metrics::Metrics::default(),
            clock: Clock::system(),
            concurrency: 4,
        };
        let cache = self.dir.path().join("cache");
        let cache = format!("--cache-dir={}", cache.display());
        let local = format!("--local={}", self.dir.path().display());
        let typed = ["sealer", &cache, &local].into_iter().chain(flags.iter().copied());
        let daemon = started(&core, &Args::try_parse_from(typed).unwrap());
        let mut tasks = Tasks::default();
        daemon.always(&mut tasks);
        daemon.leading(&mut tasks);
        let mut running = JoinSet::new();
        for (_, task) in tasks {
            running.spawn(task);
        }
        Running { core, daemon, _tasks: running }
    }

    /// A client whose requests are noted.
    fn counting(&self) -> Client {
        let (service, requests) = (self.server.service(), Arc::clone(&self.requests));
        let counted = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let path = request.uri().path().to_owned();
            requests.lock().unwrap().push((request.method().clone(), path));
            let mut service = service.clone();
            async move { tower::Service::call(&mut service, request).await }.boxed()
        });
        Client::new(counted, "default")
    }

    /// Requests since this was last asked: those that `wanted` picks.
    pub(crate) fn requests(&self, wanted: impl Fn(&Method, &str) -> bool) -> Vec<(Method, String)> {
        let all = std::mem::take(&mut *self.requests.lock().unwrap());
        all.into_iter().filter(|(method, path)| wanted(method, path)).collect()
    }

    /// Requests since this was last asked that were not lists or watches.
    pub(crate) fn effects(&self) -> Vec<(Method, String)> {
        let plural = [
            "secrets",
            "sealedsecrets",
            "gitsecretsyncs",
            "gitrepositories",
            "sopssecrets",
            "kustomizations",
            "secretstores",
            "externalsecrets",
        ];
        self.requests(|method, path| {
            *method != Method::GET
                || !plural.iter().any(|plural| path.ends_with(&format!("/{plural}")))
        })
    }

    pub(crate) fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), "default")
    }

    pub(crate) fn api(&self, version: &str, kind: &str) -> Api<DynamicObject> {
        self.api_in("default", version, kind)
    }

    pub(crate) fn api_in(&self, namespace: &str, version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), namespace, &resource)
    }

    /// Creates what `manifest` says.
    pub(crate) async fn create(&self, manifest: Value) -> DynamicObject {
        let text = |field: &str| manifest[field].as_str().unwrap().to_owned();
        let namespace = manifest["metadata"]["namespace"].as_str().unwrap_or("default").to_owned();
        let api = self.api_in(&namespace, &text("apiVersion"), &text("kind"));
        let object = serde_json::from_value(manifest).unwrap();
        api.create(&PostParams::default(), &object).await.unwrap()
    }

    /// Merges `patch` into an object.
    pub(crate) async fn patch(&self, version: &str, kind: &str, name: &str, patch: Value) {
        let api = self.api(version, kind);
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    pub(crate) async fn delete(&self, version: &str, kind: &str, name: &str) {
        self.api(version, kind).delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Puts one of [`KEYS`] into the cluster.
    pub(crate) async fn add_key(&self, name: &str, index: usize) {
        let key = &KEYS[index];
        let text = |value: &Plaintext| String::from_utf8(value.expose().to_vec()).unwrap();
        self.create(json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {
                "name": name,
                "labels": {"sealedsecrets.bitnami.com/sealed-secrets-key": "active"},
            },
            "stringData": {"tls.key": text(&key.private), "tls.crt": key.certificate},
        }))
        .await;
    }

    /// Waits until `check` answers something.
    #[expect(clippy::unused_self, reason = "what is awaited happens on the bed")]
    #[track_caller]
    pub(crate) fn until<W: Into<String>, T, F: Future<Output = Option<T>>, C: FnMut() -> F>(
        &self,
        what: W,
        mut check: C,
    ) -> impl Future<Output = T> + use<W, T, F, C> {
        let place = std::panic::Location::caller();
        let what = what.into();
        async move {
            let poll = async {
                loop {
                    if let Some(found) = check().await {
                        return found;
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(PATIENCE, poll)
                .await
                .unwrap_or_else(|_| panic!("{place}: no {what}"))
        }
    }

    /// Waits for a Secret with this value.
    #[track_caller]
    pub(crate) fn value(
        &self,
        name: &str,
        key: &str,
        value: &str,
    ) -> impl Future<Output = Secret> + use<> {
        let api = self.secrets();
        let (name, key, value) = (name.to_owned(), key.to_owned(), value.to_owned());
        self.until(format!("Secret `{name}` with `{key}`"), move || {
            let (api, name, key, value) = (api.clone(), name.clone(), key.clone(), value.clone());
            async move {
                let secret = api.get_opt(&name).await.unwrap()?;
                let data = secret.data.as_ref()?.get(&key)?;
                (data.0 == value.as_bytes()).then_some(secret)
            }
        })
    }

    /// Waits for a condition whose status is `status` and whose message contains `words`.
    #[track_caller]
    pub(crate) fn condition(
        &self,
        (version, kind, name): (&str, &str, &str),
        (type_, status, words): (&str, &str, &str),
    ) -> impl Future<Output = DynamicObject> + use<> {
        let api = self.api(version, kind);
        let [name, type_, status, words] = [name, type_, status, words].map(str::to_owned);
        self.until(format!("{kind} `{name}` with {type_}={status} `{words}`"), move || {
            let (api, name) = (api.clone(), name.clone());
            let (type_, status, words) = (type_.clone(), status.clone(), words.clone());
            async move {
                let object = api.get_opt(&name).await.unwrap()?;
                let conditions = object.data["status"]["conditions"].as_array()?.clone();
                let holds = conditions.iter().any(|condition| {
                    condition["type"] == *type_
                        && condition["status"] == *status
                        && condition["message"].as_str().unwrap_or_default().contains(&words)
                        && condition["observedGeneration"].as_i64() == object.metadata.generation
                });
                holds.then_some(object)
            }
        })
    }

    /// Waits for an event with this reason about the object.
    #[track_caller]
    pub(crate) fn event(&self, name: &str, reason: &str) -> impl Future<Output = String> + use<> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), "default");
        let (name, reason) = (name.to_owned(), reason.to_owned());
        self.until(format!("event {reason} about `{name}`"), move || {
            let (api, name, reason) = (api.clone(), name.clone(), reason.clone());
            async move {
                let events = api.list(&ListParams::default()).await.unwrap().items;
                let told = events.into_iter().find(|event| {
                    event.involved_object.name.as_deref() == Some(&name)
                        && event.reason.as_deref() == Some(&reason)
                })?;
                Some(told.message.unwrap_or_default())
            }
        })
    }
}

impl Running {
    /// The number that the metrics page has for `line`.
    pub(crate) fn metric(&self, line: &str) -> u64 {
        let page = self.core.metrics.render();
        let values =
            page.lines().filter_map(|at| at.strip_prefix(line)?.trim().parse::<u64>().ok());
        values.sum()
    }

    /// Waits until `count` reconciles of `controller` have ended.
    pub(crate) async fn reconciled(&self, bed: &Bed, controller: &str, count: u64) {
        let line = format!(
            r#"controller_runtime_reconcile_time_seconds_count{{controller="{controller}"}}"#
        );
        bed.until(line.as_str(), || async { (self.metric(&line) >= count).then_some(()) }).await;
    }
}

/// A SealedSecret of `values`, sealed for `scope` with the key `index`.
pub(crate) fn sealed(name: &str, scope: SealScope, index: usize, values: &[(&str, &str)]) -> Value {
    let certificate = Certificate::parse(KEYS[index].certificate.as_bytes()).unwrap();
    let label = scope.label("default", name);
    let seal = |value: &str| certificate.seal(&label, value.as_bytes(), &mut rand::rng());
    let values: serde_json::Map<_, _> =
        values.iter().map(|(key, value)| ((*key).to_owned(), seal(value).into())).collect();
    let mut manifest = json!({
        "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"encryptedData": values},
    });
    if let Some(annotation) = scope.annotation() {
        manifest["metadata"]["annotations"] = json!({annotation: "true"});
    }
    manifest
}

/// A daemon; one that was just killed may hold the Git cache a moment longer.
fn started(core: &Core, args: &Args) -> Daemon {
    let begin = Instant::now();
    loop {
        match Daemon::new(core, args.clone(), "default", None) {
            Err(crate::Error::Cache(_)) if begin.elapsed() < PATIENCE => std::thread::yield_now(),
            daemon => return daemon.unwrap(),
        }
    }
}

fn now() -> Timestamp {
    Clock::system().now()
}
