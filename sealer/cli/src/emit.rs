//! Manifests as YAML or JSON text.

use serde_json::{Map, Value};

/// How a manifest is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// YAML, keys sorted.
    Yaml,
    /// JSON, indented by two.
    Json,
}

/// A list of manifests as one text.
pub(crate) fn manifests(manifests: &[Value], format: Format) -> String {
    let one = |manifest: &Value| match format {
        Format::Yaml => format!("---\n{}", yaml(manifest)),
        Format::Json => format!("{manifest:#}\n"),
    };
    manifests.iter().map(one).collect()
}

/// A value as YAML in block style.
pub(crate) fn yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(map, 0, &mut out),
        Value::Array(items) if !items.is_empty() => sequence(items, 0, &mut out),
        _ => {
            out.push_str(&scalar(value));
            out.push('\n');
        }
    }
    out
}

fn mapping(map: &Map<String, Value>, indent: usize, out: &mut String) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    for (position, (key, value)) in entries.into_iter().enumerate() {
        if position > 0 {
            pad(indent, out);
        }
        out.push_str(&text(key));
        out.push(':');
        match value {
            Value::Object(map) if !map.is_empty() => {
                out.push('\n');
                pad(indent + 2, out);
                mapping(map, indent + 2, out);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                pad(indent, out);
                sequence(items, indent, out);
            }
            value => {
                out.push(' ');
                out.push_str(&scalar(value));
                out.push('\n');
            }
        }
    }
}

fn sequence(items: &[Value], indent: usize, out: &mut String) {
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            pad(indent, out);
        }
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => mapping(map, indent + 2, out),
            Value::Array(items) if !items.is_empty() => sequence(items, indent + 2, out),
            item => {
                out.push_str(&scalar(item));
                out.push('\n');
            }
        }
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(value) => text(value),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

fn text(text: &str) -> String {
    if yaml::edit::is_plain(text) { text.to_owned() } else { yaml::edit::double_quoted(text) }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use yaml::Schema;

    use super::*;

    #[test]
    fn what_is_printed_reads_back_the_same() {
        let value = json!({
            "b": {"yes": "no", "n": null, "list": [1, "1", [true, {"k": {}}], {"x": 1, "y": []}]},
            "a": "line\nline", "": "", "1.5": 1.5, "tilde": "~", "colon": "a: b",
        });
        for schema in [Schema::Kubernetes, Schema::GoYaml3] {
            let read = yaml::json::documents(&yaml(&value), schema).unwrap();
            assert_eq!(read, std::slice::from_ref(&value), "{}", yaml(&value));
        }
        let printed = manifests(&[value.clone(), value.clone()], Format::Yaml);
        assert_eq!(yaml::json::documents(&printed, Schema::Kubernetes).unwrap().len(), 2);
    }
}
