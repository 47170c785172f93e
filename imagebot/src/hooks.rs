//! The hooks that registries call.
//!
//! ```text
//! POST /hook/<digest> ──▶ receiver ──▶ token ──▶ events ──▶ ImageRepositories ──▶ one annotation each
//! ```
//!
//! A delivery is a hint, verified and never trusted for content: all it can cause is a scan. It is
//! answered with 2xx only once that scan is durable, as `reconcile.fluxcd.io/requestedAt` on each
//! ImageRepository that it names, which wakes whichever replica leads. Every replica serves hooks.

mod coalesce;
mod delivery;
mod seen;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
    routing::post,
};
use futures::future::join_all;
use imagebot_api::{ImageRepository, RegistryReceiver};
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
};
use reconcile::{Core, Watched};
use serde_json::json;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::controller::due::REQUESTED_AT;

use coalesce::Coalescer;
use delivery::Refusal;
use seen::Seen;

/// The largest delivery that is read.
const BODY_BYTES: usize = 1 << 20;
/// How long a delivery may take, its sender's slowness and the API's included.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the hooks need to know.
pub struct Hooks {
    core: Core,
    receivers: Watched<RegistryReceiver>,
    repositories: Watched<ImageRepository>,
    coalescer: Coalescer,
    seen: Seen,
    counted: delivery::Deliveries,
}

impl Hooks {
    /// Hooks for `receivers`, which may have `repositories` scanned.
    pub fn new(
        core: Core,
        receivers: Watched<RegistryReceiver>,
        repositories: Watched<ImageRepository>,
    ) -> Self {
        let counted = delivery::Deliveries::register(&core.metrics);
        let (coalescer, seen) = <_>::default();
        Self { core, receivers, repositories, coalescer, seen, counted }
    }

    /// The routes.
    pub fn routes(self) -> Router {
        Router::new().route("/hook/{digest}", post(answer)).with_state(Arc::new(self))
    }

    /// Verifies a delivery, finds what it names, and asks for scans.
    async fn take(&self, path: &str, headers: &HeaderMap, body: Body) -> Result<usize, Refusal> {
        // A process that has just started would find neither, and a push would be lost.
        self.receivers.ready().await;
        self.repositories.ready().await;
        // The whole list is compared, each in constant time: how long it takes tells nothing.
        let receiver = self.receivers.all().into_iter().filter(|it| delivery::is_at(it, path));
        let receiver = receiver.last().ok_or(Refusal::NoReceiver)?;
        if receiver.spec.suspend {
            return Err(Refusal::Suspended);
        }
        let body = delivery::read(body, BODY_BYTES).await?;
        delivery::verify(&self.core, &receiver, path, headers).await?;
        let events = delivery::pushes(&receiver, headers, &body)?;
        let events: Vec<_> = events.into_iter().filter(|it| !self.seen.has(&it.id)).collect();
        let named = delivery::named(&receiver, &events, &self.repositories.all());
        let scans = named.iter().map(|repository| self.ask(repository));
        for asked in join_all(scans).await {
            asked?;
        }
        // Only now: a delivery that failed half-way must be taken again in whole.
        for event in events {
            self.seen.add(event.id);
        }
        Ok(named.len())
    }

    /// Makes the wish for a scan durable. Wishes that come while one is being written share the
    /// next write.
    async fn ask(&self, repository: &ImageRepository) -> Result<(), Refusal> {
        let namespace = repository.namespace().unwrap_or_default();
        let name = repository.name_any();
        let write = || async {
            let now = self.core.clock.now().to_string();
            let patch = json!({ "metadata": { "annotations": { REQUESTED_AT: now } } });
            let api = self.core.namespaced::<ImageRepository>(&namespace);
            match api.patch_metadata(&name, &PatchParams::default(), &Patch::Merge(patch)).await {
                // It was deleted meanwhile: there is nothing left to scan.
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                other => other.map(drop),
            }
        };
        let asked = self.coalescer.run(&format!("{namespace}/{name}"), write).await;
        asked.map_err(|error| {
            warn!(%error, %namespace, %name, "could not ask for a scan");
            Refusal::NotDurable
        })
    }
}

async fn answer(State(hooks): State<Arc<Hooks>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    // The path alone: proxies and senders add queries.
    let taken = timeout(PATIENCE, hooks.take(parts.uri.path(), &parts.headers, body)).await;
    let taken = taken.unwrap_or(Err(Refusal::TooSlow));
    hooks.counted.count(&taken);
    match taken {
        Ok(0) => {
            debug!("a delivery named no ImageRepository");
            (StatusCode::OK, "nothing to scan\n").into_response()
        }
        Ok(scans) => {
            info!(scans, "a registry told of a push");
            (StatusCode::OK, "accepted\n").into_response()
        }
        Err(refusal) => {
            let agent = parts.headers.get(header::USER_AGENT).and_then(|it| it.to_str().ok());
            debug!(%refusal, agent, "a delivery was refused");
            let close = refusal.is_early().then_some([(header::CONNECTION, "close")]);
            (close.map(AppendHeaders), refusal.answer()).into_response()
        }
    }
}
