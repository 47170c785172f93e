//! Who wraps and unwraps data keys: this machine, and the key services that flags name.

use sealer_core::{
    plaintext::Plaintext,
    sops::{
        cipher::DataKey,
        datakey::{self, Readers},
        key::{Group, KeyError, KeyService, MasterKey, Wrapped},
    },
};

use super::{context::Context, document::now, failure::Failure};
use crate::keychain::{Keychain, Places};

/// The services, in the order in which they are asked.
pub(super) struct Services {
    local: Option<Keychain>,
    remote: Vec<String>,
}

impl Context<'_, '_> {
    /// The services that the flags leave.
    pub(super) fn services(&self) -> std::rc::Rc<Services> {
        let local = self.flags.still_on("enable-local-keyservice");
        let keychain = || Keychain::new(Places::of(self.environment), self.environment);
        std::rc::Rc::new(Services {
            local: local.then(keychain),
            remote: self.flags.list("keyservice").map(str::to_owned).collect(),
        })
    }
}

impl Services {
    /// The data key, wrapped for every key of every group.
    pub(super) fn wrap(
        &self,
        key: &DataKey,
        groups: Vec<Vec<MasterKey>>,
        threshold: Option<usize>,
    ) -> Result<Vec<Group>, Failure> {
        let whole = |key| match &self.local {
            Some(local) => local.complete(key),
            None => Ok(key),
        };
        let mut readers = Readers { groups: Vec::new(), threshold };
        for group in groups {
            let keys: Result<Vec<_>, _> = group.into_iter().map(whole).collect();
            readers.groups.push(keys.map_err(|error| {
                Failure::generic(format!("Could not generate data key: [{error}]"))
            })?);
        }
        Ok(datakey::wrap(key, &readers, now(), self, &mut rand::rng())?)
    }

    fn each<T>(&self, ask: impl Fn(&Keychain) -> Result<T, KeyError>) -> Result<T, KeyError> {
        let mut refused = match &self.local {
            Some(local) => match ask(local) {
                Ok(answer) => return Ok(answer),
                Err(error) => Some(error),
            },
            None => None,
        };
        if let Some(address) = self.remote.first() {
            refused = Some(KeyError::Failed(format!(
                "the key service `{address}` is not asked: key services of other machines are not supported; remove `--keyservice`"
            )));
        }
        Err(refused.unwrap_or_else(|| {
            KeyError::Missing("no key service is left: --enable-local-keyservice is off".to_owned())
        }))
    }
}

impl KeyService for Services {
    fn decrypt(&self, wrapped: &Wrapped) -> Result<Plaintext, KeyError> {
        self.each(|keychain| keychain.decrypt(wrapped))
    }

    fn encrypt(&self, key: &MasterKey, part: &Plaintext) -> Result<String, KeyError> {
        self.each(|keychain| keychain.encrypt(key, part))
    }
}
