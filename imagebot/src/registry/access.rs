//! How to connect to a registry, and as whom.

use std::sync::Arc;

use imagebot_core::reference::Repository;
use sha2::{Digest as _, Sha256};
use url::Url;
use zeroize::Zeroizing;

use super::{Cloud, Error, Keychain, Workload};

/// What tells two connections or two credentials apart, without showing either.
pub(super) type Fingerprint = [u8; 32];

/// How an object says to connect to its registry.
///
/// The default is TLS with the system's certificates and no credentials.
#[derive(Default)]
pub struct Access {
    pub(super) insecure: bool,
    pub(super) login: Login,
    pub(super) ca: Option<Arc<[u8]>>,
    pub(super) identity: Option<Arc<Zeroizing<Vec<u8>>>>,
    pub(super) proxy: Option<Arc<Proxy>>,
}

/// Where credentials come from.
pub(super) enum Login {
    /// What Secrets hold.
    Keychain(Arc<Keychain>),
    /// What a cloud gives to its own: to this process, or to another workload.
    Cloud(Cloud, Option<Arc<Workload>>),
}

impl Default for Login {
    fn default() -> Self {
        Self::Keychain(Arc::default())
    }
}

/// A proxy on the way to a registry.
pub struct Proxy {
    pub(super) address: Url,
    pub(super) login: Option<(String, Zeroizing<String>)>,
}

impl Access {
    /// This access, over plain HTTP where the registry has no TLS.
    #[must_use]
    pub fn insecure(mut self, insecure: bool) -> Self {
        self.insecure = insecure;
        self
    }

    /// This access, with the credentials of a keychain.
    #[must_use]
    pub fn keychain(mut self, keychain: Keychain) -> Self {
        self.login = Login::Keychain(Arc::new(keychain));
        self
    }

    /// This access, with the login that a cloud gives instead of a keychain.
    #[must_use]
    pub fn cloud(mut self, cloud: Cloud) -> Self {
        self.login = Login::Cloud(cloud, None);
        self
    }

    /// This access, with the login that a cloud gives to another workload than this process.
    #[must_use]
    pub fn workload(mut self, cloud: Cloud, workload: Workload) -> Self {
        self.login = Login::Cloud(cloud, Some(Arc::new(workload)));
        self
    }

    /// This access, trusting the certificates of `pem` besides the system's.
    #[must_use]
    pub fn trusting(mut self, pem: &[u8]) -> Self {
        self.ca = Some(pem.into());
        self
    }

    /// This access, showing a client certificate; both parts are PEM.
    #[must_use]
    pub fn identified(mut self, certificate: &[u8], key: &[u8]) -> Self {
        self.identity = Some(Arc::new(Zeroizing::new([key, b"\n", certificate].concat())));
        self
    }

    /// This access, through a proxy instead of the one that the environment names.
    #[must_use]
    pub fn through(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(Arc::new(proxy));
        self
    }

    /// The same access once more, for a question that outlives who asked it.
    pub(super) fn share(&self) -> Self {
        Self {
            insecure: self.insecure,
            login: match &self.login {
                Login::Keychain(keychain) => Login::Keychain(Arc::clone(keychain)),
                Login::Cloud(cloud, workload) => Login::Cloud(*cloud, workload.clone()),
            },
            ca: self.ca.clone(),
            identity: self.identity.clone(),
            proxy: self.proxy.clone(),
        }
    }

    /// The identity of the credential for `repository`.
    pub(super) fn whom(&self, repository: &Repository) -> Option<Fingerprint> {
        match &self.login {
            Login::Keychain(keychain) => keychain.find(repository).map(|found| found.fingerprint()),
            Login::Cloud(cloud, workload) => Some(cloud.fingerprint(workload.as_deref())),
        }
    }

    /// The identity of a connection: all that a client is made from.
    pub(super) fn connection(&self, direct: bool) -> Fingerprint {
        let mut hash = Sha256::new();
        let mut part = |bytes: Option<&[u8]>| {
            let bytes = bytes.unwrap_or_default();
            hash.update(bytes.len().to_le_bytes());
            hash.update(bytes);
        };
        part(Some(&[u8::from(direct)]));
        part(self.ca.as_deref());
        part(self.identity.as_ref().map(|identity| identity.as_slice()));
        let proxy = self.proxy.as_ref();
        part(proxy.map(|proxy| proxy.address.as_str().as_bytes()));
        let login = proxy.and_then(|proxy| proxy.login.as_ref());
        part(login.map(|(username, _)| username.as_bytes()));
        part(login.map(|(_, password)| password.as_bytes()));
        hash.finalize().into()
    }
}

impl Proxy {
    /// The proxy at `address`, which is `http://`, `https://` or `socks5://`.
    pub fn new(address: &str, login: Option<(&str, &str)>) -> Result<Self, Error> {
        let parsed = Url::parse(address).ok();
        let address = parsed
            .filter(|url| matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h"))
            .filter(|url| url.has_host() && url.username().is_empty() && url.password().is_none())
            .ok_or(Error::Proxy)?;
        let login = login
            .map(|(username, password)| (username.to_owned(), Zeroizing::new(password.to_owned())));
        Ok(Self { address, login })
    }
}
