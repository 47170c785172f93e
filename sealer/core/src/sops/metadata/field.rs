//! A tree of texts: what all formats have in common before it means anything.

use std::fmt::Write as _;

use serde_json::Value as Json;
use yaml::{Node, edit, tree::Value};

/// A part of a block. Numbers and booleans are text: dotenv and INI know nothing else, and a
/// timestamp must not be read as one.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::sops) enum Field {
    /// Absent, to old versions of sops.
    Null,
    /// Any scalar.
    Text(String),
    /// A number or a boolean, to be written without quotes where that matters.
    Bare(String),
    List(Vec<Field>),
    /// In the order in which it is written.
    Map(Vec<(String, Field)>),
}

impl Field {
    pub(in crate::sops) fn from_yaml(node: &Node<'_>) -> Self {
        match &node.value {
            Value::Scalar(scalar) if scalar.style == yaml::tree::Style::Plain => {
                match &*scalar.text {
                    "" | "~" | "null" | "Null" | "NULL" => Self::Null,
                    text => Self::Text(text.to_owned()),
                }
            }
            Value::Scalar(scalar) => Self::Text(scalar.text.clone().into_owned()),
            Value::Mapping(mapping) => Self::Map(
                mapping
                    .pairs()
                    .filter_map(|pair| {
                        Some((pair.key.as_str()?.to_owned(), Self::from_yaml(&pair.value)))
                    })
                    .collect(),
            ),
            Value::Sequence(list) => Self::List(list.nodes().map(Self::from_yaml).collect()),
            // No version of sops writes one.
            Value::Alias(_) => Self::Null,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Map(fields) = self else { return None };
        fields.iter().find(|(key, _)| key == name).map(|(_, field)| field)
    }

    /// The same as JSON.
    pub(in crate::sops) fn json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Text(text) => Json::from(text.as_str()),
            Self::Bare(text) => serde_json::from_str(text).unwrap_or(Json::Null),
            Self::List(items) => items.iter().map(Self::json).collect(),
            Self::Map(fields) => {
                fields.iter().map(|(key, field)| (key.clone(), field.json())).collect()
            }
        }
    }

    /// JSON on lines of their own, as Go's `json.Indent` breaks them; in one line without `indent`.
    ///
    /// `margin` stands before every line but the first.
    pub(in crate::sops) fn json_text(&self, margin: &str, indent: Option<&str>) -> String {
        let Some(indent) = indent else { return self.json().to_string() };
        let mut out = String::new();
        self.json_lines(&mut out, margin, indent);
        out
    }

    fn json_lines(&self, out: &mut String, margin: &str, indent: &str) {
        let deeper = format!("{margin}{indent}");
        match self {
            Self::List(items) if !items.is_empty() => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index == 0 { "\n" } else { ",\n" });
                    out.push_str(&deeper);
                    item.json_lines(out, &deeper, indent);
                }
                let _ = write!(out, "\n{margin}]");
            }
            Self::Map(fields) if !fields.is_empty() => {
                out.push('{');
                for (index, (key, field)) in fields.iter().enumerate() {
                    out.push_str(if index == 0 { "\n" } else { ",\n" });
                    let _ = write!(out, "{deeper}{}: ", Json::from(key.as_str()));
                    field.json_lines(out, &deeper, indent);
                }
                let _ = write!(out, "\n{margin}}}");
            }
            leaf => {
                let _ = write!(out, "{}", leaf.json());
            }
        }
    }

    /// The lines of a map in YAML's block style, four blanks a level.
    pub(in crate::sops) fn yaml_lines(&self, indent: usize) -> Vec<String> {
        let Self::Map(fields) = self else { return Vec::new() };
        let margin = " ".repeat(indent);
        let mut lines = Vec::new();
        for (key, field) in fields {
            let key = if edit::is_plain(key) { key.clone() } else { edit::double_quoted(key) };
            match field {
                Self::Map(inner) if !inner.is_empty() => {
                    lines.push(format!("{margin}{key}:"));
                    lines.extend(field.yaml_lines(deeper(indent)));
                }
                Self::List(items) if !items.is_empty() => {
                    lines.push(format!("{margin}{key}:"));
                    for item in items {
                        lines.extend(item_lines(item, deeper(indent)));
                    }
                }
                Self::Text(text) if text.trim_end().contains('\n') => {
                    let header = if text.ends_with('\n') { "|" } else { "|-" };
                    lines.push(format!("{margin}{key}: {header}"));
                    lines.extend(
                        text.lines().map(|line| format!("{}{line}", " ".repeat(deeper(indent)))),
                    );
                }
                leaf => lines.push(format!("{margin}{key}: {}", leaf.yaml_scalar())),
            }
        }
        lines
    }

    fn yaml_scalar(&self) -> String {
        match self {
            Self::Text(text) if edit::is_plain(text) || is_sealed(text) => text.clone(),
            Self::Text(text) => edit::double_quoted(text),
            Self::Bare(text) => text.clone(),
            Self::Null => "null".to_owned(),
            Self::List(_) => "[]".to_owned(),
            Self::Map(_) => "{}".to_owned(),
        }
    }
}

/// The next level of indentation, as Go's `yaml.v3` counts.
pub(in crate::sops) fn deeper(indent: usize) -> usize {
    (indent / 4 + 1) * 4
}

/// The lines of an item: its first field stands beside the dash.
fn item_lines(item: &Field, indent: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    let mut lines = match item {
        Field::Map(fields) if !fields.is_empty() => item.yaml_lines(indent + 2),
        leaf => return vec![format!("{margin}- {}", leaf.yaml_scalar())],
    };
    lines[0] = format!("{margin}- {}", lines[0].trim_start());
    lines
}

/// `ENC[…]` is plain to YAML, whatever a careful reader of its brackets thinks.
fn is_sealed(text: &str) -> bool {
    text.starts_with("ENC[") && text.ends_with(']')
}
