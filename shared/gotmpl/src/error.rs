//! What can go wrong with a template, worded and placed as Go does.

use std::fmt;

use crate::quote;

/// Why a template cannot be parsed or rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not a template.
    #[error("template: {name}:{line}: {reason}")]
    Parse {
        /// The template's name.
        name: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// The template does not fit the data, or a function refused its arguments.
    #[error("template: {place}: {reason}")]
    Render {
        /// Where.
        place: Box<Place>,
        /// What is wrong there.
        reason: String,
    },
    /// The template does more than it may.
    #[error("template: {place}: exceeded the limit of {limit}")]
    Limit {
        /// Where it was stopped.
        place: Box<Place>,
        /// What it exceeded.
        limit: Limit,
    },
}

/// A place in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name under which the text was parsed.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
    /// The byte in the line, from 0.
    pub column: usize,
    /// The template being executed, which the text may have defined under another name.
    pub template: String,
    /// The action or operand, in Go's spelling.
    pub context: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, line, column, template, context } = self;
        let template = quote::double(template.as_bytes());
        write!(f, "{name}:{line}:{column}: executing {template} at <{context}>")
    }
}

/// A limit that a template exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Steps of work.
    Steps(u64),
    /// Levels of nesting.
    Depth(usize),
    /// Bytes of output, or of one string on the way to it.
    Output(usize),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps(most) => write!(f, "{most} steps"),
            Self::Depth(most) => write!(f, "{most} levels of nesting"),
            Self::Output(most) => write!(f, "{most} bytes of output"),
        }
    }
}
