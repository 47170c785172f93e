//! Reading Secrets, one at a time and only when their content is needed.
//!
//! What is read lives for the length of one reconcile and is never stored or logged.

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::Method;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use zeroize::Zeroizing;

use crate::{
    core::Core,
    error::Class,
    request::{self, Wanted},
};

/// The content of one Secret.
pub struct Secret {
    name: String,
    kind: Option<String>,
    data: BTreeMap<String, Value>,
}

/// A value of a Secret, decoded from base64 without a copy that outlives it.
pub struct Value(pub Zeroizing<Vec<u8>>);

/// Why a Secret could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such Secret.
    #[error("the Secret `{namespace}/{name}` of `{field}` does not exist")]
    Missing {
        /// The field that names it.
        field: String,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The API would not show it.
    #[error("could not read the Secret `{namespace}/{name}` of `{field}`")]
    Unread {
        /// The field that names it.
        field: String,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Why.
        source: Box<request::Error>,
    },
    /// It lacks a key.
    #[error("the Secret `{name}` has no key `{key}`")]
    NoKey {
        /// Its name.
        name: String,
        /// The key.
        key: &'static str,
    },
    /// A value is not text.
    #[error("the key `{key}` of the Secret `{name}` is not UTF-8 text")]
    NotText {
        /// Its name.
        name: String,
        /// The key.
        key: &'static str,
    },
}

impl Error {
    /// Who can fix it.
    pub fn class(&self) -> Class {
        match self {
            Self::Missing { .. } | Self::NoKey { .. } | Self::NotText { .. } => Class::Waiting,
            Self::Unread { source, .. } => source.class(),
        }
    }

    /// What the reader can do.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Missing { namespace, .. } => {
                Some(format!("create it in the namespace `{namespace}`"))
            }
            Self::NoKey { key, .. } => Some(format!("add `{key}`")),
            Self::Unread { .. } | Self::NotText { .. } => None,
        }
    }
}

impl Secret {
    /// Reads the Secret `name` that `field` of an object in `namespace` names.
    pub async fn read(
        core: &Core,
        field: impl Into<String>,
        namespace: &str,
        name: &str,
    ) -> Result<Self, Error> {
        let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
        let read = request::send(&core.client, Method::GET, &path, vec![], Wanted::Everything);
        let (field, namespace, name) = (field.into(), namespace.to_owned(), name.to_owned());
        match read.await {
            Ok(Wire { type_, data }) => {
                Ok(Self { name, kind: type_, data: data.unwrap_or_default() })
            }
            Err(error) if error.is_not_found() => Err(Error::Missing { field, namespace, name }),
            Err(source) => Err(Error::Unread { field, namespace, name, source: Box::new(source) }),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its type.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.data.keys().map(String::as_str)
    }

    /// The bytes under `key`, if it is there and not empty.
    pub fn bytes(&self, key: &str) -> Option<&[u8]> {
        self.data.get(key).map(|Value(value)| value.as_slice()).filter(|value| !value.is_empty())
    }

    /// The bytes under `key`.
    pub fn required(&self, key: &'static str) -> Result<&[u8], Error> {
        self.bytes(key).ok_or_else(|| Error::NoKey { name: self.name.clone(), key })
    }

    /// The text under `key`, if it is there, without the line break that `echo` adds.
    pub fn text(&self, key: &'static str) -> Result<Option<&str>, Error> {
        let Some(bytes) = self.bytes(key) else { return Ok(None) };
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Error::NotText { name: self.name.clone(), key })?;
        Ok(Some(text.trim_end_matches(['\r', '\n'])))
    }
}

/// A Secret as the API server writes it.
#[derive(serde::Deserialize)]
struct Wire {
    #[serde(rename = "type", default)]
    type_: Option<String>,
    #[serde(default)]
    data: Option<BTreeMap<String, Value>>,
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Base64;

        impl Visitor<'_> for Base64 {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64 text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                // The decoder's own error would quote a byte of the value.
                let decoded = BASE64_STANDARD.decode(text);
                decoded
                    .map(|bytes| Value(Zeroizing::new(bytes)))
                    .map_err(|_| E::custom("not base64"))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
                Ok(Value(Zeroizing::default()))
            }
        }

        deserializer.deserialize_any(Base64)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_never_shown() {
        let text = r#"{"type":"t","data":{"a":"aHVudGVyMg==","b":null,"c":"aGkK"}}"#;
        let Wire { type_, data } = serde_json::from_str(text).expect("the case is a Secret");
        let data = data.expect("the case has data");
        let secret = Secret { name: "login".to_owned(), kind: type_, data };
        assert_eq!(secret.bytes("a"), Some(&b"hunter2"[..]));
        assert_eq!(secret.bytes("b"), None);
        assert_eq!(secret.text("c").expect("it is text"), Some("hi"));
        assert!(!format!("{secret:?}").contains("hunter2"));
        let wrong = r#"{"data":{"a":"hunter2!"}}"#;
        let refused = serde_json::from_str::<Wire>(wrong).err().expect("it is not base64");
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
    }
}
