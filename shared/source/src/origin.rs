//! What an object says about a Git repository.

use std::fmt;

use kube::ResourceExt as _;
use reconcile::Class;
use source_api::{GitRepository, LocalReference};

/// What an object says about a Git repository.
#[derive(Clone, Debug)]
pub struct Origin<'a> {
    /// Which object.
    pub speaker: Speaker,
    /// Where the Secrets are that it names.
    pub namespace: &'a str,
    /// Address of the repository.
    pub url: &'a str,
    /// Secret with the credentials.
    pub secret: Option<&'a LocalReference>,
    /// Secret with the proxy.
    pub proxy: Option<&'a LocalReference>,
    /// How to log in: `generic`, `github`, `azure` or `aws`.
    pub provider: Option<&'a str>,
    /// ServiceAccount with which the provider logs in.
    pub service_account: Option<&'a str>,
    /// How long one operation may take.
    pub timeout: Option<&'a str>,
}

/// Which object speaks of a Git repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The reconciled object itself, in `spec.git`.
    Itself,
    /// A GitRepository that it refers to.
    GitRepository {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
}

/// A field of the object that speaks, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    text: Box<str>,
    class: Class,
}

impl<'a> Origin<'a> {
    /// What `object` says in its `spec`.
    pub fn of(object: &'a GitRepository) -> Self {
        let spec = &object.spec;
        Self {
            speaker: Speaker::of(object),
            namespace: object.metadata.namespace.as_deref().unwrap_or_default(),
            url: &spec.url,
            secret: spec.secret_ref.as_ref(),
            proxy: spec.proxy_secret_ref.as_ref(),
            provider: spec.provider.as_deref(),
            service_account: spec.service_account_name.as_deref(),
            timeout: spec.timeout.as_ref().map(|timeout| timeout.0.as_str()),
        }
    }

    /// What an object in `namespace` says itself, in `spec.git`.
    pub fn inline(namespace: &'a str, url: &'a str, secret: Option<&'a LocalReference>) -> Self {
        Self {
            speaker: Speaker::Itself,
            namespace,
            url,
            secret,
            proxy: None,
            provider: None,
            service_account: None,
            timeout: None,
        }
    }

    /// The field of that name, for messages.
    pub fn field(&self, name: &'static str) -> Field {
        self.speaker.field(name)
    }

    /// The names of the Secrets that it refers to, all in its namespace.
    pub fn secret_names(&self) -> impl Iterator<Item = &'a str> {
        [self.secret, self.proxy].into_iter().flatten().map(|reference| reference.name.as_str())
    }
}

impl Speaker {
    /// The object, as the speaker.
    pub fn of(object: &GitRepository) -> Self {
        Self::GitRepository {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
        }
    }

    /// The field of that name, for messages.
    pub fn field(&self, name: &'static str) -> Field {
        // Another object's watch wakes us; our own is its author's to correct.
        let (text, class) = match self {
            Self::Itself => (format!("spec.git.{name}"), Class::Stalled),
            Self::GitRepository { namespace, name: object } => {
                (format!("spec.{name} of GitRepository {namespace}/{object}"), Class::Waiting)
            }
        };
        Field { text: text.into(), class }
    }
}

impl Field {
    /// Who can correct the field.
    pub fn class(&self) -> Class {
        self.class
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
