//! What a command prints: lines for people, JSON and YAML for programs.

use std::io;

use serde_json::{Map, Value};

use super::terminal::{Report, Streams};

/// How a product is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Lines
    Text,
    /// Lines that say more
    Wide,
    /// JSON, indented by two
    Json,
    /// YAML
    Yaml,
}

/// The option that chooses among them.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Output {
    /// How the result is printed
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value = "text")]
    pub(crate) format: Format,
}

/// Standard output is gone.
#[derive(Debug, thiserror::Error)]
#[error("could not write standard output")]
pub(crate) struct Broken(#[from] io::Error);

impl Report for Broken {}

/// Prints `value` if a program reads it, and what `lines` makes otherwise.
pub(crate) fn print(
    streams: &mut Streams<'_>,
    format: Format,
    value: &Value,
    lines: impl FnOnce(bool) -> String,
) -> Result<(), Broken> {
    let text = match format {
        Format::Text => lines(false),
        Format::Wide => lines(true),
        Format::Json => format!("{value:#}\n"),
        Format::Yaml => yaml(value),
    };
    streams.output.write_all(text.as_bytes())?;
    Ok(streams.output.flush()?)
}

/// Rows under a heading, in columns.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let heading: Vec<String> = heading.iter().map(|&name| name.to_owned()).collect();
    let all = || std::iter::once(&heading).chain(rows);
    let width = |column: usize| {
        all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let mut out = String::new();
    for row in all() {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let padding = width(column).unwrap_or(0) - cell.chars().count() + 3;
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', padding));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// A value as YAML in block style.
fn yaml(value: &Value) -> String {
    let mut out = String::new();
    node(value, 0, &mut out);
    out
}

fn node(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => mapping(map, indent, out),
        Value::Array(items) if !items.is_empty() => {
            for (position, item) in items.iter().enumerate() {
                pad(if position > 0 { indent } else { 0 }, out);
                out.push_str("- ");
                node(item, indent + 2, out);
            }
        }
        Value::Object(_) => out.push_str("{}\n"),
        Value::Array(_) => out.push_str("[]\n"),
        Value::String(text) => {
            out.push_str(&scalar(text));
            out.push('\n');
        }
        other => {
            out.push_str(&other.to_string());
            out.push('\n');
        }
    }
}

fn mapping(map: &Map<String, Value>, indent: usize, out: &mut String) {
    for (position, (key, value)) in map.iter().enumerate() {
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
            node(value, indent, out);
        } else {
            out.push(' ');
            node(value, indent, out);
        }
    }
}

fn scalar(text: &str) -> String {
    if yaml::edit::is_plain(text) { text.to_owned() } else { yaml::edit::double_quoted(text) }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_reads_back_the_same() {
        let value = json!({
            "b": {"yes": "no", "n": null, "list": [1, "1", [true, {"k": {}}], {"x": 1, "y": []}]},
            "a": "line\nline", "": "", "1.5": 1.5, "colon": "a: b", "nested": [[1], [[2]]],
        });
        let read = yaml::json::documents(&yaml(&value), yaml::Schema::Kubernetes).unwrap();
        assert_eq!(read, [value]);
    }
}
