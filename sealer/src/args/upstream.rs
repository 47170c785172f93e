//! What the controllers that sealer takes the place of were started with, and is still understood.
//!
//! Their environment is turned into flags that stand before those that were typed, so that these
//! win. Flags of their logging libraries mean nothing here and are accepted all the same: a manifest
//! must not fail for `--logtostderr`.

use std::ffi::OsString;

use clap::{ArgAction, Args};

/// What sealed-secrets puts before the names of its flags in the environment.
const PREFIX: &str = "SEALED_SECRETS_";
/// What we do.
const OURS: &str = "SIGNET_";

/// Flags of upstream's that sealer has under another name or always does, in the words of upstream.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct Accepted {
    /// Key Secrets are always watched.
    #[arg(long, hide = true, value_name = "BOOL", default_value_t = true,
          action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub watch_for_secrets: bool,
    /// All lines go to standard error.
    #[arg(long, hide = true, value_name = "BOOL", default_value_t = false,
          action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub log_info_stdout: bool,
    /// Flags of klog and glog.
    #[command(flatten)]
    pub klog: Klog,
}

/// Flags of Go's logging libraries, which change nothing.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct Klog {
    /// Verbosity.
    #[arg(short = 'v', long = "v", hide = true, value_name = "N")]
    pub verbosity: Option<String>,
    /// Verbosity of files.
    #[arg(long, hide = true, value_name = "PATTERNS")]
    pub vmodule: Option<String>,
    /// Where lines go.
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub logtostderr: Option<String>,
    /// Where lines go, too.
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub alsologtostderr: Option<String>,
    /// Which lines go where.
    #[arg(long, hide = true, value_name = "N")]
    pub stderrthreshold: Option<String>,
    /// Where stacks are written.
    #[arg(long = "log_backtrace_at", hide = true, value_name = "PLACE")]
    pub log_backtrace_at: Option<String>,
    /// Where files of lines go.
    #[arg(long = "log_dir", hide = true, value_name = "DIR")]
    pub log_dir: Option<String>,
    /// The file of lines.
    #[arg(long = "log_file", hide = true, value_name = "FILE")]
    pub log_file: Option<String>,
    /// How large it may become.
    #[arg(long = "log_file_max_size", hide = true, value_name = "N")]
    pub log_file_max_size: Option<String>,
    /// Without the head of a line.
    #[arg(long = "skip_headers", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub skip_headers: Option<String>,
    /// Without the head of a file.
    #[arg(long = "skip_log_headers", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub skip_log_headers: Option<String>,
    /// With the folder of the source.
    #[arg(long = "add_dir_header", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub add_dir_header: Option<String>,
    /// Only to one file.
    #[arg(long = "one_output", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub one_output: Option<String>,
}

/// The flags of the sealed-secrets controller, by which its environment names them.
const FLAGS: [&str; 32] = [
    "key-prefix",
    "key-size",
    "key-ttl",
    "my-cn",
    "key-renew-period",
    "rotate-period",
    "key-order-priority",
    "accept-deprecated-v1-data",
    "key-cutoff-time",
    "all-namespaces",
    "additional-namespaces",
    "label-selector",
    "rate-limit",
    "rate-limit-burst",
    "metrics-omit-secret-labels",
    "privatekey-annotations",
    "privatekey-labels",
    "old-gc-behavior",
    "update-status",
    "watch-for-secrets",
    "skip-recreate",
    "log-info-stdout",
    "log-level",
    "log-format",
    "max-unseal-retries",
    "kubeclient-qps",
    "kubeclient-burst",
    "listen-addr",
    "listen-metrics-addr",
    "read-timeout",
    "write-timeout",
    "logtostderr",
];

/// The command line, with what upstream's environment says put before what was typed. Our own
/// environment wins over upstream's.
pub fn command_line(
    typed: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Vec<OsString> {
    let mut typed = typed.into_iter();
    let program = typed.next();
    let said = FLAGS.iter().filter_map(|flag| {
        let name = flag.to_uppercase().replace('-', "_");
        if environment(&format!("{OURS}{name}")).is_some() {
            return None;
        }
        let mut text = OsString::from(format!("--{flag}="));
        text.push(environment(&format!("{PREFIX}{name}"))?);
        Some(text)
    });
    program.into_iter().chain(said.collect::<Vec<_>>()).chain(typed).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::Args as Typed;
    use super::*;

    fn parsed(typed: &[&str], environment: &[(&str, &str)]) -> Typed {
        let said = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
        };
        Typed::try_parse_from(command_line(typed.iter().map(Into::into), said)).unwrap()
    }

    #[test]
    fn what_is_typed_wins_over_our_environment_and_that_over_upstreams() {
        let typed = |typed: &[&str], environment: &[(&str, &str)]| {
            parsed(typed, environment).sealing.key_prefix
        };
        assert_eq!(typed(&["sealer"], &[("SEALED_SECRETS_KEY_PREFIX", "a")]), "a");
        assert_eq!(
            typed(&["sealer", "--key-prefix=b"], &[("SEALED_SECRETS_KEY_PREFIX", "a")]),
            "b"
        );
        let both = [("SEALED_SECRETS_KEY_PREFIX", "a"), ("SIGNET_KEY_PREFIX", "c")];
        let line = command_line(["sealer".into()], |name| {
            both.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
        });
        assert_eq!(line, ["sealer"], "clap reads our own variable itself");
    }

    #[test]
    fn every_flag_of_upstream_is_accepted() {
        let value = |flag: &str| match flag {
            "key-ttl" | "key-renew-period" | "rotate-period" | "read-timeout" | "write-timeout" => {
                "1h"
            }
            "key-order-priority" => "CertNotBefore",
            "key-cutoff-time" => "Mon, 02 Jan 2006 15:04:05 -0700",
            "log-format" => "json",
            "log-level" => "INFO",
            "listen-addr" | "listen-metrics-addr" => ":8080",
            "key-size" => "4096",
            "kubeclient-qps" => "-1",
            "rate-limit" | "rate-limit-burst" | "max-unseal-retries" | "kubeclient-burst" => "7",
            "key-prefix" | "my-cn" | "additional-namespaces" | "label-selector" => "x",
            "privatekey-annotations" | "privatekey-labels" => "a=b",
            _ => "false",
        };
        for flag in FLAGS {
            let name = format!("{PREFIX}{}", flag.to_uppercase().replace('-', "_"));
            parsed(&["sealer"], &[(name.as_str(), value(flag))]);
            parsed(&["sealer", &format!("--{flag}={}", value(flag))], &[]);
        }
    }

    #[test]
    fn logging_flags_of_go_change_nothing() {
        parsed(&["sealer", "-v=4", "--logtostderr", "--vmodule=a=1", "--log_dir=/tmp"], &[]);
    }
}
