//! Asking another process.

use std::{sync::OnceLock, time::Duration};

use http::{Request, Version};
use sealer_core::{
    plaintext::Plaintext,
    sops::key::{KeyError, KeyService, MasterKey, Wrapped},
};
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};
use zeroize::Zeroizing;

use crate::{
    address::Address,
    grpc::{self, Status},
    wire,
};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take: somebody may be asked whether it should be given.
const ANSWER: Duration = Duration::from_secs(600);

/// Another process that wraps and opens data keys. Every call has a connection of its own.
pub struct Client {
    address: Address,
    runtime: OnceLock<Runtime>,
}

impl Client {
    /// The process at `address`; nothing is sent yet.
    pub fn new(address: Address) -> Self {
        Self { address, runtime: OnceLock::new() }
    }

    fn call(
        &self,
        path: &'static str,
        key: &MasterKey,
        payload: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let runtime = self.runtime.get_or_init(|| {
            let built = Builder::new_current_thread().enable_all().build();
            built.expect("a process that has files left can have a runtime")
        });
        let message = wire::request(key, payload);
        runtime.block_on(self.ask(path, &message))
    }

    async fn ask(
        &self,
        path: &'static str,
        message: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let failed = |what: &dyn std::fmt::Display| {
            KeyError::Failed(format!("the key service at `{}` {what}", self.address))
        };
        let connection = timeout(CONNECT, self.address.connect()).await;
        let connection = connection.map_err(|_| failed(&"does not answer"))?;
        let connection = connection
            .map_err(|error| failed(&format_args!("cannot be reached: {error}; start it with `sops keyservice`, or leave out `--keyservice`")))?;
        let answer = timeout(ANSWER, exchange(connection, path, message)).await;
        let answer = answer.map_err(|_| failed(&"did not answer in time"))?;
        let answer =
            answer.map_err(|status| failed(&format_args!("refused: {}", told(&status))))?;
        wire::read_response(&answer).map_err(|error| failed(&format_args!("answered: {error}")))
    }
}

/// What a server says: untrusted text, on one line and short.
fn told(status: &Status) -> String {
    let letters = status.message.chars().map(|it| if it.is_control() { ' ' } else { it });
    let message: String = letters.take(2000).collect();
    if message.is_empty() { format!("status {}", status.code) } else { message }
}

/// Sends one message and reads the one that answers it.
async fn exchange(
    connection: crate::address::Connection,
    path: &'static str,
    message: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Status> {
    let lost = |error: h2::Error| Status::new(Status::UNKNOWN, error.to_string());
    let (sender, connection) = h2::client::handshake(connection).await.map_err(lost)?;
    let driver = tokio::spawn(connection);
    let mut sender = sender.ready().await.map_err(lost)?;
    let request = Request::post(format!("http://keyservice{path}"))
        .version(Version::HTTP_2)
        .header("content-type", grpc::CONTENT)
        .header("te", "trailers")
        .header("user-agent", concat!("signet/", env!("CARGO_PKG_VERSION")))
        .body(())
        .expect("it is well-formed");
    let (response, mut stream) = sender.send_request(request, false).map_err(lost)?;
    stream.send_data(grpc::framed(message), true).map_err(lost)?;
    let response = response.await.map_err(lost)?;
    // What fails before it begins says so at once.
    if let Some(status) = Status::of(response.headers()).filter(|it| it.code != Status::OK) {
        return Err(status);
    }
    if response.status() != http::StatusCode::OK {
        let said = format!("it answered {}, and is no key service", response.status().as_u16());
        return Err(Status::new(Status::UNKNOWN, said));
    }
    let mut body = response.into_body();
    let answer = grpc::message(&mut body).await;
    let trailers = body.trailers().await.map_err(lost)?.unwrap_or_default();
    driver.abort();
    match Status::of(&trailers) {
        Some(status) if status.code != Status::OK => Err(status),
        Some(_) => answer,
        None => Err(Status::new(Status::UNKNOWN, "the answer ended before its status")),
    }
}

impl KeyService for Client {
    fn decrypt(&self, wrapped: &Wrapped) -> Result<Plaintext, KeyError> {
        self.call(grpc::DECRYPT, &wrapped.key, wrapped.enc.as_bytes()).map(Plaintext::from)
    }

    fn encrypt(&self, key: &MasterKey, part: &Plaintext) -> Result<String, KeyError> {
        let enc = self.call(grpc::ENCRYPT, key, part.expose())?;
        String::from_utf8(enc.to_vec()).map_err(|_| {
            let problem = "answered with what is no text, and cannot be written into a file";
            KeyError::Failed(format!("the key service at `{}` {problem}", self.address))
        })
    }
}
