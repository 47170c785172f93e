//! Where the `sops` block is put into a document, and how it is taken out.

use std::ops::Range;

use ::yaml::{
    Document, Node,
    edit::Edit,
    tree::{Entry, Item, Mapping, Value},
};

use crate::sops::{
    format::{before_break, is_cut_off, newline},
    layout::Joint,
    metadata::{self, Metadata},
};

/// Where the block of a document will stand.
pub(super) struct Place {
    at: usize,
    /// In one line, as the rest of the document is; whether something precedes it there.
    flow: Option<bool>,
    indent: String,
    pub(super) joint: Joint,
}

/// The places for the blocks of all documents.
pub(super) fn places(source: &str, documents: &[Document<'_>]) -> Vec<Place> {
    let place = |(index, document)| place(source, document, documents.get(index + 1));
    documents.iter().enumerate().map(place).collect()
}

fn place(source: &str, document: &Document<'_>, next: Option<&Document<'_>>) -> Place {
    let root = &document.root;
    if let Some(mapping) = root.mapping().filter(|mapping| mapping.flow) {
        return flow_place(source, root, mapping);
    }
    let limit = next.map_or(source.len(), |next| next.span.start);
    let comments = document.comments.last().map_or(0, |comment| comment.span.end);
    let end = last_byte(root).max(document.span.end).max(comments);
    let at = after_blank_lines(source, end, limit);
    let empty = document.is_empty();
    let indent = if empty { "" } else { indent(source, root.span.start) };
    let joint = Joint { cut_off: is_cut_off(&source[..at]), empty, comma: false };
    Place { at, flow: None, indent: indent.to_owned(), joint }
}

fn flow_place(source: &str, root: &Node<'_>, mapping: &Mapping<'_>) -> Place {
    let close = root.span.end - 1;
    let place = |at, preceded, comma| Place {
        at,
        flow: Some(preceded),
        indent: String::new(),
        joint: Joint { comma, ..Joint::default() },
    };
    let last = mapping.pairs().last().map(|pair| pair.value.span.end.max(pair.key.span.end));
    let Some(last) = last else { return place(close, false, false) };
    // A comma may stand after the last pair, which JSON forbids and YAML allows.
    match source[last..close].split('#').next().and_then(|between| between.find(',')) {
        Some(offset) => place(last + offset + 1, true, true),
        None => place(last, true, false),
    }
}

impl Place {
    /// The edit that adds the block.
    pub(super) fn insertion(self, source: &str, metadata: &Metadata) -> Edit {
        let newline = newline(source);
        let text = match self.flow {
            Some(false) => metadata.flow(),
            Some(true) => {
                let comma = if self.joint.comma { "" } else { "," };
                format!("{comma} {}", metadata.flow())
            }
            None => {
                let before = if self.joint.cut_off { newline } else { "" };
                format!("{before}{}", metadata.block(&self.indent, newline))
            }
        };
        Edit { span: self.at..self.at, text }
    }
}

/// The edit that puts another block where the document has one.
pub(super) fn replacement(
    source: &str,
    document: &Document<'_>,
    metadata: &Metadata,
) -> Option<Edit> {
    let mapping = document.root.mapping()?;
    let span = span_of(mapping.entries.iter().find(|entry| is_block(entry))?);
    let text = if mapping.flow {
        metadata.flow()
    } else {
        let newline = newline(source);
        let text = metadata.block(indent(source, span.start), newline);
        text.trim_start_matches(' ').trim_end_matches(newline).to_owned()
    };
    Some(Edit { span, text })
}

/// The edit that takes the block out of a document.
pub(super) fn removal(source: &str, document: &Document<'_>, joint: Joint) -> Option<Edit> {
    let mapping = document.root.mapping()?;
    let at = mapping.entries.iter().position(|entry| is_block(entry))?;
    let (before, after) = (&mapping.entries[..at], &mapping.entries[at + 1..]);
    let span = span_of(&mapping.entries[at]);
    let alone = mapping.pairs().count() == 1;
    if mapping.flow {
        return Some(flow_removal(source, span, (before, after), joint));
    }
    let mut start = line_start(source, span.start);
    let end = line_end(source, span.end);
    // The block may share its line with `---` or stand alone in its document.
    let text = if alone && !joint.empty {
        format!("{}{{}}{}", &source[start..span.start], line_break(source, end))
    } else {
        String::new()
    };
    if joint.cut_off && end == source.len() {
        start = before_break(source, start);
    }
    Some(Edit { span: start..end, text })
}

fn flow_removal(
    source: &str,
    span: Range<usize>,
    (before, after): (&[Entry<'_>], &[Entry<'_>]),
    joint: Joint,
) -> Edit {
    let pair = |entry: &&Entry<'_>| matches!(entry, Entry::Pair(_));
    let span = if let Some(previous) = before.iter().rfind(pair) {
        let end = span_of(previous).end;
        let comma = source[end..].find(',').filter(|_| joint.comma).map_or(0, |offset| offset + 1);
        end + comma..span.end
    } else if let Some(next) = after.iter().find(pair) {
        span.start..span_of(next).start
    } else {
        let comma = source[span.end..].trim_start().starts_with(',');
        let end =
            if comma { span.end + source[span.end..].find(',').unwrap_or(0) + 1 } else { span.end };
        span.start..end
    };
    Edit { span, text: String::new() }
}

fn is_block(entry: &Entry<'_>) -> bool {
    matches!(entry, Entry::Pair(pair) if pair.key.as_str() == Some(metadata::KEY))
}

fn span_of(entry: &Entry<'_>) -> Range<usize> {
    match entry {
        Entry::Comment(comment) => comment.span.clone(),
        Entry::Pair(pair) => pair.key.span.start..last_byte(&pair.value).max(pair.key.span.end),
    }
}

/// The end of a value, comments inside and after it included.
fn last_byte(node: &Node<'_>) -> usize {
    let inner = match &node.value {
        Value::Mapping(mapping) => mapping.entries.last().map(|entry| span_of(entry).end),
        Value::Sequence(list) => list.items.last().map(|item| match item {
            Item::Node(node) => last_byte(node),
            Item::Comment(comment) => comment.span.end,
        }),
        Value::Scalar(_) | Value::Alias(_) => None,
    };
    inner.unwrap_or(0).max(node.span.end)
}

/// The start of the line after `at`, past empty lines: they may belong to a block scalar.
fn after_blank_lines(source: &str, at: usize, limit: usize) -> usize {
    let mut at = line_end(source, at).min(limit);
    while at < limit {
        let end = line_end(source, at).min(limit);
        if !source[at..end].trim().is_empty() {
            break;
        }
        at = end;
    }
    at
}

fn indent(source: &str, at: usize) -> &str {
    let line = &source[line_start(source, at)..at];
    let blank = line.trim_end_matches([' ', '\t']).is_empty();
    if blank { line } else { "" }
}

fn line_start(source: &str, at: usize) -> usize {
    source[..at].rfind(['\n', '\r']).map_or(0, |index| index + 1)
}

/// The end of the line of `at`, its break included.
fn line_end(source: &str, at: usize) -> usize {
    let rest = &source[at..];
    match rest.find(['\n', '\r']) {
        Some(index) if rest[index..].starts_with("\r\n") => at + index + 2,
        Some(index) => at + index + 1,
        None => source.len(),
    }
}

fn line_break(source: &str, end: usize) -> &'static str {
    if source[..end].ends_with(['\n', '\r']) { newline(source) } else { "" }
}
