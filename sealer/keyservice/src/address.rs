//! Where a key service is.

use std::{fmt, io, path::PathBuf, pin::Pin};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
};

/// Where a key service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `HOST:PORT`
    Tcp(String),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// The text is no address of a key service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the address of a key service; write `tcp://HOST:PORT` or `unix:///PATH`")]
pub struct Malformed(String);

/// A connection of either kind.
pub(crate) type Connection = Pin<Box<dyn Stream>>;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send {}

impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}

/// A place where connections come in.
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Address {
    /// Reads what `--keyservice` takes.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        Self::of(scheme, rest).map_err(|_| Malformed(text.to_owned()))
    }

    /// Reads what `--network` and `--address` take.
    pub fn of(network: &str, address: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed(format!("{network}://{address}"));
        match network {
            "tcp" => {
                let address = address.trim_end_matches('/');
                let (host, port) = address.rsplit_once(':').ok_or_else(malformed)?;
                port.parse::<u16>().map_err(|_| malformed())?;
                // Without a host, it is this machine: never all of its addresses.
                let host = if host.is_empty() { "127.0.0.1" } else { host };
                Ok(Self::Tcp(format!("{host}:{port}")))
            }
            "unix" if !address.is_empty() => Ok(Self::Unix(address.into())),
            _ => Err(malformed()),
        }
    }

    pub(crate) async fn connect(&self) -> io::Result<Connection> {
        Ok(match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Box::pin(stream)
            }
            Self::Unix(path) => Box::pin(UnixStream::connect(path).await?),
        })
    }

    pub(crate) async fn listen(&self) -> io::Result<Listener> {
        match self {
            Self::Tcp(address) => TcpListener::bind(address).await.map(Listener::Tcp),
            Self::Unix(path) => {
                let listener = UnixListener::bind(path)?;
                // Who may write to the socket may open files.
                let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
                std::fs::set_permissions(path, owner)?;
                Ok(Listener::Unix(listener, path.clone()))
            }
        }
    }
}

impl Listener {
    pub(crate) async fn accept(&self) -> io::Result<Connection> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Box::pin(stream)
            }
            Self::Unix(listener, _) => Box::pin(listener.accept().await?.0),
        })
    }

    /// Where it is: a port that was given as 0 is known by now.
    pub(crate) fn address(&self) -> io::Result<Address> {
        Ok(match self {
            Self::Tcp(listener) => Address::Tcp(listener.local_addr()?.to_string()),
            Self::Unix(_, path) => Address::Unix(path.clone()),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // A socket that stays would be in the way of the next.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_sops_takes_them() {
        #[rustfmt::skip]
        let cases = [
            ("tcp://127.0.0.1:5000",    Some("tcp://127.0.0.1:5000")),
            ("tcp://[::1]:5000",        Some("tcp://[::1]:5000")),
            ("tcp://host:5000/",        Some("tcp://host:5000")),
            ("tcp://:5000",             Some("tcp://127.0.0.1:5000")),
            ("unix:///run/sops.sock",   Some("unix:///run/sops.sock")),
            ("tcp://host",              None),
            ("tcp://host:x",            None),
            ("unix://",                 None),
            ("http://host:1",           None),
            ("host:1",                  None),
            ("",                        None),
        ];
        for (text, expected) in cases {
            let found = Address::parse(text).ok().map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
