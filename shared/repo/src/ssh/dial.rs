//! The way to an ssh server: straight, or through a proxy that connects us.
//!
//! ```text
//! http://    CONNECT host:port, answered 200, and then ssh        (RFC 9110, 9.3.6)
//! socks5://  the same by SOCKS version 5; the proxy looks the name up, as Flux has it
//! ```
//!
//! An ssh server speaks first, so nothing may be read past the end of the proxy's answer.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_socks::tcp::Socks5Stream;

use crate::{Credentials, Proxy, Secret, error::Source};

/// The longest answer of a proxy that is read.
const LONGEST: usize = 16 << 10;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// It was not made; it may be later.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The proxy could not be asked, or could not connect.
    #[error("the proxy made no connection")]
    Proxy(#[source] Source),
    /// The proxy does not let us through.
    #[error("the proxy answered {0}")]
    Refused(String),
    /// The proxy is of a kind that is not spoken for ssh.
    #[error("`{0}` proxies are not supported for ssh; use `http` or `socks5`")]
    Scheme(String),
}

/// A connection to `host`.
pub(super) async fn dial(proxy: Option<&Proxy>, host: &str, port: u16) -> Result<TcpStream, Error> {
    let Some(proxy) = proxy else { return Ok(TcpStream::connect((host, port)).await?) };
    let login = match proxy.credentials() {
        Credentials::Basic { username, password } => Some((username.as_str(), password)),
        Credentials::None | Credentials::Bearer(_) | Credentials::Ssh(_) => None,
    };
    let (scheme, address) = (proxy.address().scheme(), proxy.address());
    let near = || {
        let name = address.host_str().unwrap_or_default();
        // What the brackets of an IPv6 address are for is over here.
        let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
        (name, address.port_or_known_default().unwrap_or(1080))
    };
    match scheme {
        "http" => {
            let (name, near_port) = near();
            let stream = TcpStream::connect((name.as_str(), near_port)).await?;
            connect(stream, (host, port), login).await
        }
        "socks5" | "socks5h" => {
            let (name, near_port) = near();
            let stream = TcpStream::connect((name.as_str(), near_port)).await?;
            socks(stream, (host, port), login).await
        }
        other => Err(Error::Scheme(other.to_owned())),
    }
}

/// Asks a proxy of HTTP to connect.
async fn connect(
    mut stream: TcpStream,
    (host, port): (&str, u16),
    login: Option<(&str, &Secret)>,
) -> Result<TcpStream, Error> {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some((username, password)) = login {
        let pair = Secret::new([username.as_bytes(), b":", password.expose()].concat());
        let header = format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(pair.expose()));
        request.push_str(&header);
    }
    request.push_str("\r\n");
    let request = Secret::new(request);
    stream.write_all(request.expose()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() == LONGEST {
            return Err(Error::Proxy("its answer does not end".into()));
        }
        // Byte by byte: what follows is the server's.
        answer.push(stream.read_u8().await?);
    }
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.lines().next().and_then(|line| line.strip_prefix("HTTP/1."));
    let status = status.and_then(|rest| rest.split_once(' ')).map_or("", |(_, status)| status);
    match status.get(..1) {
        Some("2") => Ok(stream),
        Some("4") => Err(Error::Refused(status.trim().to_owned())),
        Some(_) => Err(Error::Proxy(format!("it answered {}", status.trim()).into())),
        None => Err(Error::Proxy("what it answered is not HTTP".into())),
    }
}

/// Asks a proxy of SOCKS version 5 to connect.
async fn socks(
    stream: TcpStream,
    target: (&str, u16),
    login: Option<(&str, &Secret)>,
) -> Result<TcpStream, Error> {
    let connected = match login {
        None => Socks5Stream::connect_with_socket(stream, target).await,
        Some((username, password)) => {
            let password = String::from_utf8_lossy(password.expose());
            Socks5Stream::connect_with_password_and_socket(stream, target, username, &password)
                .await
        }
    };
    connected.map(Socks5Stream::into_inner).map_err(|error| match error {
        tokio_socks::Error::Io(error) => Error::Io(error),
        tokio_socks::Error::PasswordAuthFailure(_)
        | tokio_socks::Error::NoAcceptableAuthMethods
        | tokio_socks::Error::InvalidAuthValues(_)
        | tokio_socks::Error::ConnectionNotAllowedByRuleset => Error::Refused(error.to_string()),
        other => Error::Proxy(other.into()),
    })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What is made of a proxy that answers so, and what it was asked.
    async fn ask(answer: &'static str, login: bool) -> (Result<String, String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(asked).unwrap()
        });
        let basic =
            || Credentials::Basic { username: "ann".to_owned(), password: Secret::new("s3cr3t") };
        let credentials = if login { basic() } else { Credentials::None };
        let proxy = Proxy::new(&address, credentials).unwrap();
        let made = match dial(Some(&proxy), "git.example", 22).await {
            Err(error) => Err(error.to_string()),
            Ok(mut stream) => {
                let mut rest = String::new();
                stream.read_to_string(&mut rest).await.unwrap();
                Ok(rest)
            }
        };
        (made, server.await.unwrap())
    }

    #[tokio::test]
    async fn a_proxy_connects_and_nothing_of_the_server_is_lost() {
        let (made, asked) = ask("HTTP/1.1 200 OK\r\nVia: x\r\n\r\nSSH-2.0-y\r\n", true).await;
        assert_eq!(made.as_deref(), Ok("SSH-2.0-y\r\n"));
        assert_eq!(
            asked,
            "CONNECT git.example:22 HTTP/1.1\r\nHost: git.example:22\r\nProxy-Authorization: Basic YW5uOnMzY3IzdA==\r\n\r\n"
        );
        let (_, asked) = ask("HTTP/1.1 200 OK\r\n\r\n", false).await;
        assert!(!asked.contains("Authorization"), "{asked}");
    }

    #[tokio::test]
    async fn a_proxy_that_does_not_connect_says_why() {
        #[rustfmt::skip]
        let cases = [
            ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "the proxy answered 407 Proxy Authentication Required"),
            ("HTTP/1.0 502 Bad Gateway\r\n\r\n",                   "the proxy made no connection"),
            ("hello\r\n\r\n",                                      "the proxy made no connection"),
        ];
        for (answer, said) in cases {
            assert_eq!(ask(answer, true).await.0, Err(said.to_owned()), "{answer}");
        }
        let proxy = Proxy::new("https://proxy.example", Credentials::None).unwrap();
        let error = dial(Some(&proxy), "git.example", 22).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "`https` proxies are not supported for ssh; use `http` or `socks5`"
        );
    }
}
