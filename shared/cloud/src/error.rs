//! Why a cloud gave no login.

use std::io;

use serde::Deserialize;

/// Why a cloud gave no login.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing says who this process is.
    #[error("this process has no identity there: {0}")]
    Nobody(&'static str),
    /// A file that the environment names cannot be read.
    #[error("could not read `{path}`, which `{variable}` names")]
    File {
        /// The variable.
        variable: &'static str,
        /// What it says.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("the file that `{variable}` names {what}")]
    Unfit {
        /// The variable.
        variable: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A variable does not say what it should.
    #[error("`{variable}` {what}")]
    Value {
        /// The variable.
        variable: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A profile of Amazon's tools leads to no key.
    #[error("the profile `{profile}` {problem}")]
    Profile {
        /// Which.
        profile: String,
        /// What is wrong with it, and what can be done.
        problem: &'static str,
    },
    /// There is no client for what the environment says.
    #[error("the TLS configuration cannot be used")]
    Client {
        /// Why.
        source: reqwest::Error,
    },
    /// A service cannot be reached.
    #[error("could not reach {service}")]
    Unreachable {
        /// Which.
        service: &'static str,
        /// Why.
        source: reqwest::Error,
    },
    /// A service said no.
    #[error("{service} answered {status}: {words}")]
    Refused {
        /// Which.
        service: &'static str,
        /// The status.
        status: u16,
        /// What it said.
        words: String,
    },
    /// A service answered something else.
    #[error("the answer of {service} is not what it should be")]
    Garbled {
        /// Which.
        service: &'static str,
    },
}

impl Error {
    /// Whether time will heal it.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Refused { status: 408 | 429 | 500..=599, .. } => true,
            Self::Nobody(_) | Self::File { .. } | Self::Unfit { .. } | Self::Value { .. } => false,
            Self::Profile { .. } | Self::Refused { .. } | Self::Garbled { .. } => false,
            Self::Client { .. } => false,
        }
    }

    /// Whether nothing says who this process is there, so that nothing was tried.
    pub fn is_about_nobody(&self) -> bool {
        matches!(self, Self::Nobody(_))
    }
}

/// What is told of a service that gives no reason.
pub(crate) const SILENT: &str = "it did not say why";

/// What a service says in an error; a code and a sentence, never what was sent.
pub(crate) fn words(body: &[u8]) -> String {
    #[derive(Deserialize, Default)]
    struct Said {
        #[serde(alias = "__type", alias = "code")]
        error: Option<serde_json::Value>,
    }
    let said: Said = serde_json::from_slice(body).unwrap_or_default();
    let code = said.error.as_ref().and_then(serde_json::Value::as_str).map(str::to_owned);
    // Of XML, the code alone.
    let text = || element(std::str::from_utf8(body).ok()?, "Code").map(str::to_owned);
    let words = code.or_else(text).unwrap_or_else(|| SILENT.to_owned());
    words.chars().filter(|character| !character.is_control()).take(100).collect()
}

/// The text of the first element `name` of an XML document without attributes.
pub(crate) fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    Some(after.split_once(&format!("</{name}>"))?.0.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_its_code() {
        #[rustfmt::skip]
        let cases = [
            (r#"{"__type":"UnrecognizedClientException","message":"token s3cr3t"}"#,                  "UnrecognizedClientException"),
            (r#"{"error":"invalid_client","error_description":"secret s3cr3t"}"#,                     "invalid_client"),
            ("<E><Error><Code>AccessDenied</Code><Message>s3cr3t</Message></Error></E>",              "AccessDenied"),
            (r#"{"error":{"code":403,"message":"s3cr3t"}}"#,                                          "it did not say why"),
            ("s3cr3t",                                                                                "it did not say why"),
        ];
        for (body, said) in cases {
            assert_eq!(words(body.as_bytes()), said, "{body}");
        }
    }
}
