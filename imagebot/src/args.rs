//! What was typed, and what it means.

use std::path::PathBuf;

use clap::Parser;

/// Turns new images into commits and pull requests.
///
/// Looks after `ImageRepository`, `ImagePolicy`, `ImageUpdateAutomation` and `RegistryReceiver` objects, in
/// the cluster of a kubeconfig or of its pod, or with `--local` in a directory of manifests.
#[derive(Clone, Debug, Parser)]
#[command(name = "imagebot", version)]
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

    /// Serves the webhooks of `RegistryReceiver` objects
    #[arg(long, env = "SIGNET_RECEIVERS", value_name = "BOOL", default_value_t = true,
          action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub receivers: bool,

    /// The identity that Azure gave to this process.
    #[command(flatten)]
    pub azure: source::azure::Environment,

    /// Where caches live on this machine.
    #[arg(long, env = "XDG_CACHE_HOME", hide = true)]
    pub xdg_cache_home: Option<PathBuf>,
}

impl Args {
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
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_flags_agree_with_each_other() {
        Args::command().debug_assert();
    }

    #[test]
    fn upstreams_flags_are_understood() {
        let typed = [
            "imagebot",
            "--storage-path=/data",
            "--no-cross-namespace-refs",
            "--log-encoding=json",
        ];
        let args = Args::try_parse_from(typed).unwrap();
        assert_eq!(args.cache_dir(), Some(PathBuf::from("/data")));
        assert!(args.no_cross_namespace_refs);
    }
}
