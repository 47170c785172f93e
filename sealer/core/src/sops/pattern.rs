//! Go's regular expressions, which say which keys and files a rule is for.

use golang::regexp;
use regex::Regex;

/// A regular expression as Go reads it; it matches anywhere in a text unless anchored.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    regex: Regex,
}

/// The text is not a regular expression of Go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{source_text}` is not a regular expression that Go accepts")]
pub struct Error {
    source_text: String,
}

impl Pattern {
    /// Compiles `source`.
    pub fn new(source: &str) -> Result<Self, Error> {
        let source = source.to_owned();
        match regexp::compile(&source) {
            Ok(regex) => Ok(Self { source, regex }),
            Err(_) => Err(Error { source_text: source }),
        }
    }

    /// Whether it matches somewhere in `text`.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The expression as it was given.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}
