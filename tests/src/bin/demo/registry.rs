//! The registry of the demo: Debian's where there is one, else a small one of our own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tests::{
    Bed, Need, Outcome,
    registry::{self, Notify, Options},
};
use tokio::net::TcpListener;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A running registry.
pub(crate) enum Registry {
    /// Debian's docker-registry.
    Real(registry::Registry),
    /// Ours, which takes pushes and sends the same notifications.
    Small(Small),
}

impl Registry {
    /// Starts a registry that notifies `notify` of every push.
    pub(crate) async fn start(bed: &Bed, notify: Notify) -> Outcome<Self> {
        if bed.missing(&[Need::OwnRegistry]).is_empty() {
            let options = Options { notify: Some(notify), ..Options::default() };
            return Ok(Self::Real(registry::Registry::start(bed, options).await?));
        }
        Ok(Self::Small(Small::start(notify).await?))
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        match self {
            Self::Real(registry) => registry.host(),
            Self::Small(small) => small.host.clone(),
        }
    }

    /// What it is, in words.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Real(_) => "Debian's docker-registry",
            Self::Small(_) => "built in, for docker-registry could not be installed",
        }
    }

    /// Pushes an image.
    pub(crate) async fn push(&self, repository: &str, tag: &str) -> Outcome {
        match self {
            Self::Real(registry) => registry.push(repository, tag).await.map(drop),
            Self::Small(small) => small.push(repository, tag).await,
        }
    }
}

/// Enough of a registry to be scanned and to notify: tags, and manifests by tag.
pub(crate) struct Small {
    host: String,
    client: reqwest::Client,
}

struct Held {
    notify: Notify,
    tags: Mutex<BTreeMap<String, BTreeMap<String, Bytes>>>,
    client: reqwest::Client,
}

impl Small {
    async fn start(notify: Notify) -> Outcome<Self> {
        let client = reqwest::Client::new();
        let held = Arc::new(Held { notify, tags: Mutex::default(), client: client.clone() });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let host = listener.local_addr()?.to_string();
        let routes = Router::new()
            .route("/v2/", get(|| async { StatusCode::OK }))
            .route("/v2/{owner}/{name}/tags/list", get(list))
            .route("/v2/{owner}/{name}/manifests/{tag}", get(fetch).put(store))
            .route("/v2/{owner}/{name}/blobs/uploads/", post(|| async { StatusCode::ACCEPTED }))
            .with_state(held);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { host, client })
    }

    async fn push(&self, repository: &str, tag: &str) -> Outcome {
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "tag": tag });
        let url = format!("http://{}/v2/{repository}/manifests/{tag}", self.host);
        let request = self.client.put(url).header(header::CONTENT_TYPE, MANIFEST);
        request.body(manifest.to_string()).send().await?.error_for_status()?;
        Ok(())
    }
}

type Named = Path<(String, String, String)>;

async fn list(
    State(held): State<Arc<Held>>,
    Path((owner, name)): Path<(String, String)>,
) -> impl IntoResponse {
    let name = format!("{owner}/{name}");
    let held = held.tags.lock().unwrap_or_else(PoisonError::into_inner);
    let tags: Vec<_> = held.get(&name).into_iter().flat_map(BTreeMap::keys).collect();
    let page = json!({ "name": name, "tags": tags });
    ([(header::CONTENT_TYPE, "application/json")], page.to_string())
}

async fn fetch(
    State(held): State<Arc<Held>>,
    Path((owner, name, tag)): Named,
) -> impl IntoResponse {
    let held = held.tags.lock().unwrap_or_else(PoisonError::into_inner);
    match held.get(&format!("{owner}/{name}")).and_then(|tags| tags.get(&tag)) {
        Some(body) => {
            let digest = digest(body);
            let headers = [(header::CONTENT_TYPE, MANIFEST)];
            (headers, [("docker-content-digest", digest)], body.clone()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn store(
    State(held): State<Arc<Held>>,
    Path((owner, name, tag)): Named,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let repository = format!("{owner}/{name}");
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let event = json!({ "events": [{
        "id": digest(&body), "action": "push",
        "target": {
            "mediaType": MANIFEST, "digest": digest(&body), "size": body.len(),
            "repository": repository, "tag": tag,
            "url": format!("http://{host}/v2/{repository}/manifests/{}", digest(&body)),
        },
        "request": { "host": host, "method": "PUT" },
    }]});
    held.tags
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(repository)
        .or_default()
        .insert(tag, body);
    tokio::spawn(async move { held.tell(event.to_string()).await });
    StatusCode::CREATED
}

impl Held {
    async fn tell(&self, event: String) {
        let mut request = self
            .client
            .post(&self.notify.url)
            .header(header::CONTENT_TYPE, "application/vnd.docker.distribution.events.v1+json");
        if let Some(authorization) = &self.notify.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        // A receiver that does not answer shows as the commit that never comes.
        let _ = request.body(event).send().await;
    }
}

fn digest(body: &[u8]) -> String {
    let hex = Sha256::digest(body).iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write;
        // Writing into a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    format!("sha256:{hex}")
}
