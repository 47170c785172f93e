//! A registry whose every answer a test writes.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, extract::Request, http::Response};
use reqwest::header::{AUTHORIZATION, HeaderName, IF_NONE_MATCH};
use tokio::{net::TcpListener, task::JoinHandle};
use url::form_urlencoded;

/// What was asked.
#[derive(Clone, Debug)]
pub(in crate::registry) struct Asked {
    pub(in crate::registry) method: String,
    pub(in crate::registry) path: String,
    pub(in crate::registry) query: Vec<(String, String)>,
    pub(in crate::registry) authorization: Option<String>,
    /// `If-None-Match`.
    pub(in crate::registry) unless: Option<String>,
    pub(in crate::registry) body: String,
}

impl Asked {
    /// A parameter of the query.
    pub(in crate::registry) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A server on loopback, gone when dropped.
pub(in crate::registry) struct Server {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves what `answer` says.
    pub(in crate::registry) async fn start<A>(answer: A) -> Self
    where
        A: Fn(&Asked) -> Response<Body> + Send + Sync + 'static,
    {
        Self::start_async(move |asked: Asked| std::future::ready(answer(&asked))).await
    }

    /// The same with answers that take their time.
    pub(in crate::registry) async fn start_async<A, F>(answer: A) -> Self
    where
        A: Fn(Asked) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send,
    {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (answer, log) = (Arc::new(answer), Arc::clone(&asked));
        let router = Router::new().fallback(move |request: Request| {
            let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
            async move {
                let request = read(request).await;
                log.lock().unwrap().push(request.clone());
                answer(request).await
            }
        });
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, asked, task }
    }

    /// `127.0.0.1` and the port.
    pub(in crate::registry) fn address(&self) -> &str {
        &self.address
    }

    /// All that was asked so far.
    pub(in crate::registry) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How often a path was asked for.
    pub(in crate::registry) fn count(&self, path: &str) -> usize {
        self.asked().iter().filter(|asked| asked.path == path).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(request: Request) -> Asked {
    let (parts, body) = request.into_parts();
    let header =
        |name: HeaderName| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    Asked {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect(),
        authorization: header(AUTHORIZATION),
        unless: header(IF_NONE_MATCH),
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

/// An answer.
pub(in crate::registry) fn answer(
    status: u16,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Response<Body> {
    let response = Response::builder().status(status);
    let response =
        headers.iter().fold(response, |response, (name, value)| response.header(*name, *value));
    response.body(body.into()).unwrap()
}

/// A page of tags.
pub(in crate::registry) fn page<T: AsRef<str>>(tags: &[T], link: Option<&str>) -> Response<Body> {
    let tags: Vec<&str> = tags.iter().map(AsRef::as_ref).collect();
    let body = serde_json::json!({"name": "team/web", "tags": tags}).to_string();
    let link = link.map(|link| format!("<{link}>; rel=\"next\""));
    let headers: Vec<_> = link.iter().map(|link| ("link", link.as_str())).collect();
    answer(200, &headers, body)
}

/// A challenge for a password.
pub(in crate::registry) fn basic() -> Response<Body> {
    answer(
        401,
        &[("www-authenticate", "Basic realm=\"t\"")],
        r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
    )
}
