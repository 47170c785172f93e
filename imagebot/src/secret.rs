//! Reading Secrets, one at a time and only when their content is needed.
//!
//! What is read lives for the length of one reconcile and is never stored or logged.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret as ApiSecret};
use reconcile::{Class, Core, error::class_of_api_error};

/// The content of one Secret.
pub struct Secret {
    name: String,
    kind: Option<String>,
    data: BTreeMap<String, ByteString>,
}

/// Why a Secret could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such Secret.
    #[error("the Secret `{namespace}/{name}` of `{field}` does not exist")]
    Missing {
        /// The field that names it.
        field: &'static str,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The API would not show it.
    #[error("could not read the Secret `{namespace}/{name}` of `{field}`")]
    Unread {
        /// The field that names it.
        field: &'static str,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Why.
        source: Box<kube::Error>,
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
            Self::Unread { source, .. } => class_of_api_error(source),
        }
    }
}

impl Secret {
    /// Reads the Secret `name` that `field` of an object in `namespace` names.
    pub async fn read(
        core: &Core,
        field: &'static str,
        namespace: &str,
        name: &str,
    ) -> Result<Self, Error> {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        match core.namespaced::<ApiSecret>(&namespace).get_opt(&name).await {
            Ok(Some(secret)) => {
                Ok(Self { name, kind: secret.type_, data: secret.data.unwrap_or_default() })
            }
            Ok(None) => Err(Error::Missing { field, namespace, name }),
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

    /// The bytes under `key`, if it is there and not empty.
    pub fn bytes(&self, key: &str) -> Option<&[u8]> {
        self.data.get(key).map(|value| value.0.as_slice()).filter(|value| !value.is_empty())
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

impl Drop for Secret {
    fn drop(&mut self) {
        use zeroize::Zeroize as _;
        self.data.values_mut().for_each(|value| value.0.zeroize());
    }
}
