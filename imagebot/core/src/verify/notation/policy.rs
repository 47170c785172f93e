//! `trustpolicy.json`: whose signatures count for which repositories.

use std::fmt;

use serde::Deserialize;

use crate::verify::certificate::{Certificate, Name};

/// The certificates and the policies that an author trusts.
#[derive(Debug)]
pub struct TrustPolicy {
    policies: Vec<Rules>,
    anchors: Vec<Certificate>,
}

/// Why a trust policy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no JSON of this form.
    #[error("`trustpolicy.json` is not what notation reads, at line {line}, column {column}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// Its level is one that would let anything through, or not known.
    #[error("the level `{level}` of the trust policy `{name}` is not `strict` or `permissive`")]
    Level {
        /// The policy.
        name: String,
        /// The level.
        level: String,
    },
    /// A part of it cannot be understood.
    #[error("`{what}` of the trust policy `{name}` cannot be used")]
    Part {
        /// The policy.
        name: String,
        /// The field.
        what: &'static str,
    },
    /// A certificate is none.
    #[error("`{0}` is no certificate in PEM")]
    Certificate(String),
    /// There is no certificate.
    #[error("there is no certificate, as a key that ends in `.crt` or `.pem`")]
    NoCertificates,
}

/// What one policy of the file asks for.
#[derive(Debug)]
pub(super) struct Rules {
    scopes: Vec<String>,
    strict: bool,
    identities: Vec<Identity>,
}

#[derive(Debug)]
enum Identity {
    Any,
    Subject(Name),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    trust_policies: Vec<WrittenRules>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenRules {
    name: String,
    registry_scopes: Vec<String>,
    signature_verification: Level,
    #[serde(default)]
    trusted_identities: Vec<String>,
}

#[derive(Deserialize)]
struct Level {
    level: String,
    #[serde(default, rename = "override")]
    overridden: serde_json::Map<String, serde_json::Value>,
}

impl TrustPolicy {
    /// Reads the file, and the certificates that count as its trust stores, each with its name.
    pub fn parse<'c>(
        json: &[u8],
        certificates: impl IntoIterator<Item = (&'c str, &'c [u8])>,
    ) -> Result<Self, Error> {
        let written: Written = serde_json::from_slice(json)
            .map_err(|error| Error::Malformed { line: error.line(), column: error.column() })?;
        let policies = written.trust_policies.into_iter().map(WrittenRules::read);
        let policies = policies.collect::<Result<_, _>>()?;
        let read = |(name, pem): (&str, &[u8])| {
            Certificate::from_pem(pem).map_err(|_| Error::Certificate(name.to_owned()))
        };
        let anchors: Vec<_> = certificates.into_iter().map(read).collect::<Result<_, _>>()?;
        if anchors.is_empty() {
            return Err(Error::NoCertificates);
        }
        Ok(Self { policies, anchors })
    }

    /// What holds for a repository: the policy that names it, else the one for all.
    pub(super) fn of(&self, repository: &str) -> Option<&Rules> {
        let named = |scope: &str| {
            self.policies.iter().find(|rules| rules.scopes.iter().any(|it| it == scope))
        };
        named(repository).or_else(|| named("*"))
    }

    pub(super) fn anchors(&self) -> &[Certificate] {
        &self.anchors
    }
}

impl Rules {
    /// Whether a signer is one of those who are wanted.
    pub(super) fn wants(&self, subject: &Name) -> bool {
        self.identities.iter().any(|identity| match identity {
            Identity::Any => true,
            Identity::Subject(wanted) => subject.has(wanted),
        })
    }

    /// Whether a signature that has expired is refused.
    pub(super) fn enforces_expiry(&self) -> bool {
        self.strict
    }
}

impl WrittenRules {
    fn read(self) -> Result<Rules, Error> {
        let Level { level, overridden } = self.signature_verification;
        let strict = match level.as_str() {
            "strict" => true,
            "permissive" => false,
            _ => return Err(Error::Level { name: self.name, level }),
        };
        let part = |what| Error::Part { name: self.name.clone(), what };
        // Only revocation may be left out, because it is.
        if overridden.keys().any(|check| check != "revocation") {
            return Err(part("signatureVerification.override"));
        }
        let identity = |text: &String| match text.strip_prefix("x509.subject:") {
            _ if text == "*" => Ok(Identity::Any),
            Some(name) => {
                Name::parse(name).map(Identity::Subject).ok_or_else(|| part("trustedIdentities"))
            }
            None => Err(part("trustedIdentities")),
        };
        let identities = self.trusted_identities.iter().map(identity).collect::<Result<_, _>>()?;
        Ok(Rules { scopes: self.registry_scopes, strict, identities })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.iter().map(|(kind, value)| format!("{kind}={value}")).collect();
        f.write_str(&parts.join(", "))
    }
}
