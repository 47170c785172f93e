//! What sops' formats have in common: values in order, a place for the `sops` block, edits.

use ::yaml::edit::Edit;

use super::{
    layout::Joint,
    metadata::{self, Field, Metadata},
    tree, value,
    visit::Visitor,
};

pub(super) mod dotenv;
pub(super) mod ini;
pub(super) mod json;
mod yaml;

pub use json::Error as JsonError;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.yaml`, `.yml`
    Yaml,
    /// `.json`
    Json,
    /// `.env`
    Dotenv,
    /// `.ini`
    Ini,
    /// Anything else: bytes, which become one value of a JSON document.
    Binary,
}

impl Format {
    /// The format that sops takes a file for by its name.
    pub fn of(name: &str) -> Self {
        let ends = |suffix| name.ends_with(suffix);
        if ends(".yaml") || ends(".yml") {
            Self::Yaml
        } else if ends(".json") {
            Self::Json
        } else if ends(".env") {
            Self::Dotenv
        } else if ends(".ini") {
            Self::Ini
        } else {
            Self::Binary
        }
    }

    /// The name that `--input-type` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Dotenv => "dotenv",
            Self::Ini => "ini",
            Self::Binary => "binary",
        }
    }

    /// The format with this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Yaml, Self::Json, Self::Dotenv, Self::Ini, Self::Binary]
            .into_iter()
            .find(|format| format.name() == name)
    }
}

/// Why a text is not of its format, or one of its values cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no document.
    #[error("file cannot be completely empty, it must contain at least one document")]
    Empty,
    /// Only binary files may hold other bytes.
    #[error("the file is not UTF-8; encrypt it as `binary`")]
    Encoding,
    /// YAML, or one of its values.
    #[error(transparent)]
    Tree(#[from] tree::Error),
    /// A document is a list or a single value.
    #[error("line {line}: a document must be a mapping at its top")]
    NotAMapping {
        /// The line, from 1.
        line: usize,
    },
    /// JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A line of a dotenv file.
    #[error("line {line}: invalid dotenv input line: it is neither a comment nor has it a `=`")]
    Dotenv {
        /// The line, from 1.
        line: usize,
    },
    /// A line of an INI file.
    #[error("line {line}: not INI: {problem}")]
    Ini {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A value of a format other than YAML.
    #[error("`{path}`")]
    Value {
        /// Where it stands.
        path: String,
        /// What is wrong with it.
        source: value::Error,
    },
    /// The `sops` block cannot be used.
    #[error(transparent)]
    Metadata(#[from] metadata::Error),
}

impl From<::yaml::Error> for Error {
    fn from(error: ::yaml::Error) -> Self {
        Self::Tree(error.into())
    }
}

/// A text that was read.
pub(super) trait Text {
    /// The `sops` block, if there is one.
    fn block(&self) -> Result<Option<Field>, Error>;

    /// Whether there is one, in any document.
    fn has_block(&self) -> bool;

    /// The edits that make of the text what `visitor` says.
    fn walk(&self, visitor: &mut dyn Visitor) -> Result<Vec<Edit>, Error>;

    /// How a block will be joined to each document.
    fn joints(&self) -> Vec<Joint>;

    /// The edits that add a block.
    fn attach(&self, metadata: &Metadata) -> Vec<Edit>;

    /// The edits that take the block away.
    fn detach(&self, joint: &dyn Fn(usize) -> Joint) -> Vec<Edit>;

    /// The edits that put another block where one is.
    fn replace(&self, metadata: &Metadata) -> Vec<Edit>;
}

/// Reads a text. Binary files are JSON once they are encrypted.
pub(super) fn parse(format: Format, source: &str) -> Result<Box<dyn Text + '_>, Error> {
    Ok(match format {
        Format::Yaml => Box::new(yaml::Yaml::parse(source)?),
        Format::Json | Format::Binary => Box::new(json::Document::parse(source)?),
        Format::Dotenv => Box::new(dotenv::Dotenv::parse(source)?),
        Format::Ini => Box::new(ini::Ini::parse(source)?),
    })
}

/// The line break of a file: its first one.
pub(super) fn newline(source: &str) -> &'static str {
    match source.find('\n') {
        Some(at) if source[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// A file that ends in the middle of a line needs a break before anything is added to it.
fn is_cut_off(before: &str) -> bool {
    !before.is_empty() && !before.ends_with(['\n', '\r'])
}

/// The start of the line break right before `at`.
fn before_break(source: &str, at: usize) -> usize {
    let before = &source[..at];
    let stripped = before.strip_suffix("\r\n").or_else(|| before.strip_suffix('\n'));
    stripped.or_else(|| before.strip_suffix('\r')).unwrap_or(before).len()
}
