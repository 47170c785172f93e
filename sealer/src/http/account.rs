//! Whether the cluster knows who asks.

use axum::http::{HeaderMap, StatusCode, header};
use http::Method;
use kube::Client;
use reconcile::request::{self, Wanted};
use serde::Deserialize;
use serde_json::json;
use tracing::warn;

const PATH: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

#[derive(Deserialize)]
struct TokenReview {
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    authenticated: bool,
}

/// Refuses whoever has no bearer token that the cluster accepts: 401, or 503 when it cannot be asked.
pub(super) async fn check(client: &Client, headers: &HeaderMap) -> Result<(), StatusCode> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let token = token.filter(|token| !token.is_empty()).ok_or(StatusCode::UNAUTHORIZED)?;
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": { "token": token },
    });
    let body = review.to_string().into_bytes();
    let answer: Result<TokenReview, _> =
        request::send(client, Method::POST, PATH, body, Wanted::Everything).await;
    match answer {
        Ok(review) if review.status.authenticated => Ok(()),
        Ok(_) => Err(StatusCode::UNAUTHORIZED),
        Err(error) => {
            warn!(%error, "could not have a token reviewed (`--token-review`)");
            Err(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}
