//! Go's regular expressions, on Rust's engine.
//!
//! Both are RE2's children: linear time, no look-around, no back-references. What they spell
//! differently is translated, and what only Rust knows is refused. These stay as Rust has them: which
//! names of Unicode properties there are; that a group's name begins with a letter and is there once;
//! that nothing is repeated across flags (`a(?i)*`); how large an expression may become; and, where a
//! `\B` alone would match, that it may do so between the bytes of a character.

use ::regex::{Regex, bytes};

mod syntax;

/// Why a text is not a regular expression.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// Go's grammar does not have it.
    #[error("invalid regular expression pattern `{expression}`: {reason}")]
    Grammar {
        /// The text.
        expression: String,
        /// What Go says of it.
        reason: &'static str,
    },
    /// The engine refuses it, as Go's would.
    #[error("invalid regular expression pattern `{expression}`")]
    Engine {
        /// The text.
        expression: String,
        /// What the engine says of it.
        source: ::regex::Error,
    },
}

/// The expression, for text.
pub fn compile(expression: &str) -> Result<Regex, Error> {
    Regex::new(&translate(expression)?).map_err(|source| refused(expression, source))
}

/// The expression, for bytes that need not be text; `most` bounds the memory that it may take.
pub fn compile_bytes(expression: &str, most: usize) -> Result<bytes::Regex, Error> {
    bytes::RegexBuilder::new(&translate(expression)?)
        .size_limit(most)
        .dfa_size_limit(most)
        .build()
        .map_err(|source| refused(expression, source))
}

fn translate(expression: &str) -> Result<String, Error> {
    let grammar = |reason| Error::Grammar { expression: expression.to_owned(), reason };
    syntax::translate(expression).map_err(grammar)
}

fn refused(expression: &str, source: ::regex::Error) -> Error {
    Error::Engine { expression: expression.to_owned(), source }
}

#[cfg(test)]
mod tests;
