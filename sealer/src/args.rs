//! What was typed, on top of what both daemons share.
//!
//! Flags of the upstream controller keep their names where they mean the same.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum};
use jiff::SignedDuration;
use reconcile::Scope;
use sealer_core::sealed::keyring::Order;

use crate::controller::{kustomization, sealed_secret, sealing_key};
use crate::decryption::Own;
use crate::http;

pub mod sealing;
pub mod upstream;

pub use self::sealing::{KeyOrder, Sealing};
use self::upstream::Accepted;

/// Turns sealed, SOPS-encrypted and externally stored values into Kubernetes Secrets.
#[derive(Clone, Debug, Parser)]
#[command(name = "sealer", version, args_override_self = true)]
#[group(skip)]
pub struct Args {
    /// What both daemons share.
    #[command(flatten)]
    pub common: reconcile::args::Args,

    /// Which controllers run
    #[arg(long, env = "SIGNET_CONTROLLERS", value_name = "NAME", value_delimiter = ',', value_enum,
          default_values_t = [Controller::SealedSecret, Controller::GitSecretSync, Controller::SopsSecret, Controller::ExternalSecret])]
    pub controllers: Vec<Controller>,

    /// What is about SealedSecrets.
    #[command(flatten)]
    pub sealing: Sealing,

    /// Looks after all namespaces; with `false`, after its own and those of `--additional-namespaces`
    #[arg(long, env = "SIGNET_ALL_NAMESPACES", value_name = "BOOL", default_value_t = true,
          action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub all_namespaces: bool,

    /// Looks after these namespaces and its own, or that of `--watch-namespace`
    #[arg(
        long,
        env = "SIGNET_ADDITIONAL_NAMESPACES",
        value_name = "NAMESPACES",
        value_delimiter = ','
    )]
    pub additional_namespaces: Vec<String>,

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

    /// The age identities of SopsSecrets, of objects that name no key, and of `--local DIR`
    #[arg(long, env = "SOPS_AGE_KEY_FILE", value_name = "FILE")]
    pub age_key_file: Option<PathBuf>,

    /// A Secret of `--key-namespace` with the keys of SopsSecrets and of objects that name none, in
    /// the form of Flux: age identities under `*.agekey`, credentials of services under `sops.…`
    #[arg(long, env = "SIGNET_SOPS_SECRET", value_name = "NAME", alias = "sops-age-secret")]
    pub sops_secret: Option<String>,

    /// Lets objects use what this process is to AWS, Azure, Google and Vault (its environment, its
    /// machine) to decrypt SOPS files: whoever may create one can then decrypt what the daemon could
    #[arg(long, env = "SIGNET_SOPS_AMBIENT_CREDENTIALS", value_name = "BOOL", default_value_t = false,
          action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub sops_ambient_credentials: bool,

    /// Lets SopsSecrets take over Secrets that nobody controls, where they do not say
    #[arg(long, env = "SIGNET_DEFAULT_ENFORCE_OWNERSHIP", value_name = "BOOL", default_value_t = false,
          action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub default_enforce_ownership: bool,

    /// Decrypts and applies the Secrets of Kustomizations with `decryption`, for clusters without
    /// kustomize-controller; Secrets go to the Kustomization's own namespace, or to any as with Flux
    #[arg(long, env = "SIGNET_KUSTOMIZATIONS", value_name = "REACH", value_enum)]
    pub kustomizations: Option<Reach>,

    /// The class of SecretStores that are ours besides those that name none
    #[arg(long, env = "SIGNET_CONTROLLER_CLASS", value_name = "CLASS", default_value = "default")]
    pub controller_class: String,

    /// What upstream's flags say that needs no saying here.
    #[command(flatten)]
    pub accepted: Accepted,

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
    /// SopsSecrets.
    #[value(name = "sopssecret")]
    SopsSecret,
    /// External stores.
    #[value(name = "externalsecret")]
    ExternalSecret,
}

/// Where Secrets of a Kustomization may go without a ServiceAccount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reach {
    /// To the Kustomization's own namespace.
    OwnNamespace,
    /// To any namespace, with the daemon's own rights.
    AnyNamespace,
}

impl From<Reach> for kustomization::Reach {
    fn from(reach: Reach) -> Self {
        match reach {
            Reach::OwnNamespace => Self::Own,
            Reach::AnyNamespace => Self::Any,
        }
    }
}

impl Args {
    /// How sealing keys are kept; `home` is the namespace of the process.
    pub fn keys(&self, home: &str) -> sealing_key::Settings {
        let sealing = &self.sealing;
        sealing_key::Settings {
            namespace: sealing.key_namespace.clone().unwrap_or_else(|| home.to_owned()),
            prefix: sealing.key_prefix.clone(),
            size: sealing.key_size,
            validity: SignedDuration::try_from(sealing.key_ttl).unwrap_or(SignedDuration::MAX),
            renew_period: sealing.key_renew_period,
            cutoff: sealing.key_cutoff_time.and_then(|cutoff| cutoff.0),
            common_name: sealing.my_cn.clone(),
            annotations: sealing.privatekey_annotations.0.clone(),
            labels: sealing.privatekey_labels.0.clone(),
            order: match sealing.key_order_priority {
                KeyOrder::CertNotBefore => Order::CertNotBefore,
                KeyOrder::SecretCreationTimestamp => Order::SecretCreation,
            },
        }
    }

    /// The keys of objects that name none; `home` is the namespace of the process.
    pub fn own_keys(&self, home: &str) -> Own {
        let namespace = self.sealing.key_namespace.as_deref().unwrap_or(home);
        let secret = self.sops_secret.clone().map(|name| (namespace.to_owned(), name));
        Own::new(self.age_key_file.as_deref(), secret, self.sops_ambient_credentials)
    }

    /// How SealedSecrets are treated.
    pub fn unsealing(&self) -> sealed_secret::Settings {
        let sealing = &self.sealing;
        sealed_secret::Settings {
            old_data: sealing.accept_deprecated_v1_data,
            update_status: sealing.update_status,
            skip_recreate: sealing.skip_recreate,
            deletes: sealing.old_gc_behavior,
            retries: sealing.max_unseal_retries,
            anonymous: sealing.metrics_omit_secret_labels,
        }
    }

    /// How the endpoints answer.
    pub fn endpoints(&self) -> http::Settings {
        let sealing = &self.sealing;
        http::Settings {
            rate: sealing.rate_limit,
            burst: sealing.rate_limit_burst,
            arrival: sealing.read_timeout,
            answer: sealing.write_timeout,
            authenticated: sealing.token_review,
            old_data: sealing.accept_deprecated_v1_data,
        }
    }

    /// The parts of `scope` that are looked after, each with watches of its own; `home` is the
    /// namespace of the process.
    pub fn parts(&self, scope: &Scope, home: &str) -> Vec<Scope> {
        let of = |namespace: &str| Scope { namespace: Some(namespace.to_owned()), ..scope.clone() };
        let more = self.additional_namespaces.iter().map(|name| name.trim());
        let mut names: BTreeSet<&str> = more.filter(|name| !name.is_empty()).collect();
        match &scope.namespace {
            Some(watched) => drop(names.insert(watched)),
            None if self.all_namespaces && names.is_empty() => return vec![scope.clone()],
            None => drop(names.insert(home)),
        }
        names.into_iter().map(of).collect()
    }

    /// What tells this daemon's part of the objects from that of others, for the lease.
    pub fn part(&self) -> Option<String> {
        let all = self.all_namespaces && self.additional_namespaces.is_empty();
        (!all).then(|| self.additional_namespaces.join(","))
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

    /// Whether anything is read from Git.
    pub fn reads_git(&self) -> bool {
        self.runs(Controller::GitSecretSync) || self.kustomizations.is_some()
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
    fn every_flag_is_on_the_page_of_the_flags() {
        let page = include_str!("../../docs/reference/flags.md");
        let environment = ["home", "xdg", "user", "kubernetes", "hostname"];
        for arg in Args::command().get_arguments() {
            let Some(long) = arg.get_long() else { continue };
            let other = environment.iter().any(|prefix| long.starts_with(prefix));
            assert!(other || page.contains(&format!("`--{long}`")), "--{long}");
        }
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

    #[test]
    fn namespaces_are_all_one_or_a_set() {
        #[rustfmt::skip]
        let cases = [
            // flags                                                     looked after
            (&[][..],                                                    &[None][..]),
            (&["--watch-namespace=a"],                                   &[Some("a")]),
            (&["--all-namespaces=false"],                                &[Some("home")]),
            (&["--additional-namespaces=b,c"],                           &[Some("b"), Some("c"), Some("home")]),
            (&["--watch-namespace=a", "--additional-namespaces=b,a"],    &[Some("a"), Some("b")]),
        ];
        for (flags, expected) in cases {
            let typed = ["sealer"].iter().chain(flags);
            let args = Args::try_parse_from(typed).unwrap();
            let scope =
                Scope { namespace: args.common.watch_namespace.clone(), ..Scope::default() };
            let parts = args.parts(&scope, "home");
            let parts: Vec<_> = parts.iter().map(|part| part.namespace.as_deref()).collect();
            assert_eq!(parts, expected, "{flags:?}");
        }
    }
}
