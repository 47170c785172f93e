//! All sealing keys, and the search for the one that opens a value.
//!
//! A sealed value does not say which key it was sealed for, and every wrong guess costs a full
//! private-key operation. So the key that opened the object's last value is tried first, or else the
//! one that opened anything last, then the newest; what was learnt about a ciphertext (which key opens it, or that none does) is remembered by
//! its hash until the set of keys changes. Only the outcome is remembered, never a plaintext.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};

use super::{
    certificate::KeyId,
    key::SealingKey,
    native::{self, PrivateKey, Suite},
    scope::{Label, Scope},
    wire::{self, Envelope, Rejected},
};
use crate::plaintext::Plaintext;

/// How many ciphertexts are remembered: 48 bytes each, so some 3 MiB when full.
const REMEMBERED: usize = 1 << 16;

/// The sealing keys that unseal, the newest of which seals.
///
/// A keyring is a value: a change of keys makes a new one, which starts without memories.
#[derive(Debug, Default)]
pub struct Keyring {
    /// Newest first.
    keys: Vec<Arc<SealingKey>>,
    /// Newest first, too; these are found by what a value says.
    native: Vec<Arc<PrivateKey>>,
    memory: Mutex<Memory>,
}

/// Which of two keys is the newer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By the certificate's `notBefore`.
    #[default]
    CertNotBefore,
    /// By the creation of the key's Secret.
    SecretCreation,
}

/// One opened value.
#[derive(Debug)]
pub struct Unsealed {
    /// What was sealed.
    pub value: Plaintext,
    /// The key that opened it.
    pub key_id: KeyId,
    /// How many private-key operations that took.
    pub attempts: usize,
}

/// Why a value cannot be unsealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not a sealed value.
    #[error("no key could decrypt secret")]
    Envelope(#[source] wire::Error),
    /// It claims to be a native value and is none.
    #[error("no key could decrypt secret")]
    Native(#[source] native::Error),
    /// It is a native value for keys that we do not have.
    #[error(
        "no key could decrypt secret: it was sealed for {}, none of which is here", listed(.0)
    )]
    NoNativeKey(Vec<KeyId>),
    /// A native value says in which scope it was sealed.
    #[error("no key could decrypt secret: it was sealed with scope {sealed}, and this is {asked}")]
    OtherScope {
        /// The scope of the value.
        sealed: Scope,
        /// The scope of the object.
        asked: Scope,
    },
    /// A native value does not open with its own key.
    #[error(
        "no key could decrypt secret: key {key_id} fits, but it was sealed for another namespace, name or data key, or is damaged"
    )]
    Elsewhere {
        /// The key that fits.
        key_id: KeyId,
    },
    /// There are no keys at all.
    #[error("no key could decrypt secret: there are no sealing keys")]
    NoKeys,
    /// It was sealed for a key of a size that we do not have.
    #[error(
        "no key could decrypt secret: it was sealed for an RSA key of {bits} bits, and there is none of that size"
    )]
    NoKeyOfSize {
        /// The size of the key that is missing.
        bits: usize,
    },
    /// Every key was tried.
    #[error(
        "no key could decrypt secret: it was sealed for another cluster, namespace, name or scope, or is damaged ({tried} keys tried)"
    )]
    NoKey {
        /// How many keys have the right size.
        tried: usize,
    },
    /// The right key was found, but the value has been altered.
    #[error("no key could decrypt secret: key {key_id} fits, but the value is damaged")]
    Damaged {
        /// The key that fits.
        key_id: KeyId,
    },
}

#[derive(Debug, Default)]
struct Memory {
    last_good: Option<usize>,
    outcomes: HashMap<[u8; 32], Outcome>,
}

/// What is known about one ciphertext under one label.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    OpenedBy(usize),
    DamagedUnder(usize),
    NoKey,
}

impl Keyring {
    /// Collects keys; of keys with the same id one is kept.
    pub fn new(keys: impl IntoIterator<Item = Arc<SealingKey>>, order: Order) -> Self {
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_by(|a, b| {
            let age = |key: &SealingKey| match order {
                Order::CertNotBefore => key.certificate().not_before(),
                Order::SecretCreation => key.created(),
            };
            // The id breaks ties, so that every replica chooses the same key.
            age(b).cmp(&age(a)).then_with(|| a.id().cmp(b.id()))
        });
        let mut seen = HashSet::new();
        keys.retain(|key| seen.insert(key.id().clone()));
        Self { keys, native: Vec::new(), memory: Mutex::default() }
    }

    /// The same keyring with native keys as well.
    #[must_use]
    pub fn with_native(mut self, keys: impl IntoIterator<Item = Arc<PrivateKey>>) -> Self {
        self.native.extend(keys);
        self.native.sort_by(|a, b| {
            let age = |key: &PrivateKey| key.public().created();
            age(b).cmp(&age(a)).then_with(|| a.id().cmp(&b.id()))
        });
        self.native.dedup_by(|a, b| a.id() == b.id());
        self
    }

    /// The same keyring with its RSA keys only, and without memories.
    #[must_use]
    pub fn without_native(&self) -> Self {
        Self { keys: self.keys.clone(), native: Vec::new(), memory: Mutex::default() }
    }

    /// Since when the key of an id is valid, if it is here.
    pub fn valid_from(&self, id: &str) -> Option<Timestamp> {
        let rsa = self.keys.iter().find(|key| key.id().as_str() == id);
        let native = || self.native.iter().find(|key| key.id().as_str() == id);
        rsa.map(|key| key.certificate().not_before())
            .or_else(|| native().map(|key| key.public().created()))
    }

    /// The native keys, newest first.
    pub fn native(&self) -> &[Arc<PrivateKey>] {
        &self.native
    }

    /// The native key of a suite for which new values are sealed.
    pub fn newest_native(&self, suite: Suite) -> Option<&Arc<PrivateKey>> {
        self.native.iter().find(|key| key.suite() == suite)
    }

    /// The keys, newest first.
    pub fn keys(&self) -> &[Arc<SealingKey>] {
        &self.keys
    }

    /// The key for which new values are sealed.
    pub fn newest(&self) -> Option<&Arc<SealingKey>> {
        self.keys.first()
    }

    /// Opens one value of `spec.encryptedData`; a native one only with the label of its data key.
    pub fn unseal(&self, label: &Label, value: &str) -> Result<Unsealed, Error> {
        self.unseal_beside(None, label, value)
    }

    /// Opens a value whose neighbour was opened by the key `beside`.
    fn unseal_beside(
        &self,
        beside: Option<&KeyId>,
        label: &Label,
        value: &str,
    ) -> Result<Unsealed, Error> {
        if native::Value::is(value) {
            return self.unseal_native(label, value);
        }
        let envelope = Envelope::parse(value).map_err(Error::Envelope)?;
        let bits = envelope.key_bits();
        let tried = self.keys.iter().filter(|key| key.bits() == bits).count();
        if self.keys.is_empty() {
            return Err(Error::NoKeys);
        } else if tried == 0 {
            return Err(Error::NoKeyOfSize { bits });
        }

        let hash = fingerprint(label, &envelope);
        let (known, last_good) = {
            let memory = self.memory();
            (memory.outcomes.get(&hash).copied(), memory.last_good)
        };
        let first = match known {
            Some(Outcome::NoKey) => return Err(Error::NoKey { tried }),
            Some(Outcome::DamagedUnder(at)) => return Err(self.damaged(at)),
            Some(Outcome::OpenedBy(at)) => Some(at),
            // Other objects are opened meanwhile, so the last of all is the worse guess.
            None => {
                beside.and_then(|id| self.keys.iter().position(|key| key.id() == id)).or(last_good)
            }
        };
        self.search(label, &envelope, hash, first).unwrap_or(Err(Error::NoKey { tried }))
    }

    /// Opens all values of one object; every failure is reported, not only the first.
    pub fn unseal_all<'v>(
        &self,
        label: &Label,
        values: impl IntoIterator<Item = (&'v String, &'v String)>,
    ) -> Result<BTreeMap<String, Unsealed>, BTreeMap<String, Error>> {
        let (mut opened, mut failed) = (BTreeMap::new(), BTreeMap::new());
        let mut last = None;
        for (key, value) in values {
            match self.unseal_beside(last.as_ref(), &label.of(key), value) {
                Ok(unsealed) => {
                    last = Some(unsealed.key_id.clone());
                    opened.insert(key.clone(), unsealed);
                }
                Err(error) => drop(failed.insert(key.clone(), error)),
            }
        }
        if failed.is_empty() { Ok(opened) } else { Err(failed) }
    }

    fn unseal_native(&self, label: &Label, value: &str) -> Result<Unsealed, Error> {
        let value = native::Value::parse(value).map_err(Error::Native)?;
        let key = self.native_key_of(&value, label)?;
        let opened = value.open(key, label);
        let value = opened.map_err(|_| Error::Elsewhere { key_id: key.id() })?;
        Ok(Unsealed { value, key_id: key.id(), attempts: 1 })
    }

    /// The key that a native value names, if it may be opened here.
    fn native_key_of(&self, value: &native::Value, label: &Label) -> Result<&PrivateKey, Error> {
        let ids: Vec<KeyId> = value.key_ids().collect();
        let ours = self.native.iter().find(|key| ids.contains(&key.id()));
        let ours = ours.ok_or(Error::NoNativeKey(ids))?;
        if value.scope() != label.scope() {
            let (sealed, asked) = (value.scope(), label.scope());
            return Err(Error::OtherScope { sealed, asked });
        }
        Ok(ours)
    }

    /// Seals a value anew for the newest key of its kind.
    ///
    /// A native value keeps its other recipients. The label is that of the value's data key.
    pub fn reseal(
        &self,
        label: &Label,
        value: &str,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<String, Error> {
        if !native::Value::is(value) {
            let opened = self.unseal(label, value)?;
            let newest = self.newest().ok_or(Error::NoKeys)?;
            return Ok(newest.certificate().seal(label, opened.value.expose(), rng));
        }
        let value = native::Value::parse(value).map_err(Error::Native)?;
        let key = self.native_key_of(&value, label)?;
        // The key that opens it is one of its suite, so there is a newest.
        let newest = self.newest_native(value.suite()).ok_or(Error::NoKeys)?;
        let renewed = value.renew(key, newest.public(), label, rng);
        renewed.map_err(|_| Error::Elsewhere { key_id: key.id() })
    }

    /// Tries the key at `first`, then all others of the right size, newest first.
    fn search(
        &self,
        label: &Label,
        envelope: &Envelope,
        hash: [u8; 32],
        first: Option<usize>,
    ) -> Option<Result<Unsealed, Error>> {
        let others = (0..self.keys.len()).filter(|at| Some(*at) != first);
        let candidates = first.into_iter().chain(others);
        let fitting = candidates.filter(|at| self.keys[*at].bits() == envelope.key_bits());
        for (attempt, at) in fitting.enumerate() {
            match self.keys[at].open(envelope, label) {
                Ok(value) => {
                    self.memory().learn(hash, Outcome::OpenedBy(at));
                    let key_id = self.keys[at].id().clone();
                    return Some(Ok(Unsealed { value, key_id, attempts: attempt + 1 }));
                }
                Err(Rejected::Body) => {
                    self.memory().learn(hash, Outcome::DamagedUnder(at));
                    return Some(Err(self.damaged(at)));
                }
                Err(Rejected::Key) => {}
            }
        }
        self.memory().learn(hash, Outcome::NoKey);
        None
    }

    fn damaged(&self, at: usize) -> Error {
        Error::Damaged { key_id: self.keys[at].id().clone() }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Every change of the memory is one assignment, so a panic elsewhere leaves it sound.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn learn(&mut self, hash: [u8; 32], outcome: Outcome) {
        if let Outcome::OpenedBy(at) = outcome {
            self.last_good = Some(at);
        }
        if self.outcomes.len() >= REMEMBERED {
            self.outcomes.clear();
        }
        self.outcomes.insert(hash, outcome);
    }
}

fn listed(ids: &[KeyId]) -> String {
    ids.iter().map(KeyId::as_str).collect::<Vec<_>>().join(", ")
}

/// What is remembered about a value: it depends on the label, which the wrapped key is bound to.
fn fingerprint(label: &Label, envelope: &Envelope) -> [u8; 32] {
    let label = label.as_bytes();
    Sha256::new()
        .chain_update(label.len().to_be_bytes())
        .chain_update(label)
        .chain_update(envelope.as_bytes())
        .finalize()
        .into()
}

#[cfg(test)]
mod tests;
