//! What is wrong with a YAML text, and where.

/// Why a text could not be read, with the place as an editor counts it.
///
/// No variant repeats a value of the text: the text may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct Error {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong at one place of a YAML text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The bytes are not UTF-8.
    #[error("not UTF-8; save the file as UTF-8")]
    Encoding,
    /// The text is not YAML.
    #[error("not YAML: {0}")]
    Syntax(String),
    /// A mapping says a key twice.
    #[error("key `{0}` is already defined in this mapping; remove one of the two")]
    DuplicateKey(String),
    /// A mapping key is a list, a mapping or null.
    #[error("a mapping key must be a plain value; quote it or write it on one line")]
    ComplexKey,
    /// `<<` names something other than a mapping or a list of mappings.
    #[error("`<<` must name a mapping or a list of mappings")]
    Merge,
    /// An alias names a node that contains it.
    #[error("the alias refers to a value that contains it; write the value out")]
    RecursiveAlias,
    /// Aliases multiply into more values than any real document has.
    #[error("aliases expand to more than {0} values; write the values out")]
    TooManyAliases(usize),
    /// A scalar does not have the type that its tag says.
    #[error("the value is not a `{0}`; correct the value or remove the tag")]
    Tag(String),
    /// `.inf` and `.nan` have no JSON form.
    #[error("infinity and NaN have no JSON form; quote the value if text is meant")]
    NotFinite,
    /// A value needs a feature that is not supported.
    #[error("tag `!!binary` is not supported; write the text itself, or base64 as a string")]
    Binary,
}

impl Error {
    pub(crate) fn new(line: usize, column: usize, problem: Problem) -> Self {
        Self { line, column, problem }
    }
}
