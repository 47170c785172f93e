//! A Git host that lets in whoever shows its token, with the APIs that sell tokens to Apps and to
//! workloads.
//!
//! Behind it is the bed's own Git server, whose password only the gate knows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tests::git::GitHttp;
use tests::http::Http;
use tests::{Bed, Outcome};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// The token of those who bear one.
pub(crate) const BEARER: &str = "the-token-of-the-bearer";

/// The token that the API sells to the App.
pub(crate) const BOUGHT: &str = "ghs_theTokenOfTheInstallation";

/// The App, and its installation.
pub(crate) const APP: &str = "4711";
pub(crate) const INSTALLATION: &str = "815";

/// The tenant and the client ID of the workload.
pub(crate) const TENANT: &str = "a-tenant";
pub(crate) const CLIENT: &str = "a-client";

/// A running host. It stops when dropped.
pub(crate) struct Gate {
    address: String,
    sold: Arc<Mutex<usize>>,
    server: AbortHandle,
}

impl Gate {
    /// Listens on a free port, in front of the Git server that has `repository`.
    pub(crate) async fn open(bed: &Bed, repository: &str) -> Outcome<Self> {
        let (target, _) = repository.rsplit_once('/').ok_or("a URL has a path")?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let sold = Arc::new(Mutex::new(0));
        let (count, http, target) = (Arc::clone(&sold), bed.http().clone(), target.to_owned());
        let router = Router::new().fallback(
            move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                let (count, http, target) = (Arc::clone(&count), http.clone(), target.clone());
                async move {
                    let shown = headers.get(header::AUTHORIZATION);
                    let shown = shown.and_then(|it| it.to_str().ok()).unwrap_or_default();
                    if uri.path() == format!("/{TENANT}/oauth2/v2.0/token") {
                        return trade(&body, &count);
                    }
                    if uri.path().starts_with("/api/v3/") {
                        return sell(&method, &uri, shown, &count);
                    }
                    if !is_let_in(shown) {
                        return answer(StatusCode::UNAUTHORIZED, "who are you?");
                    }
                    let passed = pass(&http, &target, &method, &uri, (&headers, body)).await;
                    passed.unwrap_or_else(|_| answer(StatusCode::BAD_GATEWAY, ""))
                }
            },
        );
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, sold, server: server.abort_handle() })
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of a repository of the server behind.
    pub(crate) fn url_of(&self, repository: &str) -> String {
        repository
            .rsplit_once('/')
            .map_or_else(String::new, |(_, name)| format!("{}/{name}", self.url()))
    }

    /// How many tokens were sold.
    pub(crate) fn sold(&self) -> usize {
        *self.sold.lock().expect("no holder of this lock panics")
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn is_let_in(shown: &str) -> bool {
    let bought = STANDARD.encode(format!("x-access-token:{BOUGHT}"));
    [format!("Bearer {BEARER}"), format!("Basic {bought}")].iter().any(|known| known == shown)
}

/// `POST /app/installations/{id}/access_tokens`, for a claim that this App makes now. Its signature is
/// held to the App's key where the claim is made, in `shared/source`.
fn sell(method: &Method, uri: &Uri, shown: &str, sold: &Mutex<usize>) -> Response<Body> {
    let path = format!("/api/v3/app/installations/{INSTALLATION}/access_tokens");
    if *method != Method::POST || uri.path() != path {
        return answer(StatusCode::NOT_FOUND, r#"{"message": "Not Found"}"#);
    }
    let claims = shown.strip_prefix("Bearer ").and_then(|claim| claim.split('.').nth(1));
    let claims = claims.and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims: Option<Value> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
    if claims.is_none_or(|claims| claims["iss"] != APP) {
        let said = r#"{"message": "A JSON web token could not be decoded"}"#;
        return answer(StatusCode::UNAUTHORIZED, said);
    }
    *sold.lock().expect("no holder of this lock panics") += 1;
    let granted = json!({"token": BOUGHT, "expires_at": "2099-01-01T00:00:00Z"});
    answer(StatusCode::CREATED, &granted.to_string())
}

/// Entra ID's answer to a token of Kubernetes that was made for it, for an account `git`.
fn trade(body: &[u8], sold: &Mutex<usize>) -> Response<Body> {
    let form = format!("http://form/?{}", String::from_utf8_lossy(body));
    let form = reqwest::Url::parse(&form).expect("a form makes a query");
    let form: BTreeMap<_, _> = form.query_pairs().collect();
    let field = |name: &str| form.get(name).map(|value| &**value).unwrap_or_default();
    let claims = field("client_assertion").split('.').nth(1);
    let claims = claims.and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok()).unwrap_or_default();
    let claims: Value = serde_json::from_slice(&claims).unwrap_or_default();
    let is_git = claims["sub"].as_str().is_some_and(|sub| sub.ends_with(":git"));
    let is_for_us = claims["aud"] == json!(["api://AzureADTokenExchange"]);
    if !is_git || !is_for_us || field("client_id") != CLIENT {
        let said = r#"{"error": "invalid_client", "error_description": "AADSTS700211: no match"}"#;
        return answer(StatusCode::UNAUTHORIZED, said);
    }
    *sold.lock().expect("no holder of this lock panics") += 1;
    let granted = json!({"token_type": "Bearer", "expires_in": 3599, "access_token": BEARER});
    answer(StatusCode::OK, &granted.to_string())
}

async fn pass(
    http: &Http,
    target: &str,
    method: &Method,
    uri: &Uri,
    (headers, body): (&HeaderMap, Bytes),
) -> Outcome<Response<Body>> {
    let mut request = http.request(method.as_str(), &format!("{target}{uri}"));
    request = request.basic(GitHttp::USER, GitHttp::PASSWORD);
    for name in ["accept", "git-protocol", "content-encoding"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value.to_str()?);
        }
    }
    if !body.is_empty() {
        let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str()).transpose()?;
        request = request.body(kind.unwrap_or_default(), body);
    }
    let passed = request.send().await?;
    let mut response = Response::builder().status(passed.status);
    if let Some(kind) = passed.headers.get(header::CONTENT_TYPE) {
        response = response.header(header::CONTENT_TYPE, kind);
    }
    Ok(response.body(Body::from(passed.body))?)
}

fn answer(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = status;
    response
}
