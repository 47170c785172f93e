//! A daemon in a world of its own: an embedded API, a registry that is a table, a bare repository.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    extract::{Path as UrlPath, State},
    http::{Request, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use k8s_openapi::{api::events::v1::Event, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{
    Api, Client,
    api::{
        DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams,
    },
    core::ApiResource,
};
use reconcile::{Core, Scope, Tasks, clock::Clock, event::Events, lease::Fence, metrics::Metrics};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::daemon::{Settings, assemble};

/// Everything that outlives a daemon.
pub(super) struct World {
    server: embedded::Server,
    state: tempfile::TempDir,
    pub(super) registry: FakeRegistry,
}

/// One run of the daemon: dropping it is a crash.
pub(super) struct Run {
    core: Core,
    routes: Router,
    tasks: JoinSet<()>,
}

/// A registry that lists what a table says.
#[derive(Clone, Default)]
pub(super) struct FakeRegistry {
    tags: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    failure: Arc<Mutex<Option<StatusCode>>>,
    lists: Arc<AtomicUsize>,
    address: String,
}

impl World {
    pub(super) async fn new() -> Self {
        reconcile::process::install_tls();
        let state = tempfile::tempdir().unwrap();
        let mut crds = imagebot_api::crds();
        crds.push(imagebot_api::git_repository_crd());
        let server = embedded::Server::open(embedded::Options {
            directory: None,
            state: state.path().join("api"),
            owner: "imagebot".to_owned(),
            crds,
            clock: || Clock::system().now(),
        })
        .unwrap();
        Self { server, state, registry: FakeRegistry::serve().await }
    }

    pub(super) fn run(&self) -> Run {
        let client = self.client();
        let core = Core {
            events: Events::new(client.clone(), "imagebot", "imagebot-0", Clock::system()),
            replica: client.clone(),
            fence: Fence::default(),
            client,
            scope: Scope::default(),
            metrics: Metrics::default(),
            clock: Clock::system(),
            concurrency: 4,
        };
        let settings = Settings {
            cache_dir: self.state.path().join("cache"),
            git_cache_bytes: 64 << 20,
            no_cross_namespace: false,
            receivers: true,
            annotate_sources: true,
            local: true,
            ssh: <_>::default(),
            workloads: <_>::default(),
            azure: <_>::default(),
            pace: crate::registry::Pace::default(),
            clouds: crate::registry::Environment::default(),
        };
        let (mut always, mut leading) = (Tasks::default(), Tasks::default());
        let routes = assemble(&core, &settings, &mut always, &mut leading).unwrap();
        let mut tasks = JoinSet::new();
        for (_, task) in always.into_iter().chain(leading) {
            tasks.spawn(task);
        }
        Run { core, routes, tasks }
    }

    pub(super) fn client(&self) -> Client {
        self.server.client()
    }

    /// Overwrites a part of the tag database.
    pub(super) fn damage_tags(&self) {
        let file = self.state.path().join("cache/tags.redb");
        let mut bytes = std::fs::read(&file).unwrap();
        let at = bytes.windows(8).position(|it| it == b"apps/web").unwrap();
        bytes[at] ^= 0xff;
        std::fs::write(file, bytes).unwrap();
    }

    /// Loses what the daemon keeps on its disk.
    pub(super) fn lose_cache(&self) {
        std::fs::remove_dir_all(self.state.path().join("cache")).unwrap();
    }

    /// Creates the objects of a manifest.
    pub(super) async fn apply(&self, manifest: &str) {
        let documents = yaml::json::documents(manifest, yaml::Schema::Kubernetes).unwrap();
        for document in documents {
            let object: DynamicObject = serde_json::from_value(document).unwrap();
            let api = self.api_of(&object);
            let name = object.metadata.name.clone().unwrap();
            let applied = api.create(&PostParams::default(), &object).await;
            applied.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    fn api_of(&self, object: &DynamicObject) -> Api<DynamicObject> {
        let types = object.types.clone().unwrap();
        let kind = GroupVersionKind::try_from(&types).unwrap();
        let namespace = object.metadata.namespace.as_deref().unwrap_or("default");
        self.api(&kind, namespace)
    }

    fn api(&self, kind: &GroupVersionKind, namespace: &str) -> Api<DynamicObject> {
        let plural = format!("{}s", kind.kind.to_lowercase());
        let plural = plural.strip_suffix("ys").map_or(plural.clone(), |stem| format!("{stem}ies"));
        let resource = ApiResource::from_gvk_with_plural(kind, &plural);
        if kind.kind == "Namespace" {
            return Api::all_with(self.client(), &resource);
        }
        Api::namespaced_with(self.client(), namespace, &resource)
    }

    fn image_api(&self, kind: &str) -> Api<DynamicObject> {
        let (group, version) = match kind {
            "RegistryReceiver" => ("signet.dev", "v1alpha1"),
            "GitRepository" => ("source.toolkit.fluxcd.io", "v1"),
            "Secret" => ("", "v1"),
            _ => ("image.toolkit.fluxcd.io", "v1"),
        };
        self.api(&GroupVersionKind::gvk(group, version, kind), "apps")
    }

    /// The object `kind`/`name` of the namespace `apps`.
    pub(super) async fn get(&self, kind: &str, name: &str) -> Value {
        let found = self.image_api(kind).get(name).await.unwrap();
        serde_json::to_value(found).unwrap()
    }

    /// Deletes an object of the namespace `apps`.
    pub(super) async fn delete(&self, kind: &str, name: &str) {
        self.image_api(kind).delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Whether the object is there.
    pub(super) async fn exists(&self, kind: &str, name: &str) -> bool {
        self.image_api(kind).get_opt(name).await.unwrap().is_some()
    }

    /// Changes an object of the namespace `apps`.
    pub(super) async fn patch(&self, kind: &str, name: &str, patch: Value) {
        let patched =
            self.image_api(kind).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.unwrap();
    }

    /// Asks for a reconcile.
    pub(super) async fn request(&self, kind: &str, name: &str, at: &str) {
        let patch = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": at}}});
        self.patch(kind, name, patch).await;
    }

    /// `status/reason` of the condition `Ready`, and its message.
    pub(super) async fn ready(&self, kind: &str, name: &str) -> Option<(String, String)> {
        let object = self.get(kind, name).await;
        let conditions: Vec<Condition> =
            serde_json::from_value(object["status"]["conditions"].clone()).ok()?;
        let ready = conditions.into_iter().find(|it| it.type_ == "Ready")?;
        Some((format!("{}/{}", ready.status, ready.reason), ready.message))
    }

    /// `reason: note` of every event.
    pub(super) async fn events(&self) -> Vec<String> {
        let api: Api<Event> = Api::all(self.client());
        let events = api.list(&ListParams::default()).await.unwrap();
        let line = |event: Event| {
            let (reason, note) = (event.reason.unwrap_or_default(), event.note.unwrap_or_default());
            format!("{reason}: {note}")
        };
        events.items.into_iter().map(line).collect()
    }

    /// A bare repository with one commit of `files` on `main`.
    pub(super) fn repository(&self, files: &[(&str, &str)]) -> Repository {
        let repository = Repository { bare: self.state.path().join("origin.git") };
        let work = self.state.path().join("seed");
        std::fs::create_dir_all(&work).unwrap();
        git(&work, &["init", "-q", "-b", "main"]);
        write(&work, files);
        git(self.state.path(), &["init", "-q", "--bare", "-b", "main", "origin.git"]);
        git(&work, &["push", "-q", repository.bare.to_str().unwrap(), "HEAD:main"]);
        repository
    }
}

/// A bare repository.
pub(super) struct Repository {
    bare: std::path::PathBuf,
}

impl Repository {
    pub(super) fn url(&self) -> String {
        format!("file://{}", self.bare.display())
    }

    /// Commits `files` to `branch`, as a person would.
    pub(super) fn commit(&self, branch: &str, files: &[(&str, &str)]) {
        let work = tempfile::tempdir().unwrap();
        let url = self.bare.to_str().unwrap();
        git(work.path(), &["clone", "-q", "-b", branch, url, "."]);
        write(work.path(), files);
        git(work.path(), &["push", "-q", "origin", &format!("HEAD:{branch}")]);
    }

    /// What `git` says about the repository.
    pub(super) fn git(&self, args: &[&str]) -> String {
        git(&self.bare, args)
    }

    /// Has the next push find that somebody else was faster by a moment.
    pub(super) fn overtake(&self) {
        use std::os::unix::fs::PermissionsExt as _;
        let hook = self.bare.join("hooks/pre-receive");
        let script = "#!/bin/sh\nrm -f hooks/pre-receive\nunset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n\
             commit=$(git -c user.name=A -c user.email=a@b commit-tree -p main -m faster 'main^{tree}')\n\
             git update-ref refs/heads/main $commit\n";
        std::fs::write(&hook, script).unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Has every push refused with `words`.
    pub(super) fn refuse(&self, words: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let hook = self.bare.join("hooks/pre-receive");
        std::fs::write(&hook, format!("#!/bin/sh\necho '{words}' >&2\nexit 1\n")).unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Commits `files` in the work tree `work`.
fn write(work: &Path, files: &[(&str, &str)]) {
    for (path, content) in files {
        let path = work.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    git(work, &["add", "-A"]);
    git(work, &["commit", "-q", "-m", "by a person"]);
}

fn git(directory: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(directory)
        .args(["-c", "user.name=A Person", "-c", "user.email=person@example.com"])
        .args(args)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

impl Run {
    /// Crashes, and waits until nothing of it is left.
    pub(super) async fn end(mut self) {
        self.tasks.shutdown().await;
    }

    /// How many status writes there were.
    pub(super) fn writes(&self) -> u64 {
        let page = self.core.metrics.render();
        let lines = page.lines().filter(|line| line.starts_with("signet_status_writes_total{"));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// The metrics page.
    pub(super) fn metrics(&self) -> String {
        self.core.metrics.render()
    }

    /// Delivers `body` to `path`.
    pub(super) async fn deliver(
        &self,
        path: &str,
        token: Option<&str>,
        body: impl Into<Body>,
    ) -> StatusCode {
        let mut request = Request::post(path)
            .header("Content-Type", "application/vnd.docker.distribution.events.v1+json");
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let request = request.body(body.into()).unwrap();
        self.routes.clone().oneshot(request).await.unwrap().status()
    }
}

impl FakeRegistry {
    async fn serve() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let registry =
            Self { address: listener.local_addr().unwrap().to_string(), ..Self::default() };
        let routes = Router::new()
            .route("/v2/", get(|| async { "{}" }))
            .route("/v2/{*path}", get(answer))
            .with_state(registry.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        registry
    }

    /// The name of an image of this registry.
    pub(super) fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Makes `tags` the tags of the image `name`.
    pub(super) fn set(&self, name: &str, tags: &[&str]) {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        self.tags.lock().unwrap().insert(name.to_owned(), tags);
    }

    /// Answers everything with `status` from now on.
    pub(super) fn fail(&self, status: Option<StatusCode>) {
        *self.failure.lock().unwrap() = status;
    }

    /// How many lists it was asked for.
    pub(super) fn lists(&self) -> usize {
        self.lists.load(Ordering::SeqCst)
    }
}

async fn answer(State(registry): State<FakeRegistry>, UrlPath(path): UrlPath<String>) -> Response {
    if let Some(status) = *registry.failure.lock().unwrap() {
        return status.into_response();
    }
    if let Some((name, _)) = path.split_once("/manifests/") {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let known = registry.tags.lock().unwrap().contains_key(name);
        return if known {
            ([("Docker-Content-Digest", digest)], "{}").into_response()
        } else {
            StatusCode::NOT_FOUND.into_response()
        };
    }
    let Some(name) = path.strip_suffix("/tags/list") else {
        return StatusCode::NOT_FOUND.into_response();
    };
    registry.lists.fetch_add(1, Ordering::SeqCst);
    match registry.tags.lock().unwrap().get(name) {
        Some(tags) => {
            let body = json!({ "name": name, "tags": tags }).to_string();
            ([("Content-Type", "application/json")], body).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
