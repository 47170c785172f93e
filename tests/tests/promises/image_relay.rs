//! A relay in front of a server: it counts what passes, and may act before it passes something on.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, Method, Response, StatusCode, Uri};
use tests::http::{Answer, Http};
use tests::{Bed, Outcome};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// What belongs to one connection and not to what is passed on.
const OWN: [&str; 5] =
    ["host", "content-length", "content-type", "transfer-encoding", "connection"];

type Act = Box<dyn FnMut(&str) + Send>;

/// A running relay. It stops when dropped.
pub(crate) struct Relay {
    address: String,
    state: Arc<Mutex<State>>,
    server: AbortHandle,
}

#[derive(Default)]
struct State {
    requests: Vec<String>,
    act: Option<Act>,
}

impl Relay {
    /// Listens on a free port and passes everything on to `target`, which is a URL without a path.
    pub(crate) async fn open(bed: &Bed, target: &str) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let (seen, http, target) = (Arc::clone(&state), bed.http().clone(), target.to_owned());
        let router = Router::new().fallback(
            move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                let (seen, http, target) = (Arc::clone(&seen), http.clone(), target.clone());
                async move {
                    let what = format!("{method} {uri}");
                    seen.lock().expect("no holder of this lock panics").note(&what);
                    let passed = pass(&http, &target, &method, &uri, (&headers, body)).await;
                    passed.unwrap_or_else(|_| refuse())
                }
            },
        );
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, state, server: server.abort_handle() })
    }

    /// Does this for each request from now on, before it is passed on.
    pub(crate) fn before(&self, act: impl FnMut(&str) + Send + 'static) {
        self.state.lock().expect("no holder of this lock panics").act = Some(Box::new(act));
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> &str {
        &self.address
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has passed, oldest first: `GET /path?query`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().expect("no holder of this lock panics").requests.clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl State {
    fn note(&mut self, what: &str) {
        self.requests.push(what.to_owned());
        if let Some(act) = &mut self.act {
            act(what);
        }
    }
}

async fn pass(
    http: &Http,
    target: &str,
    method: &Method,
    uri: &Uri,
    (headers, body): (&HeaderMap, Bytes),
) -> Outcome<Response<Body>> {
    let mut request = http.request(method.as_str(), &format!("{target}{uri}"));
    for (name, value) in headers.iter().filter(|(name, _)| !is_own(name)) {
        request = request.header(name.as_str(), value.to_str()?);
    }
    if !body.is_empty() {
        let kind = headers.get("content-type").map(|kind| kind.to_str()).transpose()?;
        request = request.body(kind.unwrap_or_default(), body);
    }
    let Answer { status, headers, body } = request.send().await?;
    let mut response = Response::builder().status(status);
    for (name, value) in headers.iter().filter(|(name, _)| *name == "content-type" || !is_own(name))
    {
        response = response.header(name, value);
    }
    Ok(response.body(Body::from(body))?)
}

fn is_own(name: &HeaderName) -> bool {
    OWN.contains(&name.as_str())
}

fn refuse() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
