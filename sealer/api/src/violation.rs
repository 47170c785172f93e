//! What is wrong with a field of an object.

use std::fmt;

/// A rule that an object breaks: the field, what is wrong with it, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field, e.g. `spec.decryption.provider`.
    pub field: String,
    /// What is wrong with it, and the remedy, as the rest of a sentence that starts with the field.
    pub message: String,
}

impl Violation {
    /// The field at `field` breaks a rule.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.message)
    }
}
