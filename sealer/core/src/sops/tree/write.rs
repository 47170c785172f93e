//! How a new value is written where an old one stood.

use ::yaml::{Node, Schema, edit::Edit, resolve::Resolved, tree::Style};
use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::Error;

mod style;

use crate::sops::{
    format::newline,
    metadata::deeper,
    value::{self, Kind, Leaf},
    visit::{New, Spelling},
};
use style::Forms;

/// What surrounds a value, as far as its spelling depends on it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Inside `{…}` or `[…]`.
    flow: bool,
    /// How far the entries of the collection are indented.
    column: usize,
    /// How far the lines of a block scalar are indented.
    indent: usize,
}

impl Place {
    pub(super) fn root() -> Self {
        Self { flow: false, column: 0, indent: 0 }
    }

    /// The place of the values of the collection `node`.
    pub(super) fn inside(self, node: &Node<'_>, flow: bool) -> Self {
        let column = node.column - 1;
        // As sops writes it: behind the dash, or at the next multiple of four.
        let indent = if node.sequence().is_some() { column + 2 } else { deeper(column) };
        Self { flow: self.flow || flow, column, indent }
    }

    /// The edit after which `new` stands for the scalar `node`.
    ///
    /// Quotes survive: a ciphertext has those of its plaintext, and the other way round. Between
    /// brackets every ciphertext needs some, so there single quotes stand for none.
    pub(super) fn scalar(self, source: &str, node: &Node<'_>, new: &New) -> Edit {
        let span = node.span.clone();
        let style = node.scalar().map_or(Style::Plain, |scalar| scalar.style);
        let text = match new {
            New::Kept(text) if !self.flow || text.starts_with(['"', '\'']) => text.clone(),
            New::Sealed(text) | New::Kept(text) => match style {
                Style::Double => format!("\"{text}\""),
                Style::Single if self.flow => format!("\"{text}\""),
                Style::Single => format!("'{text}'"),
                // What is not text has its type in the ciphertext; so JSON stays JSON.
                _ if self.flow && !text.ends_with("type:str]") => format!("\"{text}\""),
                _ if self.flow => format!("'{text}'"),
                _ => text.clone(),
            },
            New::Spelled(_, Spelling { text, .. }) => text.clone(),
            New::Clear(leaf) => self.clear(source, span.end, style, leaf),
        };
        Edit { span, text }
    }

    /// What would stand for `leaf` after its ciphertext, put in by `sealed`, was decrypted.
    pub(super) fn restored(self, source: &str, sealed: &Edit, leaf: &Leaf) -> String {
        let style = match sealed.text.as_bytes().first() {
            Some(b'"') => Style::Double,
            Some(b'\'') => Style::Single,
            _ => Style::Plain,
        };
        self.clear(source, sealed.span.end, style, leaf)
    }

    /// A value in clear text, for a ciphertext in this style that ends at `end`.
    fn clear(self, source: &str, end: usize, style: Style, leaf: &Leaf) -> String {
        match (style, leaf.as_str().filter(|_| leaf.kind == Kind::Str)) {
            (Style::Double, Some(text)) => style::double_quoted(text),
            (Style::Single, Some(text)) if !self.flow && text.chars().all(is_ordinary) => {
                format!("'{}'", text.replace('\'', "''"))
            }
            _ if self.flow => clear(leaf, true),
            _ => self.block(source, end, leaf).unwrap_or_else(|| clear(leaf, false)),
        }
    }

    /// A text of several lines as a literal block, where one can hold it and can stand.
    fn block(self, source: &str, end: usize, leaf: &Leaf) -> Option<String> {
        let text = leaf.as_str().filter(|_| leaf.kind == Kind::Str)?;
        let (after, below) = source[end..].split_once('\n').unwrap_or((&source[end..], ""));
        let body = text.strip_suffix('\n').unwrap_or(text);
        let keep = body.is_empty() || body.ends_with('\n');
        let fits = text.contains('\n')
            && !text.contains('\r')
            && !body.starts_with([' ', '\t', '\n'])
            && Forms::of(text).block
            // A comment would become a part of the text.
            && after.trim().is_empty()
            // And so would empty lines below, where those of the text itself are kept.
            && (!keep || (source.len() > end + after.len() && !starts_blank(below)));
        if !fits || body.is_empty() {
            return None;
        }
        let newline = newline(source);
        let header = if keep { "|+" } else { "|" };
        let mut out = if text.ends_with('\n') { header } else { "|-" }.to_owned();
        for line in body.split('\n') {
            out.push_str(newline);
            if !line.is_empty() {
                out.extend(std::iter::repeat_n(' ', self.indent));
                out.push_str(line);
            }
        }
        Some(out)
    }

    /// Whether `node` is an item of a list in block style.
    pub(super) fn dash_before(self, source: &str, node: &Node<'_>) -> bool {
        !self.flow && dash(source, node).is_some()
    }

    /// sops writes a comment in a list as an item; this makes a comment of it again.
    pub(super) fn comment_line(self, source: &str, node: &Node<'_>, leaf: &Leaf) -> Edit {
        let start = dash(source, node).unwrap_or(node.span.start);
        let text = leaf.as_str().unwrap_or_default();
        let indent = " ".repeat(self.column);
        let separator = format!("{}{indent}#", newline(source));
        let lines: Vec<&str> = text.split('\n').collect();
        Edit { span: start..node.span.end, text: format!("#{}", lines.join(&separator)) }
    }

    /// A list of which only comments remain is still a list.
    pub(super) fn close_empty_list(self, source: &str, text: &mut String) {
        let indent = " ".repeat(self.column);
        text.push_str(newline(source));
        text.push_str(&indent);
        text.push_str("[]");
    }
}

/// A value in one line that stands anywhere, `{…}` included.
pub(super) fn flow(new: &New) -> String {
    match new {
        New::Sealed(text) => format!("'{text}'"),
        New::Kept(text) if text.starts_with(['"', '\'']) => text.clone(),
        New::Kept(text) => format!("'{text}'"),
        New::Clear(leaf) | New::Spelled(leaf, _) => clear(leaf, true),
    }
}

/// A scalar that stays as it is, in one line that stands anywhere.
pub(super) fn unchanged(node: &Node<'_>) -> Result<String, Error> {
    let resolved = node.resolve(Schema::GoYaml3)?.unwrap_or(Resolved::Null);
    let leaf = Leaf::of(resolved).map_err(|source| Error::Value {
        path: String::new(),
        line: node.line,
        source,
    })?;
    Ok(leaf.map_or_else(|| "null".to_owned(), |leaf| clear(&leaf, true)))
}

/// A value in clear text, in one line, so that it reads back with its type.
fn clear(leaf: &Leaf, flow: bool) -> String {
    let text = leaf.as_str();
    match (leaf.kind, text) {
        (Kind::Int | Kind::Time, Some(text)) => text.to_owned(),
        (Kind::Bool, _) => leaf.as_bool().unwrap_or_default().to_string(),
        (Kind::Float, Some(text)) => value::float_text(text).unwrap_or_default(),
        (_, Some(text)) => style::one_line(text, flow),
        (_, None) => format!("!!binary {}", BASE64_STANDARD.encode(leaf.bytes.expose())),
    }
}

/// Whether the first line has nothing in it.
fn starts_blank(text: &str) -> bool {
    !text.is_empty() && text.split('\n').next().is_some_and(|line| line.trim().is_empty())
}

/// Where the `-` of an item stands.
fn dash(source: &str, node: &Node<'_>) -> Option<usize> {
    let before = source[..node.span.start].trim_end_matches([' ', '\t']);
    before.ends_with('-').then(|| before.len() - 1)
}

fn is_ordinary(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
