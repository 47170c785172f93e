//! Many images with long lists, and a checkout with many files.

use std::{
    fs,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Response, Uri, header::LINK},
};
use imagebot_api::ImagePolicy;
use kube::{Api, api::ListParams};
use serde_json::json;
use tests::{
    Bed, Daemon, Outcome, eventually,
    kubernetes::Kubernetes,
    process::{self, Process},
};
use tokio::{net::TcpListener, task::AbortHandle};

use crate::{
    Cost, PATIENCE, Row,
    program::{Program, Running},
};

/// A registry in which every repository has the same long list of tags. No real one holds ten million
/// tags in a minute, and none is measured here.
struct Library {
    host: String,
    server: AbortHandle,
}

impl Drop for Library {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Library {
    async fn open(tags: u32) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let host = listener.local_addr()?.to_string();
        let mut all: Vec<String> = (0..tags).map(|n| format!("1.{}.{n}", n % 97)).collect();
        all.sort_unstable();
        let router = Router::new().fallback(move |uri: Uri| {
            let answer = page(&all, &uri);
            async move { answer }
        });
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { host, server: server.abort_handle() })
    }
}

/// The page of `all` that `uri` asks for: `?n=` tags behind `last=`.
fn page(all: &[String], uri: &Uri) -> Response<Body> {
    let query = uri.query().unwrap_or_default();
    let field = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name));
    let last = field("last=").unwrap_or_default();
    let begin = all.partition_point(|tag| tag.as_str() <= last);
    let size = field("n=").and_then(|n| n.parse::<usize>().ok()).unwrap_or(all.len());
    let end = (begin + size).min(all.len());
    let body = json!({ "name": "any", "tags": all[begin..end] });
    let mut response = Response::new(Body::from(body.to_string()));
    if end < all.len() {
        let link = format!("<{}?n={size}&last={}>; rel=\"next\"", uri.path(), all[end - 1]);
        response.headers_mut().extend(HeaderValue::try_from(link).ok().map(|link| (LINK, link)));
    }
    response
}

/// Scans `images` images of `tags` tags each, with a policy on every one, until all have picked.
pub(crate) async fn memory(bed: &Bed, images: u32, tags: u32) -> Outcome<Row> {
    let kubernetes = crate::cluster(bed).await?;
    let namespace = kubernetes.namespace("bench").await?;
    let library = Library::open(tags).await?;
    let cache = bed.folder("cache")?.display().to_string();
    let args = ["--leader-elect=false", "--log-level=warn", "--registry-qps=10000", "--cache-dir"];
    let args = [&args[..], &[&cache]].concat();
    let daemon = Daemon::start(bed, "imagebot", Some(kubernetes.kubeconfig()), &args).await?;
    let daemon = Running::Ours(daemon);
    let (begin, before) = (Instant::now(), daemon.usage()?.cpu);
    for first in (0..images).step_by(100) {
        let objects = (first..images.min(first + 100)).map(|n| manifest(&library.host, n));
        kubernetes.apply(&namespace, &objects.collect::<String>()).await?;
    }
    picked(&kubernetes, &namespace, images).await?;
    let cost = daemon.cost(begin, before, Some(Instant::now())).await?;
    let work = format!("first scan of {images} images of {tags} tags, each with a policy");
    Ok(Row {
        name: "image-memory",
        program: Program::Ours.name(),
        work,
        cost,
        per: (images, "image"),
    })
}

fn manifest(host: &str, number: u32) -> String {
    format!(
        "---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: r{number}}}
spec: {{image: {host}/r{number}, interval: 10h, insecure: true}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: r{number}}}
spec: {{imageRepositoryRef: {{name: r{number}}}, policy: {{semver: {{range: 1.x}}}}}}
"
    )
}

/// Waits until every policy has picked something.
async fn picked(kubernetes: &Kubernetes, namespace: &str, images: u32) -> Outcome {
    let api: Api<ImagePolicy> = Api::namespaced(kubernetes.client(), namespace);
    eventually(PATIENCE, "the picks", async || {
        let all = api.list(&ListParams::default()).await?;
        let has = |it: &&ImagePolicy| it.status.as_ref().is_some_and(|it| it.latest_ref.is_some());
        let picked = all.iter().filter(has).count();
        if picked == images as usize { Ok(()) } else { Err(format!("{picked} have picked").into()) }
    })
    .await
}

/// Sets a value in a checkout of `files` files of which `marked` are marked.
pub(crate) async fn update(bed: &Bed, files: u32, marked: u32) -> Outcome<Row> {
    const SET: &str = "flux-system:web=ghcr.io/acme/web:1.2.0";
    let folder = bed.folder("checkout")?;
    let filler = "data:\n  key: value\n".repeat(40);
    let value = "image: ghcr.io/acme/web:1.0.0 # {\"$imagepolicy\": \"flux-system:web\"}\n";
    for number in 0..files {
        let directory = folder.join(format!("d{}", number % 200));
        fs::create_dir_all(&directory)?;
        let text = if number < marked { value } else { &filler };
        fs::write(directory.join(format!("f{number}.yaml")), text)?;
    }
    let mut command = process::command(bed.daemon("imagebot")?, &folder);
    command.current_dir(&folder).args(["update", "--set", SET]);
    let begin = Instant::now();
    let process = Process::start("imagebot update", command, bed.path("log/imagebot-update"))?;
    let (mut wall, mut peak_kib) = (Duration::ZERO, 0);
    let cpu = loop {
        let usage = process.usage()?;
        // Until it is waited for, what it has used can be read although it has ended.
        if usage.resident_kib == 0 && peak_kib > 0 {
            break usage.cpu;
        }
        (wall, peak_kib) = (begin.elapsed(), usage.peak_kib.max(peak_kib));
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    process.end(PATIENCE).await?;
    let lines = process.log().matches(" -> ").count();
    if lines != marked as usize {
        return Err(format!("{lines} files were changed: {:.1000}", process.log()).into());
    }
    let work = format!("`imagebot update --set` over {files} files, {marked} marked");
    let cost = Cost { wall, cpu, peak_kib, rest_kib: 0 };
    Ok(Row { name: "image-update", program: Program::Ours.name(), work, cost, per: (1, "run") })
}
