//! How a cluster is reached: the kubeconfig, and what flags say instead of it.

use std::{path::PathBuf, time::Duration};

use kube::{
    Client, Config,
    config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use serde_json::json;

use super::Error as ControllerError;

/// What stands instead of the kubeconfig's own.
#[derive(Clone, Default)]
pub(crate) struct Connection {
    /// The file; without it `KUBECONFIG` or `~/.kube/config`.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Which of its entries are used.
    pub(crate) entries: KubeConfigOptions,
    /// The namespace that a command is about.
    pub(crate) namespace: Option<String>,
    /// The address of the API server.
    pub(crate) server: Option<String>,
    /// Who certifies it.
    pub(crate) authority: Option<PathBuf>,
    /// The name in its certificate.
    pub(crate) server_name: Option<String>,
    /// Whether its certificate is not looked at.
    pub(crate) insecure: Option<bool>,
    /// Whether answers are asked for as they are.
    pub(crate) uncompressed: Option<bool>,
    /// The proxy on the way to it.
    pub(crate) proxy: Option<String>,
    /// How long one request may take.
    pub(crate) timeout: Option<Duration>,
    /// Fields of the user.
    pub(crate) user: User,
}

/// Who asks.
#[derive(Clone, Default)]
pub(crate) struct User {
    pub(crate) token: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) certificate: Option<String>,
    pub(crate) key: Option<String>,
    /// In whose place.
    pub(crate) stead: Option<String>,
    pub(crate) stead_uid: Option<String>,
    pub(crate) stead_groups: Vec<String>,
}

/// Why a cluster cannot be reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    // kube's errors print their own causes, so they are not sources here.
    #[error("could not use the kubeconfig: {0}")]
    Kubeconfig(KubeconfigError),
    #[error("invalid configuration: no configuration has been provided")]
    Nowhere,
    #[error("`{value}` is no address for --{flag}")]
    Address { flag: &'static str, value: String },
}

impl Error {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Kubeconfig(_) | Self::Nowhere => Some(
                "name the file with `--kubeconfig`, or pass a certificate with `--cert`".to_owned(),
            ),
            Self::Address { .. } => None,
        }
    }
}

impl Connection {
    /// A client for the cluster.
    pub(crate) async fn client(&self) -> Result<Client, ControllerError> {
        Client::try_from(self.config().await?).map_err(ControllerError::Client)
    }

    /// The namespace that flags, the context or the pod name, and whether a flag did.
    pub(crate) fn namespace(&self) -> Result<(String, bool), ControllerError> {
        if let Some(namespace) = &self.namespace {
            return Ok((namespace.clone(), true));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let config = runtime.map_err(ControllerError::Runtime)?.block_on(self.config())?;
        Ok((config.default_namespace, false))
    }

    async fn config(&self) -> Result<Config, Error> {
        let kubeconfig = match &self.kubeconfig {
            Some(file) => Kubeconfig::read_from(file).map(Some),
            None => match Kubeconfig::read() {
                Err(KubeconfigError::ReadConfig(error, _))
                    if error.kind() == std::io::ErrorKind::NotFound =>
                {
                    Ok(None)
                }
                Err(KubeconfigError::FindPath) => Ok(None),
                other => other.map(Some),
            },
        };
        let mut config = match kubeconfig.map_err(Error::Kubeconfig)? {
            Some(kubeconfig) => Config::from_custom_kubeconfig(kubeconfig, &self.entries)
                .await
                .map_err(Error::Kubeconfig)?,
            None => match &self.server {
                Some(server) => Config::new(address("server", server)?),
                None => Config::incluster().map_err(|_| Error::Nowhere)?,
            },
        };
        self.adjust(&mut config)?;
        self.user.adjust(&mut config.auth_info);
        Ok(config)
    }

    /// Puts what flags say in place of what the file says.
    fn adjust(&self, config: &mut Config) -> Result<(), Error> {
        if let Some(server) = &self.server {
            config.cluster_url = address("server", server)?;
        }
        if let Some(proxy) = &self.proxy {
            config.proxy_url = Some(address("proxy-url", proxy)?);
        }
        if let Some(authority) = &self.authority {
            config.root_cert_file = Some(authority.clone());
        }
        if let Some(name) = &self.server_name {
            config.tls_server_name = Some(name.clone());
        }
        config.accept_invalid_certs = self.insecure.unwrap_or(config.accept_invalid_certs);
        config.disable_compression = self.uncompressed.unwrap_or(config.disable_compression);
        if let Some(timeout) = self.timeout {
            config.connect_timeout = Some(timeout);
            config.read_timeout = Some(timeout);
            config.write_timeout = Some(timeout);
        }
        Ok(())
    }
}

impl User {
    fn adjust(&self, info: &mut AuthInfo) {
        // kube's secret text is made by reading it; nothing here prints either.
        let given: AuthInfo =
            serde_json::from_value(json!({ "token": self.token, "password": self.password }))
                .expect("both are text or null");
        if given.token.is_some() {
            info.token = given.token;
            (info.token_file, info.exec, info.auth_provider) = (None, None, None);
        }
        if let Some(name) = &self.name {
            info.username = Some(name.clone());
            (info.exec, info.auth_provider) = (None, None);
        }
        if given.password.is_some() {
            info.password = given.password;
        }
        if let Some(certificate) = &self.certificate {
            info.client_certificate = Some(certificate.clone());
            info.client_certificate_data = None;
        }
        if let Some(key) = &self.key {
            info.client_key = Some(key.clone());
            info.client_key_data = None;
        }
        if let Some(stead) = &self.stead {
            info.impersonate = Some(stead.clone());
        }
        if let Some(uid) = &self.stead_uid {
            info.impersonate_uid = Some(uid.clone());
        }
        if !self.stead_groups.is_empty() {
            info.impersonate_groups = Some(self.stead_groups.clone());
        }
    }
}

fn address(flag: &'static str, value: &str) -> Result<http::Uri, Error> {
    // As in kubectl, an address without a scheme is one of TLS, and only then has no default port.
    let whole = if value.contains("://") { value.to_owned() } else { format!("https://{value}") };
    whole.parse().map_err(|_| Error::Address { flag, value: value.to_owned() })
}
