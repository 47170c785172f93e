//! What `kubeseal` and people ask over HTTP: the certificate, verification, and re-sealing.
//!
//! The endpoints are reachable by everyone who may use the service proxy, so an answer must not
//! depend on a plaintext in any way but "it opens": templates are never rendered here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use kube::{Client, ResourceExt as _};
use sealer_api::SealedSecret;
use sealer_core::plaintext;
use sealer_core::sealed::keyring::Keyring;
use sealer_core::sealed::manifest;
use sealer_core::sealed::native::Suite;
use sealer_core::sealed::scope::{CLUSTER_WIDE, Label, NAMESPACE_WIDE, Scope};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::limit::Limit;
use crate::controller::Context;
use crate::keys::Keys;
use crate::metrics::{self, HttpRequest, Metrics};

mod account;
mod limit;

/// No Secret is larger, and an envelope adds about two thirds and some hundred bytes a value.
const MAX_BODY: usize = 4 << 20;
/// Private-key operations take whole milliseconds of a core, so requests may not take all cores.
const AT_ONCE: usize = 2;

/// How the endpoints answer.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Requests a second of one client, to each of `/v1/verify` and `/v1/rotate`.
    pub rate: u32,
    /// How many more may come at once.
    pub burst: u32,
    /// How long a request may take to arrive.
    pub arrival: Duration,
    /// How long its answer may take.
    pub answer: Duration,
    /// Whether those two endpoints are for bearers of a token that the cluster accepts.
    pub authenticated: bool,
    /// Whether SealedSecrets of 2017 are opened.
    pub old_data: bool,
}

/// The routes, served by every replica.
pub fn routes(context: &Context, settings: Settings) -> Router {
    let shared = Arc::new(Shared {
        limit: Limit::new(settings.rate, settings.burst),
        keys: context.keys.clone(),
        metrics: context.metrics.clone(),
        client: context.core.client.clone(),
        slots: Semaphore::new(AT_ONCE),
        settings,
    });
    let mut router = Router::new();
    for endpoint in [Endpoint::Certificate, Endpoint::Verify, Endpoint::Rotate] {
        let answer = move |State(shared): State<Arc<Shared>>, request: Request| async move {
            shared.measured(endpoint, request).await
        };
        router = router.route(endpoint.path(), any(answer));
    }
    router.with_state(shared)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    /// The certificate of the newest key.
    Certificate,
    /// Whether every value of a SealedSecret opens: 200 or 409.
    Verify,
    /// The same SealedSecret, sealed for the newest key.
    Rotate,
}

impl Endpoint {
    fn path(self) -> &'static str {
        match self {
            Self::Certificate => "/v1/cert.pem",
            Self::Verify => "/v1/verify",
            Self::Rotate => "/v1/rotate",
        }
    }
}

struct Shared {
    keys: Keys,
    metrics: Metrics,
    client: Client,
    limit: Limit,
    slots: Semaphore,
    settings: Settings,
}

impl Shared {
    async fn measured(&self, endpoint: Endpoint, request: Request) -> Response {
        let (begin, path, method) = (Instant::now(), endpoint.path(), method(request.method()));
        let answer = timeout(self.settings.answer, self.answer(endpoint, request)).await;
        let answer = answer.unwrap_or_else(|_| StatusCode::SERVICE_UNAVAILABLE.into_response());
        let code = answer.status().as_u16();
        self.metrics.http_requests.get_or_create(&HttpRequest { path, code, method }).inc();
        let seconds = self.metrics.http_seconds.get_or_create(&metrics::Endpoint { path, method });
        seconds.observe(begin.elapsed().as_secs_f64());
        answer
    }

    async fn answer(&self, endpoint: Endpoint, request: Request) -> Response {
        if endpoint == Endpoint::Certificate {
            return self.certificate();
        }
        if let Some(pause) = self.limit.refuses(endpoint.path(), request.headers(), Instant::now())
        {
            return limited(pause);
        }
        if self.settings.authenticated
            && let Err(refused) = account::check(&self.client, request.headers()).await
        {
            return refused.into_response();
        }
        let Ok(_slot) = self.slots.try_acquire() else { return limited(Duration::from_secs(1)) };
        match timeout(self.settings.arrival, to_bytes(request.into_body(), MAX_BODY)).await {
            Ok(Ok(body)) => self.work(endpoint, &body).await,
            // The answer of a body that breaks off, and of one that is too large.
            Ok(Err(_)) => StatusCode::BAD_REQUEST.into_response(),
            Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
        }
    }

    fn certificate(&self) -> Response {
        let ring = self.keys.current();
        match ring.newest() {
            Some(key) => {
                let type_ = [(header::CONTENT_TYPE, "application/x-pem-file")];
                // kubeseal takes the certificate and skips what stands behind it.
                let native = Suite::ALL.iter().filter_map(|suite| ring.newest_native(*suite));
                let native: String = native.map(|key| key.public().pem()).collect();
                (type_, format!("{}{native}", key.certificate().pem())).into_response()
            }
            None => (StatusCode::INTERNAL_SERVER_ERROR, "cannot get certificate\n").into_response(),
        }
    }

    async fn work(&self, endpoint: Endpoint, body: &[u8]) -> Response {
        let Some(sealed) = Sealed::parse(body, self.settings.old_data) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let ring = self.keys.current();
        let done = tokio::task::spawn_blocking(move || match endpoint {
            Endpoint::Certificate | Endpoint::Verify => {
                let opens = sealed.opens(&ring);
                if opens { StatusCode::OK } else { StatusCode::CONFLICT }.into_response()
            }
            Endpoint::Rotate => match sealed.sealed_anew(&ring) {
                Some(sealed) => ([(header::CONTENT_TYPE, "application/json")], sealed.to_string())
                    .into_response(),
                None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            },
        });
        done.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }
}

fn limited(pause: Duration) -> Response {
    let seconds = pause.as_secs_f64().ceil().to_string();
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds)], "limit exceeded\n")
        .into_response()
}

/// The method as a label: from a closed set, or anybody could fill the memory with names.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::POST => "post",
        Method::HEAD => "head",
        Method::PUT => "put",
        _ => "other",
    }
}

/// One SealedSecret, as somebody sent it.
struct Sealed {
    manifest: Value,
    object: SealedSecret,
}

impl Sealed {
    /// Reads JSON or YAML that holds exactly one SealedSecret.
    fn parse(body: &[u8], old_data: bool) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let documents = yaml::json::documents(text, yaml::Schema::Kubernetes).ok()?;
        let [manifest] = <[Value; 1]>::try_from(documents).ok()?;
        let is = |field: &str, value| manifest[field].as_str() == Some(value);
        if !is("kind", "SealedSecret") || !is("apiVersion", "bitnami.com/v1alpha1") {
            return None;
        }
        let object: SealedSecret = serde_json::from_value(manifest.clone()).ok()?;
        object.spec.violations(old_data).is_empty().then_some(Self { manifest, object })
    }

    /// The label, from the object's own metadata: what its template claims is never believed.
    fn label(&self) -> Label {
        let namespace = self.object.namespace().unwrap_or_default();
        Scope::of(self.object.annotations()).label(&namespace, &self.object.name_any())
    }

    fn values(&self) -> impl Iterator<Item = (&String, &str)> {
        let values = self.object.spec.encrypted_data.iter();
        values.filter_map(|(key, value)| Some((key, value.as_str()?)))
    }

    fn opens(&self, ring: &Keyring) -> bool {
        let label = self.label();
        let whole = self.object.spec.data.iter().all(|whole| ring.unseal(&label, whole).is_ok());
        whole && self.values().all(|(key, value)| ring.unseal(&label.of(key), value).is_ok())
    }

    /// A SealedSecret of today from one of 2017.
    fn renewed(&self, label: &Label, whole: &str, ring: &Keyring) -> Option<Value> {
        let opened = ring.unseal(label, whole).ok()?;
        let mut secret: Value = serde_json::from_slice(opened.value.expose()).ok()?;
        secret["apiVersion"] = "v1".into();
        secret["kind"] = "Secret".into();
        // Whatever was sealed says neither where it goes nor how far it may.
        secret["metadata"]["name"] = self.object.name_any().into();
        secret["metadata"]["namespace"] = self.object.namespace().into();
        let scope = Scope::of(self.object.annotations());
        if let Some(annotations) = secret["metadata"]["annotations"].as_object_mut() {
            annotations.retain(|key, _| key != CLUSTER_WIDE && key != NAMESPACE_WIDE);
        }
        let options = manifest::Options { scope, empty_allowed: true };
        let sealed =
            manifest::seal(&secret, options, ring.newest()?.certificate(), &mut rand::rng());
        plaintext::wipe(&mut secret);
        sealed.ok()
    }

    fn sealed_anew(&self, ring: &Keyring) -> Option<Value> {
        let label = self.label();
        if let Some(whole) = &self.object.spec.data {
            return self.renewed(&label, whole, ring);
        }
        let mut manifest = self.manifest.clone();
        for (key, value) in self.values() {
            let sealed = ring.reseal(&label.of(key), value, &mut rand::rng()).ok()?;
            manifest["spec"]["encryptedData"][key] = sealed.into();
        }
        manifest.as_object_mut()?.remove("status");
        Some(manifest)
    }
}

#[cfg(test)]
mod tests;
