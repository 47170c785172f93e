//! Answering other processes.

use std::{io, sync::Arc};

use bytes::Bytes;
use h2::{RecvStream, server::SendResponse};
use http::{Request, Response, Version};
use sealer_core::{
    plaintext::Plaintext,
    sops::key::{KeyService, MasterKey, Wrapped},
};
use tokio::{
    sync::{Mutex, Semaphore},
    task::{JoinSet, spawn_blocking},
};
use zeroize::Zeroizing;

use crate::{
    address::{Address, Connection, Listener},
    grpc::{self, Status},
    wire::{self, Malformed},
};

/// How many calls are answered at once.
const AT_ONCE: usize = 16;
/// How many of them one connection may have.
const STREAMS: u32 = 16;

/// What a call wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// To wrap a data key.
    Encrypt,
    /// To open one.
    Decrypt,
}

impl Operation {
    /// As people are asked about it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
        }
    }
}

/// Says whether a call should be answered; it may block, and is asked about one call at a time.
pub type Confirm = Arc<dyn Fn(Operation, &MasterKey) -> io::Result<bool> + Send + Sync>;

/// Why a server cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody can connect.
    #[error("could not listen on `{address}`")]
    Listen {
        /// Where.
        address: Address,
        /// Why.
        source: io::Error,
    },
}

/// A process that wraps and opens data keys for others.
pub struct Server {
    listener: Listener,
    calls: Calls,
}

#[derive(Clone)]
struct Calls {
    service: Arc<dyn KeyService + Send + Sync>,
    confirm: Option<Confirm>,
    asking: Arc<Mutex<()>>,
    places: Arc<Semaphore>,
}

impl Server {
    /// Takes connections at `address` for `service`. With `confirm`, somebody is asked about each call,
    /// before anything is done.
    pub async fn bind(
        address: &Address,
        service: Arc<dyn KeyService + Send + Sync>,
        confirm: Option<Confirm>,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Listen { address: address.clone(), source };
        let listener = address.listen().await.map_err(failed)?;
        let (asking, places) = (Arc::default(), Arc::new(Semaphore::new(AT_ONCE)));
        Ok(Self { listener, calls: Calls { service, confirm, asking, places } })
    }

    /// Where it is.
    pub fn address(&self) -> io::Result<Address> {
        self.listener.address()
    }

    /// Answers until it is dropped.
    pub async fn run(self) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok(connection) => {
                        connections.spawn(serve(connection, self.calls.clone()));
                    }
                    // Too many files are open; they will not always be.
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// Answers the calls of one connection.
async fn serve(connection: Connection, calls: Calls) {
    let mut answers = JoinSet::new();
    let mut settings = h2::server::Builder::new();
    settings.max_concurrent_streams(STREAMS);
    let Ok(mut connection) = settings.handshake::<_, Bytes>(connection).await else { return };
    loop {
        tokio::select! {
            call = connection.accept() => match call {
                Some(Ok((request, response))) => {
                    answers.spawn(answer(request, response, calls.clone()));
                }
                Some(Err(_)) | None => return,
            },
            Some(_) = answers.join_next() => {}
        }
    }
}

async fn answer(request: Request<RecvStream>, mut response: SendResponse<Bytes>, calls: Calls) {
    let (status, message) = match calls.perform(request).await {
        Ok(message) => (Status::new(Status::OK, ""), Some(message)),
        Err(status) => (status, None),
    };
    let head = Response::builder().version(Version::HTTP_2).header("content-type", grpc::CONTENT);
    let head = head.body(()).expect("it is well-formed");
    // Whoever left does not wait for an answer.
    let Ok(mut stream) = response.send_response(head, false) else { return };
    if let Some(message) = message
        && stream.send_data(grpc::framed(&message), false).is_err()
    {
        return;
    }
    let _ = stream.send_trailers(status.headers());
}

impl Calls {
    async fn perform(&self, request: Request<RecvStream>) -> Result<Zeroizing<Vec<u8>>, Status> {
        let operation = match request.uri().path() {
            grpc::ENCRYPT => Operation::Encrypt,
            grpc::DECRYPT => Operation::Decrypt,
            _ => return Err(Status::new(Status::UNIMPLEMENTED, "there is no such call")),
        };
        let place = self.places.acquire().await;
        let message = grpc::message(&mut request.into_body()).await?;
        let (key, payload) = wire::read_request(&message).map_err(|error| {
            let code = match error {
                Malformed::Message => Status::INVALID,
                Malformed::NoKey | Malformed::UnknownKey => Status::NOT_FOUND,
            };
            Status::new(code, error.to_string())
        })?;
        let key = self.confirmed(operation, key).await?;
        let service = Arc::clone(&self.service);
        let done = spawn_blocking(move || perform(&*service, operation, key, payload)).await;
        drop(place);
        done.unwrap_or_else(|_| Err(Status::new(Status::UNKNOWN, "the call panicked")))
    }

    /// The key, if somebody agrees to its use or nobody must be asked.
    async fn confirmed(&self, operation: Operation, key: MasterKey) -> Result<MasterKey, Status> {
        let Some(confirm) = self.confirm.clone() else { return Ok(key) };
        let _turn = self.asking.lock().await;
        let asked = spawn_blocking(move || (confirm(operation, &key), key)).await;
        match asked {
            Ok((Ok(true), key)) => Ok(key),
            Ok((Ok(false), _)) => Err(Status::new(Status::DENIED, "Request rejected by user")),
            Ok((Err(error), _)) => Err(Status::new(Status::UNKNOWN, error.to_string())),
            Err(_) => Err(Status::new(Status::UNKNOWN, "nobody could be asked")),
        }
    }
}

fn perform(
    service: &(dyn KeyService + Send + Sync),
    operation: Operation,
    key: MasterKey,
    payload: Zeroizing<Vec<u8>>,
) -> Result<Zeroizing<Vec<u8>>, Status> {
    let done = match operation {
        Operation::Encrypt => {
            let enc = service.encrypt(&key, &Plaintext::from(payload));
            enc.map(|enc| wire::response(enc.as_bytes()))
        }
        Operation::Decrypt => {
            let enc = String::from_utf8(payload.to_vec());
            let enc =
                enc.map_err(|_| Status::new(Status::INVALID, "what is wrapped is no text"))?;
            let part = service.decrypt(&Wrapped { key, enc, created_at: None });
            part.map(|part| wire::response(part.expose()))
        }
    };
    done.map_err(|error| Status::new(Status::UNKNOWN, error.to_string()))
}
