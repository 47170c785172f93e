//! Which cluster and controller a command of ours asks.

use kube::config::KubeConfigOptions;

use crate::controller::{Connection, Controller, Error};

/// Which controller holds the certificate, and how to reach its cluster.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Target {
    /// The namespace of the controller's Service.
    #[arg(
        long,
        env = "SEALED_SECRETS_CONTROLLER_NAMESPACE",
        hide_env_values = true,
        value_name = "NAMESPACE",
        default_value = "kube-system",
        help_heading = "Cluster"
    )]
    controller_namespace: String,

    /// The name of the controller's Service.
    #[arg(
        long,
        env = "SEALED_SECRETS_CONTROLLER_NAME",
        hide_env_values = true,
        value_name = "NAME",
        default_value = "sealed-secrets-controller",
        help_heading = "Cluster"
    )]
    controller_name: String,

    /// The kubeconfig file; without it `KUBECONFIG` or `~/.kube/config`.
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    kubeconfig: Option<std::path::PathBuf>,

    /// The kubeconfig's context.
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    context: Option<String>,
}

impl Target {
    /// The controller that the flags name.
    pub(crate) fn controller(&self) -> Result<Controller, Error> {
        Controller::find(&self.connection(), &self.controller_namespace, &self.controller_name)
    }

    /// The namespace of the controller, and of its keys.
    pub(crate) fn namespace(&self) -> &str {
        &self.controller_namespace
    }

    /// How the cluster is reached.
    pub(crate) fn connection(&self) -> Connection {
        let context = self.context.clone();
        Connection {
            kubeconfig: self.kubeconfig.clone(),
            entries: KubeConfigOptions { context, ..KubeConfigOptions::default() },
            ..Connection::default()
        }
    }
}
