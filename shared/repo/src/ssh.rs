//! Git's conversation over ssh, in this process: no `ssh` program, no agent, no files.
//!
//! ```text
//! Session ──▶ connect ──▶ Call ──▶ Connection ──▶ Reader, Writer ──▶ gix's transport
//!                 (dial, trust, login)  (waits for its next use)
//! ```
//!
//! A server is trusted when the list of known hosts has its key, and never otherwise; see
//! `docs/adr/0005-ssh.md` for what is left to libraries.

mod algorithms;
mod channel;
mod connection;
mod dial;
mod key;
mod known_hosts;
mod trust;

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use gix_transport::{
    Protocol, Service,
    client::{
        blocking_io::Transport,
        git::{ConnectMode, blocking_io},
    },
};
use russh::client::Msg;
use tokio::time::timeout;

use crate::{Credentials, Error, Remote, Secret, failure::Failure, url::Address};
use channel::Channel;
use connection::Call;
use key::Key;
use known_hosts::KnownHosts;

pub use algorithms::{Algorithms, Unsupported};

/// A private key, and the servers to which it may be shown.
pub struct Ssh {
    pub(crate) key: Key,
    pub(crate) known_hosts: KnownHosts,
}

impl Ssh {
    /// Reads a private key (OpenSSH, PKCS#8 or PEM; ed25519, ecdsa or rsa), which `passphrase` opens
    /// when it is encrypted, and the lines of a `known_hosts` file.
    ///
    /// As whom to log in is said by the URL; without a user there, it is `git`.
    pub fn new(
        identity: &Secret,
        passphrase: Option<&Secret>,
        known_hosts: &[u8],
    ) -> Result<Self, Error> {
        let key = Key::read(identity, passphrase)?;
        Ok(Self { key, known_hosts: KnownHosts::parse(known_hosts)? })
    }
}

/// Runs `service` at `remote`, which has an ssh URL.
pub(crate) fn connect(
    remote: &Arc<Remote>,
    service: Service,
    version: Protocol,
    deadline: Instant,
    failure: &Failure,
) -> Result<Box<dyn Transport>, Error> {
    let mismatch = |need| Error::Mismatch { url: remote.url.clone(), need };
    let address = remote.url.ssh().ok_or(mismatch("write `ssh://user@host/path`"))?;
    let Credentials::Ssh(ssh) = &remote.credentials else {
        return Err(mismatch("an ssh URL takes a Secret with `identity` and `known_hosts`"));
    };
    let call = Call { remote, address: &address, ssh, deadline };
    let runtime = connection::runtime()?;
    let (connection, channel) = runtime.block_on(async {
        if let Some(waiting) = call.waiting() {
            // One that has died meanwhile, with or without a word, is replaced.
            let opening = waiting.handle.channel_open_session();
            if let Ok(Ok(channel)) = timeout(remote.timeouts.connect, opening).await {
                return Ok((waiting, channel));
            }
        }
        let made = call.connect().await?;
        let opened = call.within(made.handle.channel_open_session()).await?;
        opened.map(|channel| (made, channel)).map_err(|source| broken(remote, source))
    })?;
    runtime
        .block_on(call.within(run(&channel, service, version, &address)))?
        .map_err(|source| broken(remote, source))?;
    let (read, write) = channel.split();
    let channel = Channel {
        runtime,
        remote: Arc::clone(remote),
        deadline,
        failure: failure.clone(),
        write,
        pending: Mutex::default(),
    };
    let (reader, writer) = channel::ends(channel, read, connection);
    let (path, host) = (address.path, None::<(String, Option<u16>)>);
    let mode = ConnectMode::Process;
    Ok(Box::new(blocking_io::Connection::new(reader, writer, version, path, host, mode, false)))
}

/// Starts the program of `service` on `channel`.
async fn run(
    channel: &russh::Channel<Msg>,
    service: Service,
    version: Protocol,
    address: &Address,
) -> Result<(), russh::Error> {
    if version == Protocol::V2 {
        // A server that does not take it answers in the older protocol.
        channel.set_env(false, "GIT_PROTOCOL", "version=2").await?;
    }
    let command = format!("{} {}", service.as_str(), quoted(&address.path));
    channel.exec(true, command).await
}

/// One word for a POSIX shell, which is what a Git server reads.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn broken(remote: &Remote, source: russh::Error) -> Error {
    Error::Protocol { url: remote.url.clone(), doing: "run Git", source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_whatever_is_in_it() {
        assert_eq!(quoted("/a b'; rm -rf $HOME"), r"'/a b'\''; rm -rf $HOME'");
    }
}
