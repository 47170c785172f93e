//! YAML with template actions in it, made readable without moving a byte.
//!
//! ```text
//! {{- if .Values.web }}                      #xxxxxxxxxxxxxxxxxxxx
//! image: {{ .Values.host }}/web:1 # marker   image: xxxxxxxxxxxxxxxxxx/web:1 # marker
//! tag: 1.2.3                      # marker   tag: 1.2.3                      # marker
//! ```
//!
//! An action that is all of its line becomes a comment, another one a word. Every byte keeps its
//! place, so spans of the one are spans of the other; a value that has an action in it is never
//! edited. If what results is not YAML the file is reported.

use std::ops::Range;

/// `text` with its actions masked, or `None` if it has none or one does not end.
pub(super) fn mask(text: &str) -> Option<String> {
    let mut masked = text.as_bytes().to_vec();
    let mut actions = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find("{{").map(|found| at + found) {
        let end = end_of(text, start + 2)?;
        actions.push(start..end);
        at = end;
    }
    if actions.is_empty() {
        return None;
    }
    let mut inside = vec![false; text.len()];
    for byte in actions.into_iter().flatten() {
        inside[byte] = true;
        if !matches!(masked[byte], b'\n' | b'\r') {
            masked[byte] = b'x';
        }
    }
    for line in lines(text) {
        let written =
            line.clone().filter(|byte| !matches!(text.as_bytes()[*byte], b' ' | b'\t' | b'\r'));
        let first = line.clone().find(|byte| inside[*byte]);
        if let Some(first) = first
            && written.clone().all(|byte| inside[byte])
        {
            masked[first] = b'#';
        }
    }
    String::from_utf8(masked).ok()
}

/// The end of the action whose content begins at `at`.
fn end_of(text: &str, mut at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    if text[at..].trim_start_matches(['-', ' ']).starts_with("/*") {
        let comment = text[at..].find("*/").map(|found| at + found + 2)?;
        return text[comment..].find("}}").map(|found| comment + found + 2);
    }
    while at < bytes.len() {
        match bytes[at] {
            b'}' if bytes.get(at + 1) == Some(&b'}') => return Some(at + 2),
            quote @ (b'"' | b'`' | b'\'') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if bytes[at] == b'\\' && quote != b'`' { 2 } else { 1 };
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    None
}

/// The bytes of each line, without its end.
fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    text.split('\n').map(move |line| {
        let range = start..start + line.len();
        start = range.end + 1;
        range
    })
}
