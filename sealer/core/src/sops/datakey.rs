//! The data key of a file: recovered from what its master keys wrapped, and wrapped for them.

use jiff::Timestamp;
use rand_core::CryptoRng;

use super::{
    cipher::{self, DataKey},
    key::{Group, KeyError, KeyService, Kind, MasterKey, Wrapped},
    metadata::Metadata,
    shamir,
};
use crate::plaintext::Plaintext;

mod report;

pub use report::{Failure, Report};

/// Kinds of keys that are tried before all others, as in sops.
pub const DEFAULT_ORDER: [Kind; 2] = [Kind::Age, Kind::Pgp];

/// For whom a data key is wrapped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readers {
    /// With one group any key of it opens the file; with more, the data key is split.
    pub groups: Vec<Vec<MasterKey>>,
    /// How many groups it takes to recover the key: all of them if absent.
    pub threshold: Option<usize>,
}

/// Why a data key cannot be recovered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    /// Too few groups could be opened.
    #[error("{0}")]
    Refused(Report),
    /// The parts do not make a key.
    #[error("could not get data key from shamir parts: {0}")]
    Shamir(#[from] shamir::Error),
    /// What was wrapped is no data key.
    #[error("what the master keys wrapped is not a data key")]
    NotADataKey(#[from] cipher::Error),
}

/// Why a data key cannot be wrapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    /// There is nobody to wrap for.
    #[error("no key groups provided")]
    NoGroups,
    /// A group could never be opened.
    #[error("empty key group provided")]
    EmptyGroup,
    /// The key cannot be split this way.
    #[error("could not split data key into parts for Shamir: {0}")]
    Shamir(#[from] shamir::Error),
    /// More groups, or a higher threshold, than Shamir's scheme over bytes takes.
    #[error("{0} key groups are too many; at most 255 are possible")]
    TooMany(usize),
    /// Keys could not wrap it. All were tried.
    #[error("{}", display(.0))]
    Keys(Vec<(String, KeyError)>),
}

fn display(failures: &[(String, KeyError)]) -> String {
    let each = failures.iter().map(|(key, error)| {
        format!("failed to encrypt new data key with master key \"{key}\": {error}")
    });
    each.collect::<Vec<_>>().join(" ")
}

/// The data key of a file.
///
/// Within a group the kinds of `order` are tried first, in that order, then all others as the file
/// lists them; one that opens is enough. The error tells what became of every key.
pub fn recover(
    metadata: &Metadata,
    order: &[Kind],
    service: &dyn KeyService,
) -> Result<DataKey, RecoverError> {
    let mut parts = Vec::new();
    let mut results = Vec::new();
    for group in &metadata.groups {
        let opened = open(group, order, service);
        results.push(opened.map(|part| parts.push(part)));
    }
    let needed = match metadata.groups.len() {
        0 | 1 => 1,
        groups => metadata.threshold.unwrap_or(groups),
    };
    if parts.len() < needed {
        let threshold = metadata.threshold.unwrap_or(0);
        return Err(RecoverError::Refused(Report { groups: results, threshold }));
    }
    let key = if metadata.groups.len() > 1 { shamir::combine(&parts)? } else { parts.remove(0) };
    Ok(DataKey::new(&key)?)
}

fn open(
    group: &Group,
    order: &[Kind],
    service: &dyn KeyService,
) -> Result<Plaintext, Vec<Failure>> {
    let rank = |kind| order.iter().position(|preferred| *preferred == kind).unwrap_or(order.len());
    let mut keys: Vec<&Wrapped> = group.0.iter().collect();
    keys.sort_by_key(|wrapped| rank(wrapped.key.kind()));
    let mut failures = Vec::new();
    for wrapped in keys {
        match service.decrypt(wrapped) {
            Ok(part) => return Ok(part),
            Err(error) => failures.push(Failure { key: wrapped.key.to_string(), error }),
        }
    }
    Err(failures)
}

/// The data key, wrapped for every key of every group; split first if there are several groups.
pub fn wrap(
    key: &DataKey,
    readers: &Readers,
    now: Timestamp,
    service: &dyn KeyService,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<Group>, WrapError> {
    let parts = parts(key, readers, rng)?;
    if readers.groups.iter().any(Vec::is_empty) {
        return Err(WrapError::EmptyGroup);
    }
    let created_at = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut failures = Vec::new();
    let mut wrapped = Vec::new();
    for (keys, part) in readers.groups.iter().zip(&parts) {
        let mut group = Group::default();
        for key in keys {
            let created_at = (key.kind() != Kind::Age).then(|| created_at.clone());
            match service.encrypt(key, part) {
                Ok(enc) => group.0.push(Wrapped { key: key.clone(), enc, created_at }),
                Err(error) => failures.push((key.to_string(), error)),
            }
        }
        wrapped.push(group);
    }
    if failures.is_empty() { Ok(wrapped) } else { Err(WrapError::Keys(failures)) }
}

fn parts(
    key: &DataKey,
    readers: &Readers,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<Plaintext>, WrapError> {
    let whole = Plaintext::new(key.expose().to_vec());
    match readers.groups.len() {
        0 => Err(WrapError::NoGroups),
        1 => Ok(vec![whole]),
        groups => {
            let number = |n: usize| u8::try_from(n).map_err(|_| WrapError::TooMany(n));
            let threshold = number(readers.threshold.unwrap_or(groups))?;
            Ok(shamir::split(&whole, number(groups)?, threshold, rng)?)
        }
    }
}

#[cfg(test)]
mod tests;
