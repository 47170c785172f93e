//! A remote, and who we are to it.

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::Duration,
};

use aws_lc_rs::{hmac, rand};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{Error, SafeUrl, Secret, Ssh, ssh::Algorithms, url::Address};

/// A Git repository, how to reach it, and as whom.
#[derive(Debug)]
pub struct Remote {
    /// Where it is.
    pub url: SafeUrl,
    /// As whom.
    pub credentials: Credentials,
    /// Whom to trust, and with which certificate to present ourselves.
    pub tls: Tls,
    /// Through which proxy; `None` leaves it to the process' environment.
    pub proxy: Option<Proxy>,
    /// Whether credentials may travel over plain `http`.
    pub clear_text: ClearText,
    /// What is offered to ssh servers.
    pub algorithms: Arc<Algorithms>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

/// Who we are to a remote.
pub enum Credentials {
    /// Nobody.
    None,
    /// A user with a password or token.
    Basic {
        /// The user.
        username: String,
        /// The password or token.
        password: Secret,
    },
    /// The holder of a token.
    Bearer(Secret),
    /// The holder of a key, to servers that are known.
    Ssh(Box<Ssh>),
}

/// Whom to trust, and who we are, below HTTP.
#[derive(Debug, Default)]
pub struct Tls {
    /// PEM certificates that are trusted besides the system's.
    pub ca: Option<Vec<u8>>,
    /// PEM certificate chain and private key that we present.
    pub identity: Option<Secret>,
}

/// A proxy: `http://`, `https://` or `socks5://`.
#[derive(Debug)]
pub struct Proxy {
    address: url::Url,
    credentials: Credentials,
}

/// Whether credentials may travel over plain `http`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClearText {
    /// Only to this machine.
    #[default]
    Loopback,
    /// Anywhere; the object's author asked for it.
    Allow,
}

/// How long to wait for a remote.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For a fetch or a push as a whole. A read that began in time may end late, but never later
    /// than twice this.
    pub operation: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), operation: Duration::from_secs(60) }
    }
}

impl Remote {
    /// The remote at `url`, with the credentials that the URL carries and defaults elsewhere.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let (url, credentials) = SafeUrl::parse(url)?;
        Ok(Self {
            url,
            credentials,
            tls: Tls::default(),
            proxy: None,
            clear_text: ClearText::default(),
            algorithms: Arc::default(),
            timeouts: Timeouts::default(),
        })
    }

    /// A key for caches in memory: equal for the same endpoint, TLS, proxy and credentials.
    ///
    /// It is keyed with a secret of this process, so it means nothing elsewhere.
    pub fn identity(&self) -> Identity {
        let mut hash = hmac::Context::with_key(&PROCESS_KEY);
        self.endpoint(&mut hash);
        field(&mut hash, self.tls.identity.as_ref().map_or(b"", |pem| pem.expose()));
        self.credentials.secret(&mut hash);
        if let Some(proxy) = &self.proxy {
            proxy.credentials.secret(&mut hash);
        }
        Identity::of(hash)
    }

    /// What can connect to the same servers in the same way, whoever asks.
    pub(crate) fn connection(&self) -> Identity {
        let mut hash = hmac::Context::with_key(&PROCESS_KEY);
        field(&mut hash, self.tls.ca.as_deref().unwrap_or_default());
        field(&mut hash, self.tls.identity.as_ref().map_or(b"", |pem| pem.expose()));
        field(&mut hash, self.proxy.as_ref().map_or("", |proxy| proxy.address.as_str()).as_bytes());
        if let Some(proxy) = &self.proxy {
            proxy.credentials.secret(&mut hash);
        }
        field(&mut hash, &self.timeouts.connect.as_millis().to_be_bytes());
        Identity::of(hash)
    }

    /// What an ssh server lets in as the same.
    pub(crate) fn login(&self, address: &Address, ssh: &Ssh) -> Identity {
        let mut hash = hmac::Context::with_key(&PROCESS_KEY);
        field(&mut hash, self.proxy.as_ref().map_or("", |proxy| proxy.address.as_str()).as_bytes());
        if let Some(proxy) = &self.proxy {
            proxy.credentials.secret(&mut hash);
        }
        field(&mut hash, address.host.as_bytes());
        field(&mut hash, &address.port.to_be_bytes());
        field(&mut hash, address.user.as_bytes());
        field(&mut hash, ssh.known_hosts.text());
        field(&mut hash, ssh.key.blob());
        Identity::of(hash)
    }

    /// The name of this remote's directory in a cache whose secret is `key`.
    ///
    /// No password, token or private key takes part, so the name survives their rotation and
    /// nothing on the disk is a digest of one.
    pub(crate) fn directory(&self, key: &hmac::Key) -> String {
        let mut hash = hmac::Context::with_key(key);
        self.endpoint(&mut hash);
        hash.sign().as_ref()[..20]
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    }

    /// Feeds everything about this remote that is not secret.
    fn endpoint(&self, hash: &mut hmac::Context) {
        field(hash, self.url.as_str().as_bytes());
        field(hash, self.tls.ca.as_deref().unwrap_or_default());
        field(hash, &[u8::from(self.tls.identity.is_some())]);
        field(hash, self.proxy.as_ref().map_or("", |proxy| proxy.address.as_str()).as_bytes());
        match &self.credentials {
            Credentials::None => field(hash, b"none"),
            // `https://TOKEN@host` has its secret where the user should be.
            Credentials::Basic { password, .. } if password.expose().is_empty() => {
                field(hash, b"basic");
            }
            Credentials::Basic { username, .. } => {
                field(hash, b"basic");
                field(hash, username.as_bytes());
            }
            Credentials::Bearer(_) => field(hash, b"bearer"),
            Credentials::Ssh(ssh) => {
                field(hash, b"ssh");
                field(hash, ssh.known_hosts.text());
            }
        }
    }
}

impl Credentials {
    fn secret(&self, hash: &mut hmac::Context) {
        match self {
            Self::None => field(hash, b""),
            Self::Basic { username, password } => {
                field(hash, username.as_bytes());
                field(hash, password.expose());
            }
            Self::Bearer(token) => field(hash, token.expose()),
            Self::Ssh(ssh) => field(hash, ssh.key.blob()),
        }
    }

    /// What a server can echo of them, and nobody may read: hooks print their environment, and a
    /// web server puts the header there.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        match self {
            // A key never leaves this process.
            Self::None | Self::Ssh(_) => Vec::new(),
            Self::Bearer(token) => vec![Secret::new(token.expose())],
            Self::Basic { username, password } => {
                let pair = Secret::new([username.as_bytes(), b":", password.expose()].concat());
                // `https://TOKEN@host` has its secret where the user should be.
                let alone = match password.expose() {
                    b"" => username.as_bytes(),
                    password => password,
                };
                vec![Secret::new(STANDARD.encode(pair.expose())), Secret::new(alone)]
            }
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic(..)",
            Self::Bearer(_) => "Bearer(..)",
            Self::Ssh(_) => "Ssh(..)",
        })
    }
}

impl Proxy {
    /// The proxy at `address`; userinfo in it becomes the credentials, unless others are given.
    pub fn new(address: &str, credentials: Credentials) -> Result<Self, Error> {
        let mut parsed = url::Url::parse(address).map_err(Error::Url)?;
        if !matches!(parsed.scheme(), "http" | "https" | "socks5" | "socks5h") {
            return Err(Error::ProxyScheme { scheme: parsed.scheme().to_owned() });
        }
        let carried = crate::url::take_userinfo(&mut parsed);
        let credentials = if credentials.is_none() { carried } else { credentials };
        Ok(Self { address: parsed, credentials })
    }

    /// Where it is.
    pub(crate) fn address(&self) -> &url::Url {
        &self.address
    }

    /// Who we are to it.
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// What reqwest needs to know.
    pub(crate) fn to_reqwest(&self) -> Result<reqwest::Proxy, Error> {
        let proxy = reqwest::Proxy::all(self.address.as_str())
            .map_err(|source| Error::Client { what: "proxy", source: source.into() })?;
        Ok(match &self.credentials {
            Credentials::Basic { username, password } => {
                proxy.basic_auth(username, &String::from_utf8_lossy(password.expose()))
            }
            Credentials::None | Credentials::Bearer(_) | Credentials::Ssh(_) => proxy,
        })
    }
}

/// A key that tells two remotes apart in memory; see [`Remote::identity`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity([u8; 32]);

impl Identity {
    fn of(hash: hmac::Context) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hash.sign().as_ref());
        Self(bytes)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

static PROCESS_KEY: LazyLock<hmac::Key> = LazyLock::new(random_key);

/// A key nobody else has.
fn random_key() -> hmac::Key {
    hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())
        .expect("the system has randomness, or nothing in this process is safe")
}

/// Feeds one field, with its length, so that no two lists of fields read alike.
fn field(hash: &mut hmac::Context, bytes: &[u8]) {
    hash.update(&(bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: &str) -> Remote {
        Remote::parse(url).unwrap()
    }

    #[test]
    fn another_password_is_another_identity_in_the_same_directory() {
        let key = random_key();
        let (a, b) = (remote("https://bot:one@h/r"), remote("https://bot:two@h/r"));
        assert_ne!(a.identity(), b.identity());
        assert_eq!(a.directory(&key), b.directory(&key));
        assert_eq!(a.identity(), remote("https://bot:one@h/r").identity());
    }

    #[test]
    fn every_part_of_a_remote_takes_part_in_its_identity() {
        let plain = remote("https://h/r");
        let mut ca = remote("https://h/r");
        ca.tls.ca = Some(b"pem".to_vec());
        let mut proxied = remote("https://h/r");
        proxied.proxy = Some(Proxy::new("http://proxy:3128", Credentials::None).unwrap());
        let others = [remote("https://h/other"), remote("https://bot:p@h/r"), ca, proxied];
        for other in &others {
            assert_ne!(plain.identity(), other.identity(), "{other:?}");
            let key = random_key();
            assert_ne!(plain.directory(&key), other.directory(&key), "{other:?}");
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let mut remote = remote("https://bot:hunter2@h/r");
        remote.tls.identity = Some(Secret::new("hunter2"));
        remote.proxy = Some(Proxy::new("http://me:hunter2@proxy", Credentials::None).unwrap());
        assert!(!format!("{remote:?} {:?}", remote.identity()).contains("hunter2"));
    }
}
