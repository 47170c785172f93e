//! What a registry tells us: is it the registry, and what was pushed?
//!
//! A delivery is a hint and never an authority. It names images whose tags are then listed anew.

use sha2::{Digest as _, Sha256};

pub mod distribution;

use crate::reference::Repository;

/// A manifest that was pushed under a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The id of the event, by which a repeated delivery is known. Empty if it has none.
    pub id: String,
    /// The registry as it calls itself: a host with an optional port. Empty if it does not say.
    pub host: String,
    /// The repository within the registry.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// What the tag names now, if the registry says.
    pub digest: Option<String>,
}

/// The path at which a receiver listens, as Flux derives it.
///
/// The digest is over the token, the name and the namespace without separators, and must stay so:
/// registries are configured with it.
pub fn path(token: &[u8], name: &str, namespace: &str) -> String {
    use std::fmt::Write as _;
    let mut hash = Sha256::new();
    hash.update(token);
    hash.update(name);
    hash.update(namespace);
    let mut path = String::from("/hook/");
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(path, "{byte:02x}");
    }
    path
}

/// Whether `path` is where the receiver listens. The time it takes does not depend on the path.
pub fn verify(path: &str, token: &[u8], name: &str, namespace: &str) -> bool {
    same(path.as_bytes(), self::path(token, name, namespace).as_bytes())
}

/// Whether `authorization` is the header `Bearer <token>` or the token itself.
pub fn verify_bearer(authorization: &[u8], token: &[u8]) -> bool {
    let given = match authorization.split_at_checked(7) {
        Some((scheme, given)) if scheme.eq_ignore_ascii_case(b"Bearer ") => given,
        _ => authorization,
    };
    same(given, token)
}

/// Whether two texts are equal, in a time that tells nothing about them: hashes of them differ
/// unpredictably, so where they first differ is no hint.
fn same(left: &[u8], right: &[u8]) -> bool {
    Sha256::digest(left) == Sha256::digest(right)
}

impl Push {
    /// Whether the push is of `image`. `registry` replaces the host that the registry claims, where
    /// it is reached under another name.
    pub fn is_of(&self, image: &Repository, registry: Option<&str>) -> bool {
        let host = registry.unwrap_or(&self.host);
        Repository::at(host, &self.repository).is_ok_and(|pushed| pushed == *image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_flux() {
        #[rustfmt::skip]
        let cases = [
            ("test-token", "github-receiver",   "29e88975e3e5ded1a7db6736b9e78a68a3a66852fd5dbe99f3ddae57266c300a"),
            ("",           "cdevents-receiver", "794b387bcb61501eb19157f93b7aa096dcda6df6bae62373b047756d1a8581b0"),
        ];
        for (token, name, digest) in cases {
            assert_eq!(path(token.as_bytes(), name, "apps"), format!("/hook/{digest}"));
            assert!(verify(&format!("/hook/{digest}"), token.as_bytes(), name, "apps"));
            assert!(!verify(&format!("/hook/{digest}0"), token.as_bytes(), name, "apps"));
            assert!(!verify("/hook/", token.as_bytes(), name, "apps"));
        }
    }

    #[test]
    fn a_header_carries_the_token_with_or_without_its_scheme() {
        for header in ["Bearer secret", "bearer secret", "secret"] {
            assert!(verify_bearer(header.as_bytes(), b"secret"), "{header}");
        }
        for header in ["", "Bearer ", "Bearer secrets", "Basic secret", "Bearersecret"] {
            assert!(!verify_bearer(header.as_bytes(), b"secret"), "{header}");
        }
    }

    #[test]
    fn a_push_is_of_the_image_that_it_names() {
        let push = |host: &str, repository: &str| Push {
            id: String::new(),
            host: host.into(),
            repository: repository.into(),
            tag: "1".into(),
            digest: None,
        };
        let image = Repository::parse("registry.example:5000/team/app").unwrap();
        assert!(push("registry.example:5000", "team/app").is_of(&image, None));
        assert!(!push("registry.example", "team/app").is_of(&image, None));
        assert!(!push("registry.example:5000", "team/ap").is_of(&image, None));
        assert!(push("10.0.0.7:5000", "team/app").is_of(&image, Some("registry.example:5000")));
        assert!(push("docker.io", "alpine").is_of(&Repository::parse("alpine").unwrap(), None));
        assert!(!push("", "team/app").is_of(&image, None));
    }
}
