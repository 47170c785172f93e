//! The life of a daemon: start, serve, lead, and hand over.
//!
//! Every replica serves HTTP and runs the tasks of [`Process::always`]; only the leader runs those of
//! [`Process::leading`]. Every task is joined: the first to end, by return or by panic, ends the
//! process, for a daemon that lives on without one of its tasks is worse than one that restarts.

use std::{
    future::pending, io, net::SocketAddr, path::Path, process::ExitCode, sync::Arc, time::Duration,
};

use axum::Router;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Client, Config};
use serde_json::Value;
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
    time::timeout,
};
use tracing::{error, info};

use crate::{
    args::Args,
    clock::Clock,
    connect,
    core::{Core, Scope, Task, Tasks},
    event::Events,
    http::{self, Readiness},
    installed,
    lease::{Candidacy, Elector, Fence},
    metrics::Metrics,
    telemetry,
};

mod local;
mod memory;

/// How long reconciles in flight may take to notice that the process ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// The namespace of what names none in a directory.
const LOCAL_HOME: &str = "default";

/// A daemon that is being put together, and then run.
pub struct Process {
    args: Args,
    core: Core,
    config: Option<Config>,
    home: String,
    identity: String,
    election: Option<String>,
    always: Tasks,
    leading: Tasks,
    news: Task,
    router: Router,
    local: Option<embedded::Server>,
    decrypt: Option<embedded::Decrypt>,
}

/// Why a daemon could not start, or did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// See [`telemetry::Error`].
    #[error(transparent)]
    Telemetry(#[from] telemetry::Error),
    /// See [`connect::Error`].
    #[error(transparent)]
    Connect(#[from] connect::Error),
    /// The address of `--http-addr` cannot be served.
    #[error("could not serve HTTP on `{address}` (`--http-addr`)")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Signals cannot be awaited.
    #[error("could not listen for signals")]
    Signals(#[source] io::Error),
    /// A task that should run for ever did not.
    #[error("the task `{name}` ended")]
    TaskEnded {
        /// Which.
        name: String,
    },
    /// Another replica may be leading.
    #[error("the lease was lost")]
    LeaseLost,
}

impl Error {
    /// 2 when the command line is at fault, else 1.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Telemetry(_)
            | Self::Connect(connect::Error::Unnamed | connect::Error::NoState) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Prepares what must be there before anything else: logs and the one TLS provider.
fn prepare(args: &Args) -> Result<(), Error> {
    telemetry::install(args.log_format, &args.log_level)?;
    install_tls();
    Ok(())
}

/// Makes aws-lc-rs the TLS provider of the process. Idempotent.
pub fn install_tls() {
    // The error is the provider that was installed before: ours.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

impl Process {
    /// Sets up the daemon `name` on the cluster or the directory that `args` name.
    ///
    /// `kinds` are those that a directory may hold; a cluster has its own.
    pub async fn start(
        name: &str,
        args: Args,
        kinds: impl FnOnce() -> Vec<CustomResourceDefinition>,
    ) -> Result<Self, Error> {
        prepare(&args)?;
        let Some(directory) = &args.local else {
            let cluster = connect::cluster(&args).await?;
            let election = args.leader_elect.then(|| lease_name(name, &cluster.namespace, &args));
            let mut process = Self::on(cluster.client, cluster.namespace, election, name, args);
            process.config = Some(cluster.config);
            return Ok(process);
        };
        let server = connect::local(directory, &args, name, kinds())?;
        // The store is locked by this process, which is all the election that a directory needs.
        let mut process = Self::on(server.client(), LOCAL_HOME.to_owned(), None, name, args);
        process.always.add("problems", local::tell_problems(server.problems()));
        process.local = Some(server);
        Ok(process)
    }

    /// Decrypts the SOPS-encrypted Secrets of a directory with `decrypt`: see [`embedded::Decrypt`].
    pub fn decrypt_with(
        &mut self,
        decrypt: impl Fn(&Path, &str) -> Result<Vec<Value>, String> + Send + Sync + 'static,
    ) {
        self.decrypt = Some(Arc::new(decrypt));
    }

    fn on(client: Client, home: String, election: Option<String>, name: &str, args: Args) -> Self {
        let identity = format!("{}_{}", args.hostname, std::process::id());
        let metrics = Metrics::default();
        let events = Events::new(client.clone(), name, &identity, Clock::system());
        let (events, delivery) = events.queued(&metrics);
        let fence = if election.is_some() { Fence::closed() } else { Fence::default() };
        let core = Core {
            events,
            client: fence.guard(client.clone()),
            fence,
            replica: client,
            scope: Scope {
                namespace: args.watch_namespace.clone(),
                selector: args.watch_label_selector.clone(),
            },
            metrics,
            clock: Clock::system(),
            concurrency: args.concurrent,
        };
        let (always, leading, router) = <_>::default();
        let (config, local, decrypt) = (None, None, None);
        let news: Task = Box::pin(delivery);
        Self {
            args,
            core,
            config,
            home,
            identity,
            election,
            always,
            leading,
            news,
            router,
            local,
            decrypt,
        }
    }

    /// Compares those kinds of the cluster that are `wanted` with `fields` (see [`installed`]), and
    /// says once what they lack; a directory has those that it was started with.
    pub fn expect(&mut self, fields: &'static str, wanted: impl Fn(&str) -> bool) {
        if self.local.is_none() {
            let (client, metrics) = (self.core.replica.clone(), self.core.metrics.clone());
            let mut expected = installed::expected(fields);
            expected.retain(|expected| wanted(expected.kind));
            self.always.add("installed-kinds", installed::tell(client, metrics, expected));
        }
    }

    /// What the controllers of this process are given.
    pub fn core(&self) -> Core {
        self.core.clone()
    }

    /// What led to the cluster, for clients that are somebody else; nothing without a cluster.
    pub fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// The namespace of the process: the pod's, or the kubeconfig's.
    pub fn home(&self) -> &str {
        &self.home
    }

    /// Tasks that every replica runs.
    pub fn always(&mut self) -> &mut Tasks {
        &mut self.always
    }

    /// Tasks that only the leader runs.
    pub fn leading(&mut self) -> &mut Tasks {
        &mut self.leading
    }

    /// Adds the daemon's own HTTP routes, which every replica serves.
    pub fn serve(&mut self, routes: Router) {
        self.router = std::mem::take(&mut self.router).merge(routes);
    }

    /// Runs until a signal, a lost lease, or the end of a task; then hands the lease over.
    pub async fn run(mut self) -> Result<(), Error> {
        if let Some(server) = self.local.take() {
            let decrypt = self.decrypt.take();
            // Before anybody is told of problems: only now it is known who decrypts.
            server.scan(decrypt.as_ref()).map_err(connect::Error::Local)?;
            self.always.add("files", async move { server.run(decrypt, pending()).await });
        }
        let mut running = JoinSet::new();
        let readiness = Readiness::default();
        let address = self.args.http_addr();
        let listener = http::bind(address, self.args.http_addr_file.as_deref())
            .await
            .map_err(|source| Error::Bind { address, source })?;
        info!(address = ?listener.local_addr().ok(), "serving");
        let router = http::router(self.router, self.core.metrics.clone(), readiness.clone());
        spawn(&mut running, "http".to_owned(), async move {
            if let Err(error) = axum::serve(listener, router).await {
                error!(%error, "the HTTP listener failed");
            }
        });
        self.always.add("memory", memory::give_back());
        for (name, task) in self.always {
            spawn(&mut running, name, task);
        }
        readiness.set();

        let elector = self.election.map(|lease| {
            let namespace = self.args.leader_election_namespace.as_deref().unwrap_or(&self.home);
            let candidacy = Candidacy::new(namespace, &lease, &self.identity);
            let fence = self.core.fence.clone();
            Elector::new(self.core.replica.clone(), candidacy, self.core.clock.clone(), fence)
        });
        let mut news = JoinSet::new();
        spawn(&mut news, "events".to_owned(), self.news);
        let outcome = tokio::select! {
            signal = signalled() => signal,
            name = first_to_end(&mut running) => Err(Error::TaskEnded { name }),
            name = first_to_end(&mut news) => Err(Error::TaskEnded { name }),
            lost = lead(elector.as_ref(), self.leading) => Err(lost),
        };
        running.abort_all();
        if matches!(outcome, Err(Error::LeaseLost)) {
            // Whoever leads now tells what is new.
            news.abort_all();
        } else {
            self.core.events.finish();
        }
        let ended = async { tokio::join!(all_ended(&mut running), all_ended(&mut news)) };
        let _ = timeout(FAREWELL, ended).await;
        if let Some(elector) = elector {
            let _ = timeout(FAREWELL, elector.release()).await;
        }
        outcome
    }
}

/// Waits for the lease, then runs `tasks` for as long as it is held. Dropping the future stops them.
async fn lead(elector: Option<&Elector>, tasks: Tasks) -> Error {
    if let Some(elector) = elector {
        elector.acquire().await;
    }
    let mut leading = JoinSet::new();
    for (name, task) in tasks {
        spawn(&mut leading, name, task);
    }
    let held = async {
        match elector {
            Some(elector) => elector.hold().await,
            None => pending().await,
        }
    };
    tokio::select! {
        () = held => Error::LeaseLost,
        name = first_to_end(&mut leading) => Error::TaskEnded { name },
    }
}

fn spawn(
    running: &mut JoinSet<String>,
    name: String,
    task: impl Future<Output = ()> + Send + 'static,
) {
    running.spawn(async move {
        task.await;
        name
    });
}

async fn first_to_end(running: &mut JoinSet<String>) -> String {
    match running.join_next().await {
        Some(Ok(name)) => name,
        Some(Err(error)) => format!("a task that panicked: {error}"),
        // A set without tasks never ends.
        None => pending().await,
    }
}

async fn all_ended(running: &mut JoinSet<String>) {
    while running.join_next().await.is_some() {}
}

async fn signalled() -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    tokio::select! {
        _ = terminate.recv() => info!("terminated"),
        _ = interrupt.recv() => info!("interrupted"),
    }
    Ok(())
}

/// The lease of a daemon that looks after a part of the objects is not that of the others.
fn lease_name(name: &str, home: &str, args: &Args) -> String {
    use sha2::{Digest, Sha256};
    let part = (args.watch_namespace.as_deref(), args.watch_label_selector.as_deref());
    let base = format!("{name}.signet.dev");
    let digest = match (part, &args.part) {
        ((None, None), None) => return base,
        (part, None) => Sha256::digest(format!("{part:?}")),
        (part, Some(more)) => Sha256::digest(format!("{part:?}{:?}", (home, more))),
    };
    let mut head = [0; 8];
    head.copy_from_slice(&digest[..8]);
    format!("{base}-{:016x}", u64::from_be_bytes(head))
}
