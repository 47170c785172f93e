//! The walk over a file's values that all formats share: what is found, and what becomes of it.

use super::{
    path::Path,
    selector::Comments,
    value::{self, Leaf},
};

/// Where a value or comment stands.
#[derive(Clone, Copy)]
pub(super) struct At<'w> {
    pub path: &'w Path,
    /// The comments before it and before everything around it.
    pub comments: &'w Comments,
    /// The bytes as they stand in the file.
    pub raw: &'w str,
}

/// What becomes of values and comments, in the order in which sops walks them.
pub(super) trait Visitor {
    /// What should stand for the value `leaf`, if something else.
    fn value(&mut self, at: At<'_>, leaf: &Leaf) -> Result<Option<New>, value::Error>;

    /// Told of what has no value: null, an empty text, an empty collection, the start of a document.
    fn hollow(&mut self, at: At<'_>, what: &str);

    /// What should stand for a comment, if something else, without its `#`.
    ///
    /// The path of `at` is the one that sops most likely gives the comment; `others` may be right
    /// as well.
    fn comment(
        &mut self,
        at: At<'_>,
        others: &[Path],
        text: &str,
    ) -> Result<Option<Leaf>, value::Error>;

    /// Whether a block scalar that ends with the file, in the middle of a line, still does so
    /// afterwards. What follows it gives it a line break.
    fn keeps_cut_off(&self, at: At<'_>) -> bool;

    /// Told after [`Self::value`] gave a sealed value which of the original's bytes a reader of it
    /// could not bring back; asked only where [`Self::keeps_layout`].
    fn lost(&mut self, _sealed: &str, _original: Lost<'_>) {}

    /// What was noted as lost for `sealed`, where a value or comment was not found by itself.
    fn spelling(&self, _sealed: &str) -> Option<Spelling> {
        None
    }

    /// Whether [`Self::lost`] wants to know.
    fn keeps_layout(&self) -> bool {
        false
    }
}

/// What should stand for a value.
pub(super) enum New {
    /// An `ENC[…]`.
    Sealed(String),
    /// An `ENC[…]` as it stood in the file before, quotes included.
    Kept(String),
    /// A value in clear text.
    Clear(Leaf),
    /// A value in clear text, spelled as its author did.
    Spelled(Leaf, Spelling),
}

impl New {
    /// The `ENC[…]`, without quotes.
    pub(super) fn sealed(&self) -> Option<&str> {
        match self {
            Self::Sealed(text) | Self::Kept(text) => Some(text.trim_matches(['"', '\''])),
            Self::Clear(_) | Self::Spelled(..) => None,
        }
    }
}

/// How an author spelled a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spelling {
    pub text: String,
    /// What the text stands for.
    pub of: Whole,
}

/// Which bytes a [`Spelling`] stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// The value.
    Value,
    /// The value with its tag and anchor.
    Node,
    /// The collection so many levels around the value, if its bytes still have this check.
    Around(usize, String),
}

/// What a sealed value cannot carry.
pub(super) struct Lost<'l> {
    pub text: &'l str,
    pub of: Whole,
}
