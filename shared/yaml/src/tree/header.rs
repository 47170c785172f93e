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
    let indicator = indicator(source, before, bytes.end, &['|', '>']).unwrap_or(bytes.start);
    let line_end = line_end(source, indicator);
    let after = indicator + header_length(&source[indicator..line_end]);
    let text = &source[bytes.clone()];
    let kept = text.trim_end_matches([' ', '\t', '\r', '\n']);
    if kept.is_empty() || bytes.start < line_end {
        return (indicator..after, after..after);
    }
    let end = self::line_end(source, bytes.start + kept.len()).min(bytes.end);
    (indicator..end, bytes.start..end)
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
