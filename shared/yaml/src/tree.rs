//! The ordered tree of a YAML text: every value, every comment, every byte span.
//!
//! Mappings keep their order and their duplicates, aliases stay aliases, and comments stand
//! between the entries where they were written. Values borrow from the text where they can, so a
//! tree of a plaintext is not a second copy of it.

use std::{borrow::Cow, fmt, ops::Range};

use crate::error::{Error, Problem};

mod attach;
mod build;
mod header;

/// One document of a YAML stream.
#[derive(Debug)]
pub struct Document<'s> {
    /// The value. An empty document has an implicit null: see [`Document::is_empty`].
    pub root: Node<'s>,
    /// Comments of a document whose root is a scalar or an alias. Collections hold their own.
    pub comments: Vec<Comment<'s>>,
    /// Whether the document begins with `---`.
    pub explicit: bool,
    /// From the `---` or the first byte of content or comment, to the end of the content.
    pub span: Range<usize>,
}

/// A value with its place in the text.
#[derive(Debug)]
pub struct Node<'s> {
    /// The bytes of the value, without tag and anchor.
    ///
    /// A quoted scalar includes its quotes, a block scalar its header, but never the last line
    /// break. A block collection goes from its first to its last value. An absent value has an
    /// empty span where it would stand.
    pub span: Range<usize>,
    /// The line of the first byte, from 1.
    pub line: usize,
    /// The column of the first byte in characters, from 1.
    pub column: usize,
    /// `&name`, if there is one.
    pub anchor: Option<Anchor<'s>>,
    /// The tag, if there is one.
    pub tag: Option<Tag>,
    /// What the value is.
    pub value: Value<'s>,
}

/// What a [`Node`] is.
#[derive(Debug)]
pub enum Value<'s> {
    /// A single value.
    Scalar(Scalar<'s>),
    /// Pairs, in order.
    Mapping(Mapping<'s>),
    /// Items, in order.
    Sequence(Sequence<'s>),
    /// `*name`: the most recent anchor of that name.
    Alias(Anchor<'s>),
}

/// A single value as it is written, not yet interpreted: see [`Node::resolve`].
pub struct Scalar<'s> {
    /// The text after unquoting, unescaping and folding. Empty for an absent value.
    pub text: Cow<'s, str>,
    /// How it is written.
    pub style: Style,
    /// For a block scalar its content lines, from the first byte of the first line's text to the
    /// last line's end without its break. Otherwise the node's span.
    pub content: Range<usize>,
    /// Whether a block scalar ends with the file, in the middle of a line. Its text ends with a line
    /// break all the same; Go sees none.
    pub cut_off: bool,
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `value`
    Plain,
    /// `'value'`
    Single,
    /// `"value"`
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// Pairs in order, with the comments between them.
#[derive(Debug)]
pub struct Mapping<'s> {
    /// Pairs and comments in the order of the text.
    pub entries: Vec<Entry<'s>>,
    /// Whether it is written as `{…}`.
    pub flow: bool,
}

/// A line of a [`Mapping`].
#[derive(Debug)]
pub enum Entry<'s> {
    /// A key and its value.
    Pair(Box<Pair<'s>>),
    /// A comment, after the pair on whose line it stands or before the pair that it precedes.
    Comment(Comment<'s>),
}

/// A key and its value.
#[derive(Debug)]
pub struct Pair<'s> {
    /// The key: nearly always a scalar.
    pub key: Node<'s>,
    /// The value; an absent one is an implicit null with an empty span.
    pub value: Node<'s>,
}

/// Items in order, with the comments between them.
#[derive(Debug)]
pub struct Sequence<'s> {
    /// Items and comments in the order of the text.
    pub items: Vec<Item<'s>>,
    /// Whether it is written as `[…]`.
    pub flow: bool,
}

/// A line of a [`Sequence`].
#[derive(Debug)]
pub enum Item<'s> {
    /// A value.
    Node(Node<'s>),
    /// A comment.
    Comment(Comment<'s>),
}

/// `# text`.
#[derive(Clone, PartialEq, Eq)]
pub struct Comment<'s> {
    /// From `#` to the end of the line, without the line break.
    pub span: Range<usize>,
    /// What follows the `#`, with its leading and trailing blanks.
    pub text: Cow<'s, str>,
    /// The line, from 1.
    pub line: usize,
    /// The column of the `#` in characters, from 1.
    pub column: usize,
    /// Whether something other than blanks precedes it on its line.
    pub trailing: bool,
}

/// The name of an anchor, and which of the anchors of that name it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor<'s> {
    /// Distinct for every anchor of the stream; equal on an alias and its target.
    pub id: usize,
    /// The name without `&` or `*`.
    pub name: Cow<'s, str>,
    /// The bytes of `&name` or `*name`.
    pub span: Range<usize>,
}

/// A tag in its short form: `!!str`, `!mine`, or `!` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The short form: the prefix `tag:yaml.org,2002:` is written `!!`.
    pub name: String,
    /// The bytes of the tag.
    pub span: Range<usize>,
}

/// Reads every document of `text`.
///
/// A byte order mark, CRLF, directives and comment-only documents are understood; spans count
/// bytes of `text` as given.
pub fn parse(text: &str) -> Result<Vec<Document<'_>>, Error> {
    build::documents(text)
}

/// `bytes` as the text that [`parse`] takes.
pub fn text(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|err| {
        let valid = &bytes[..err.valid_up_to()];
        let line = valid.split(|byte| *byte == b'\n').count();
        let start = valid.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = 1 + String::from_utf8_lossy(&valid[start..]).chars().count();
        Error::new(line, column, Problem::Encoding)
    })
}

impl Document<'_> {
    /// Whether the document has no value at all, only comments or nothing.
    pub fn is_empty(&self) -> bool {
        self.root.is_absent() && self.root.anchor.is_none() && self.root.tag.is_none()
    }
}

impl<'s> Node<'s> {
    /// The scalar, if this is one.
    pub fn scalar(&self) -> Option<&Scalar<'s>> {
        if let Value::Scalar(scalar) = &self.value { Some(scalar) } else { None }
    }

    /// The mapping, if this is one.
    pub fn mapping(&self) -> Option<&Mapping<'s>> {
        if let Value::Mapping(mapping) = &self.value { Some(mapping) } else { None }
    }

    /// The sequence, if this is one.
    pub fn sequence(&self) -> Option<&Sequence<'s>> {
        if let Value::Sequence(sequence) = &self.value { Some(sequence) } else { None }
    }

    /// The text of a scalar, before any interpretation.
    pub fn as_str(&self) -> Option<&str> {
        self.scalar().map(|scalar| &*scalar.text)
    }

    /// The value of the first pair with this key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.mapping()?.pairs().find(|pair| pair.key.as_str() == Some(key)).map(|pair| &pair.value)
    }

    /// Whether nothing is written where the value would stand.
    pub fn is_absent(&self) -> bool {
        self.span.is_empty()
            && matches!(&self.value, Value::Scalar(scalar) if scalar.style == Style::Plain)
    }

    pub(crate) fn error(&self, problem: Problem) -> Error {
        Error::new(self.line, self.column, problem)
    }
}

impl<'s> Mapping<'s> {
    /// The pairs, without the comments.
    pub fn pairs(&self) -> impl Iterator<Item = &Pair<'s>> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Pair(pair) => Some(&**pair),
            Entry::Comment(_) => None,
        })
    }
}

impl<'s> Sequence<'s> {
    /// The items, without the comments.
    pub fn nodes(&self) -> impl Iterator<Item = &Node<'s>> {
        self.items.iter().filter_map(|item| match item {
            Item::Node(node) => Some(node),
            Item::Comment(_) => None,
        })
    }
}

impl Style {
    /// Whether it is `|` or `>`.
    pub fn is_block(self) -> bool {
        matches!(self, Self::Literal | Self::Folded)
    }
}

/// Shows everything but the text, which may be a secret.
impl fmt::Debug for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scalar")
            .field("style", &self.style)
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

/// Shows everything but the text: SOPS encrypts comments too.
impl fmt::Debug for Comment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Comment")
            .field("span", &self.span)
            .field("trailing", &self.trailing)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
