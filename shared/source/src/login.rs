//! What a Secret says about logging in.

use reconcile::Secret;
use repo::{Credentials, Proxy, Remote, Tls};

use crate::{Error, Field};

/// Takes over what `secret` says about credentials and TLS; what it does not say stays as the URL
/// has it.
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
    remote.tls = tls(secret)?;
    Ok(())
}

/// Whom to trust, and with which certificate to present ourselves.
fn tls(secret: &Secret) -> Result<Tls, Error> {
    let ca = secret.bytes("ca.crt").or_else(|| secret.bytes("caFile")).map(<[u8]>::to_vec);
    let identity = match (secret.bytes("tls.crt"), secret.bytes("tls.key")) {
        (Some(chain), Some(key)) => Some(repo::Secret::new([chain, b"\n", key].concat())),
        (Some(_), None) => return Err(half(secret, "tls.crt", "tls.key")),
        (None, Some(_)) => return Err(half(secret, "tls.key", "tls.crt")),
        (None, None) => None,
    };
    Ok(Tls { ca, identity })
}

/// The proxy that `secret` of `field` describes.
pub(crate) fn proxy(secret: &Secret, field: &Field) -> Result<Proxy, Error> {
    secret.required("address")?;
    let address = secret.text("address")?.unwrap_or_default();
    let credentials = match (secret.text("username")?, secret.bytes("password")) {
        (Some(username), password) => Credentials::Basic {
            username: username.to_owned(),
            password: repo::Secret::new(trimmed(password.unwrap_or_default())),
        },
        (None, _) => Credentials::None,
    };
    let (name, field) = (secret.name().to_owned(), field.clone());
    let wrong = |source| Error::Proxy { name, field, source: Box::new(source) };
    Proxy::new(address, credentials).map_err(wrong)
}

fn half(secret: &Secret, has: &'static str, lacks: &'static str) -> Error {
    Error::Half { name: secret.name().to_owned(), has, lacks }
}

/// A login without the line break that `echo` adds.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1);
    &bytes[..end]
}
