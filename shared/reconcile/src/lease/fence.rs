//! What keeps a process that lost its lease from writing.
//!
//! Tasks of a leader are stopped when its lease is lost, but a process that slept, or whose
//! processor was taken away, wakes up in the middle of one. So each write asks the clock first.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use futures::future::{self, BoxFuture};
use http::{Method, Request, Response};
use kube::{Client, client::Body};
use tokio::time::Instant;
use tower::{BoxError, Service};

/// Until when this process may write as the leader. Cheap to clone; clones share the term.
#[derive(Clone, Debug, Default)]
pub struct Fence(Arc<Mutex<Term>>);

#[derive(Clone, Copy, Debug, Default)]
enum Term {
    /// Nobody is elected, so everybody may write.
    #[default]
    Unbounded,
    Until(Instant),
}

/// A write was kept back, for this process does not lead any more.
#[derive(Debug, thiserror::Error)]
#[error("the lease of this process has run out, so that it may not write any more")]
pub struct NotLeading;

impl Fence {
    /// Nobody may write before the first term begins.
    pub fn closed() -> Self {
        Self(Arc::new(Mutex::new(Term::Until(Instant::now()))))
    }

    /// Begins or extends the term.
    pub(super) fn open_until(&self, end: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Term::Until(end);
    }

    /// Ends the term.
    pub(super) fn close(&self) {
        self.open_until(Instant::now());
    }

    fn is_open(&self) -> bool {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Term::Unbounded => true,
            Term::Until(end) => Instant::now() < end,
        }
    }

    /// `client` as it may be used by the leader: it always reads, and writes only within the term.
    pub fn guard(&self, client: Client) -> Client {
        let namespace = client.default_namespace().to_owned();
        Client::new(Guarded { client, fence: self.clone() }, namespace)
    }
}

struct Guarded {
    client: Client,
    fence: Fence,
}

impl Service<Request<Body>> for Guarded {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.method() != Method::GET && !self.fence.is_open() {
            return Box::pin(future::ready(Err(NotLeading.into())));
        }
        let client = self.client.clone();
        Box::pin(async move { Ok(client.send(request).await?) })
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use kube::Error;

    use super::*;

    /// Answers everything.
    fn willing() -> Client {
        let answer = |_: Request<Body>| async {
            Ok::<_, Infallible>(Response::new(Body::from(b"{}".to_vec())))
        };
        Client::new(tower::service_fn(answer), "default")
    }

    async fn ask(client: &Client, method: Method) -> Result<(), Error> {
        let request = Request::builder().method(method).uri("/api").body(Body::empty());
        client.send(request.expect("a request")).await.map(drop)
    }

    #[tokio::test(start_paused = true)]
    async fn writes_pass_within_the_term_and_reads_always() {
        let fence = Fence::closed();
        let client = fence.guard(willing());
        let writes = async || ask(&client, Method::POST).await.is_ok();
        assert!(!writes().await, "before the first term");
        fence.open_until(Instant::now() + Duration::from_secs(10));
        assert!(writes().await);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(writes().await);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!writes().await, "a process that slept");
        ask(&client, Method::GET).await.expect("reading is for everybody");
        fence.open_until(Instant::now() + Duration::from_secs(10));
        fence.close();
        let refused = ask(&client, Method::PATCH).await.expect_err("the lease was given back");
        assert!(refused.to_string().contains("may not write any more"), "{refused}");
    }

    #[tokio::test]
    async fn without_an_election_everybody_writes() {
        ask(&Fence::default().guard(willing()), Method::DELETE).await.expect("no lease, no term");
    }
}
