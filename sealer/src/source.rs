//! Hashes of sources as they are stored: ciphertext and settings, never plaintext.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// A hash over parts, each with its length, so that no two lists of parts collide.
pub struct Source(Sha256);

impl Source {
    /// A hash of nothing yet. `kind` separates the sources of different kinds.
    pub fn of(kind: &str) -> Self {
        Self(Sha256::new()).and(kind)
    }

    /// With one more part.
    #[must_use]
    pub fn and(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        self.0.update(part.len().to_be_bytes());
        self.0.update(part);
        self
    }

    /// With all of `parts`.
    #[must_use]
    pub fn and_all<P: AsRef<[u8]>>(self, parts: impl IntoIterator<Item = P>) -> Self {
        parts.into_iter().fold(self, Self::and)
    }

    /// The hash as text.
    pub fn finish(self) -> String {
        let mut text = "sha256:".to_owned();
        for byte in self.0.finalize() {
            // Writing into a `String` cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let hash = |parts: &[&str]| Source::of("k").and_all(parts).finish();
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_ne!(hash(&["ab"]), hash(&["ab", ""]));
        assert_eq!(hash(&["ab", "c"]), hash(&["ab", "c"]));
    }
}
