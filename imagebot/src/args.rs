//! What was typed, and what it means.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::{CommandFactory as _, Parser};

use crate::cli;

use crate::registry::{Environment, Pace};

/// Turns new images into commits and pull requests.
///
/// With flags alone it is a daemon that looks after `ImageRepository`, `ImagePolicy`,
/// `ImageUpdateAutomation` and `RegistryReceiver` objects, in the cluster of a kubeconfig or of its
/// pod, or with `--local` in a directory of manifests. With a command it does one thing and exits:
/// with 0 when all is well, 1 when it looked and all is not, 2 when it failed.
#[derive(Clone, Debug, Parser)]
#[command(name = "imagebot", version, args_conflicts_with_subcommands = true)]
#[command(max_term_width = 100)]
pub struct Typed {
    /// What the daemon is told.
    #[command(flatten)]
    pub daemon: Args,

    /// What is to be done instead.
    #[command(subcommand)]
    pub command: Option<cli::Command>,
}

impl Typed {
    /// The command line under the name with which it was called, and whether that is the name of a
    /// plugin of `kubectl` or `flux`.
    pub fn called(program: Option<&OsString>) -> (clap::Command, bool) {
        let name = program.and_then(|program| Path::new(program).file_name()?.to_str());
        match name {
            Some("kubectl-imagebot") => (Self::command().bin_name("kubectl imagebot"), true),
            Some("flux-imagebot") => (Self::command().bin_name("flux imagebot"), true),
            _ => (Self::command(), false),
        }
    }
}

/// What the daemon is told.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// What both daemons share.
    #[command(flatten)]
    pub common: reconcile::args::Args,

    /// Where tags and Git objects are kept between runs; a cache, that only costs time to lose
    /// [default: with --local its state directory, else `$XDG_CACHE_HOME/signet/imagebot`]
    #[arg(long, env = "SIGNET_CACHE_DIR", value_name = "DIR", alias = "storage-path")]
    pub cache_dir: Option<PathBuf>,

    /// How many MiB the Git objects may take on the disk
    #[arg(long, env = "SIGNET_GIT_CACHE_MIB", value_name = "MIB", default_value_t = 2048,
          value_parser = clap::value_parser!(u64).range(16..))]
    pub git_cache_mib: u64,

    /// Refuses references from one namespace to another
    #[arg(long, env = "SIGNET_NO_CROSS_NAMESPACE_REFS", value_name = "BOOL",
          default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1,
          default_missing_value = "true")]
    pub no_cross_namespace_refs: bool,

    /// How many requests a second one registry gets with one credential, where it does not say itself
    #[arg(long, env = "SIGNET_REGISTRY_QPS", value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub registry_qps: u16,

    /// Serves the webhooks of `RegistryReceiver` objects
    #[arg(long, env = "SIGNET_RECEIVERS", value_name = "BOOL", default_value_t = true,
          action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub receivers: bool,

    /// The key exchanges that ssh servers are offered, the most wanted first [default: all that are
    /// safe]
    #[arg(long, env = "SIGNET_SSH_KEX_ALGOS", value_name = "NAMES", value_delimiter = ',')]
    pub ssh_kex_algos: Vec<String>,

    /// The types of host key that ssh servers may prove themselves with, the most wanted first
    /// [default: all that are safe and in `known_hosts`]
    #[arg(long, env = "SIGNET_SSH_HOSTKEY_ALGOS", value_name = "NAMES", value_delimiter = ',')]
    pub ssh_hostkey_algos: Vec<String>,

    /// What is switched on or off: `ObjectLevelWorkloadIdentity=true` lets objects with a cloud's
    /// `provider` log in as the ServiceAccount that they name
    #[arg(long, env = "SIGNET_FEATURE_GATES", value_name = "NAME=BOOL", value_delimiter = ',')]
    pub feature_gates: Vec<Gate>,

    /// The identity that Azure gave to this process.
    #[command(flatten)]
    pub azure: source::azure::Environment,

    /// Asks source-controller to fetch a repository as soon as something was pushed to it, by the
    /// annotation `reconcile.fluxcd.io/requestedAt` on the `GitRepository`
    #[arg(long, env = "SIGNET_ANNOTATE_SOURCES", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub annotate_sources: bool,

    /// Where caches live on this machine.
    #[arg(long, env = "XDG_CACHE_HOME", hide = true)]
    pub xdg_cache_home: Option<PathBuf>,
}

/// A feature that is switched on or off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Its name, as Flux has it.
    pub name: String,
    /// Whether it is on.
    pub on: bool,
}

/// A text is no switch.
#[derive(Debug, thiserror::Error)]
#[error("write `NAME=true` or `NAME=false`")]
pub struct NoGate;

impl FromStr for Gate {
    type Err = NoGate;

    fn from_str(text: &str) -> Result<Self, NoGate> {
        let (name, on) = text.split_once('=').ok_or(NoGate)?;
        let on = on.trim().parse().map_err(|_| NoGate)?;
        Ok(Self { name: name.trim().to_owned(), on })
    }
}

/// The one feature gate of Flux's that means something here.
const WORKLOAD_IDENTITY: &str = "ObjectLevelWorkloadIdentity";

impl Gate {
    /// Whether it means something here. Flux has others, for what is always so here or never.
    pub fn is_known(&self) -> bool {
        self.name == WORKLOAD_IDENTITY
    }
}

impl Args {
    /// Whether objects may log in to clouds as ServiceAccounts of their namespaces.
    pub fn workload_identity(&self) -> bool {
        self.feature_gates.iter().rfind(|gate| gate.is_known()).is_some_and(|gate| gate.on)
    }

    /// How fast a registry is asked; twice as much at once, after a rest.
    pub fn pace(&self) -> Pace {
        let per_second = f64::from(self.registry_qps);
        Pace { per_second, burst: per_second * 2.0 }
    }

    /// What the environment says about clouds. There are no flags for it: keys are among it.
    #[expect(clippy::disallowed_methods, reason = "the environment is read here")]
    pub fn clouds() -> Environment {
        Environment::of(|name| std::env::var(name).ok())
    }

    /// Where caches go; `None` when neither the flags nor the environment say.
    pub fn cache_dir(&self) -> Option<PathBuf> {
        if let Some(directory) = &self.cache_dir {
            return Some(directory.clone());
        }
        if let Some(local) = &self.common.local {
            return Some(self.common.state_of(local)?.join("imagebot").join("cache"));
        }
        let home = || Some(self.common.user_home.as_ref()?.join(".cache"));
        let caches = self.xdg_cache_home.clone().or_else(home)?;
        Some(caches.join("signet").join("imagebot"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_says_what_the_flags_do() {
        // Without the environment of the person who runs the tests.
        let mut command = Typed::command().mut_args(|arg| arg.hide_env_values(true));
        insta::assert_snapshot!(command.render_long_help());
    }

    #[test]
    fn the_flags_agree_with_each_other() {
        Typed::command().debug_assert();
    }

    #[test]
    fn upstreams_flags_are_understood() {
        let typed = [
            "imagebot",
            "--storage-path=/data",
            "--no-cross-namespace-refs",
            "--log-encoding=json",
        ];
        let args = Typed::try_parse_from(typed).unwrap().daemon;
        assert!(!args.workload_identity());
        assert_eq!(args.cache_dir(), Some(PathBuf::from("/data")));
        assert!(args.no_cross_namespace_refs);
    }

    #[test]
    fn a_feature_gate_is_opened_and_shut_by_name() {
        let open = "--feature-gates=FluxStorage=true,ObjectLevelWorkloadIdentity=true";
        #[rustfmt::skip]
        let cases = [
            (vec![open],                                                             true,  1),
            (vec![open, "--feature-gates=ObjectLevelWorkloadIdentity=false"],        false, 1),
            (vec!["--feature-gates=GitSparseCheckout=true"],                         false, 1),
        ];
        for (typed, on, unknown) in cases {
            let words = std::iter::once("imagebot").chain(typed.iter().copied());
            let args = Typed::try_parse_from(words).unwrap().daemon;
            assert_eq!(args.workload_identity(), on, "{typed:?}");
            let others = args.feature_gates.iter().filter(|gate| !gate.is_known());
            assert_eq!(others.count(), unknown, "{typed:?}");
        }
        assert!(Typed::try_parse_from(["imagebot", "--feature-gates=X"]).is_err());
    }
}
