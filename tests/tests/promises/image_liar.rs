//! A registry that lies, each repository of it in its own way.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use serde_json::json;
use tests::Outcome;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// A running registry. It stops when dropped.
pub(crate) struct Liar {
    address: String,
    state: Arc<Mutex<State>>,
    server: AbortHandle,
}

#[derive(Default)]
struct State {
    lists: BTreeMap<String, usize>,
    moody: Option<StatusCode>,
    tags: Vec<String>,
}

impl Liar {
    /// Listens on a free port.
    pub(crate) async fn open() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let router = Router::new().fallback(move |uri: Uri, headers: HeaderMap| {
            let shared = Arc::clone(&shared);
            async move {
                let Some((name, query)) = list_of(&uri) else { return text(StatusCode::OK, "{}") };
                let count = {
                    let mut state = shared.lock().expect("no holder of this lock panics");
                    let count = state.lists.entry(name.clone()).or_default();
                    *count += 1;
                    *count
                };
                if name == "slow" {
                    return pending().await;
                }
                if name == "moody" {
                    let state = shared.lock().expect("no holder of this lock panics");
                    return match state.moody {
                        Some(status) => text(status, "not now"),
                        None => list(&state.tags),
                    };
                }
                answer(&name, &query, count, &headers)
            }
        });
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, state, server: server.abort_handle() })
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> &str {
        &self.address
    }

    /// How many lists of this repository it was asked for.
    pub(crate) fn lists(&self, name: &str) -> usize {
        let state = self.state.lock().expect("no holder of this lock panics");
        state.lists.get(name).copied().unwrap_or_default()
    }

    /// What `moody` answers from now on: a status, or these tags.
    pub(crate) fn mood(&self, status: Option<u16>, tags: &[&str]) {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        state.moody = status.and_then(|status| StatusCode::from_u16(status).ok());
        state.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The repository whose tags are asked for, and the query.
fn list_of(uri: &Uri) -> Option<(String, String)> {
    let name = uri.path().strip_prefix("/v2/")?.strip_suffix("/tags/list")?;
    Some((name.to_owned(), uri.query().unwrap_or_default().to_owned()))
}

fn answer(name: &str, query: &str, count: usize, headers: &HeaderMap) -> Response<Body> {
    match name {
        "broken" => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "{\"errors\": [{\"message\": \"disk on fire\"}]}",
        ),
        "busy" => with(text(StatusCode::TOO_MANY_REQUESTS, "slow down"), "Retry-After", "3600"),
        "page" => with(text(StatusCode::OK, "<html>Sign in</html>"), "Content-Type", "text/html"),
        "garbled" => text(StatusCode::OK, "{\"name\": \"garbled\", \"tags\": 7}"),
        "cut" => text(StatusCode::OK, "{\"name\": \"cut\", \"tags\": [\"1.0"),
        "circle" => {
            linked(&["1.0.0", "1.1.0"].map(str::to_owned), "/v2/circle/tags/list?last=1.1.0")
        }
        "astray" => {
            linked(&["1.0.0".to_owned()], "http://127.0.0.2:9/v2/astray/tags/list?last=1.0.0")
        }
        "endless" => {
            let tags: Vec<_> = (0..1000).map(|index| format!("{count}-{index}")).collect();
            linked(&tags, &format!("/v2/endless/tags/list?last={count}"))
        }
        "many" => list(&many().collect::<Vec<_>>()),
        "pages" => page(query),
        "echo" => {
            let sent = headers.get("authorization").and_then(|sent| sent.to_str().ok());
            let Some(sent) = sent else {
                let refusal = text(StatusCode::UNAUTHORIZED, "{}");
                return with(refusal, "Www-Authenticate", "Basic realm=\"liar\"");
            };
            let said = format!("you sent {sent}, that is robot and {}", tests::registry::PASSWORD);
            let body = json!({"errors": [{"code": "DENIED", "message": said}]}).to_string();
            text(StatusCode::FORBIDDEN, &body)
        }
        _ => text(StatusCode::NOT_FOUND, "{\"errors\": [{\"code\": \"NAME_UNKNOWN\"}]}"),
    }
}

/// A hundred thousand tags, the greatest of which is `1.99999.0`.
fn many() -> impl Iterator<Item = String> {
    (0..100_000).map(|index| format!("1.{index}.0"))
}

/// The thousand tags after the one that the query names.
fn page(query: &str) -> Response<Body> {
    let last = query.split('&').find_map(|pair| pair.strip_prefix("last="));
    let rest = many()
        .skip(last.map_or(0, |last| many().position(|tag| tag == last).map_or(0, |at| at + 1)));
    let tags: Vec<_> = rest.take(1000).collect();
    match tags.last() {
        Some(last) if tags.len() == 1000 => {
            let next = format!("/v2/pages/tags/list?n=1000&last={last}");
            linked(&tags, &next)
        }
        _ => list(&tags),
    }
}

fn list(tags: &[String]) -> Response<Body> {
    let body = json!({"name": "a", "tags": tags}).to_string();
    with(text(StatusCode::OK, &body), "Content-Type", "application/json")
}

fn linked(tags: &[String], next: &str) -> Response<Body> {
    with(list(tags), "Link", &format!("<{next}>; rel=\"next\""))
}

fn text(status: StatusCode, body: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = status;
    response
}

fn with(mut response: Response<Body>, name: &'static str, value: &str) -> Response<Body> {
    response.headers_mut().insert(name, value.parse().expect("the caller spells a header"));
    response
}
