//! The HTTP listener of a daemon: health, metrics, and what the daemon adds.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;
use tracing::error;

use crate::metrics::Metrics;

/// Whether the process is ready to serve. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says that the process serves from now on.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn answer(&self) -> (StatusCode, &'static str) {
        if self.0.load(Ordering::Acquire) {
            (StatusCode::OK, "ok\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "starting\n")
        }
    }
}

/// Serves `/metrics` and nothing else on `address`, until the listener fails.
pub async fn serve_metrics(address: SocketAddr, metrics: Metrics) {
    let router = Router::new().route("/metrics", get(move || async move { page(&metrics) }));
    let served = async { axum::serve(bind(address, None).await?, router).await };
    if let Err(error) = served.await {
        error!(%error, %address, "could not serve metrics");
    }
}

fn page(metrics: &Metrics) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
}

/// `/healthz`, `/readyz` and `/metrics` beside the routes of `daemon`.
pub fn router(daemon: Router, metrics: Metrics, readiness: Readiness) -> Router {
    daemon
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(move || async move { readiness.answer() }))
        .route("/metrics", get(move || async move { page(&metrics) }))
}

/// Binds `address`; with `told`, writes the address that was bound into that file, so that port 0
/// can be used.
pub async fn bind(address: SocketAddr, told: Option<&Path>) -> Result<TcpListener, io::Error> {
    let listener = TcpListener::bind(address).await?;
    if let Some(file) = told {
        let bound = listener.local_addr()?;
        // Whoever waits for the file must never read half of it.
        let half = file.with_extension("new");
        tokio::fs::write(&half, bound.to_string()).await?;
        tokio::fs::rename(&half, file).await?;
    }
    Ok(listener)
}
