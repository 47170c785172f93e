//! New text for values that no file holds yet.

use serde_json::{Map, Value};

use crate::edit::{double_quoted, is_plain};

/// `value` as YAML in block style, its keys sorted. It reads back the same under every schema.
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    node(value, 0, &mut out);
    out
}

/// Writes at the place where `out` ends; further lines are indented by `indent`.
fn node(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => return mapping(map, indent, out),
        Value::Array(items) if !items.is_empty() => {
            for (position, item) in items.iter().enumerate() {
                pad(if position > 0 { indent } else { 0 }, out);
                out.push_str("- ");
                node(item, indent + 2, out);
            }
            return;
        }
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        Value::String(text) => out.push_str(&scalar(text)),
        other => out.push_str(&other.to_string()),
    }
    out.push('\n');
}

fn mapping(map: &Map<String, Value>, indent: usize, out: &mut String) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    for (position, (key, value)) in entries.into_iter().enumerate() {
        pad(if position > 0 { indent } else { 0 }, out);
        out.push_str(&scalar(key));
        out.push(':');
        let below = match value {
            Value::Object(map) if !map.is_empty() => Some(indent + 2),
            Value::Array(items) if !items.is_empty() => Some(indent),
            _ => None,
        };
        if let Some(indent) = below {
            out.push('\n');
            pad(indent, out);
        } else {
            out.push(' ');
        }
        node(value, below.unwrap_or(indent), out);
    }
}

fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { double_quoted(text) }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Schema, json::documents};

    #[test]
    fn what_is_written_reads_back_the_same() {
        let value = json!({
            "b": {"yes": "no", "n": null, "list": [1, "1", [true, {"k": {}}], {"x": 1, "y": []}]},
            "a": "line\nline", "": "", "1.5": 1.5, "tilde": "~", "colon": "a: b",
            "nested": [[1], [[2]]],
        });
        for schema in [Schema::Kubernetes, Schema::GoYaml3] {
            let read = documents(&write(&value), schema).unwrap();
            assert_eq!(read, std::slice::from_ref(&value), "{}", write(&value));
        }
    }

    #[test]
    fn what_is_no_mapping_is_written_as_it_stands() {
        let cases = [(json!("a: b"), "\"a: b\"\n"), (json!([]), "[]\n"), (json!([1]), "- 1\n")];
        for (value, expected) in cases {
            assert_eq!(write(&value), expected);
        }
    }
}
