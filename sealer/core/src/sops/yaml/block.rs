//! Where the `sops` block is put into a document, and how it is taken out.

use std::ops::Range;

use ::yaml::{
    Document, Node,
    edit::Edit,
    tree::{Entry, Item, Mapping, Value},
};

use crate::sops::{
    metadata::{self, Metadata},
    tree::newline,
};

/// The edit that adds the block at the end of a document.
pub(super) fn insertion(
    source: &str,
    document: &Document<'_>,
    next: Option<&Document<'_>>,
    metadata: &Metadata,
) -> Edit {
    let root = &document.root;
    if let Some(mapping) = root.mapping().filter(|mapping| mapping.flow) {
        return flow_insertion(source, root, mapping, metadata);
    }
    let limit = next.map_or(source.len(), |next| next.span.start);
    let comments = document.comments.last().map_or(0, |comment| comment.span.end);
    let end = last_byte(root).max(document.span.end).max(comments);
    let at = after_blank_lines(source, end, limit);
    let newline = newline(source);
    let indent = if document.is_empty() { "" } else { indent(source, root.span.start) };
    let mut text = metadata.block(indent, newline);
    if !source[..at].is_empty() && !source[..at].ends_with(['\n', '\r']) {
        text.insert_str(0, newline);
    }
    Edit { span: at..at, text }
}

fn flow_insertion(
    source: &str,
    root: &Node<'_>,
    mapping: &Mapping<'_>,
    metadata: &Metadata,
) -> Edit {
    let close = root.span.end - 1;
    let last = mapping.pairs().last().map(|pair| pair.value.span.end.max(pair.key.span.end));
    let Some(last) = last else {
        return Edit { span: close..close, text: metadata.flow() };
    };
    // A comma may stand after the last pair, which JSON forbids and YAML allows.
    let between = &source[last..close];
    let comma = if between.trim_start().starts_with(',') { "" } else { "," };
    Edit { span: last..last, text: format!("{comma} {}", metadata.flow()) }
        .after_comma(source, comma.is_empty())
}

trait AfterComma {
    fn after_comma(self, source: &str, comma: bool) -> Self;
}

impl AfterComma for Edit {
    /// Moves the edit behind a comma that is there already.
    fn after_comma(mut self, source: &str, comma: bool) -> Self {
        if comma && let Some(offset) = source[self.span.start..].find(',') {
            let at = self.span.start + offset + 1;
            self.span = at..at;
        }
        self
    }
}

/// The edit that takes the block out of a document.
pub(super) fn removal(source: &str, document: &Document<'_>) -> Option<Edit> {
    let mapping = document.root.mapping()?;
    let at = mapping.entries.iter().position(|entry| is_block(entry))?;
    let (before, after) = (&mapping.entries[..at], &mapping.entries[at + 1..]);
    let span = span_of(&mapping.entries[at]);
    let alone = mapping.pairs().count() == 1;
    if mapping.flow {
        return Some(flow_removal(source, span, before, after));
    }
    let start = line_start(source, span.start);
    let end = line_end(source, span.end);
    // The block may share its line with `---` or stand alone in its document.
    let text = if alone {
        format!("{}{{}}{}", &source[start..span.start], line_break(source, end))
    } else {
        String::new()
    };
    Some(Edit { span: start..end, text })
}

fn flow_removal(
    source: &str,
    span: Range<usize>,
    before: &[Entry<'_>],
    after: &[Entry<'_>],
) -> Edit {
    let pair = |entry: &&Entry<'_>| matches!(entry, Entry::Pair(_));
    let span = if let Some(previous) = before.iter().rfind(pair) {
        span_of(previous).end..span.end
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
