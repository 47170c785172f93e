//! The bytes of a native value.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{COMMITMENT, CONTENT_KEY, Suite, TAG};
use crate::sealed::scope::Scope;

/// How the text of a native value begins. No base64 does, so readers of RSA values refuse it at once.
pub const PREFIX: &str = "signet1.";
/// More recipients than anybody has clusters; a bound on what a value makes us do.
pub(super) const MOST: usize = 64;
const KEY_ID: usize = 32;
const WRAPPED: usize = CONTENT_KEY + TAG;

/// One native value, split into its parts but not opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    pub(super) header: Header,
    pub(super) commitment: [u8; COMMITMENT],
    pub(super) body: Vec<u8>,
}

/// For whom, and where.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) suite: Suite,
    pub(super) scope: Scope,
    pub(super) recipients: Vec<Recipient>,
}

/// What one key needs to open a value.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Recipient {
    pub(super) key_id: [u8; KEY_ID],
    pub(super) sent: Vec<u8>,
    pub(super) wrapped: Vec<u8>,
}

/// Why a text is not a native value, whatever the keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It does not begin as one.
    #[error("a native value begins with `{PREFIX}`")]
    Prefix,
    /// What follows is not base64.
    #[error("the value is not base64")]
    Base64(#[source] base64::DecodeError),
    /// The suite is not known.
    #[error("the value has the suite {0}, which this version does not know")]
    Suite(u8),
    /// The scope is not known.
    #[error("the value has the scope {0}, which is none")]
    Scope(u8),
    /// It has no recipient, or too many.
    #[error("the value has {0} recipients; 1 to {MOST} can be")]
    Recipients(u16),
    /// Bytes are missing.
    #[error("the value is truncated")]
    Truncated,
}

impl Value {
    /// Whether a text claims to be a native value.
    pub fn is(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Reads the text of a value; line breaks are accepted, as in RSA values.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let encoded = text.strip_prefix(PREFIX).ok_or(Error::Prefix)?;
        let decoded = if encoded.contains(['\n', '\r']) {
            BASE64_STANDARD.decode(encoded.replace(['\n', '\r'], ""))
        } else {
            BASE64_STANDARD.decode(encoded)
        };
        Self::from_bytes(&decoded.map_err(Error::Base64)?)
    }

    /// Reads the bytes of a value.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut rest = bytes;
        let [suite, scope, high, low] = *take(&mut rest)?;
        let suite = Suite::of_id(suite).ok_or(Error::Suite(suite))?;
        let scope = scope_of(scope).ok_or(Error::Scope(scope))?;
        let count = u16::from_be_bytes([high, low]);
        if !(1..=MOST).contains(&usize::from(count)) {
            return Err(Error::Recipients(count));
        }
        let recipients =
            (0..count).map(|_| recipient(suite, &mut rest)).collect::<Result<_, _>>()?;
        let commitment = *take(&mut rest)?;
        if rest.len() < TAG {
            return Err(Error::Truncated);
        }
        let header = Header { suite, scope, recipients };
        Ok(Self { header, commitment, body: rest.to_vec() })
    }
}

fn recipient(suite: Suite, rest: &mut &[u8]) -> Result<Recipient, Error> {
    let key_id = *take(rest)?;
    let sent = take_slice(suite.sent(), rest)?.to_vec();
    let wrapped = take_slice(WRAPPED, rest)?.to_vec();
    Ok(Recipient { key_id, sent, wrapped })
}

fn take<'b, const N: usize>(rest: &mut &'b [u8]) -> Result<&'b [u8; N], Error> {
    let (taken, left) = rest.split_first_chunk().ok_or(Error::Truncated)?;
    *rest = left;
    Ok(taken)
}

fn take_slice<'b>(length: usize, rest: &mut &'b [u8]) -> Result<&'b [u8], Error> {
    let (taken, left) = rest.split_at_checked(length).ok_or(Error::Truncated)?;
    *rest = left;
    Ok(taken)
}

impl Header {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let count = u16::try_from(self.recipients.len()).expect("there are at most 64");
        let mut bytes = vec![self.suite.id(), scope_id(self.scope)];
        bytes.extend_from_slice(&count.to_be_bytes());
        for Recipient { key_id, sent, wrapped } in &self.recipients {
            for part in [&key_id[..], sent, wrapped] {
                bytes.extend_from_slice(part);
            }
        }
        bytes
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.header.to_bytes()[..], &self.commitment, &self.body].concat();
        write!(f, "{PREFIX}{}", BASE64_STANDARD.encode(bytes))
    }
}

pub(super) fn scope_id(scope: Scope) -> u8 {
    match scope {
        Scope::Strict => 0,
        Scope::NamespaceWide => 1,
        Scope::ClusterWide => 2,
    }
}

fn scope_of(id: u8) -> Option<Scope> {
    [Scope::Strict, Scope::NamespaceWide, Scope::ClusterWide]
        .into_iter()
        .find(|it| scope_id(*it) == id)
}
