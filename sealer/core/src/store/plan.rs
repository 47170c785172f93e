//! From the entries of an `ExternalSecret` to reads, and from their answers to values.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::Value;

use super::{convert, decode, property};
use crate::plaintext::{Plaintext, wipe};

/// What an `ExternalSecret` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `dataFrom[].extract`: every member of a remote secret becomes a value.
    pub extracts: Vec<Extract>,
    /// `data[]`: single values, which win.
    pub singles: Vec<Single>,
}

/// One entry of `dataFrom`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extract {
    /// Where the members are.
    pub remote: Remote,
    /// How their names become keys.
    pub conversion: convert::Strategy,
}

/// One entry of `data`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Single {
    /// The key in the Secret.
    pub key: String,
    /// Where the value is.
    pub remote: Remote,
}

/// `remoteRef`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remote {
    /// Which remote secret.
    pub read: Read,
    /// Which value inside, if not all of it.
    pub property: Option<String>,
    /// How the value is decoded.
    pub decoding: decode::Strategy,
    /// Whether a zero byte in the value is an error.
    pub refuses_null_bytes: bool,
}

/// One read of the store. Equal reads are made once.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Read {
    /// The name or path of the remote secret.
    pub key: String,
    /// Its version; `None` for the newest.
    pub version: Option<String>,
}

/// What a store answered to a read.
#[derive(Debug)]
pub enum Answer {
    /// A remote secret with named values.
    Object(Value),
    /// A remote secret that is one value; it may be JSON.
    Text(Plaintext),
    /// There is no such remote secret.
    Absent,
}

/// Why the answers do not amount to values, entry by entry.
#[derive(Debug, thiserror::Error)]
#[error("`{field}` (key `{key}`)")]
pub struct Failure {
    /// The entry, such as `spec.data[0]`.
    pub field: String,
    /// The remote secret.
    pub key: String,
    /// What is wrong.
    pub source: Error,
}

/// Why one entry gives no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The remote secret does not exist.
    #[error("the remote secret does not exist")]
    Absent,
    /// The store was not asked, or did not answer.
    #[error("the remote secret was not read")]
    Unread,
    /// There is no such value in it.
    #[error(transparent)]
    Property(#[from] property::Error),
    /// The value cannot be decoded.
    #[error(transparent)]
    Decode(#[from] decode::Error),
    /// A name cannot be a key.
    #[error(transparent)]
    Key(#[from] convert::Error),
    /// A value has a zero byte.
    #[error("the value has a zero byte, which `nullBytePolicy: Fail` forbids")]
    NullByte,
}

impl Request {
    /// The reads that answer the request, each once.
    pub fn reads(&self) -> BTreeSet<Read> {
        let extracts = self.extracts.iter().map(|extract| &extract.remote.read);
        let singles = self.singles.iter().map(|single| &single.remote.read);
        extracts.chain(singles).cloned().collect()
    }

    /// The values of the Secret. Every failure is reported, not only the first.
    ///
    /// Answers may be shared: `A` is an [`Answer`], or an `Arc` of one.
    pub fn assemble<A: Borrow<Answer>>(
        &self,
        answers: &BTreeMap<Read, A>,
    ) -> Result<BTreeMap<String, Plaintext>, Vec<Failure>> {
        let (mut values, mut failures) = (BTreeMap::new(), Vec::new());
        let mut fail = |field, remote: &Remote, source| {
            failures.push(Failure { field, key: remote.read.key.clone(), source });
        };
        for (index, extract) in self.extracts.iter().enumerate() {
            match extract.values(answers) {
                Ok(extracted) => values.extend(extracted),
                Err(source) => fail(format!("spec.dataFrom[{index}]"), &extract.remote, source),
            }
        }
        for (index, single) in self.singles.iter().enumerate() {
            match single.value(answers) {
                Ok(value) => drop(values.insert(single.key.clone(), value)),
                Err(source) => fail(format!("spec.data[{index}]"), &single.remote, source),
            }
        }
        if failures.is_empty() { Ok(values) } else { Err(failures) }
    }
}

impl Extract {
    fn values<A: Borrow<Answer>>(
        &self,
        answers: &BTreeMap<Read, A>,
    ) -> Result<BTreeMap<String, Plaintext>, Error> {
        let parsed;
        let secret = match (self.remote.answer(answers)?, &self.remote.property) {
            (Answer::Object(secret), None) => secret,
            (Answer::Absent, _) => return Err(Error::Absent),
            (answer, property) => {
                parsed = match property {
                    None => Wiped(json(&answer.text())?),
                    Some(path) => Wiped(json(&answer.property(path)?)?),
                };
                &parsed.0
            }
        };
        let members = property::members(secret)?;
        let texts = members.iter().map(|(name, value)| (name.clone(), property::text(value)));
        // An empty name is dropped, as upstream does.
        let texts = texts.filter(|(name, _)| !name.is_empty()).collect();
        let renamed = self.conversion.rename(texts)?;
        renamed
            .into_iter()
            .map(|(key, value)| {
                convert::check_key(&key)?;
                Ok((key, self.remote.finish(value)?))
            })
            .collect()
    }
}

impl Single {
    fn value<A: Borrow<Answer>>(&self, answers: &BTreeMap<Read, A>) -> Result<Plaintext, Error> {
        convert::check_key(&self.key)?;
        let value = match (self.remote.answer(answers)?, &self.remote.property) {
            (Answer::Absent, _) => return Err(Error::Absent),
            (answer, None) => answer.text(),
            (answer, Some(path)) => answer.property(path)?,
        };
        self.remote.finish(value)
    }
}

impl Remote {
    fn answer<'a, A: Borrow<Answer>>(
        &self,
        answers: &'a BTreeMap<Read, A>,
    ) -> Result<&'a Answer, Error> {
        answers.get(&self.read).map(Borrow::borrow).ok_or(Error::Unread)
    }

    fn finish(&self, value: Plaintext) -> Result<Plaintext, Error> {
        let value = self.decoding.decode(value)?;
        if self.refuses_null_bytes && value.expose().contains(&0) {
            return Err(Error::NullByte);
        }
        Ok(value)
    }
}

impl Answer {
    fn text(&self) -> Plaintext {
        match self {
            Self::Object(value) => property::text(value),
            Self::Text(text) => Plaintext::new(text.expose().to_vec()),
            Self::Absent => Plaintext::new(Vec::new()),
        }
    }

    fn property(&self, path: &str) -> Result<Plaintext, Error> {
        match self {
            Self::Object(secret) => Ok(property::lookup(secret, path)?),
            other => Ok(property::lookup(&Wiped(json(&other.text())?).0, path)?),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Self::Object(secret) = self {
            wipe(secret);
        }
    }
}

/// A parsed remote secret, wiped on drop.
struct Wiped(Value);

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn json(text: &Plaintext) -> Result<Value, Error> {
    serde_json::from_slice(text.expose()).map_err(|_| property::Error::NotAnObject.into())
}

#[cfg(test)]
mod tests;
