//! How an ImageRepository says to log in to its registry, from the Secrets that it names.

use imagebot_api::{ImageRepository, image_repository::Provider};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::ResourceExt as _;
use reconcile::{
    Class, Core,
    error::class_of_api_error,
    request,
    secret::{self, Secret},
};

use crate::registry::{self, Access, Cloud, Keychain, Proxy};

mod workload;

/// Where Kubernetes keeps Docker's configuration: the key of today, and the one before it.
const KEYS: [&str; 2] = [".dockerconfigjson", ".dockercfg"];

/// Why the registry cannot be logged in to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A Secret cannot be read.
    #[error(transparent)]
    Secret(#[from] secret::Error),
    /// A Secret has no credentials for registries.
    #[error("the Secret `{name}` has neither a key `.dockerconfigjson` nor `.dockercfg`")]
    NoKeychain {
        /// The Secret.
        name: String,
    },
    /// A Secret is not what it should be.
    #[error("the Secret `{name}` of `{field}` cannot be used")]
    Unfit {
        /// The field that names it.
        field: &'static str,
        /// The Secret.
        name: String,
        /// Why.
        source: registry::Error,
    },
    /// A Secret has half of a key pair.
    #[error("the Secret `{name}` of `spec.certSecretRef` has a `{has}` without a `{lacks}`")]
    Half {
        /// The Secret.
        name: String,
        /// The key that is there.
        has: &'static str,
        /// The key that is not.
        lacks: &'static str,
    },
    /// The ServiceAccount cannot be read.
    #[error("could not read the ServiceAccount `{name}` of `spec.serviceAccountName`")]
    Account {
        /// The ServiceAccount.
        name: String,
        /// Why.
        source: Box<kube::Error>,
    },
    /// Kubernetes gives no token of the ServiceAccount.
    #[error("could not get a token of the ServiceAccount `{name}` of `spec.serviceAccountName`")]
    Token {
        /// The ServiceAccount.
        name: String,
        /// Why.
        source: request::Error,
    },
    /// The ServiceAccount does not say who it is to the cloud.
    #[error("the ServiceAccount `{name}` has no annotation `{key}`")]
    NoAnnotation {
        /// The ServiceAccount.
        name: String,
        /// The annotation.
        key: &'static str,
    },
    /// An annotation of the ServiceAccount cannot be used.
    #[error("the annotation `{key}` of the ServiceAccount `{name}` is not of the form `{form}`")]
    Annotation {
        /// The ServiceAccount.
        name: String,
        /// The annotation.
        key: &'static str,
        /// How it should look.
        form: &'static str,
    },
    /// The cloud's login of another ServiceAccount than the daemon's.
    #[error(
        "`spec.serviceAccountName` with `spec.provider` needs the feature gate `ObjectLevelWorkloadIdentity`"
    )]
    FeatureGate,
}

impl Error {
    /// Who can fix it.
    pub fn class(&self) -> Class {
        match self {
            Self::Secret(error) => error.class(),
            Self::NoKeychain { .. } | Self::Unfit { .. } | Self::Half { .. } => Class::Waiting,
            Self::NoAnnotation { .. } | Self::Annotation { .. } => Class::Waiting,
            Self::FeatureGate => Class::Stalled,
            Self::Token { source, .. } if source.is_not_found() => Class::Waiting,
            Self::Token { source, .. } => source.class(),
            Self::Account { source, .. } => match source.as_ref() {
                kube::Error::Api(status) if status.code == 404 => Class::Waiting,
                source => class_of_api_error(source),
            },
        }
    }

    /// What the reader can do.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Unfit { source, .. } => source.remedy(),
            Self::NoKeychain { .. } => {
                Some("write it with `kubectl create secret docker-registry`".to_owned())
            }
            Self::Half { lacks, .. } => Some(format!("add `{lacks}`")),
            Self::Secret(_) => Some("create it, or correct the reference".to_owned()),
            Self::NoAnnotation { key, .. } => {
                Some(format!("annotate the ServiceAccount with `{key}`"))
            }
            Self::Annotation { .. } => Some("correct it".to_owned()),
            Self::Token { .. } => Some(
                "grant `get` on `serviceaccounts` and `create` on `serviceaccounts/token` to the daemon: `features.workloadIdentity` of the chart"
                    .to_owned(),
            ),
            Self::FeatureGate => Some(
                "start the daemon with `--feature-gates=ObjectLevelWorkloadIdentity=true` (`features.workloadIdentity` of the chart), or remove `spec.serviceAccountName`"
                    .to_owned(),
            ),
            Self::Account { .. } => None,
        }
    }
}

/// Whether objects may log in to clouds as ServiceAccounts of their namespaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Workloads(pub bool);

impl Workloads {
    /// Whether `object` asks for nothing that it may not have.
    pub fn admit(self, object: &ImageRepository) -> Result<(), Error> {
        let spec = &object.spec;
        let asked = spec.provider != Provider::Generic && spec.service_account_name.is_some();
        if asked && !self.0 { Err(Error::FeatureGate) } else { Ok(()) }
    }
}

/// How `object` says to log in.
pub async fn of(
    core: &Core,
    workloads: Workloads,
    object: &ImageRepository,
) -> Result<Access, Error> {
    workloads.admit(object)?;
    let spec = &object.spec;
    let namespace = object.namespace().unwrap_or_default();
    let read = async |field, name: &str| Secret::read(core, field, &namespace, name).await;
    let mut access = Access::default().insecure(spec.insecure);
    access = match (cloud(spec.provider), &spec.service_account_name) {
        // As upstream has it, the cloud's login is the only one then.
        (Some(cloud), None) => access.cloud(cloud),
        (Some(cloud), Some(account)) => {
            access.workload(cloud, workload::of(core, object, cloud, account).await?)
        }
        (None, _) => access.keychain(keychains(core, object, &namespace).await?),
    };
    if let Some(reference) = &spec.cert_secret_ref {
        access = certificates(access, &read("spec.certSecretRef", &reference.name).await?)?;
    }
    if let Some(reference) = &spec.proxy_secret_ref {
        let field = "spec.proxySecretRef";
        access = access.through(proxy(&read(field, &reference.name).await?, field)?);
    }
    Ok(access)
}

/// Whose login `provider` means, if it is not that of Secrets.
pub(crate) fn cloud(provider: Provider) -> Option<Cloud> {
    match provider {
        Provider::Generic => None,
        Provider::Aws => Some(Cloud::Aws),
        Provider::Azure => Some(Cloud::Azure),
        Provider::Gcp => Some(Cloud::Gcp),
    }
}

/// The credentials of the Secrets that `object` names.
async fn keychains(
    core: &Core,
    object: &ImageRepository,
    namespace: &str,
) -> Result<Keychain, Error> {
    let (spec, mut keychain) = (&object.spec, Keychain::default());
    if let Some(reference) = &spec.secret_ref {
        let field = "spec.secretRef";
        let secret = Secret::read(core, field, namespace, &reference.name).await?;
        keychain = self::keychain(&secret, field)?;
    }
    if let Some(account) = &spec.service_account_name {
        for name in pull_secrets(core, namespace, account).await? {
            let field = "spec.serviceAccountName";
            let secret = Secret::read(core, field, namespace, &name).await?;
            keychain = keychain.or(self::keychain(&secret, field)?);
        }
    }
    Ok(keychain)
}

/// The names of the Secrets that Pods of `account` pull with.
async fn pull_secrets(core: &Core, namespace: &str, account: &str) -> Result<Vec<String>, Error> {
    let found = core.namespaced::<ServiceAccount>(namespace).get(account).await;
    let unread = |source| Error::Account { name: account.to_owned(), source: Box::new(source) };
    let references = found.map_err(unread)?.image_pull_secrets.unwrap_or_default();
    Ok(references.into_iter().map(|reference| reference.name).filter(|it| !it.is_empty()).collect())
}

fn keychain(secret: &Secret, field: &'static str) -> Result<Keychain, Error> {
    let name = || secret.name().to_owned();
    let json = KEYS.iter().find_map(|key| secret.bytes(key));
    let json = json.ok_or_else(|| Error::NoKeychain { name: name() })?;
    Keychain::parse(json).map_err(|source| Error::Unfit { field, name: name(), source })
}

fn certificates(mut access: Access, secret: &Secret) -> Result<Access, Error> {
    let either = |new, old| secret.bytes(new).or_else(|| secret.bytes(old));
    if let Some(ca) = either("ca.crt", "caFile") {
        access = access.trusting(ca);
    }
    let half = |has, lacks| Error::Half { name: secret.name().to_owned(), has, lacks };
    match (either("tls.crt", "certFile"), either("tls.key", "keyFile")) {
        (Some(certificate), Some(key)) => Ok(access.identified(certificate, key)),
        (Some(_), None) => Err(half("tls.crt", "tls.key")),
        (None, Some(_)) => Err(half("tls.key", "tls.crt")),
        (None, None) => Ok(access),
    }
}

fn proxy(secret: &Secret, field: &'static str) -> Result<Proxy, Error> {
    secret.required("address")?;
    let address = secret.text("address")?.unwrap_or_default();
    let login = match (secret.text("username")?, secret.text("password")?) {
        (Some(username), password) => Some((username, password.unwrap_or_default())),
        (None, _) => None,
    };
    let name = || secret.name().to_owned();
    Proxy::new(address, login).map_err(|source| Error::Unfit { field, name: name(), source })
}
