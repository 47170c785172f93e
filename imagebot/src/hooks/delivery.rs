//! One delivery: whose it is, whether to believe it, and what it names.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
};
use futures::StreamExt as _;
use imagebot_api::{ImageRepository, RegistryReceiver, registry_receiver::ReceiverKind};
use imagebot_core::{
    hook::{self, Push, distribution},
    reference::Repository,
};
use kube::ResourceExt as _;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use reconcile::{
    Core,
    metrics::Metrics,
    secret::{self, Secret},
};
use subtle::ConstantTimeEq as _;

/// How many times too much is read before the connection is cut. Whoever is cut off while sending
/// may never read why.
const HEARD_OUT: usize = 8;

/// Why a delivery is not taken. Its sender learns no more than the status.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("no receiver has this path")]
    NoReceiver,
    #[error("the receiver is suspended")]
    Suspended,
    #[error("the token is not the receiver's")]
    Unverified,
    #[error("the token cannot be read")]
    NoToken(#[source] secret::Error),
    #[error("the body is too large")]
    TooLarge,
    #[error("the body could not be read")]
    Broken,
    #[error("the body is no delivery")]
    Unreadable(#[source] distribution::Error),
    #[error("the wish for a scan could not be written")]
    NotDurable,
    #[error("the delivery took too long")]
    TooSlow,
}

impl Refusal {
    /// What the sender is told.
    pub(super) fn answer(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoReceiver => (StatusCode::NOT_FOUND, "not found\n"),
            Self::Suspended => (StatusCode::SERVICE_UNAVAILABLE, "suspended\n"),
            Self::Unverified => (StatusCode::UNAUTHORIZED, "unauthorized\n"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too large\n"),
            Self::Broken | Self::Unreadable(_) => (StatusCode::BAD_REQUEST, "not a delivery\n"),
            Self::NoToken(_) | Self::NotDurable | Self::TooSlow => {
                (StatusCode::SERVICE_UNAVAILABLE, "try again\n")
            }
        }
    }

    /// Whether the body may not have been read to its end, so that the connection is of no more use.
    pub(super) fn is_early(&self) -> bool {
        match self {
            Self::NoReceiver | Self::Suspended | Self::TooLarge => true,
            Self::Broken | Self::TooSlow => true,
            Self::Unverified | Self::NoToken(_) | Self::Unreadable(_) | Self::NotDurable => false,
        }
    }

    fn label(&self) -> &'static str {
        match self {
            Self::NoReceiver => "unknown",
            Self::Suspended => "suspended",
            Self::Unverified => "refused",
            Self::TooLarge | Self::Broken | Self::Unreadable(_) => "invalid",
            Self::NoToken(_) | Self::NotDurable | Self::TooSlow => "failed",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    result: &'static str,
}

/// How many deliveries there were, by what became of them.
pub(super) struct Deliveries(Family<Label, Counter>);

impl Deliveries {
    pub(super) fn register(metrics: &Metrics) -> Self {
        Self(metrics.register(
            "imagebot_hook_deliveries",
            "Deliveries by result: accepted, unmatched, unknown, suspended, refused, invalid, failed",
            Family::default(),
        ))
    }

    pub(super) fn count(&self, taken: &Result<usize, Refusal>) {
        let result = match taken {
            Ok(0) => "unmatched",
            Ok(_) => "accepted",
            Err(refusal) => refusal.label(),
        };
        self.0.get_or_create(&Label { result }).inc();
    }
}

/// Whether the receiver listens at `path`. Its status is what says so; [`verify`] does not rely on
/// that.
pub(super) fn is_at(receiver: &RegistryReceiver, path: &str) -> bool {
    let known = receiver.status.as_ref().and_then(|status| status.webhook_path.as_ref());
    known.is_some_and(|known| known.as_bytes().ct_eq(path.as_bytes()).into())
}

/// The body, if it has at most `most` bytes.
pub(super) async fn read(body: Body, most: usize) -> Result<Vec<u8>, Refusal> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut seen) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refusal::Broken)?;
        seen += chunk.len();
        if seen <= most {
            bytes.extend_from_slice(&chunk);
        } else if seen > most * HEARD_OUT {
            break;
        }
    }
    if seen <= most { Ok(bytes) } else { Err(Refusal::TooLarge) }
}

/// Whether whoever knew `path`, and the token if they sent one, knows the token as it is now.
pub(super) async fn verify(
    core: &Core,
    receiver: &RegistryReceiver,
    path: &str,
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    let namespace = receiver.namespace().unwrap_or_default();
    let name = &receiver.spec.secret_ref.name;
    let secret = Secret::read(core, "spec.secretRef", &namespace, name).await;
    let secret = secret.map_err(Refusal::NoToken)?;
    let token = secret.required("token").map_err(Refusal::NoToken)?;
    let sent = headers.get(header::AUTHORIZATION);
    let known = hook::verify(path, token, &receiver.name_any(), &namespace)
        && sent.is_none_or(|sent| hook::verify_bearer(sent.as_bytes(), token));
    if known { Ok(()) } else { Err(Refusal::Unverified) }
}

/// What the delivery says was pushed.
pub(super) fn pushes(
    receiver: &RegistryReceiver,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Vec<Push>, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    match receiver.spec.kind {
        ReceiverKind::Distribution => {
            distribution::pushes(content_type, body).map_err(Refusal::Unreadable)
        }
    }
}

/// The images of the receiver's namespace, among those it may have scanned, that were pushed to.
pub(super) fn named(
    receiver: &RegistryReceiver,
    pushes: &[Push],
    repositories: &[Arc<ImageRepository>],
) -> Vec<Arc<ImageRepository>> {
    let allowed = &receiver.spec.resources;
    let registry = receiver.spec.registry.as_deref();
    let is_named = |repository: &&Arc<ImageRepository>| {
        repository.namespace() == receiver.namespace()
            && (allowed.is_empty() || allowed.iter().any(|it| it.name == repository.name_any()))
            && Repository::parse(&repository.spec.image)
                .is_ok_and(|image| pushes.iter().any(|push| push.is_of(&image, registry)))
    };
    repositories.iter().filter(is_named).cloned().collect()
}
