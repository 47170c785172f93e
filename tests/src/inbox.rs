//! An HTTP listener that keeps what it is sent: for registry notifications and forge webhooks.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Uri};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::Outcome;

/// A running listener. It stops when dropped.
#[derive(Debug)]
pub struct Inbox {
    address: String,
    deliveries: Arc<Mutex<Vec<Delivery>>>,
    server: AbortHandle,
}

/// One request that arrived.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The path and query that were asked for.
    pub uri: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came, for signatures.
    pub body: Bytes,
}

impl Inbox {
    /// Listens on a free port and answers everything with 200.
    pub async fn open() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let deliveries = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&deliveries);
        let router =
            Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| async move {
                let delivery = Delivery { uri: uri.to_string(), headers, body };
                kept.lock().expect("no holder of this lock panics").push(delivery);
            });
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, deliveries, server: server.abort_handle() })
    }

    /// Where to send to.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything that has arrived, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.deliveries.lock().expect("no holder of this lock panics").clone()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Delivery {
    /// The body as JSON, `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header, or nothing when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
