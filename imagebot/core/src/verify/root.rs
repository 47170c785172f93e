//! `trusted_root.json`: the authorities and the logs that are trusted.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Rejection, base64, certificate::Certificate, key::PublicKey};

/// Authorities that issue certificates, and logs that vouch for times.
#[derive(Debug)]
pub struct TrustedRoot {
    authorities: Vec<(Span, Vec<Certificate>)>,
    logs: Vec<(Span, Vec<u8>, PublicKey)>,
}

/// Why a trusted root cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no JSON of this form.
    #[error("it is not what Sigstore's tools write, at line {line}, column {column}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A part of it cannot be read.
    #[error("its {0} cannot be read")]
    Part(&'static str),
    /// It trusts nobody.
    #[error("it has no {0}")]
    Lacks(&'static str),
}

/// A time from one second to another, both included.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: i64,
    end: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    #[serde(default)]
    certificate_authorities: Vec<Authority>,
    #[serde(default)]
    tlogs: Vec<Log>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authority {
    cert_chain: Chain,
    #[serde(default)]
    valid_for: ValidFor,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    raw_bytes: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    public_key: LogKey,
    log_id: LogId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogKey {
    raw_bytes: String,
    #[serde(default)]
    valid_for: ValidFor,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Deserialize, Default)]
struct ValidFor {
    start: Option<String>,
    end: Option<String>,
}

impl TrustedRoot {
    /// Reads the JSON.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let written: Written = serde_json::from_slice(json)
            .map_err(|error| Error::Malformed { line: error.line(), column: error.column() })?;
        let authorities = written.certificate_authorities.iter().map(Authority::read);
        let authorities = authorities.collect::<Result<Vec<_>, _>>()?;
        // Logs whose keys are of a kind that is not known here cannot vouch for anything.
        let logs = written.tlogs.iter().filter_map(|log| log.read().transpose());
        let logs = logs.collect::<Result<Vec<_>, _>>()?;
        if authorities.is_empty() {
            return Err(Error::Lacks("`certificateAuthorities`"));
        }
        if logs.is_empty() {
            return Err(Error::Lacks("`tlogs` with a key that is known here"));
        }
        Ok(Self { authorities, logs })
    }

    /// The chains of the authorities that were trusted at `time`, from the issuer to the root.
    pub(super) fn authorities(&self, time: i64) -> impl Iterator<Item = &[Certificate]> {
        let at = move |it: &&(Span, Vec<Certificate>)| it.0.contains(time);
        self.authorities.iter().filter(at).map(|(_, chain)| chain.as_slice())
    }

    /// The key of the log with this id, if it was trusted at `time`.
    pub(super) fn log(&self, id: &[u8], time: i64) -> Option<&PublicKey> {
        let of = |it: &&(Span, Vec<u8>, PublicKey)| it.1 == id && it.0.contains(time);
        self.logs.iter().find(of).map(|(_, _, key)| key)
    }
}

impl Authority {
    fn read(&self) -> Result<(Span, Vec<Certificate>), Error> {
        let part = |_: Rejection| Error::Part("`certificateAuthorities`");
        let read = |raw: &Raw| {
            let der = base64(&raw.raw_bytes, "certificate").map_err(part)?;
            Certificate::from_der(der).map_err(part)
        };
        let chain = self.cert_chain.certificates.iter().map(read).collect::<Result<_, _>>()?;
        Ok((self.valid_for.read()?, chain))
    }
}

impl Log {
    fn read(&self) -> Result<Option<(Span, Vec<u8>, PublicKey)>, Error> {
        let part = |_| Error::Part("`tlogs`");
        let key = base64(&self.public_key.raw_bytes, "key").map_err(part)?;
        let id = base64(&self.log_id.key_id, "id").map_err(part)?;
        let span = self.public_key.valid_for.read()?;
        Ok(PublicKey::from_der(&key).ok().map(|key| (span, id, key)))
    }
}

impl ValidFor {
    fn read(&self) -> Result<Span, Error> {
        let read = |text: &Option<String>, open| match text {
            Some(text) => {
                let time = text.parse::<Timestamp>().map_err(|_| Error::Part("`validFor`"))?;
                Ok(time.as_second())
            }
            None => Ok(open),
        };
        Ok(Span { start: read(&self.start, i64::MIN)?, end: read(&self.end, i64::MAX)? })
    }
}

impl Span {
    fn contains(&self, time: i64) -> bool {
        (self.start..=self.end).contains(&time)
    }
}
