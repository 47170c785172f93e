//! A remote's address that is safe to print.

use std::{fmt, path::PathBuf, sync::Arc};

use percent_encoding::percent_decode_str;
use url::Url;

use crate::{Credentials, Error, Secret};

/// The address of a Git repository, without credentials.
///
/// Whatever the URL carried before the `@` is taken out while parsing, so it cannot reach a log,
/// a status or an error. Only the user of an `ssh` URL stays, who is no secret: most are `git`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SafeUrl(Arc<Url>);

impl SafeUrl {
    /// Splits `text` into an address and the credentials that it carried.
    ///
    /// Accepted are `https://`, `http://`, `ssh://`, `file://` and an absolute path.
    pub fn parse(text: &str) -> Result<(Self, Credentials), Error> {
        let parsed = if text.starts_with('/') { Url::from_file_path(text).ok() } else { None };
        let mut url = match parsed {
            Some(url) => url,
            None => Url::parse(text).map_err(Error::Url)?,
        };
        if !matches!(url.scheme(), "https" | "http" | "ssh" | "file") {
            return Err(Error::Scheme { scheme: url.scheme().to_owned() });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Error::Query);
        }
        let credentials = if url.scheme() == "ssh" {
            if url.password().is_some() {
                return Err(Error::Password);
            }
            Credentials::None
        } else {
            take_userinfo(&mut url)
        };
        if url.path().len() > 1 && url.path().ends_with('/') {
            let trimmed = url.path().trim_end_matches('/').to_owned();
            url.set_path(&trimmed);
        }
        Ok((Self(Arc::new(url)), credentials))
    }

    /// The address of an HTTP answer, for errors; userinfo and query are dropped.
    pub(crate) fn of(url: &Url) -> Self {
        let mut url = url.clone();
        take_userinfo(&mut url);
        url.set_query(None);
        url.set_fragment(None);
        Self(Arc::new(url))
    }

    /// The directory, when this is a `file` URL.
    pub(crate) fn directory(&self) -> Option<PathBuf> {
        (self.0.scheme() == "file").then(|| self.0.to_file_path().ok()).flatten()
    }

    /// Where an `ssh` URL leads; `None` for others, and for one without a host or path.
    pub(crate) fn ssh(&self) -> Option<Address> {
        let host = self.0.host_str().filter(|host| self.is_ssh() && !host.is_empty())?;
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let user = match self.0.username() {
            "" => "git".to_owned(),
            user => decode(user),
        };
        let path = decode(self.0.path());
        // As Git has it: a home directory is not below the root.
        let path = if path.starts_with("/~") { path[1..].to_owned() } else { path };
        let host = decode(host.trim_start_matches('[').trim_end_matches(']')).to_lowercase();
        let address = Address { host, port: self.0.port().unwrap_or(22), user, path };
        (address.path.len() > 1).then_some(address)
    }

    /// Whether this takes an ssh key.
    pub fn is_ssh(&self) -> bool {
        self.0.scheme() == "ssh"
    }

    /// Whether traffic is readable on the way.
    pub(crate) fn is_clear_text(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Whether the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// The text of the address.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host, with the port when it is not the scheme's own.
    pub fn authority(&self) -> &str {
        let authority = self.0.authority();
        authority.rsplit_once('@').map_or(authority, |(_, host)| host)
    }
}

/// Where an `ssh` URL leads.
pub(crate) struct Address {
    /// A name or an IP address, in lower case, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    /// As the server's shell shall see it.
    pub(crate) path: String,
}

/// Removes userinfo from `url` and returns it decoded.
pub(crate) fn take_userinfo(url: &mut Url) -> Credentials {
    let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let username = String::from_utf8_lossy(&decode(url.username())).into_owned();
    let password = Secret::new(url.password().map(decode).unwrap_or_default());
    let absent = username.is_empty() && url.password().is_none();
    // Both fail only for addresses that cannot have userinfo, which then has nothing to remove.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    if absent { Credentials::None } else { Credentials::Basic { username, password } }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SafeUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn userinfo_is_never_printed() {
        for text in
            ["https://bot:hunter2@git.example/app.git", "http://hunter2@git.example/app.git"]
        {
            let (url, credentials) = SafeUrl::parse(text).unwrap();
            let printed = format!("{url} {url:?} {credentials:?}");
            assert!(
                !printed.contains("hunter2")
                    || matches!(&credentials, Credentials::Basic { username, .. } if username == "hunter2"),
                "{printed}"
            );
            assert!(!format!("{url}{url:?}").contains("hunter2"), "{url}");
        }
    }

    #[test]
    fn only_addresses_that_can_be_reached_are_accepted() {
        #[rustfmt::skip]
        let cases = [
            // text                              accepted
            ("https://git.example/app.git",      true),
            ("http://git.example:8080/a/b",      true),
            ("file:///srv/git/app.git",          true),
            ("/srv/git/app.git",                 true),
            ("ssh://git@git.example/app.git",    true),
            ("ssh://git:pass@git.example/app",   false),
            ("git@git.example:app.git",          false),
            ("https://git.example/app.git?a=b",  false),
            ("app.git",                          false),
        ];
        for (text, accepted) in cases {
            assert_eq!(SafeUrl::parse(text).is_ok(), accepted, "{text}");
        }
    }

    #[test]
    fn an_ssh_url_names_a_user_a_host_a_port_and_a_path() {
        #[rustfmt::skip]
        let cases = [
            // text                                user   host           port  path
            ("ssh://git.example/app.git",          "git", "git.example", 22,   "/app.git"),
            ("ssh://bot@Git.Example:2222/a%20b/",  "bot", "git.example", 2222, "/a b"),
            ("ssh://[::1]:22/~bot/app.git",        "git", "::1",         22,   "~bot/app.git"),
        ];
        for (text, user, host, port, path) in cases {
            let (url, credentials) = SafeUrl::parse(text).unwrap();
            let address = url.ssh().unwrap();
            let found = (&*address.user, &*address.host, address.port, &*address.path);
            assert_eq!(found, (user, host, port, path), "{text}");
            assert!(matches!(credentials, Credentials::None), "{text}");
        }
        assert!(SafeUrl::parse("ssh://git.example").unwrap().0.ssh().is_none());
        assert!(SafeUrl::parse("https://git.example/a").unwrap().0.ssh().is_none());
    }
}
