//! What `kubeseal` and people ask over HTTP: the certificate, verification, and re-sealing.
//!
//! The endpoints are reachable by everyone who may use the service proxy, so an answer must not
//! depend on a plaintext in any way but "it opens": templates are never rendered here.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use kube::ResourceExt as _;
use sealer_api::SealedSecret;
use sealer_core::sealed::keyring::Keyring;
use sealer_core::sealed::scope::{Label, Scope};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::keys::Keys;

/// No Secret is larger, and an envelope adds about two thirds and some hundred bytes a value.
const MAX_BODY: usize = 4 << 20;
/// Private-key operations take whole milliseconds of a core, so requests may not take all cores.
const AT_ONCE: usize = 2;

/// The routes, served by every replica.
pub fn routes(keys: Keys) -> Router {
    let shared = Arc::new(Shared { keys, slots: Semaphore::new(AT_ONCE) });
    Router::new()
        .route("/v1/cert.pem", any(certificate))
        .route("/v1/verify", any(verify))
        .route("/v1/rotate", any(rotate))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(shared)
}

struct Shared {
    keys: Keys,
    slots: Semaphore,
}

/// The certificate of the newest key.
async fn certificate(State(shared): State<Arc<Shared>>) -> Response {
    match shared.keys.current().newest() {
        Some(key) => {
            let type_ = [(header::CONTENT_TYPE, "application/x-pem-file")];
            (type_, key.certificate().pem().to_owned()).into_response()
        }
        None => (StatusCode::INTERNAL_SERVER_ERROR, "cannot get certificate\n").into_response(),
    }
}

/// Whether every value of a SealedSecret opens: 200 or 409.
async fn verify(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    shared
        .work(&body, |ring, sealed| {
            let opens = sealed.opens(ring);
            if opens { StatusCode::OK } else { StatusCode::CONFLICT }.into_response()
        })
        .await
}

/// The same SealedSecret, sealed for the newest key.
async fn rotate(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    shared
        .work(&body, |ring, sealed| match sealed.sealed_anew(ring) {
            Some(sealed) => {
                ([(header::CONTENT_TYPE, "application/json")], sealed.to_string()).into_response()
            }
            None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        })
        .await
}

impl Shared {
    /// Runs `work` over the object in `body`, beside at most one other request.
    async fn work(
        &self,
        body: &[u8],
        work: impl FnOnce(&Keyring, &Sealed) -> Response + Send + 'static,
    ) -> Response {
        let Ok(_slot) = self.slots.try_acquire() else {
            return (StatusCode::TOO_MANY_REQUESTS, "limit exceeded\n").into_response();
        };
        let Some(sealed) = Sealed::parse(body) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let ring = self.keys.current();
        let done = tokio::task::spawn_blocking(move || work(&ring, &sealed)).await;
        done.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }
}

/// One SealedSecret, as somebody sent it.
struct Sealed {
    manifest: Value,
    object: SealedSecret,
}

impl Sealed {
    /// Reads JSON or YAML that holds exactly one SealedSecret.
    fn parse(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let documents = yaml::json::documents(text, yaml::Schema::Kubernetes).ok()?;
        let [manifest] = <[Value; 1]>::try_from(documents).ok()?;
        let is = |field: &str, value| manifest[field].as_str() == Some(value);
        if !is("kind", "SealedSecret") || !is("apiVersion", "bitnami.com/v1alpha1") {
            return None;
        }
        let object: SealedSecret = serde_json::from_value(manifest.clone()).ok()?;
        object.spec.violations().is_empty().then_some(Self { manifest, object })
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
        self.values().all(|(_, value)| ring.unseal(&label, value).is_ok())
    }

    fn sealed_anew(&self, ring: &Keyring) -> Option<Value> {
        let (label, newest) = (self.label(), ring.newest()?);
        let mut manifest = self.manifest.clone();
        for (key, value) in self.values() {
            let opened = ring.unseal(&label, value).ok()?;
            let sealed = newest.certificate().seal(&label, opened.value.expose(), &mut rand::rng());
            manifest["spec"]["encryptedData"][key] = sealed.into();
        }
        manifest.as_object_mut()?.remove("status");
        Some(manifest)
    }
}

#[cfg(test)]
mod tests;
