//! Git's conversation over ssh, in this process: no `ssh` program, no agent, no files.
//!
//! A server is trusted when the list of known hosts has its key, and never otherwise; see
//! `docs/adr/0005-ssh.md` for what is left to libraries.
#![cfg_attr(not(test), expect(dead_code, reason = "the transport follows"))]

mod key;
mod known_hosts;

use crate::{Error, Secret};
use key::Key;
use known_hosts::KnownHosts;

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
