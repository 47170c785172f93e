//! The daemon: SealedSecrets, SOPS files in Git and external stores become Kubernetes Secrets.
//!
//! ```text
//! SealedSecret   ─▶ keys ────────┐
//! GitSecretSync  ─▶ repo, sops ──┼─▶ claim ─▶ secrets ─▶ Secret
//! ExternalSecret ─▶ provider ────┘
//! ```
//!
//! Every controller is the five verbs of [`reconcile`]. What they decide is in `sealer-core`; only
//! [`secrets`] writes a Secret, and only what `claim` allows.

use axum::Router;
use reconcile::{Core, Tasks};

use crate::args::{Args, Controller};
use crate::controller::{Context, sealed_secret, sealing_key};
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::secrets::Secrets;

pub mod args;
pub mod controller;
pub mod http;
pub mod keys;
pub mod metrics;
pub mod request;
pub mod secrets;
pub mod source;
#[cfg(test)]
mod testbed;

/// The daemon, before it runs.
pub struct Daemon {
    args: Args,
    home: String,
    context: Context,
}

impl Daemon {
    /// Puts the daemon together on `core`; `home` is the namespace of the process.
    pub fn new(core: &Core, args: Args, home: &str) -> Self {
        let context = Context {
            core: core.clone(),
            secrets: Secrets::new(core.client.clone(), &core.scope),
            keys: Keys::none(),
            metrics: Metrics::new(&core.metrics),
        };
        Self { args, home: home.to_owned(), context }
    }

    /// Adds what every replica runs.
    pub fn always(&self, tasks: &mut Tasks) {
        if self.args.runs(Controller::SealedSecret) {
            let settings = self.args.keys(&self.home);
            tasks.add("sealing-keys", sealing_key::load(self.context.clone(), settings));
        }
    }

    /// Adds what only the leader runs.
    pub fn leading(&self, tasks: &mut Tasks) {
        let context = &self.context;
        tasks.add("secrets", context.secrets.clone().run());
        if self.args.runs(Controller::SealedSecret) {
            let settings = self.args.keys(&self.home);
            tasks.add("new-sealing-keys", sealing_key::provide(context.clone(), settings));
            sealed_secret::start(context, tasks);
        }
    }

    /// What every replica serves.
    pub fn routes(&self) -> Router {
        if self.args.runs(Controller::SealedSecret) {
            http::routes(self.context.keys.clone())
        } else {
            Router::new()
        }
    }
}
