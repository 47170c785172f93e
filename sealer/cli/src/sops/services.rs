//! Who wraps and unwraps data keys: this machine, and the key services that flags name.

use keyservice::{Address, Client};
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
    remote: Vec<Result<Client, String>>,
}

impl Context<'_, '_> {
    /// The services that the flags leave.
    pub(super) fn services(&self) -> std::rc::Rc<Services> {
        let local = self.flags.still_on("enable-local-keyservice");
        let keychain = || Keychain::new(Places::of(self.environment), self.environment);
        std::rc::Rc::new(Services {
            local: local.then(keychain),
            remote: self.flags.list("keyservice").map(client).collect(),
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

    /// The answer of the first service that has one, or why the last had none.
    fn each<T>(&self, ask: impl Fn(&dyn KeyService) -> Result<T, KeyError>) -> Result<T, KeyError> {
        let mut refused = KeyError::Missing(
            "no key service is left: --enable-local-keyservice is off".to_owned(),
        );
        let local = self.local.iter().map(|keychain| Ok(keychain as &dyn KeyService));
        let remote = self.remote.iter().map(|client| match client {
            Ok(client) => Ok(client as &dyn KeyService),
            Err(malformed) => Err(KeyError::Failed(malformed.clone())),
        });
        for service in local.chain(remote) {
            match service.and_then(&ask) {
                Ok(answer) => return Ok(answer),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }
}

fn client(address: &str) -> Result<Client, String> {
    Address::parse(address).map(Client::new).map_err(|error| error.to_string())
}

impl KeyService for Services {
    fn decrypt(&self, wrapped: &Wrapped) -> Result<Plaintext, KeyError> {
        self.each(|service| service.decrypt(wrapped))
    }

    fn encrypt(&self, key: &MasterKey, part: &Plaintext) -> Result<String, KeyError> {
        self.each(|service| service.encrypt(key, part))
    }
}
