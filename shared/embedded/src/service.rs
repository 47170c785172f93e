//! The tower service: one HTTP request in, one response out.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::StreamExt as _;
use http::{Method, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use tower::{BoxError, Service};

use crate::{
    api::{Answer, Api, Request},
    discovery,
    failure::Failure,
    query::Query,
    route::{self, Route, Target},
    watch,
};

/// What the service answers with.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The API as a tower service, for `kube::Client::new` or an HTTP listener. It answers as long as
/// its [`crate::Server`] lives, and keeps nothing of it alive.
#[derive(Clone)]
pub struct ApiService {
    api: Weak<Api>,
}

impl std::fmt::Debug for ApiService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiService").finish_non_exhaustive()
    }
}

impl ApiService {
    pub(crate) fn new(api: &Arc<Api>) -> Self {
        Self { api: Arc::downgrade(api) }
    }
}

impl<B> Service<http::Request<B>> for ApiService
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let api = self.api.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(Into::into)?.to_bytes();
            let query = Query::parse(parts.uri.query().unwrap_or(""));
            let request = Request { headers: parts.headers, query, body };
            let path = parts.uri.path().to_owned();
            let answer = match api.upgrade() {
                Some(api) => answer(api, parts.method, path, request).await,
                None => Err(Failure::stopped()),
            };
            Ok(answer.unwrap_or_else(|failure| failed(&failure)))
        })
    }
}

async fn answer(
    api: Arc<Api>,
    method: Method,
    path: String,
    request: Request,
) -> Result<Response<Body>, Failure> {
    let route = route::find(&api.kinds, &path).ok_or_else(Failure::unknown_path)?;
    let Route::Objects(target) = route else {
        if method != Method::GET {
            return Err(not_supported());
        }
        return Ok(respond(discovery::answer(&api.kinds, &route, &request.headers)));
    };
    if method == Method::GET && target.name.is_empty() && request.query.flag("watch") {
        let lines = watch::start(&api, &target, &request.query, request.form()?)?;
        let frames = StreamBody::new(lines.map(|line| line.map(Frame::data)));
        return Ok(json(StatusCode::OK).body(frames.boxed_unsync()).expect("the parts are valid"));
    }
    if method == Method::GET {
        return carry_out(&api, &method, &target, &request).map(respond);
    }
    let queue = Arc::clone(&api);
    let _turn = queue.turn.lock().await;
    let written = tokio::task::spawn_blocking(move || carry_out(&api, &method, &target, &request));
    match written.await {
        Ok(answer) => answer.map(respond),
        Err(err) => {
            tracing::error!(panicked = err.is_panic(), "a write of the embedded API was cut off");
            Err(Failure::internal(&err))
        }
    }
}

fn carry_out(
    api: &Api,
    method: &Method,
    target: &Target,
    request: &Request,
) -> Result<Answer, Failure> {
    let of_object = !target.name.is_empty();
    let placed = !target.kind.namespaced || !target.namespace.is_empty();
    match (method, of_object) {
        (&Method::GET, true) => api.get(target, &request.query, request.form()?),
        (&Method::GET, false) => api.list(target, &request.query, request.form()?),
        (&Method::POST, false) if placed => api.create(target, request),
        (&Method::PUT, true) => api.replace(target, request),
        (&Method::PATCH, true) => api.patch(target, request),
        (&Method::DELETE, true) if !target.status => api.delete(target, request),
        (&Method::DELETE, false) if placed => api.delete_all(target, request),
        _ => Err(not_supported()),
    }
}

fn not_supported() -> Failure {
    Failure::method_not_allowed("the server does not allow this method on the requested resource")
}

fn json(code: StatusCode) -> http::response::Builder {
    Response::builder().status(code).header(header::CONTENT_TYPE, "application/json")
}

fn respond(answer: Answer) -> Response<Body> {
    let mut response = json(answer.code);
    for warning in &answer.warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        response = response.header(header::WARNING, format!("299 - \"{quoted}\""));
    }
    let body = Full::new(Bytes::from(answer.body)).boxed_unsync();
    response.body(body).expect("warnings are field paths, which fit into a header")
}

fn failed(failure: &Failure) -> Response<Body> {
    let body = Bytes::from(failure.status().to_string());
    json(failure.code).body(Full::new(body).boxed_unsync()).expect("the parts are valid")
}
