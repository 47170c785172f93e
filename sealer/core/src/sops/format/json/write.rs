//! JSON as Go's `encoding/json` writes it.

use std::fmt::Write as _;

use golang::strconv::{format_float, parse_float};

use crate::sops::value::{Kind, Leaf};

/// A value in clear text.
pub(in crate::sops) fn leaf(leaf: &Leaf) -> String {
    match (leaf.kind, leaf.as_str()) {
        (Kind::Int, Some(text)) => text.to_owned(),
        (Kind::Bool, _) => leaf.as_bool().unwrap_or_default().to_string(),
        (Kind::Float, Some(text)) => float(text),
        (_, Some(text)) => string(text),
        (_, None) => string(&String::from_utf8_lossy(leaf.bytes.expose())),
    }
}

/// Go writes an exponent only far from one.
fn float(canonical: &str) -> String {
    let Some(value) = parse_float(canonical) else { return string(canonical) };
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format_float(value, 'e', None);
        // One digit of the exponent is enough.
        return text.replace("e-0", "e-").replace("e+0", "e+");
    }
    format_float(value, 'f', None)
}

/// A text between quotes.
pub(in crate::sops) fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            char => out.push(char),
        }
    }
    out.push('"');
    out
}
