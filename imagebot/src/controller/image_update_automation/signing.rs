//! The key with which commits are signed.

use std::sync::Arc;

use imagebot_api::{ImageUpdateAutomation, image_update_automation::SigningKeyKind};
use kube::ResourceExt as _;
use reconcile::Secret;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::{Error, ImageUpdateAutomations, Valid};

/// A key that signs commits.
pub(super) enum Key {
    OpenPgp(sign::openpgp::Key),
    Ssh(sign::ssh::Key),
}

/// Why a key does not sign.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It is no OpenPGP key that signs.
    #[error(transparent)]
    OpenPgp(#[from] sign::openpgp::Error),
    /// It is no SSH key that signs.
    #[error(transparent)]
    Ssh(#[from] sign::ssh::Error),
}

impl Problem {
    /// What the reader can do.
    pub(super) fn remedy(&self) -> Option<&'static str> {
        use sign::{openpgp, ssh};
        Some(match self {
            Self::OpenPgp(openpgp::Error::Locked | openpgp::Error::Passphrase) => {
                "put the passphrase under the key `passphrase`"
            }
            Self::Ssh(ssh::Error::Locked | ssh::Error::Password) => {
                "put the password under the key `password`"
            }
            Self::Ssh(ssh::Error::Encryption(_)) => {
                "write it anew with `ssh-keygen -p -f FILE`, which encrypts with aes256-ctr"
            }
            Self::OpenPgp(_) | Self::Ssh(_) => return None,
        })
    }
}

impl Key {
    /// The signature of `message`, made at `at`.
    pub(super) fn sign(&self, message: &[u8], at: i64) -> Result<String, Problem> {
        Ok(match self {
            Self::OpenPgp(key) => key.sign(message, at)?,
            Self::Ssh(key) => key.sign(message)?,
        })
    }
}

impl ImageUpdateAutomations {
    /// Reads and unlocks the key of `object`, where it has one.
    pub(super) async fn key(
        &self,
        object: &ImageUpdateAutomation,
        valid: &Valid,
    ) -> Result<Option<Arc<Key>>, Error> {
        let Some(signing) = &valid.git.commit.signing_key else { return Ok(None) };
        let namespace = object.namespace().unwrap_or_default();
        let field = "spec.git.commit.signingKey.secretRef";
        let secret = Secret::read(&self.core, field, &namespace, &signing.secret_ref.name).await;
        let secret = secret.map_err(Error::SigningSecret)?;
        let gpg = signing.kind != Some(SigningKeyKind::Ssh);
        let (key, word) = if gpg { ("git.asc", "passphrase") } else { ("identity", "password") };
        secret.required(key).map_err(Error::SigningSecret)?;
        let text = secret.text(key).map_err(Error::SigningSecret)?.unwrap_or_default();
        let text = Zeroizing::new(text.to_owned());
        let word = secret.text(word).map_err(Error::SigningSecret)?;
        let word = word.map(|word| Zeroizing::new(word.as_bytes().to_vec()));
        let now = self.core.clock.now().as_second();
        // Unlocking is slow on purpose.
        let unlocked = spawn_blocking(move || {
            let word = word.as_ref().map(|word| word.as_slice());
            Ok(if gpg {
                Key::OpenPgp(sign::openpgp::Key::unlock(&text, word, now)?)
            } else {
                Key::Ssh(sign::ssh::Key::unlock(&text, word)?)
            })
        });
        let unlocked = unlocked.await.map_err(Error::Interrupted)?;
        let name = signing.secret_ref.name.clone();
        let unlocked = unlocked.map_err(|problem| Error::SigningKey { name, problem })?;
        Ok(Some(Arc::new(unlocked)))
    }
}
