//! Edits that change the bytes of a scalar or of a pair, and nothing else.

use std::ops::Range;

use crate::{
    resolve::{self, Resolved, Schema},
    tree::{Node, Style, Value},
};

mod pairs;

pub use pairs::{put, remove};

/// Text that should stand where `span` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The bytes to replace.
    pub span: Range<usize>,
    /// What should stand there, exactly.
    pub text: String,
}

/// Why an edit is not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Two edits touch the same bytes.
    #[error("two edits overlap at byte {0}")]
    Overlap(usize),
    /// A span lies outside the text or splits a character.
    #[error("an edit of bytes {start} to {end} does not fit the text", start = .0.start, end = .0.end)]
    OutOfBounds(Range<usize>),
    /// The node is a collection or an alias.
    #[error("only a scalar can be set; an alias is set where its anchor is")]
    NotAScalar,
    /// The node is not written at all.
    #[error("an absent value cannot be set; write a value first")]
    Absent,
    /// The new text cannot stand in a block scalar.
    #[error("the new value does not fit a block scalar; write it in quotes on the line of its key")]
    Block,
    /// The value that should hold a pair is something else, or is shared through an alias.
    #[error("`{0}` is not a mapping of its own; write it as one first")]
    NotAMapping(String),
}

/// `source` with every edit made, in any order. No other byte changes.
pub fn apply(source: &str, edits: &[Edit]) -> Result<String, Error> {
    let mut edits: Vec<&Edit> = edits.iter().collect();
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let grown: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut out = String::with_capacity(source.len() + grown);
    let mut at = 0;
    for Edit { span, text } in edits {
        if span.start < at {
            return Err(Error::Overlap(span.start));
        }
        let outside = || Error::OutOfBounds(span.clone());
        source.get(span.clone()).ok_or_else(outside)?;
        out.push_str(source.get(at..span.start).ok_or_else(outside)?);
        out.push_str(text);
        at = span.end;
    }
    out.push_str(&source[at..]);
    Ok(out)
}

/// The edit after which the scalar `node` of `source` has the text `new`.
///
/// Quotes stay as they are. A plain scalar stays plain when every reader of YAML would see the
/// same string, and is double-quoted otherwise. A block scalar keeps its header and line breaks.
/// A tag that says that the value is no text (`!!float 1.0`, which Flux leaves behind) is removed.
pub fn set(node: &Node<'_>, new: &str) -> Result<Edit, Error> {
    let Value::Scalar(scalar) = &node.value else { return Err(Error::NotAScalar) };
    let text = match scalar.style {
        Style::Plain if node.is_absent() => return Err(Error::Absent),
        Style::Plain if is_plain(new) => new.to_owned(),
        Style::Single if !new.chars().any(is_special) => format!("'{}'", new.replace('\'', "''")),
        Style::Plain | Style::Single | Style::Double => double_quoted(new),
        Style::Literal | Style::Folded => {
            let fits = !new.starts_with([' ', '\t']) && !new.chars().any(is_special);
            // An empty block has no line to write on, and one made empty may swallow the next line.
            // Blank lines before the first are content.
            let room = !scalar.content.is_empty() && !new.is_empty();
            let room = room && !scalar.text.starts_with('\n');
            if fits && room { new.to_owned() } else { return Err(Error::Block) }
        }
    };
    Ok(untagged(node, Edit { span: scalar.content.clone(), text }))
}

/// `edit`, with the tag of `node` removed if no text can have it.
fn untagged(node: &Node<'_>, edit: Edit) -> Edit {
    let Some(tag) = &node.tag else { return edit };
    let other =
        matches!(tag.name.as_str(), "!!int" | "!!float" | "!!bool" | "!!null" | "!!timestamp");
    if !other || tag.span.is_empty() || tag.span.end > node.span.start || edit.span != node.span {
        return edit;
    }
    // Only blanks, and the anchor if it stands here, are between the tag and the value.
    let anchor = node.anchor.as_ref().filter(|anchor| anchor.span.start > tag.span.start);
    let anchor = anchor.map(|anchor| format!("&{} ", anchor.name)).unwrap_or_default();
    Edit { span: tag.span.start..edit.span.end, text: format!("{anchor}{}", edit.text) }
}

/// Whether `text` without quotes is that very string, in block and flow, to every reader.
pub fn is_plain(text: &str) -> bool {
    let string = |schema| matches!(resolve::plain(text, schema), Resolved::Str(_));
    // Timestamps are strings to Kubernetes only; base 60 and `=` are older still.
    let sexagesimal = || {
        text.contains(':')
            && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b':' | b'.' | b'_' | b'+' | b'-'))
    };
    let first = text.chars().next();
    first.is_some_and(|first| !"-?:,[]{}#&*!|>'\"%@`= \t".contains(first))
        && !text.ends_with([' ', '\t', ':'])
        && !text.contains([',', '[', ']', '{', '}'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("...")
        && text != "<<"
        && !text.chars().any(is_special)
        && string(Schema::Kubernetes)
        && string(Schema::GoYaml3)
        && !sexagesimal()
}

/// `text` between double quotes, with what must be escaped escaped.
pub fn double_quoted(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            special if is_special(special) => {
                let code = u32::from(special);
                // Writing to a string cannot fail.
                let _ = if code <= 0xff {
                    write!(out, "\\x{code:02x}")
                } else if code <= 0xffff {
                    write!(out, "\\u{code:04x}")
                } else {
                    write!(out, "\\U{code:08x}")
                };
            }
            char => out.push(char),
        }
    }
    out.push('"');
    out
}

/// A character that only a double-quoted scalar can hold, escaped.
fn is_special(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests;
