//! A proxy that asks who one is: HTTP's CONNECT and SOCKS version 5 on one port.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tests::Outcome;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// Who may go through.
pub(crate) const USER: &str = "walker";
/// Its password.
pub(crate) const PASSWORD: &str = "through the mountain";

/// In which way a connection has gone through, and where to.
pub(crate) type Passage = (&'static str, String);

/// A running proxy. It stops when dropped.
pub(crate) struct Tunnel {
    address: String,
    passed: Arc<Mutex<Vec<Passage>>>,
    server: AbortHandle,
}

impl Tunnel {
    /// Listens on a free port.
    pub(crate) async fn open() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let passed = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&passed);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                tokio::spawn(async move { serve(stream, &seen).await });
            }
        });
        Ok(Self { address, passed, server: server.abort_handle() })
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> &str {
        &self.address
    }

    /// The connections that have gone through.
    pub(crate) fn passed(&self) -> Vec<Passage> {
        self.passed.lock().expect("no holder of this lock panics").clone()
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(mut near: TcpStream, passed: &Mutex<Vec<Passage>>) -> Outcome {
    let mut first = [0; 1];
    near.peek(&mut first).await?;
    let (kind, far) = if first[0] == 5 {
        ("socks5", socks(&mut near).await?)
    } else {
        ("http", connect(&mut near).await?)
    };
    passed.lock().expect("no holder of this lock panics").push((kind, far.clone()));
    let mut far = TcpStream::connect(far).await?;
    copy_bidirectional(&mut near, &mut far).await?;
    Ok(())
}

/// `CONNECT host:port`, answered when the proxy's own credentials are right.
async fn connect(near: &mut TcpStream) -> Outcome<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(near.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let pair = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let is_ours = |line: &str| {
        let (name, value) = line.split_once(':').unwrap_or_default();
        name.eq_ignore_ascii_case("proxy-authorization") && value.trim() == format!("Basic {pair}")
    };
    if !head.lines().any(is_ours) {
        near.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            .await?;
        return Err("a stranger".into());
    }
    let far = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
    let far = far.ok_or("only CONNECT is spoken here")?.to_owned();
    near.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    Ok(far)
}

/// RFC 1928 with the login of RFC 1929.
async fn socks(near: &mut TcpStream) -> Outcome<String> {
    let methods = usize::from(near.read_u16().await? & 0xff);
    near.read_exact(&mut vec![0; methods]).await?;
    near.write_all(&[5, 2]).await?;
    near.read_u8().await?;
    let mut login = Vec::new();
    for _ in 0..2 {
        let mut word = vec![0; usize::from(near.read_u8().await?)];
        near.read_exact(&mut word).await?;
        login.push(word);
    }
    let right = login == [USER.as_bytes(), PASSWORD.as_bytes()];
    near.write_all(&[1, u8::from(!right)]).await?;
    if !right {
        return Err("a stranger".into());
    }
    let mut head = [0; 4];
    near.read_exact(&mut head).await?;
    let host = if head[3] == 1 {
        let mut address = [0; 4];
        near.read_exact(&mut address).await?;
        std::net::Ipv4Addr::from(address).to_string()
    } else {
        let mut name = vec![0; usize::from(near.read_u8().await?)];
        near.read_exact(&mut name).await?;
        String::from_utf8(name)?
    };
    let port = near.read_u16().await?;
    near.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    Ok(format!("{host}:{port}"))
}
