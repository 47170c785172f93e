//! The sealing certificate of a cluster, through the API server's proxy.

use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

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

/// Why a cluster gave no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    // kube's errors print their own causes, so they are not sources here.
    #[error("could not use the kubeconfig: {0}")]
    Kubeconfig(kube::config::KubeconfigError),
    #[error("could not build a client for the cluster")]
    Client(#[source] kube::Error),
    #[error("could not start the network")]
    Runtime(#[source] std::io::Error),
    #[error("cannot fetch certificate from Service `{namespace}/{name}`: {cause}")]
    Fetch { namespace: String, name: String, cause: String },
}

impl Error {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Kubeconfig(_) => Some(
                "name the file with `--kubeconfig`, or pass a certificate with `--cert`".to_owned(),
            ),
            Self::Fetch { .. } => Some(
                "name the controller's Service with `--controller-namespace` and \
                 `--controller-name`, or pass a certificate with `--cert`"
                    .to_owned(),
            ),
            Self::Client(_) | Self::Runtime(_) => None,
        }
    }
}

impl Target {
    /// The newest certificate in PEM, as the controller serves it.
    pub(crate) fn certificate(&self) -> Result<String, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Runtime)?;
        runtime.block_on(self.fetch())
    }

    async fn fetch(&self) -> Result<String, Error> {
        let kubeconfig = match &self.kubeconfig {
            Some(file) => Kubeconfig::read_from(file),
            None => Kubeconfig::read(),
        };
        let options = KubeConfigOptions { context: self.context.clone(), ..Default::default() };
        let kubeconfig = kubeconfig.map_err(Error::Kubeconfig)?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let client = Client::try_from(config.map_err(Error::Kubeconfig)?).map_err(Error::Client)?;
        let (namespace, name) = (&self.controller_namespace, &self.controller_name);
        let failed = |error| Error::Fetch {
            namespace: namespace.clone(),
            name: name.clone(),
            cause: match error {
                kube::Error::Api(status) => status.message,
                other => other.to_string(),
            },
        };
        let services: Api<Service> = Api::namespaced(client.clone(), namespace);
        let service = services.get(name).await.map_err(failed)?;
        let port = service.spec.and_then(|spec| spec.ports?.into_iter().next()?.name);
        // The proxy goes by the port's name, and an unnamed port has none.
        let port = port.unwrap_or_default();
        let path =
            format!("/api/v1/namespaces/{namespace}/services/http:{name}:{port}/proxy/v1/cert.pem");
        let request = http::Request::get(path)
            .body(Vec::new())
            .map_err(|source| failed(kube::Error::HttpError(source)))?;
        client.request_text(request).await.map_err(failed)
    }
}
