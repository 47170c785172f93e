//! The key Secrets of a cluster.

use http::Request;
use kube::Client;
use sealer_core::sealed::native::NATIVE_LABEL;
use serde_json::Value;
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use super::{Error, LABELS};
use crate::{cluster, controller};

/// The label of RSA key Secrets.
pub(super) const RSA_LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";

/// A namespace with key Secrets.
pub(super) struct Store {
    runtime: Runtime,
    client: Client,
    namespace: String,
}

impl Store {
    pub(super) fn open(target: &cluster::Target) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(controller::Error::Runtime)?;
        let client = runtime.block_on(target.connection().client())?;
        Ok(Self { runtime, client, namespace: target.namespace().to_owned() })
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// All key Secrets, whatever their label says. They hold private keys: wipe them after use.
    pub(super) fn list(&self) -> Result<Vec<Value>, Error> {
        let mut all = Vec::new();
        for label in LABELS {
            let path = format!("{}?labelSelector={}", self.path(), label.replace('/', "%2F"));
            let request = Request::get(path).body(Vec::new());
            let text = self.ask("list Secrets", request)?.unwrap_or_default();
            let mut listed: Value = serde_json::from_str(&text).unwrap_or_default();
            if let Value::Array(items) = listed["items"].take() {
                all.extend(items.into_iter().map(|mut secret| {
                    // Items of a list do not say what they are.
                    (secret["apiVersion"], secret["kind"]) = ("v1".into(), "Secret".into());
                    secret
                }));
            }
        }
        Ok(all)
    }

    /// Creates a Secret and tells its name; none if one of that name is there.
    pub(super) fn create(&self, secret: &Value) -> Result<Option<String>, Error> {
        let mut body = secret.clone();
        body["metadata"]["namespace"] = self.namespace.clone().into();
        let request = Request::post(self.path())
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes());
        sealer_core::plaintext::wipe(&mut body);
        let Some(text) = self.ask("create a Secret", request)? else { return Ok(None) };
        let mut created: Value = serde_json::from_str(&text).unwrap_or_default();
        let name = created["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        sealer_core::plaintext::wipe(&mut created);
        Ok(Some(name))
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets", self.namespace)
    }

    /// The answer; none if what should be made is there.
    fn ask(
        &self,
        what: &'static str,
        request: Result<Request<Vec<u8>>, http::Error>,
    ) -> Result<Option<Zeroizing<String>>, Error> {
        let failed = |cause| Error::Api { what, namespace: self.namespace.clone(), cause };
        let request = request.map_err(|error| failed(error.to_string()))?;
        match self.runtime.block_on(self.client.request_text(request)) {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
            Err(kube::Error::Api(status)) => Err(failed(status.message)),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}

/// Whether a key Secret is in use.
pub(super) fn state(secret: &Value) -> &str {
    let labels = &secret["metadata"]["labels"];
    let state = labels[RSA_LABEL].as_str().or(labels[NATIVE_LABEL].as_str());
    state.unwrap_or_default()
}
