//! Where a sealed value may be unsealed: its scope and OAEP label.
//!
//! | scope | annotation on the `SealedSecret` | label |
//! |---|---|---|
//! | strict | none | `namespace/name` |
//! | namespace-wide | `sealedsecrets.bitnami.com/namespace-wide: "true"` | `namespace` |
//! | cluster-wide | `sealedsecrets.bitnami.com/cluster-wide: "true"` | empty |
//!
//! The annotations of the `SealedSecret` itself count, never those of its template: whoever may
//! write the template could otherwise widen the scope.

use std::{collections::BTreeMap, fmt, str::FromStr};

/// The annotation that makes a `SealedSecret` unsealable under any name in its namespace.
pub const NAMESPACE_WIDE: &str = "sealedsecrets.bitnami.com/namespace-wide";
/// The annotation that makes a `SealedSecret` unsealable anywhere in the cluster.
pub const CLUSTER_WIDE: &str = "sealedsecrets.bitnami.com/cluster-wide";

/// Where a sealed value may be unsealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Only under this name, in this namespace.
    #[default]
    Strict,
    /// Under any name in this namespace.
    NamespaceWide,
    /// Anywhere in the cluster.
    ClusterWide,
}

/// What a value is bound to; sealing and unsealing must agree on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    scope: Scope,
    /// As far as the scope fixes them.
    namespace: Option<String>,
    name: Option<String>,
    key: Option<String>,
    /// What RSA-OAEP binds.
    bytes: Vec<u8>,
}

impl Scope {
    /// The scope that annotations ask for; cluster-wide wins, and only exactly `"true"` counts.
    pub fn of(annotations: &BTreeMap<String, String>) -> Self {
        let says = |key| annotations.get(key).is_some_and(|value| value == "true");
        if says(CLUSTER_WIDE) {
            Self::ClusterWide
        } else if says(NAMESPACE_WIDE) {
            Self::NamespaceWide
        } else {
            Self::Strict
        }
    }

    /// The annotation that asks for this scope, if it is not the default.
    pub fn annotation(self) -> Option<&'static str> {
        match self {
            Self::Strict => None,
            Self::NamespaceWide => Some(NAMESPACE_WIDE),
            Self::ClusterWide => Some(CLUSTER_WIDE),
        }
    }

    /// The label of a value of the object `namespace/name`.
    pub fn label(self, namespace: &str, name: &str) -> Label {
        let bytes = match self {
            Self::Strict => format!("{namespace}/{name}").into_bytes(),
            Self::NamespaceWide => namespace.as_bytes().to_vec(),
            Self::ClusterWide => Vec::new(),
        };
        let namespace = (self != Self::ClusterWide).then(|| namespace.to_owned());
        let name = (self == Self::Strict).then(|| name.to_owned());
        Label { scope: self, namespace, name, key: None, bytes }
    }

    /// The scope as flags spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::NamespaceWide => "namespace-wide",
            Self::ClusterWide => "cluster-wide",
        }
    }
}

impl Label {
    /// The label of the value under this data key, which native values are bound to as well.
    #[must_use]
    pub fn of(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self.clone() }
    }

    /// The scope that gave the label.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The bytes that RSA-OAEP binds.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The parts that a native value binds: data key, namespace and name, as far as they are fixed.
    pub(super) fn parts(&self) -> [Option<&str>; 3] {
        [self.key.as_deref(), self.namespace.as_deref(), self.name.as_deref()]
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not a scope.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope; use `strict`, `namespace-wide` or `cluster-wide`")]
pub struct UnknownScope(String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        [Self::Strict, Self::NamespaceWide, Self::ClusterWide]
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_choose_the_scope_and_the_scope_the_label() {
        #[rustfmt::skip]
        let cases = [
            // annotations                                        scope                  label
            (&[][..],                                             Scope::Strict,         "ns/name"),
            (&[(NAMESPACE_WIDE, "true")],                         Scope::NamespaceWide,  "ns"),
            (&[(CLUSTER_WIDE, "true")],                           Scope::ClusterWide,    ""),
            (&[(CLUSTER_WIDE, "true"), (NAMESPACE_WIDE, "true")], Scope::ClusterWide,    ""),
            (&[(CLUSTER_WIDE, "True")],                           Scope::Strict,         "ns/name"),
            (&[(NAMESPACE_WIDE, "1")],                            Scope::Strict,         "ns/name"),
        ];
        for (annotations, scope, label) in cases {
            let map = annotations.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
            assert_eq!(Scope::of(&map), scope, "{annotations:?}");
            assert_eq!(scope.label("ns", "name").as_bytes(), label.as_bytes(), "{scope}");
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        assert!("Strict".parse::<Scope>().is_err());
    }
}
