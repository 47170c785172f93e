//! The flags about SealedSecrets, under the names of the upstream controller.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use sealer_core::sealed::certificate::KeySize;

use super::duration;

/// What was typed about SealedSecrets.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of upstream's")]
pub struct Sealing {
    /// Where the sealing keys live [default: the namespace of the pod or of the kubeconfig]
    #[arg(long, env = "SIGNET_KEY_NAMESPACE", value_name = "NAMESPACE")]
    pub key_namespace: Option<String>,

    /// What the names of new key Secrets begin with; a Secret of just this name is a key, too
    #[arg(
        long,
        env = "SIGNET_KEY_PREFIX",
        value_name = "PREFIX",
        default_value = "sealed-secrets-key"
    )]
    pub key_prefix: String,

    /// How many bits a new key has
    #[arg(long, env = "SIGNET_KEY_SIZE", value_name = "BITS", default_value = "4096", value_parser = key_size)]
    pub key_size: KeySize,

    /// How long a new certificate is valid
    #[arg(long, env = "SIGNET_KEY_TTL", value_name = "DURATION", default_value = "87600h", value_parser = duration)]
    pub key_ttl: Duration,

    /// How old the newest key may become before another is made; 0 makes none
    #[arg(long, env = "SIGNET_KEY_RENEW_PERIOD", value_name = "DURATION", default_value = "720h",
          value_parser = duration, alias = "rotate-period")]
    pub key_renew_period: Duration,

    /// Makes a new key at the start if the newest is older than this moment, e.g. `Mon, 02 Jan 2026 15:04:05 +0000`
    #[arg(long, env = "SIGNET_KEY_CUTOFF_TIME", value_name = "TIME", value_parser = cutoff)]
    pub key_cutoff_time: Option<Cutoff>,

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

    /// Annotations of new key Secrets, e.g. `a=b,c=d`
    #[arg(long, env = "SIGNET_PRIVATEKEY_ANNOTATIONS", value_name = "PAIRS", default_value = "",
          value_parser = pairs, hide_default_value = true)]
    pub privatekey_annotations: Pairs,

    /// Labels of new key Secrets, e.g. `a=b,c=d`
    #[arg(long, env = "SIGNET_PRIVATEKEY_LABELS", value_name = "PAIRS", default_value = "",
          value_parser = pairs, hide_default_value = true)]
    pub privatekey_labels: Pairs,

    /// Opens SealedSecrets of 2017, which have `spec.data`
    #[arg(long, env = "SIGNET_ACCEPT_DEPRECATED_V1_DATA", value_name = "BOOL", default_value_t = true,
          action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub accept_deprecated_v1_data: bool,

    /// Writes the status of SealedSecrets; without it every start opens everything again
    #[arg(long, env = "SIGNET_UPDATE_STATUS", value_name = "BOOL", default_value_t = true,
          action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub update_status: bool,

    /// Leaves a Secret that somebody deleted deleted, until its SealedSecret changes
    #[arg(long, env = "SIGNET_SKIP_RECREATE", value_name = "BOOL", default_value_t = false,
          action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub skip_recreate: bool,

    /// Deletes the Secret of a SealedSecret that is gone, instead of leaving that to Kubernetes
    #[arg(long, env = "SIGNET_OLD_GC_BEHAVIOR", value_name = "BOOL", default_value_t = false,
          action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub old_gc_behavior: bool,

    /// How often a SealedSecret that fails is tried again before it must change [default: no limit]
    #[arg(long, env = "SIGNET_MAX_UNSEAL_RETRIES", value_name = "N")]
    pub max_unseal_retries: Option<u32>,

    /// How many requests a second one client may send to `/v1/verify` and `/v1/rotate`, each
    #[arg(long, env = "SIGNET_RATE_LIMIT", value_name = "N", default_value_t = 2,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate_limit: u32,

    /// How many requests more may come at once
    #[arg(long, env = "SIGNET_RATE_LIMIT_BURST", value_name = "N", default_value_t = 2,
          value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub rate_limit_burst: u32,

    /// How long a request to the endpoints may take to arrive
    #[arg(long, env = "SIGNET_READ_TIMEOUT", value_name = "DURATION", default_value = "2m", value_parser = duration)]
    pub read_timeout: Duration,

    /// How long its answer may take
    #[arg(long, env = "SIGNET_WRITE_TIMEOUT", value_name = "DURATION", default_value = "2m", value_parser = duration)]
    pub write_timeout: Duration,

    /// Answers `/v1/verify` and `/v1/rotate` only to those whose bearer token the cluster accepts.
    /// `kubeseal` sends none through the API server's proxy, so give it port-forwarding then
    #[arg(long, env = "SIGNET_TOKEN_REVIEW", value_name = "BOOL", default_value_t = false,
          action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub token_review: bool,

    /// Where metrics are served besides `--http-addr`, e.g. `:8081`
    #[arg(long, env = "SIGNET_LISTEN_METRICS_ADDR", value_name = "ADDRESS", value_parser = reconcile::args::address)]
    pub listen_metrics_addr: Option<SocketAddr>,

    /// Keeps names of SealedSecrets out of the metrics
    #[arg(long, env = "SIGNET_METRICS_OMIT_SECRET_LABELS", value_name = "BOOL", default_value_t = false,
          action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub metrics_omit_secret_labels: bool,
}

/// A moment before which keys are too old, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutoff(pub Option<Timestamp>);

/// Labels or annotations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs(pub BTreeMap<String, String>);

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

fn key_size(text: &str) -> Result<KeySize, String> {
    let bits = text.parse().ok().and_then(KeySize::of_bits);
    bits.ok_or_else(|| "expected 2048, 3072, 4096 or 8192".to_owned())
}

/// A moment as RFC 1123 with a numeric zone writes it; nothing is none.
fn cutoff(text: &str) -> Result<Cutoff, String> {
    if text.is_empty() {
        return Ok(Cutoff(None));
    }
    let moment = rfc2822::DateTimeParser::new().parse_timestamp(text);
    moment
        .map(|moment| Cutoff(Some(moment)))
        .map_err(|_| "expected a time such as `Mon, 02 Jan 2026 15:04:05 +0000`".into())
}

fn pairs(text: &str) -> Result<Pairs, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (key, value) = part.split_once('=').ok_or_else(|| {
            format!("`{part}` is no pair: write `key=value`, with commas between pairs")
        })?;
        Ok((key.trim().to_owned(), value.trim().to_owned()))
    };
    parts.map(pair).collect::<Result<_, String>>().map(Pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cutoff_is_a_moment_as_go_writes_it() {
        let moment = |text: &str| {
            cutoff(text).ok().and_then(|cutoff| cutoff.0).map(|moment| moment.to_string())
        };
        #[rustfmt::skip]
        let cases = [
            ("Mon, 02 Jan 2006 15:04:05 -0700",   Some("2006-01-02T22:04:05Z")),
            ("Fri, 02 Jan 2026 15:04:05 +0000",   Some("2026-01-02T15:04:05Z")),
            ("",                                  None),
        ];
        for (text, expected) in cases {
            assert_eq!(moment(text).as_deref(), expected, "{text}");
        }
        assert!(cutoff("yesterday").is_err());
    }

    #[test]
    fn pairs_are_read_with_blanks_around_them() {
        let read = pairs(" a=b, c = d=e ,").unwrap().0;
        let read: Vec<_> = read.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(read, [("a", "b"), ("c", "d=e")]);
        assert!(pairs("a").unwrap_err().contains("`a` is no pair"));
    }
}
