//! The flags that both daemons share. Each has an environment variable.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use clap::{ArgAction, Args as ClapArgs};

use crate::telemetry::LogFormat;

/// What was typed.
#[derive(Clone, Debug, ClapArgs)]
#[group(skip)]
pub struct Args {
    /// Connects to the cluster of this kubeconfig file. Not needed in a pod
    #[arg(long, env = "SIGNET_KUBECONFIG", value_name = "FILE", conflicts_with = "local")]
    pub kubeconfig: Option<PathBuf>,

    /// Runs without a cluster: the manifests below this directory are the objects
    #[arg(long, env = "SIGNET_LOCAL", value_name = "DIR")]
    pub local: Option<PathBuf>,

    /// Where `--local` keeps Secrets, keys and state [default: a directory of the user's state home]
    #[arg(long, env = "SIGNET_STATE_DIR", value_name = "DIR", requires = "local")]
    pub state_dir: Option<PathBuf>,

    /// Looks after this namespace only [default: all]
    #[arg(long, env = "SIGNET_WATCH_NAMESPACE", value_name = "NAMESPACE", alias = "namespace")]
    pub watch_namespace: Option<String>,

    /// Looks after objects with these labels only, e.g. `shard=a`
    #[arg(
        long,
        env = "SIGNET_WATCH_LABEL_SELECTOR",
        value_name = "SELECTOR",
        alias = "label-selector"
    )]
    pub watch_label_selector: Option<String>,

    /// How many objects of one kind are reconciled at once
    #[arg(long, env = "SIGNET_CONCURRENT", value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub concurrent: u16,

    /// Where health, metrics and the daemon's own HTTP endpoints are served; port 0 picks one
    /// [default: 0.0.0.0:8080, and with --local a free port of 127.0.0.1]
    #[arg(long, env = "SIGNET_HTTP_ADDR", value_name = "ADDRESS", value_parser = address,
          aliases = ["metrics-addr", "listen-addr"])]
    pub http_addr: Option<SocketAddr>,

    /// Writes the address that is served into this file
    #[arg(long, env = "SIGNET_HTTP_ADDR_FILE", value_name = "FILE")]
    pub http_addr_file: Option<PathBuf>,

    /// Lets only one replica reconcile at a time. Off with `--local`
    #[arg(long, env = "SIGNET_LEADER_ELECT", value_name = "BOOL", default_value_t = true,
          action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true",
          alias = "enable-leader-election")]
    pub leader_elect: bool,

    /// Where the lease lives [default: the namespace of the pod or of the kubeconfig]
    #[arg(long, env = "SIGNET_LEADER_ELECTION_NAMESPACE", value_name = "NAMESPACE")]
    pub leader_election_namespace: Option<String>,

    /// How log lines look
    #[arg(
        long,
        env = "SIGNET_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        alias = "log-encoding"
    )]
    pub log_format: LogFormat,

    /// Which log lines there are: error, warn, info, debug or trace
    #[arg(long, env = "SIGNET_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub log_level: String,

    /// How many requests a second go to the API server; none limits them, and so does a negative number
    #[arg(
        long,
        env = "SIGNET_KUBECLIENT_QPS",
        value_name = "N",
        default_value_t = -1.0,
        hide_default_value = true,
        allow_negative_numbers = true
    )]
    pub kubeclient_qps: f32,

    /// How many of them may go at once
    #[arg(long, env = "SIGNET_KUBECLIENT_BURST", value_name = "N", default_value_t = 10)]
    pub kubeclient_burst: u32,

    /// What else tells the objects that this process looks after from those of others: their leases
    /// differ.
    #[arg(skip)]
    pub part: Option<String>,

    /// Where programs keep state.
    #[arg(long, env = "XDG_STATE_HOME", hide = true)]
    pub xdg_state_home: Option<PathBuf>,

    /// The user's home.
    #[arg(long, env = "HOME", hide = true)]
    pub user_home: Option<PathBuf>,

    /// Set by Kubernetes in every pod.
    #[arg(long, env = "KUBERNETES_SERVICE_HOST", hide = true)]
    pub kubernetes_service_host: Option<String>,

    /// The name of this process in leases and events; Kubernetes sets it to the pod's name.
    #[arg(long, env = "HOSTNAME", hide = true, default_value = "localhost")]
    pub hostname: String,
}

impl Args {
    /// Where HTTP is served. On somebody's own machine nobody else is let in, and two daemons do not
    /// want the same port.
    pub fn http_addr(&self) -> SocketAddr {
        let (host, port) = if self.local.is_some() {
            (Ipv4Addr::LOCALHOST, 0)
        } else {
            (Ipv4Addr::UNSPECIFIED, 8080)
        };
        self.http_addr.unwrap_or((host, port).into())
    }

    /// Where `--local` keeps its state: what the flag says, or a place of the user's that belongs to
    /// `directory`. `None` when nothing says where the user keeps state.
    pub fn state_of(&self, directory: &Path) -> Option<PathBuf> {
        let fallback = || Some(self.user_home.as_ref()?.join(".local/state"));
        let home = || self.xdg_state_home.clone().or_else(fallback);
        let state = || Some(embedded::state_directory(&home()?, directory));
        self.state_dir.clone().or_else(state)
    }
}

/// An address as Go writes it, too: `:8080` is that port everywhere.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').and_then(|port| port.parse::<u16>().ok());
    let everywhere = port.map(|port| (Ipv4Addr::UNSPECIFIED, port).into());
    let parsed = everywhere.or_else(|| text.parse().ok());
    parsed.ok_or_else(|| "expected an address such as `127.0.0.1:8080` or `:8080`".to_owned())
}
