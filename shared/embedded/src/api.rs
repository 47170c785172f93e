//! The state behind the API, and the transaction that every write goes through.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;

use crate::{
    decode::Unknown,
    failure::Failure,
    gc,
    kind::Registry,
    query::{self, Form, Query},
    store::{Store, Writer},
    write::Author,
};

/// What all requests share.
pub(crate) struct Api {
    pub store: Store,
    pub kinds: Registry,
    pub clock: fn() -> Timestamp,
    /// Writes queue here, so that only one waits for the disk, and the others cost no thread.
    pub turn: tokio::sync::Mutex<()>,
}

/// A request, without its method and path.
pub(crate) struct Request {
    pub headers: HeaderMap,
    pub query: Query,
    pub body: Bytes,
}

impl Request {
    pub(crate) fn form(&self) -> Result<Form, Failure> {
        query::form(&self.headers)
    }

    pub(crate) fn dry(&self) -> Result<bool, Failure> {
        self.query.dry("Options")
    }

    pub(crate) fn unknown(&self) -> Unknown {
        Unknown::parse(self.query.text("fieldValidation"))
    }

    pub(crate) fn author(&self) -> Result<Author, Failure> {
        let manager = self.query.manager(&self.headers);
        if manager.len() > 128 {
            return Err(Failure::bad_request("fieldManager may not be more than 128 bytes"));
        }
        Ok(Author::Client { manager })
    }

    /// The body as JSON, which is the only form that is read.
    pub(crate) fn json(&self) -> Result<serde_json::Value, Failure> {
        let media = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media = media.unwrap_or("application/json").split(';').next().unwrap_or("").trim();
        if media != "application/json" && media != "*/*" {
            return Err(Failure::unsupported_media(
                "the body of the request was in an unknown format - accepted media types \
                 include: application/json",
            ));
        }
        crate::decode::json(&self.body)
    }
}

/// What a request is answered.
pub(crate) struct Answer {
    pub code: StatusCode,
    pub body: Vec<u8>,
    pub warnings: Vec<String>,
}

impl Answer {
    pub(crate) fn ok(body: Vec<u8>) -> Self {
        Self { code: StatusCode::OK, body, warnings: Vec::new() }
    }
}

impl Api {
    /// The time as Kubernetes writes it.
    pub(crate) fn now(&self) -> String {
        (self.clock)().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// Runs a change and what follows from it (garbage collection) as one transaction.
    pub(crate) fn write<T>(
        &self,
        dry: bool,
        change: impl FnOnce(&mut Writer<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.store.write(dry, |writer| {
            let answer = change(writer)?;
            gc::collect(self, writer)?;
            Ok(answer)
        })
    }
}
