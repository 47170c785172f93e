//! The controller of a cluster, through the API server's proxy.
//!
//! kubeseal's way: the Service is read for the name of its first port, and the proxy passes what is
//! asked on to the pod behind it, with the rights of the kubeconfig's user.

use http::{Request, StatusCode};
use k8s_openapi::api::core::v1::Service;
use kube::{Api, Client, client::Body};
use serde_json::Value;
use tokio::runtime::Runtime;

mod connection;

pub(crate) use connection::{Connection, Error as ConnectionError, User};

/// What answers at a Service.
pub(crate) struct Controller {
    runtime: Runtime,
    client: Client,
    namespace: String,
    name: String,
    /// `/api/v1/namespaces/…/services/http:NAME:PORT/proxy`.
    proxy: String,
}

/// Why the controller gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error("could not build a client for the cluster")]
    Client(#[source] kube::Error),
    #[error("could not start the network")]
    Runtime(#[source] std::io::Error),
    #[error("cannot get sealed secret service `{namespace}/{name}`: {cause}")]
    Service { namespace: String, name: String, cause: String },
    #[error("cannot fetch certificate from Service `{namespace}/{name}`: {cause}")]
    Certificate { namespace: String, name: String, cause: String },
    #[error("cannot validate sealed secret: {cause}")]
    Verify { cause: String },
    #[error("cannot re-encrypt secret: {cause}")]
    Rotate { cause: String },
}

impl Controller {
    /// Finds the Service `namespace/name`.
    pub(crate) fn find(
        connection: &Connection,
        namespace: &str,
        name: &str,
    ) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Runtime)?;
        let (client, port) = runtime.block_on(async {
            let client = connection.client().await?;
            let services: Api<Service> = Api::namespaced(client.clone(), namespace);
            let service = services.get(name).await.map_err(|error| Error::Service {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                cause: told(error),
            })?;
            let port = service.spec.and_then(|spec| spec.ports?.into_iter().next()?.name);
            // The proxy goes by the port's name, and an unnamed port has none.
            Ok::<_, Error>((client, port.unwrap_or_default()))
        })?;
        let proxy = format!("/api/v1/namespaces/{namespace}/services/http:{name}:{port}/proxy");
        Ok(Self { runtime, client, namespace: namespace.to_owned(), name: name.to_owned(), proxy })
    }

    /// The newest certificate in PEM, as the controller serves it.
    pub(crate) fn certificate(&self) -> Result<String, Error> {
        let failed = |cause| Error::Certificate {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            cause,
        };
        let request = Request::get(format!("{}/v1/cert.pem", self.proxy)).body(Vec::new());
        let request = request.expect("the names came from a path that was answered");
        let asked = self.runtime.block_on(self.client.request_text(request));
        asked.map_err(|error| failed(told(error)))
    }

    /// Whether the controller opens every value of a SealedSecret.
    pub(crate) fn verify(&self, sealed: &Value) -> Result<bool, Error> {
        match self.post("/v1/verify", sealed) {
            Ok((StatusCode::OK, _)) => Ok(true),
            Ok((StatusCode::CONFLICT, _)) => Ok(false),
            Ok((status, body)) => Err(Error::Verify { cause: refused(status, &body) }),
            Err(cause) => Err(Error::Verify { cause }),
        }
    }

    /// A SealedSecret with its values sealed for the newest key.
    fn rotate(&self, sealed: &Value) -> Result<Value, Error> {
        match self.post("/v1/rotate", sealed) {
            Ok((StatusCode::OK, body)) => serde_json::from_slice(&body).map_err(|error| {
                Error::Rotate { cause: format!("the answer is no JSON: {error}") }
            }),
            Ok((status, body)) => Err(Error::Rotate { cause: refused(status, &body) }),
            Err(cause) => Err(Error::Rotate { cause }),
        }
    }

    /// The values of a SealedSecret, by key, sealed for the newest key.
    pub(crate) fn rotate_values(&self, sealed: &Value) -> Result<Value, Error> {
        let mut asked = sealed.clone();
        // A controller has no use for texts that it must not render, and old ones would seal what
        // they rendered.
        if let Some(template) = asked["spec"]["template"].as_object_mut() {
            template.remove("data");
        }
        Ok(self.rotate(&asked)?["spec"]["encryptedData"].take())
    }

    /// The status and the body, whatever they are.
    fn post(&self, path: &str, sealed: &Value) -> Result<(StatusCode, Vec<u8>), String> {
        let request = Request::post(format!("{}{path}", self.proxy))
            .header("content-type", "application/json")
            .body(Body::from(sealed.to_string().into_bytes()))
            .map_err(|error| error.to_string())?;
        self.runtime.block_on(async {
            let response = self.client.send(request).await.map_err(told)?;
            let (parts, body) = response.into_parts();
            let body = body.collect_bytes().await.map_err(told)?;
            Ok((parts.status, body.to_vec()))
        })
    }
}

impl Error {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Connection(error) => error.hint(),
            Self::Service { .. } | Self::Certificate { .. } => Some(
                "name the controller's Service with `--controller-namespace` and \
                 `--controller-name`, or pass a certificate with `--cert`"
                    .to_owned(),
            ),
            Self::Client(_) | Self::Runtime(_) | Self::Verify { .. } | Self::Rotate { .. } => None,
        }
    }
}

/// An answer that is neither yes nor no: the API server's own, or the controller's.
fn refused(status: StatusCode, body: &[u8]) -> String {
    let told = serde_json::from_slice::<Value>(body).ok();
    let message = told.as_ref().and_then(|status| status["message"].as_str());
    let text = String::from_utf8_lossy(body);
    match message.unwrap_or(text.trim()) {
        "" => format!("the controller answered {status}"),
        message => format!("{status}: {message}"),
    }
}

fn told(error: kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message,
        // kube's errors print their own causes.
        other => other.to_string(),
    }
}
