//! The daemon: SealedSecrets, SOPS files in Git and external stores become Kubernetes Secrets.
//!
//! ```text
//! SealedSecret   ─▶ keys ────────┐
//! GitSecretSync  ─▶ repo, sops ──┼─▶ claim ─▶ secrets ─▶ Secret
//! SopsSecret     ─▶ sops ────────┤
//! ExternalSecret ─▶ provider ────┘
//! ```
//!
//! Every controller is the five verbs of [`reconcile`]. What they decide is in `sealer-core`; only
//! [`secrets`] writes a Secret, and only what `claim` allows.

use std::process::ExitCode;
use std::sync::Arc;

use ::source::Sources;
use axum::Router;
use kube::Config;
use reconcile::process::{self, Process};
use reconcile::{Core, Scope, Tasks};
use repo::Cache;
use tokio::sync::watch;

use crate::accounts::Accounts;
use crate::args::{Args, Controller};
use crate::controller::external_secret::External;
use crate::controller::git_secret_sync::Git;
use crate::controller::{
    Context, external_secret, git_secret_sync, kustomization, sealed_secret, sealing_key,
    sops_secret,
};
use crate::decryption::Keys;
use crate::metrics::Metrics;
use crate::provider::reads::Reads;
use crate::secrets::Secrets;

pub mod accounts;
pub mod args;
pub mod controller;
pub mod decryption;
pub mod http;
pub mod keys;
pub mod local;
pub mod metrics;
pub mod provider;
pub mod secrets;
pub mod source;
#[cfg(test)]
mod testbed;

/// The daemon, before it runs.
pub struct Daemon {
    args: Args,
    home: String,
    context: Context,
    /// The same for each part of the objects that has watches of its own.
    parts: Vec<Context>,
    /// How often somebody asked for a new sealing key.
    asked: watch::Sender<u64>,
    config: Option<Config>,
    cache: Option<Cache>,
}

/// Why the daemon could not start, or did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// See [`process::Error`].
    #[error(transparent)]
    Process(#[from] process::Error),
    /// See [`decryption::Error`].
    #[error(transparent)]
    Keys(#[from] decryption::Error),
    /// Nothing says where Git objects may be kept.
    #[error("nothing says where Git objects may be kept; give `--cache-dir DIR`")]
    NoCacheDir,
    /// The Git cache cannot be used.
    #[error("could not open the Git cache of `--cache-dir`")]
    Cache(#[source] repo::Error),
}

impl Error {
    /// 2 when the command line is at fault, else 1.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Process(error) => error.exit_code(),
            Self::Keys(_) | Self::NoCacheDir | Self::Cache(_) => ExitCode::from(2),
        }
    }
}

/// Runs the daemon until a signal, or until it can no longer do its work.
pub async fn run(mut args: Args) -> Result<(), Error> {
    args.common.part = args.part();
    let kustomizations = args.kustomizations.is_some();
    let kinds = || local::kinds(kustomizations);
    let mut process = Process::start("sealer", args.common.clone(), kinds).await?;
    process.expect(sealer_api::FIELDS, |kind| match kind {
        "SealedSecret" => args.runs(Controller::SealedSecret),
        "GitSecretSync" => args.runs(Controller::GitSecretSync),
        "SopsSecret" => args.runs(Controller::SopsSecret),
        _ => args.runs(Controller::ExternalSecret),
    });
    let keys = Keys::of_identities(args.own_keys(process.home()).identities()?);
    process.decrypt_with(move |_, text| local::decrypt(&keys, text));
    let config = process.config().cloned();
    let daemon = Daemon::new(&process.core(), args, process.home(), config)?;
    daemon.always(process.always());
    process.always().add("renewal-signal", sealing_key::asked_by_signal(daemon.asked.clone()));
    daemon.leading(process.leading());
    process.serve(daemon.routes());
    Ok(process.run().await?)
}

impl Daemon {
    /// Puts the daemon together on `core`; `home` is the namespace of the process, and `config` what
    /// led to its cluster, if there is one.
    pub fn new(core: &Core, args: Args, home: &str, config: Option<Config>) -> Result<Self, Error> {
        let cache = args.reads_git().then(|| cache(&args)).transpose()?;
        let context = Context {
            core: core.clone(),
            secrets: Secrets::new(core.client.clone(), &core.scope),
            keys: keys::Keys::none(),
            metrics: Metrics::new(&core.metrics),
        };
        let part = |scope: Scope| Context {
            secrets: Secrets::new(core.client.clone(), &scope),
            core: Core { scope, ..core.clone() },
            ..context.clone()
        };
        let parts = args.parts(&core.scope, home).into_iter().map(part).collect();
        let asked = watch::Sender::new(0);
        Ok(Self { args, home: home.to_owned(), context, parts, asked, config, cache })
    }

    /// Adds what every replica runs.
    pub fn always(&self, tasks: &mut Tasks) {
        if self.args.runs(Controller::SealedSecret) {
            let settings = self.args.keys(&self.home);
            self.context.keys.await_native();
            let native = sealing_key::load_native(self.context.clone(), settings.clone());
            tasks.add("native-sealing-keys", native);
            tasks.add("sealing-keys", sealing_key::load(self.context.clone(), settings));
        }
        if let Some(address) = self.args.sealing.listen_metrics_addr {
            let metrics = self.context.core.metrics.clone();
            tasks.add("metrics", reconcile::http::serve_metrics(address, metrics));
        }
    }

    /// Adds what only the leader runs.
    pub fn leading(&self, tasks: &mut Tasks) {
        if self.args.runs(Controller::SealedSecret) {
            let (settings, asked) = (self.args.keys(&self.home), self.asked.clone());
            let new = sealing_key::provide(self.context.clone(), settings, asked);
            tasks.add("new-sealing-keys", new);
        }
        for part in &self.parts {
            self.leading_part(part, tasks);
        }
    }

    /// The controllers of one part of the objects.
    fn leading_part(&self, context: &Context, tasks: &mut Tasks) {
        tasks.add("secrets", context.secrets.clone().run());
        if self.args.runs(Controller::SealedSecret) {
            sealed_secret::start(context, self.args.unsealing(), tasks);
        }
        if self.args.runs(Controller::GitSecretSync)
            && let Some(git) = self.git(context)
        {
            git_secret_sync::start(context, git, tasks);
        }
        if let Some(reach) = self.args.kustomizations
            && let Some(git) = self.git(context)
        {
            kustomization::start(context, git, reach.into(), tasks);
        }
        if self.args.runs(Controller::SopsSecret) {
            let settings = sops_secret::Settings {
                keys: self.args.own_keys(&self.home),
                enforces_ownership: self.args.default_enforce_ownership,
            };
            sops_secret::start(context, settings, tasks);
        }
        if self.args.runs(Controller::ExternalSecret) {
            let external = External {
                stores: Arc::default(),
                reads: Reads::new(context.metrics.clone()),
                class: self.args.controller_class.clone(),
            };
            external_secret::start(context, external, tasks);
        }
    }

    /// What reading from Git takes.
    fn git(&self, context: &Context) -> Option<Git> {
        let sources = Sources::new(context.core.clone(), self.args.common.local.is_some());
        Some(Git {
            cache: self.cache.clone()?,
            accounts: Accounts::new(context.core.clone(), self.config.clone()),
            sources: sources.with_azure(self.args.azure.clone()),
            keys: self.args.own_keys(&self.home),
        })
    }

    /// What every replica serves.
    pub fn routes(&self) -> Router {
        if self.args.runs(Controller::SealedSecret) {
            http::routes(&self.context, self.args.endpoints())
        } else {
            Router::new()
        }
    }
}

fn cache(args: &Args) -> Result<Cache, Error> {
    let dir = args.cache_dir().ok_or(Error::NoCacheDir)?.join("git");
    Cache::open(&dir, args.git_cache_mib << 20).map_err(Error::Cache)
}
