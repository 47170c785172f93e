//! Where a block scalar and a block sequence begin.
//!
//! The parser reports the content of a block scalar only, and may report a sequence from its first
//! item instead of its first dash.

use std::ops::Range;

/// The span of the whole block scalar, and of its content.
///
/// `before` is the end of the token before it, so that only indicators, properties and comments
/// stand between `before` and the header; `bytes` is what the parser calls the scalar.
pub(super) fn locate(
    source: &str,
    before: usize,
    bytes: Range<usize>,
) -> (Range<usize>, Range<usize>) {
    let Some(indicator) = indicator(source, before, bytes.end, &['|', '>']) else {
        return (bytes.clone(), bytes);
    };
    let line_end = line_end(source, indicator);
    let after = indicator + header_length(&source[indicator..line_end]);
    let end = content_end(source, &bytes);
    if end == bytes.start || bytes.start < line_end {
        return (indicator..after, after..after);
    }
    (indicator..end, bytes.start..end)
}

/// The end of the last line that is content, without its break.
///
/// A line of blanks is content when it is longer than the indentation.
fn content_end(source: &str, bytes: &Range<usize>) -> usize {
    let line_start = |at: usize| source[..at].rfind(['\n', '\r']).map_or(0, |before| before + 1);
    let indent = bytes.start - line_start(bytes.start);
    let mut end = bytes.end;
    loop {
        let text = source[bytes.start..end].trim_end_matches(['\n', '\r']);
        end = bytes.start + text.len();
        let last = &source[line_start(end).min(end)..end];
        if !last.trim_matches([' ', '\t']).is_empty() || last.len() > indent {
            return end;
        }
        if end - last.len() <= bytes.start {
            return bytes.start;
        }
        end -= last.len();
    }
}

/// The first dash of a sequence whose first token the parser puts at `first`.
pub(super) fn dash(source: &str, before: usize, first: usize) -> Option<usize> {
    indicator(source, before, first + 1, &['-'])
}

/// The first of `wanted` from `at`, past other indicators, anchors, tags and comments.
fn indicator(source: &str, mut at: usize, limit: usize, wanted: &[char]) -> Option<usize> {
    while at < limit {
        let rest = &source[at..];
        let first = rest.chars().next()?;
        match first {
            found if wanted.contains(&found) => return Some(at),
            '#' => at = line_end(source, at),
            '&' | '!' => at += rest.find(char::is_whitespace)?,
            _ => at += first.len_utf8(),
        }
    }
    None
}

/// The length of `|`, `>-`, `|2+` and so on.
fn header_length(line: &str) -> usize {
    1 + line[1..].bytes().take_while(|byte| matches!(byte, b'+' | b'-' | b'0'..=b'9')).count()
}

fn line_end(source: &str, at: usize) -> usize {
    source[at..].find(['\n', '\r']).map_or(source.len(), |length| at + length)
}
