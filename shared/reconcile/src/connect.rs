//! One client, from whatever the flags name; never from a context that nobody named.

use std::path::{Path, PathBuf};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Client, Config,
    client::ClientBuilder,
    config::{KubeConfigOptions, Kubeconfig},
};
use tracing::info;

use crate::{args::Args, clock, pace::Pace};

/// A client, what made it, and the namespace that it calls home.
pub struct Cluster {
    /// The client.
    pub client: Client,
    /// What made it, for clients that are somebody else on the same cluster.
    pub config: Config,
    /// The pod's namespace, or the kubeconfig's.
    pub namespace: String,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing says where to connect.
    #[error(
        "nothing says which cluster to look after; give `--kubeconfig FILE`, or `--local DIR` to \
         work on a directory of manifests without a cluster"
    )]
    Unnamed,
    /// The kubeconfig file cannot be used.
    #[error("could not use the kubeconfig `{file}`")]
    Kubeconfig {
        /// The file.
        file: PathBuf,
        /// Why.
        source: kube::config::KubeconfigError,
    },
    /// The pod's ServiceAccount cannot be used.
    #[error("could not use the ServiceAccount of this pod")]
    InCluster(#[source] kube::config::InClusterError),
    /// Nothing says where the state of `--local` may go.
    #[error("nothing says where to keep Secrets and state; give `--state-dir DIR`")]
    NoState,
    /// The directory of `--local` cannot be served.
    #[error("could not serve the directory of `--local`")]
    Local(#[source] embedded::Error),
    /// TLS or proxy settings are wrong.
    #[error("could not build a client for the cluster")]
    Client(#[source] kube::Error),
}

/// Connects to the cluster that `args` name.
pub async fn cluster(args: &Args) -> Result<Cluster, Error> {
    let config = match (&args.kubeconfig, &args.kubernetes_service_host) {
        (Some(file), _) => {
            let wrong = |source| Error::Kubeconfig { file: file.clone(), source };
            let kubeconfig = Kubeconfig::read_from(file).map_err(wrong)?;
            let options = KubeConfigOptions::default();
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(wrong)?
        }
        (None, Some(_)) => Config::incluster().map_err(Error::InCluster)?,
        (None, None) => return Err(Error::Unnamed),
    };
    info!(server = %config.cluster_url, "connecting");
    let namespace = config.default_namespace.clone();
    let builder = ClientBuilder::try_from(config.clone()).map_err(Error::Client)?;
    let client = match Pace::new(args.kubeclient_qps, args.kubeclient_burst) {
        Some(pace) => builder.with_layer(&pace).build(),
        None => builder.build(),
    };
    Ok(Cluster { client, config, namespace })
}

/// Serves the manifests below `directory` as the API of the daemon `owner`.
///
/// `crds` are the kinds that it serves beside the built-in ones. This waits for the disk.
pub fn local(
    directory: &Path,
    args: &Args,
    owner: &str,
    crds: Vec<CustomResourceDefinition>,
) -> Result<embedded::Server, Error> {
    let state = args.state_of(directory).ok_or(Error::NoState)?;
    info!(directory = %directory.display(), state = %state.display(), "serving a directory");
    let options = embedded::Options {
        directory: Some(directory.to_owned()),
        state,
        owner: owner.to_owned(),
        crds,
        clock: clock::read,
    };
    embedded::Server::open(options).map_err(Error::Local)
}
