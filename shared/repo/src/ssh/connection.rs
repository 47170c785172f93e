//! Connections: made, authenticated, and used one conversation after the other.

use std::{
    borrow::Cow,
    collections::HashMap,
    future::Future,
    sync::{Arc, LazyLock, Mutex, OnceLock},
    time::{Duration, Instant},
};

use keyfile::{reader::push_string, ssh};
use russh::{
    AlgorithmKind, Preferred, SendError, Signer, SshId,
    client::{self, AuthResult, Handle},
    keys::{HashAlg, agent::AgentIdentity},
};
use tokio::{net::TcpStream, runtime::Runtime, time::timeout_at};

use super::{
    Ssh, dial,
    key::rsa_hash,
    trust::{Guard, Refusal},
};
use crate::{Error, Identity, Remote, guard::lock, url::Address};

/// A connection that a server has let in.
pub(super) struct Connection {
    pub(super) handle: Handle<Guard>,
    key: Identity,
}

/// Connections that wait for their next use.
static IDLE: LazyLock<Mutex<HashMap<Identity, Vec<Parked>>>> = LazyLock::new(Mutex::default);

/// A connection, and since when it waits.
type Parked = (Instant, Connection);

/// Drives every connection, from a thread of its own; callers block on theirs.
pub(super) fn runtime() -> Result<&'static Runtime, Error> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let built = builder.worker_threads(1).thread_name("repo-ssh").enable_all().build();
    let built =
        built.map_err(|source| Error::Client { what: "thread for ssh", source: source.into() })?;
    Ok(RUNTIME.get_or_init(|| built))
}

/// What a conversation has, and until when.
pub(super) struct Call<'c> {
    pub(super) remote: &'c Remote,
    pub(super) address: &'c Address,
    pub(super) ssh: &'c Ssh,
    pub(super) deadline: Instant,
}

impl Call<'_> {
    /// What a connection must have in common with another to be used instead.
    pub(super) fn key(&self) -> Identity {
        self.remote.login(self.address, self.ssh)
    }

    /// A connection that waits, if one does.
    pub(super) fn waiting(&self) -> Option<Connection> {
        let mut idle = lock(&IDLE);
        let waiting = idle.get_mut(&self.key())?;
        while let Some((_, connection)) = waiting.pop() {
            if !connection.handle.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Connection, Error> {
        let Address { host, port, .. } = self.address;
        let url = &self.remote.url;
        let known = self.ssh.known_hosts.of(host, *port);
        let (key, certified) = known
            .algorithms(host, *port)
            .map_err(|why| Error::HostKey { url: url.clone(), why })?;
        let algorithms = &self.remote.algorithms;
        let key = algorithms.host_keys(key);
        let certified = algorithms.host_keys(certified);
        if key.is_empty() && certified.is_empty() {
            let why = "`known_hosts` has no key of a type that `--ssh-hostkey-algos` allows".into();
            return Err(Error::HostKey { url: url.clone(), why });
        }
        let stream = self.dial().await?;
        let refusal = Refusal::default();
        let guard = Guard { known, host: host.clone(), refusal: refusal.clone() };
        let config = Arc::new(client::Config {
            client_id: SshId::Standard(Cow::Borrowed(concat!(
                "SSH-2.0-signet_",
                env!("CARGO_PKG_VERSION")
            ))),
            preferred: Preferred {
                kex: Cow::Owned(algorithms.kex()),
                key: Cow::Owned(key),
                host_key_certificates: Cow::Owned(certified),
                ..Preferred::DEFAULT
            },
            keepalive_interval: Some(KEEPALIVE),
            ..client::Config::default()
        });
        let greeting = self.within(client::connect_stream(config, stream, guard)).await?;
        let handle = greeting.map_err(|source| self.no_greeting(source, &refusal))?;
        let mut connection = Connection { handle, key: self.key() };
        self.log_in(&mut connection.handle).await?;
        Ok(connection)
    }

    /// A stream to the server, through the proxy if there is one.
    async fn dial(&self) -> Result<TcpStream, Error> {
        let Address { host, port, .. } = self.address;
        let unreachable = |source: crate::error::Source| {
            let url = self.remote.url.clone();
            Error::Unreachable { url, source }
        };
        let dial = dial::dial(self.remote.proxy.as_ref(), host, *port);
        let dialled = tokio::time::timeout(self.remote.timeouts.connect, dial).await;
        let dialled =
            dialled.map_err(|_| unreachable("the connection was not made in time".into()))?;
        let stream = dialled.map_err(|error| match error {
            // The author of the proxy's Secret can mend it.
            dial::Error::Refused(_) | dial::Error::Scheme(_) => {
                Error::Client { what: "proxy", source: error.into() }
            }
            dial::Error::Io(source) => unreachable(source.into()),
            dial::Error::Proxy(_) => unreachable(error.into()),
        })?;
        // Costs latency only.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    /// What `future` gives before the deadline.
    pub(super) async fn within<T>(&self, future: impl Future<Output = T>) -> Result<T, Error> {
        let late = |_| Error::Timeout {
            url: self.remote.url.clone(),
            limit: self.remote.timeouts.operation,
        };
        timeout_at(self.deadline.into(), future).await.map_err(late)
    }

    /// Why the server and we could not come to talk.
    fn no_greeting(&self, source: russh::Error, refusal: &Refusal) -> Error {
        let url = self.remote.url.clone();
        match (refusal.take(), source) {
            (Some(why), _) => Error::HostKey { url, why },
            (None, russh::Error::NoCommonAlgo { kind: AlgorithmKind::Key, ours, theirs }) => {
                let (ours, theirs) = (ours.join(", "), theirs.join(", "));
                let why =
                    format!("it has keys of type {theirs}, but those in `known_hosts` are {ours}");
                Error::HostKey { url, why }
            }
            (None, russh::Error::WrongServerSig) => {
                Error::HostKey { url, why: "it could not prove that its key is its own".to_owned() }
            }
            (None, source) => Error::Unreachable { url, source: source.into() },
        }
    }

    async fn log_in(&self, handle: &mut Handle<Guard>) -> Result<(), Error> {
        let url = &self.remote.url;
        let broken = |source: crate::error::Source| Error::Protocol {
            url: url.clone(),
            doing: "log in",
            source,
        };
        let key = &self.ssh.key;
        let mut hand = Hand(key.private());
        let hash = if key.is_rsa() {
            let best = self.within(handle.best_supported_rsa_hash()).await?;
            // Never SHA-1: a server that says nothing of others may yet take them.
            best.map_err(|source| broken(source.into()))?.flatten().or(Some(HashAlg::Sha256))
        } else {
            None
        };
        let user = &self.address.user;
        let login = handle.authenticate_publickey_with(user, key.public().clone(), hash, &mut hand);
        match self.within(login).await? {
            Ok(AuthResult::Success) => Ok(()),
            Ok(AuthResult::Failure { .. }) => {
                Err(Error::Login { url: url.clone(), user: user.clone(), key: key.to_string() })
            }
            Err(source) => Err(broken(source.into())),
        }
    }
}

impl Connection {
    /// Keeps the connection for the next who would make the same.
    pub(super) fn park(self) {
        let mut idle = lock(&IDLE);
        let waiting = idle.entry(self.key).or_default();
        waiting.push((Instant::now(), self));
        drop(idle);
        if let Ok(runtime) = runtime() {
            runtime.spawn(async {
                tokio::time::sleep(PATIENCE).await;
                lock(&IDLE).retain(|_, waiting| {
                    waiting.retain(|(since, _)| since.elapsed() < PATIENCE);
                    !waiting.is_empty()
                });
            });
        }
    }
}

/// Signs for one login.
struct Hand(Arc<ssh::Key>);

/// Why a login could not be tried.
#[derive(Debug, thiserror::Error)]
enum LoginError {
    /// The connection has ended.
    #[error("the connection has ended")]
    Ended(#[from] SendError),
    /// The key does not sign.
    #[error("the key does not sign")]
    Sign(#[from] ssh::Error),
}

impl Signer for Hand {
    type Error = LoginError;

    async fn auth_sign(
        &mut self,
        _key: &AgentIdentity,
        hash: Option<HashAlg>,
        mut data: Vec<u8>,
    ) -> Result<Vec<u8>, Self::Error> {
        let signature = self.0.sign(rsa_hash(hash), &data)?;
        push_string(&mut data, &signature);
        Ok(data)
    }
}

/// A connection on which nothing came for this long is asked whether it still is one.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// How long a connection waits for its next use.
const PATIENCE: Duration = Duration::from_secs(30);
