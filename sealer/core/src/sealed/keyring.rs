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

use sha2::{Digest as _, Sha256};

use super::{
    certificate::KeyId,
    key::SealingKey,
    scope::Label,
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
        Self { keys, memory: Mutex::default() }
    }

    /// The keys, newest first.
    pub fn keys(&self) -> &[Arc<SealingKey>] {
        &self.keys
    }

    /// The key for which new values are sealed.
    pub fn newest(&self) -> Option<&Arc<SealingKey>> {
        self.keys.first()
    }

    /// Opens one value of `spec.encryptedData`.
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
            match self.unseal_beside(last.as_ref(), label, value) {
                Ok(unsealed) => {
                    last = Some(unsealed.key_id.clone());
                    opened.insert(key.clone(), unsealed);
                }
                Err(error) => drop(failed.insert(key.clone(), error)),
            }
        }
        if failed.is_empty() { Ok(opened) } else { Err(failed) }
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
