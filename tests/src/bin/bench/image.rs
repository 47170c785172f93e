//! Scanning a long tag list, and committing into a large repository.

use std::time::{Duration, Instant};

use imagebot_api::ImageRepository;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tests::{
    Bed, Daemon, Outcome, eventually,
    kubernetes::Kubernetes,
    registry::{Options, Registry},
};

use crate::{PATIENCE, Row};

/// Scans a repository of `tags` tags.
pub(crate) async fn scan(bed: &Bed, tags: u32) -> Outcome<Row> {
    let arena = Arena::open(bed, tags).await?;
    let daemon = arena.daemon(bed).await?;
    let (begin, before) = (Instant::now(), daemon.usage()?);
    arena.kubernetes.apply(&arena.namespace, &arena.repository()).await?;
    arena.scanned(tags).await?;
    let (wall, after) = (begin.elapsed(), daemon.usage()?);
    Ok(Row {
        name: "image-scan",
        work: format!("first scan of {tags} tags"),
        wall,
        cpu: after.cpu.saturating_sub(before.cpu),
        peak_kib: after.peak_kib,
        per: (1, "scan"),
    })
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
    let text = |index: u32, tag: u32| {
        let comment = match index {
            _ if index < marked => format!(" # {{\"$imagepolicy\": \"{}:web\"}}", arena.namespace),
            _ => String::new(),
        };
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{index}\nspec:\n  \
             template:\n    spec:\n      containers:\n      - name: web\n        image: \
             {}/shop/web:1.0.{tag}{comment}\n",
            arena.registry.host(),
        )
    };
    let git = bed.repository("bench", &[("README.md", "bench\n")])?;
    let tree = (0..files).map(|i| (format!("apps/{}/app-{i}.yaml", i / 100), text(i, tags - 1)));
    git.commit_all("main", "add the apps", tree)?;
    let daemon = arena.daemon(bed).await?;
    arena.kubernetes.apply(&arena.namespace, &arena.repository()).await?;
    arena.kubernetes.apply(&arena.namespace, &automation(&git.file_url())).await?;
    arena.scanned(tags).await?;
    arena.settled().await?;

    let head = git.head("main");
    arena.registry.tag("shop/web", "1.0.0", &format!("1.0.{tags}")).await?;
    let (begin, before) = (Instant::now(), daemon.usage()?);
    arena.request().await?;
    eventually(PATIENCE, "the commit", async || {
        if git.head("main") == head { Err("no commit".into()) } else { Ok(()) }
    })
    .await?;
    let wall = begin.elapsed();
    arena.settled().await?;
    let after = daemon.usage()?;
    let changed = git.git(&["diff", "--name-only", "main~1", "main"])?.lines().count();
    if changed != marked as usize {
        return Err(format!("the commit changes {changed} files, not {marked}").into());
    }
    Ok(Row {
        name,
        work: format!("new tag → pushed commit; {files} files, {marked} marked, {tags} tags"),
        wall,
        cpu: after.cpu.saturating_sub(before.cpu),
        peak_kib: after.peak_kib,
        per: (1, "commit"),
    })
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

    async fn daemon(&self, bed: &Bed) -> Outcome<Daemon> {
        let cache = bed.folder("cache")?.display().to_string();
        let args = ["--leader-elect=false", "--log-level=warn", "--cache-dir", &cache];
        Daemon::start(bed, "imagebot", Some(self.kubernetes.kubeconfig()), &args).await
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
        .await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(())
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
spec: {{url: \"{url}\", interval: 1h, ref: {{branch: main}}}}
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
