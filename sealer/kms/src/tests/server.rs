//! A service that answers as a test says, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Body};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::{HeaderMap, Method, Response, Uri};
use tokio::{net::TcpListener, runtime::Runtime};

/// What a service was asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// What it answers: a status, the content type and the text.
pub(super) type Answer = (u16, &'static str, String);

pub(super) const JSON: &str = "application/json";

pub(super) struct Server {
    pub(super) host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _runtime: Runtime,
}

impl Server {
    pub(super) fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (seen, answer) = (Arc::clone(&asked), Arc::new(answer));
        let router = Router::new().fallback(
            move |method: Method, uri: Uri, headers: HeaderMap, body: String| {
                let path = uri.path_and_query().unwrap().to_string();
                let asked = Asked { method: method.to_string(), path, headers, body };
                let (status, kind, text) = answer(&asked);
                seen.lock().unwrap().push(asked);
                let response = Response::builder().status(status).header("content-type", kind);
                let response = response.body(Body::from(text)).unwrap();
                async move { response }
            },
        );
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { host, asked, _runtime: runtime }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().drain(..).collect()
    }
}

/// What a published description of an API says of a message: its fields, and which must be there.
pub(super) struct Schema {
    pub(super) fields: &'static [(&'static str, Kind)],
    pub(super) required: &'static [&'static str],
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// `format: byte`, standard Base64.
    Bytes,
    /// `format: base64url`, without padding.
    UrlBytes,
    /// `format: int64`, which JSON carries as a text of digits.
    Int64,
    /// One of these words.
    Word(&'static [&'static str]),
}

impl Schema {
    /// What is wrong with a message, if anything is.
    pub(super) fn check(&self, body: &str) -> Result<serde_json::Value, String> {
        let message: serde_json::Value =
            serde_json::from_str(body).map_err(|error| error.to_string())?;
        let members = message.as_object().ok_or("no object")?;
        for name in self.required {
            members.get(*name).ok_or_else(|| format!("`{name}` is missing"))?;
        }
        for (name, value) in members {
            let known = self.fields.iter().find(|(known, _)| known == name);
            let (_, kind) = known.ok_or_else(|| format!("`{name}` is not known"))?;
            let text = value.as_str().ok_or_else(|| format!("`{name}` is no text"))?;
            let good = match kind {
                Kind::Bytes => STANDARD.decode(text).is_ok(),
                Kind::UrlBytes => URL_SAFE_NO_PAD.decode(text).is_ok(),
                Kind::Int64 => text.parse::<i64>().is_ok(),
                Kind::Word(words) => words.contains(&text),
            };
            if !good {
                return Err(format!("`{name}` is no {kind:?}: {text}"));
            }
        }
        Ok(message)
    }
}
