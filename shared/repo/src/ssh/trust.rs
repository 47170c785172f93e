//! Whether the server that answers is one of those that are known.

use std::{
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use russh::{
    client,
    keys::{
        Algorithm, Certificate, EcdsaCurve, HashAlg, PublicKeyOrCertificate,
        ssh_key::{certificate::CertType, public::KeyData},
    },
};

use super::known_hosts::{HostKey, Known, name};
use crate::guard::lock;

/// Looks at the key of a server, and keeps the reason for a refusal.
pub(super) struct Guard {
    pub(super) known: Known,
    pub(super) host: String,
    pub(super) refusal: Refusal,
}

/// Why a server is not trusted, once that is known.
#[derive(Clone, Default)]
pub(super) struct Refusal(Arc<Mutex<Option<String>>>);

impl Refusal {
    pub(super) fn take(&self) -> Option<String> {
        lock(&self.0).take()
    }
}

impl client::Handler for Guard {
    type Error = russh::Error;

    #[expect(clippy::disallowed_methods, reason = "a certificate has expired by now or not")]
    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        match self.known.judge(shown, &self.host, now) {
            Ok(()) => Ok(true),
            Err(why) => {
                lock(&self.refusal.0).get_or_insert(why);
                Ok(false)
            }
        }
    }
}

impl Known {
    /// The types of key by which the server can prove itself, and those that a certificate may have.
    ///
    /// A server that has keys of several types is asked for one that is known.
    pub(super) fn algorithms(
        &self,
        host: &str,
        port: u16,
    ) -> Result<(Vec<Algorithm>, Vec<Algorithm>), String> {
        let name = name(host, port);
        let certified = if self.authorities.is_empty() { Vec::new() } else { supported() };
        let known: Vec<Algorithm> = supported()
            .into_iter()
            .filter(|algorithm| self.keys.iter().any(|(_, key)| key.algorithm == plain(algorithm)))
            .collect();
        if !known.is_empty() || !certified.is_empty() {
            // Without a certificate it may still show a key, to be refused with a reason.
            return Ok((if known.is_empty() { supported() } else { known }, certified));
        }
        Err(match self.keys.first() {
            None => format!(
                "`known_hosts` has no line for `{name}`; compare and add what `ssh-keyscan -p {port} {host}` prints"
            ),
            Some((line, key)) => format!(
                "line {line} of `known_hosts` has a key of type `{}`, which is not supported; use ed25519, ecdsa or rsa",
                key.algorithm
            ),
        })
    }

    /// Why what the server at `host` has shown is not trusted at `now`, if it is not.
    fn judge(&self, shown: &PublicKeyOrCertificate, host: &str, now: u64) -> Result<(), String> {
        match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                let key = HostKey::of(key.key_data()).ok_or("its key cannot be read")?;
                self.not_revoked(&key)?;
                if self.keys.iter().any(|(_, known)| *known == key) {
                    return Ok(());
                }
                Err(format!("its key is {}, but {}", key.fingerprint(), self.expected()))
            }
            PublicKeyOrCertificate::Certificate(certificate) => {
                self.certified(certificate, host, now)
            }
        }
    }

    fn not_revoked(&self, key: &HostKey) -> Result<(), String> {
        if self.revoked.contains(key) {
            return Err(format!("`known_hosts` revokes {}", key.fingerprint()));
        }
        Ok(())
    }

    /// Why a certificate does not vouch for `host`, if it does not.
    fn certified(&self, certificate: &Certificate, host: &str, now: u64) -> Result<(), String> {
        let authority = HostKey::of(certificate.signature_key());
        let authority = authority.ok_or("the key of its authority cannot be read")?;
        let key = HostKey::of(certificate.public_key()).ok_or("its key cannot be read")?;
        self.not_revoked(&authority)?;
        self.not_revoked(&key)?;
        if !self.authorities.contains(&authority) {
            let print = authority.fingerprint();
            return Err(format!("its certificate is by {print}, but {}", self.expected()));
        }
        if certificate.cert_type() != CertType::Host {
            return Err("its certificate is one for users".to_owned());
        }
        if !certificate.critical_options().is_empty() {
            return Err("its certificate has options that are not understood".to_owned());
        }
        let principals = certificate.valid_principals();
        if !principals.iter().any(|principal| principal.eq_ignore_ascii_case(host)) {
            let named = principals.join("`, `");
            return Err(format!("its certificate is for `{named}`, not for `{host}`"));
        }
        let print = certificate.signature_key().fingerprint(HashAlg::Sha256);
        certificate
            .validate_at(now, [&print])
            .map_err(|_| "its certificate has expired or is not signed as it says".to_owned())
    }

    /// What would have been trusted.
    fn expected(&self) -> String {
        let keys =
            self.keys.iter().map(|(line, key)| format!("{} (line {line})", key.fingerprint()));
        let authorities =
            self.authorities.iter().map(|key| format!("certificates by {}", key.fingerprint()));
        let all: Vec<String> = keys.chain(authorities).collect();
        format!("`known_hosts` has {}", all.join(", "))
    }
}

impl HostKey {
    fn of(key: &KeyData) -> Option<Self> {
        let blob = russh::keys::PublicKey::from(key.clone()).to_bytes().ok()?;
        let algorithm = plain(&key.algorithm()).to_owned();
        Some(Self { algorithm, blob })
    }
}

/// The name of a type of key; for rsa, whatever the signature's hash.
fn plain(algorithm: &Algorithm) -> &str {
    match algorithm {
        Algorithm::Rsa { .. } => "ssh-rsa",
        other => other.as_str(),
    }
}

/// By preference. SHA-1 is not among them.
pub(super) fn supported() -> Vec<Algorithm> {
    vec![
        Algorithm::Ed25519,
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
        Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
        Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
    ]
}

#[cfg(test)]
mod tests;
