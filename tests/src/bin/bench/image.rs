//! Scanning a long tag list, and committing into a large repository.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use imagebot_api::ImageRepository;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tests::{
    Bed, Daemon, Outcome, eventually,
    kubernetes::Kubernetes,
    registry::{Options, PASSWORD, Registry, USER},
};

use crate::{
    PATIENCE, Row,
    program::{Program, Running},
};

const SIGNET: &str = Program::Ours.name();

/// Scans a repository of `tags` tags.
pub(crate) async fn scan(bed: &Bed, tags: u32) -> Outcome<Row> {
    let arena = Arena::open(bed, tags).await?;
    let daemon = arena.start(bed).await?;
    let (begin, before) = (Instant::now(), daemon.usage()?.cpu);
    arena.kubernetes.apply(&arena.namespace, &arena.repository()).await?;
    arena.scanned(tags).await?;
    let cost = daemon.cost(begin, before, Some(Instant::now())).await?;
    let work = format!("first scan of {tags} tags");
    Ok(Row { name: "image-scan", program: SIGNET, work, cost, per: (1, "scan") })
}

/// Pushes a new tag, asks for a reconcile, and waits for the pushed commit.
pub(crate) async fn commit(
    bed: &Bed,
    files: u32,
    marked: u32,
    tags: u32,
    name: &'static str,
) -> Outcome<Row> {
    let arena = Arena::open(bed, tags).await?;
    let git = bed.repository("bench", &[("README.md", "bench\n")])?;
    let tree = (0..files).map(|index| {
        let text = arena.manifest(index, tags - 1, index < marked);
        (format!("apps/{}/app-{index}.yaml", index / 100), text)
    });
    git.commit_all("main", "add the apps", tree)?;
    let daemon = arena.start(bed).await?;
    let url = bed.git_http().await?.http_url(&git);
    arena.kubernetes.apply(&arena.namespace, &arena.repository()).await?;
    arena.kubernetes.apply(&arena.namespace, &automation(&url)).await?;
    arena.scanned(tags).await?;
    arena.settled().await?;
    // The first pass reads the whole repository; what is measured begins when that is over.
    daemon.cost(Instant::now(), Duration::ZERO, None).await?;

    let head = git.head("main");
    arena.registry.tag("shop/web", "1.0.0", &format!("1.0.{tags}")).await?;
    let branch = git.path().join("refs/heads/main");
    let (begin, before) = (Instant::now(), daemon.usage()?.cpu);
    arena.request().await?;
    let done = changed(&branch, head.as_deref().unwrap_or_default()).await?;
    arena.settled().await?;
    let cost = daemon.cost(begin, before, Some(done)).await?;
    let changed = git.git(&["diff", "--numstat", "main~1", "main"])?;
    let lines = changed.lines().filter(|line| line.starts_with("1\t1\t")).count();
    if (lines, changed.lines().count()) != (marked as usize, marked as usize) {
        return Err(format!("the commit is not one line of {marked} files: {changed}").into());
    }
    let work = format!("new tag → pushed commit; {files} files, {marked} marked, {tags} tags");
    Ok(Row { name, program: SIGNET, work, cost, per: (1, "commit") })
}

/// Starts the daemon on a cluster without any object, and waits until it is quiet.
pub(crate) async fn idle(bed: &Bed) -> Outcome<Row> {
    let arena = Arena::open(bed, 1).await?;
    let begin = Instant::now();
    let daemon = arena.start(bed).await?;
    let cost = daemon.cost(begin, Duration::ZERO, None).await?;
    let work = "nothing to do, scanning and committing on".to_owned();
    Ok(Row { name: "image-idle", program: SIGNET, work, cost, per: (1, "start") })
}

/// The moment at which the file of a branch says something else than `head`. Looked at often, and
/// without a `git` process, for what is measured takes less time than one.
async fn changed(branch: &Path, head: &str) -> Outcome<Instant> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if fs::read_to_string(branch)?.trim() != head {
            return Ok(Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Err(format!("no commit within {PATIENCE:?}").into())
}

/// A cluster, a registry with tags, and a namespace to work in.
struct Arena {
    kubernetes: Kubernetes,
    registry: Registry,
    namespace: String,
}

impl Arena {
    async fn open(bed: &Bed, tags: u32) -> Outcome<Self> {
        let kubernetes = crate::cluster(bed).await?;
        let namespace = kubernetes.namespace("bench").await?;
        let registry = Registry::start(bed, Options::default()).await?;
        let digest = registry.push("shop/web", "1.0.0").await?;
        registry.write_tags("shop/web", &digest, (1..tags).map(|n| format!("1.0.{n}")))?;
        Ok(Self { kubernetes, registry, namespace })
    }

    async fn start(&self, bed: &Bed) -> Outcome<Running> {
        let cache = bed.folder("cache")?.display().to_string();
        let args = ["--leader-elect=false", "--log-level=warn", "--cache-dir", &cache];
        let kubeconfig = Some(self.kubernetes.kubeconfig());
        Ok(Running::Ours(Daemon::start(bed, "imagebot", kubeconfig, &args).await?))
    }

    fn manifest(&self, index: u32, tag: u32, marked: bool) -> String {
        let marker = if marked {
            format!(" # {{\"$imagepolicy\": \"{}:web\"}}", self.namespace)
        } else {
            String::new()
        };
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{index}\nspec:\n  \
             template:\n    spec:\n      containers:\n      - name: web\n        image: \
             {}/shop/web:1.0.{tag}{marker}\n",
            self.registry.host(),
        )
    }

    fn repository(&self) -> String {
        format!(
            "apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: web}}
spec: {{image: {}/shop/web, interval: 1h, insecure: true}}
",
            self.registry.host()
        )
    }

    async fn scanned(&self, tags: u32) -> Outcome {
        let api: Api<ImageRepository> = Api::namespaced(self.kubernetes.client(), &self.namespace);
        eventually(PATIENCE, "the scan", async || {
            let status = api.get("web").await?.status.unwrap_or_default();
            let seen = status.last_scan_result.map(|scan| scan.tag_count).unwrap_or_default();
            if seen == i64::from(tags) { Ok(()) } else { Err(format!("{seen} tags").into()) }
        })
        .await
    }

    /// Waits until the automation says that it is ready for what it is.
    async fn settled(&self) -> Outcome {
        let api: Api<imagebot_api::ImageUpdateAutomation> =
            Api::namespaced(self.kubernetes.client(), &self.namespace);
        eventually(PATIENCE, "the automation", async || {
            let status = api.get("apps").await?.status.unwrap_or_default();
            let ready = status
                .conditions
                .iter()
                .find(|condition| condition.type_ == "Ready")
                .ok_or("no condition yet")?;
            if ready.status == "True" { Ok(()) } else { Err(ready.message.clone().into()) }
        })
        .await
    }

    async fn request(&self) -> Outcome {
        let api: Api<ImageRepository> = Api::namespaced(self.kubernetes.client(), &self.namespace);
        let at = json!({ "reconcile.fluxcd.io/requestedAt": "now" });
        let patch = Patch::Merge(json!({ "metadata": { "annotations": at } }));
        api.patch("web", &PatchParams::default(), &patch).await?;
        Ok(())
    }
}

fn automation(url: &str) -> String {
    format!(
        "apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: web}}
spec:
  imageRepositoryRef: {{name: web}}
  policy: {{semver: {{range: 1.x}}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: apps}}
spec: {{url: \"{url}\", interval: 1h, ref: {{branch: main}}, secretRef: {{name: git}}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: git}}
stringData: {{username: {USER}, password: {PASSWORD}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {{name: apps}}
spec:
  interval: 1h
  sourceRef: {{kind: GitRepository, name: apps}}
  git:
    commit:
      author: {{name: imagebot, email: imagebot@example.com}}
  update: {{path: ./apps, strategy: Setters}}
"
    )
}
