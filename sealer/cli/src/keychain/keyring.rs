//! PGP keys in the keyrings of older versions of GnuPG: they are used in this process, as by sops.
//!
//! `pubring.gpg` and `secring.gpg` are packets that `gpg --export` writes too, so a key can be put
//! there by hand where no GnuPG is. Newer versions keep keys in a form of their own; see `gpg`.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use jiff::Timestamp;
use openpgp::{Key, Part};
use sealer_core::{
    plaintext::Plaintext,
    sops::{
        age::Identities,
        key::{KeyError, KeyService as _, MasterKey, Wrapped},
        local::LocalKeys,
    },
};
use zeroize::Zeroizing;

use super::host::Terminal;
use crate::persona::Environment;

/// The public keys come first: what is encrypted goes to the newest key that they have.
const FILES: [&str; 2] = ["pubring.gpg", "secring.gpg"];

/// The keyrings, read when they are first needed.
pub(super) struct Keyring {
    folder: Option<PathBuf>,
    keys: OnceLock<Result<Option<LocalKeys>, String>>,
}

impl Keyring {
    /// The keyrings of `GNUPGHOME`, else of `.gnupg` in the home of the user.
    pub(super) fn new(environment: &Environment) -> Self {
        let path = |name| environment.get(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let folder = path("GNUPGHOME").or_else(|| path("HOME").map(|home| home.join(".gnupg")));
        Self { folder, keys: OnceLock::new() }
    }

    /// What is wrapped, if there are keyrings.
    pub(super) fn open(&self, wrapped: &Wrapped) -> Option<Result<Plaintext, KeyError>> {
        Some(self.keys()?.and_then(|keys| keys.decrypt(wrapped)))
    }

    /// The part, wrapped for a key of the keyrings, if there are some.
    pub(super) fn wrap(
        &self,
        key: &MasterKey,
        part: &Plaintext,
    ) -> Option<Result<String, KeyError>> {
        Some(self.keys()?.and_then(|keys| keys.encrypt(key, part)))
    }

    fn keys(&self) -> Option<Result<&LocalKeys, KeyError>> {
        let read = self.keys.get_or_init(|| self.read());
        match read {
            Ok(keys) => keys.as_ref().map(Ok),
            Err(why) => Some(Err(KeyError::Failed(why.clone()))),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "keys expire")]
    fn read(&self) -> Result<Option<LocalKeys>, String> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let mut keys = Vec::new();
        for path in FILES.map(|name| folder.join(name)) {
            keys.extend(keys_of(&path)?);
        }
        if keys.is_empty() {
            return Ok(None);
        }
        let keys = LocalKeys::new(Identities::default(), keys, Timestamp::now());
        Ok(Some(keys.with_passphrases(passphrase)))
    }
}

/// The keys of a keyring; none if there is no such file.
fn keys_of(path: &Path) -> Result<Vec<Key>, String> {
    let bytes = match fs::read(path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("could not read {}: {error}", path.display())),
    };
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    Key::read(&bytes).map_err(|error| format!("could not read {}: {error}", path.display()))
}

fn passphrase(part: &Part) -> Option<Zeroizing<Vec<u8>>> {
    let prompt = format!("Enter passphrase for the PGP key {}:", part.public().fingerprint());
    let typed = Terminal::passphrase(&prompt)?;
    Some(Zeroizing::new(typed.expose().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyrings_are_read_where_they_are_and_missed_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = || Keyring { folder: Some(folder.path().to_owned()), keys: OnceLock::new() };
        let key = MasterKey::Pgp { fingerprint: FINGERPRINT.to_owned() };
        let part = Plaintext::new(vec![7; 32]);
        assert!(keyring().wrap(&key, &part).is_none());
        fs::write(folder.path().join("pubring.gpg"), b"").unwrap();
        assert!(keyring().wrap(&key, &part).is_none());

        let block = openpgp::armor::decode(PUBLIC).unwrap();
        fs::write(folder.path().join("pubring.gpg"), &*block.bytes).unwrap();
        let enc = keyring().wrap(&key, &part).unwrap().unwrap();
        assert!(enc.starts_with("-----BEGIN PGP MESSAGE-----"));
        let wrapped = Wrapped { key, enc, created_at: None };
        let refused = keyring().open(&wrapped).unwrap().unwrap_err();
        assert!(matches!(refused, KeyError::Missing(_)), "{refused}");

        fs::write(folder.path().join("secring.gpg"), b"no key").unwrap();
        let refused = keyring().open(&wrapped).unwrap().unwrap_err().to_string();
        assert!(refused.ends_with("secring.gpg: it is not an OpenPGP key"), "{refused}");
    }

    const PUBLIC: &str = include_str!("../../../core/src/sops/local/tests/public.asc");
    const FINGERPRINT: &str = "3124097E27365380CBB4F7F75FE9FFE1FC517886";
}
