//! A credential that cannot be printed.

use std::fmt;

use zeroize::Zeroizing;

/// A password, token or private key.
///
/// It cannot be displayed, cloned, compared or serialized, and its memory is wiped on drop.
/// [`Secret::expose`] is the only way out: every call should be a line you would defend in review.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes, to be put on the wire or fed to a keyed hash.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
