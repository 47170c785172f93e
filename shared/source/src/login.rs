//! What a Secret says about logging in.

use reconcile::Secret;
use repo::{Credentials, Proxy, Remote, Ssh, Tls};
use zeroize::Zeroizing;

use crate::Error;

/// Takes over what `secret` says about credentials for http(s); where it says nothing, those of the
/// URL stay.
pub(crate) fn log_in(remote: &mut Remote, secret: &Secret) -> Result<(), Error> {
    let in_url = !matches!(remote.credentials, Credentials::None);
    let username = secret.text("username")?;
    let password = secret.bytes("password");
    if let Some(token) = secret.bytes("bearerToken") {
        if in_url {
            return Err(Error::TwoLogins { name: secret.name().to_owned() });
        }
        remote.credentials = Credentials::Bearer(repo::Secret::new(trimmed(token)));
    } else if let Some(username) = username {
        // A token may be all there is, in the place of the user.
        let password = repo::Secret::new(trimmed(password.unwrap_or_default()));
        remote.credentials = Credentials::Basic { username: username.to_owned(), password };
    } else if password.is_some() {
        return Err(half(secret, "password", "username"));
    }
    Ok(())
}

/// Takes over the key in `secret`, and the servers to which it may be shown.
pub(crate) fn log_in_with_key(remote: &mut Remote, secret: &Secret) -> Result<(), Error> {
    let identity = repo::Secret::new(secret.required("identity")?);
    let phrase = secret.bytes("password").map(|phrase| repo::Secret::new(trimmed(phrase)));
    let ssh = Ssh::new(&identity, phrase.as_ref(), secret.required("known_hosts")?);
    let unusable = |source| Error::Ssh { name: secret.name().to_owned(), source: Box::new(source) };
    remote.credentials = Credentials::Ssh(Box::new(ssh.map_err(unusable)?));
    Ok(())
}

/// Whom to trust, and with which certificate to present ourselves.
pub(crate) fn tls(secret: &Secret) -> Result<Tls, Error> {
    let ca = secret.bytes("ca.crt").or_else(|| secret.bytes("caFile")).map(<[u8]>::to_vec);
    let identity = match (secret.bytes("tls.crt"), secret.bytes("tls.key")) {
        (Some(chain), Some(key)) => Some(repo::Secret::new([chain, b"\n", key].concat())),
        (Some(_), None) => return Err(half(secret, "tls.crt", "tls.key")),
        (None, Some(_)) => return Err(half(secret, "tls.key", "tls.crt")),
        (None, None) => None,
    };
    Ok(Tls { ca, identity })
}

/// A proxy, and as whom.
pub(crate) struct ProxyLogin {
    /// Where it is; an old form carries the user before an `@`.
    pub(crate) address: Zeroizing<String>,
    /// A user and a password.
    pub(crate) user: Option<(String, Zeroizing<String>)>,
}

impl ProxyLogin {
    /// The proxy that `secret` describes.
    pub(crate) fn read(secret: &Secret) -> Result<Self, Error> {
        secret.required("address")?;
        let address = secret.text("address")?.unwrap_or_default();
        let password = secret.text("password")?.unwrap_or_default();
        let user = secret.text("username")?;
        Ok(Self {
            address: Zeroizing::new(address.to_owned()),
            user: user.map(|user| (user.to_owned(), Zeroizing::new(password.to_owned()))),
        })
    }

    /// The same for a remote.
    pub(crate) fn proxy(&self) -> Result<Proxy, repo::Error> {
        let credentials = match &self.user {
            Some((username, password)) => Credentials::Basic {
                username: username.clone(),
                password: repo::Secret::new(password.as_bytes()),
            },
            None => Credentials::None,
        };
        Proxy::new(&self.address, credentials)
    }

    /// What tells one proxy from another.
    pub(crate) fn parts(proxy: Option<&Self>) -> [&[u8]; 3] {
        let Some(Self { address, user }) = proxy else { return [b"", b"", b""] };
        let (username, password) = match user {
            Some((username, password)) => (username.as_bytes(), password.as_bytes()),
            None => (&b""[..], &b""[..]),
        };
        [address.as_bytes(), username, password]
    }
}

fn half(secret: &Secret, has: &'static str, lacks: &'static str) -> Error {
    Error::Half { name: secret.name().to_owned(), has, lacks }
}

/// A login without the line break that `echo` adds.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1);
    &bytes[..end]
}
