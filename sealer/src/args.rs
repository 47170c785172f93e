//! What was typed, on top of what both daemons share.
//!
//! Flags of the upstream controller keep their names where they mean the same.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use jiff::SignedDuration;
use sealer_core::sealed::keyring::Order;

use crate::controller::sealing_key;

/// Turns sealed, SOPS-encrypted and externally stored values into Kubernetes Secrets.
#[derive(Clone, Debug, Parser)]
#[command(name = "sealer", version)]
#[group(skip)]
pub struct Args {
    /// What both daemons share.
    #[command(flatten)]
    pub common: reconcile::args::Args,

    /// Which controllers run
    #[arg(long, env = "SIGNET_CONTROLLERS", value_name = "NAME", value_delimiter = ',', value_enum,
          default_values_t = [Controller::SealedSecret, Controller::GitSecretSync, Controller::ExternalSecret])]
    pub controllers: Vec<Controller>,

    /// Where the sealing keys live [default: the namespace of the pod or of the kubeconfig]
    #[arg(long, env = "SIGNET_KEY_NAMESPACE", value_name = "NAMESPACE")]
    pub key_namespace: Option<String>,

    /// What the names of new key Secrets begin with
    #[arg(
        long,
        env = "SIGNET_KEY_PREFIX",
        value_name = "PREFIX",
        default_value = "sealed-secrets-key"
    )]
    pub key_prefix: String,

    /// How long a new certificate is valid
    #[arg(long, env = "SIGNET_KEY_TTL", value_name = "DURATION", default_value = "87600h", value_parser = duration)]
    pub key_ttl: Duration,

    /// How old the newest key may become before another is made; 0 makes none
    #[arg(long, env = "SIGNET_KEY_RENEW_PERIOD", value_name = "DURATION", default_value = "720h",
          value_parser = duration, alias = "rotate-period")]
    pub key_renew_period: Duration,

    /// Which of two keys is the newer
    #[arg(
        long,
        env = "SIGNET_KEY_ORDER_PRIORITY",
        value_name = "ORDER",
        value_enum,
        default_value = "CertNotBefore"
    )]
    pub key_order_priority: KeyOrder,

    /// The common name of new certificates
    #[arg(long, env = "SIGNET_MY_CN", value_name = "NAME", default_value = "")]
    pub my_cn: String,

    /// Where Git objects are kept between runs; a cache, that only costs time to lose
    /// [default: with --local its state directory, else $`XDG_CACHE_HOME`/signet/sealer]
    #[arg(long, env = "SIGNET_CACHE_DIR", value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,

    /// How many MiB the Git objects may take on the disk
    #[arg(long, env = "SIGNET_GIT_CACHE_MIB", value_name = "MIB", default_value_t = 2048,
          value_parser = clap::value_parser!(u64).range(16..))]
    pub git_cache_mib: u64,

    /// The identity that Azure gave to this process.
    #[command(flatten)]
    pub azure: source::azure::Environment,

    /// The age identities that open SOPS-encrypted Secrets of `--local DIR`
    #[arg(long, env = "SOPS_AGE_KEY_FILE", value_name = "FILE")]
    pub age_key_file: Option<PathBuf>,

    /// The class of SecretStores that are ours besides those that name none
    #[arg(long, env = "SIGNET_CONTROLLER_CLASS", value_name = "CLASS", default_value = "default")]
    pub controller_class: String,

    /// The user's cache home.
    #[arg(long, env = "XDG_CACHE_HOME", hide = true)]
    pub xdg_cache_home: Option<PathBuf>,

    /// The user's home.
    #[arg(long, env = "HOME", hide = true)]
    pub home: Option<PathBuf>,
}

/// A controller that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Controller {
    /// SealedSecrets and sealing keys.
    #[value(name = "sealedsecret")]
    SealedSecret,
    /// SOPS files in Git.
    #[value(name = "gitsecretsync")]
    GitSecretSync,
    /// External stores.
    #[value(name = "externalsecret")]
    ExternalSecret,
}

/// Which of two keys is the newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyOrder {
    /// The one whose certificate is valid from later.
    #[value(name = "CertNotBefore")]
    CertNotBefore,
    /// The one whose Secret was created later.
    #[value(name = "SecretCreationTimestamp")]
    SecretCreationTimestamp,
}

impl Args {
    /// How sealing keys are kept; `home` is the namespace of the process.
    pub fn keys(&self, home: &str) -> sealing_key::Settings {
        sealing_key::Settings {
            namespace: self.key_namespace.clone().unwrap_or_else(|| home.to_owned()),
            prefix: self.key_prefix.clone(),
            validity: SignedDuration::try_from(self.key_ttl).unwrap_or(SignedDuration::MAX),
            renew_period: self.key_renew_period,
            common_name: self.my_cn.clone(),
            order: match self.key_order_priority {
                KeyOrder::CertNotBefore => Order::CertNotBefore,
                KeyOrder::SecretCreationTimestamp => Order::SecretCreation,
            },
        }
    }

    /// Where caches go; `None` when neither the flags nor the environment say.
    pub fn cache_dir(&self) -> Option<PathBuf> {
        let state = || Some(self.common.state_of(self.common.local.as_deref()?)?.join("cache"));
        let caches = || {
            let home = self.home.as_ref().map(|home| home.join(".cache"));
            let base = self.xdg_cache_home.clone().or(home)?;
            Some(base.join("signet"))
        };
        let ours = || Some(state().or_else(caches)?.join("sealer"));
        self.cache_dir.clone().or_else(ours)
    }

    /// Whether `controller` runs.
    pub fn runs(&self, controller: Controller) -> bool {
        self.controllers.contains(&controller)
    }
}

/// A duration as Go writes it.
fn duration(text: &str) -> Result<Duration, String> {
    sealer_api::duration::parse(text).ok_or_else(|| "expected a duration such as `720h`".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_help_says_what_the_flags_do() {
        // Without the environment of the person who runs the tests.
        let mut command = Args::command().mut_args(|arg| arg.hide_env_values(true));
        insta::assert_snapshot!(command.render_long_help());
    }

    #[test]
    fn the_flags_agree_with_each_other() {
        Args::command().debug_assert();
    }

    #[test]
    fn flags_of_sealed_secrets_are_understood() {
        let typed = [
            "sealer",
            "--key-prefix=k",
            "--key-renew-period=0",
            "--key-order-priority=SecretCreationTimestamp",
            "--my-cn=x",
            "--key-ttl=24h",
        ];
        let keys = Args::try_parse_from(typed).unwrap().keys("home");
        assert_eq!((keys.prefix.as_str(), keys.namespace.as_str()), ("k", "home"));
        assert!(keys.renew_period.is_zero());
        assert_eq!(keys.order, Order::SecretCreation);
    }
}
