//! JSON to and from content, as Go's `encoding/json` writes it.

use super::{Entry, Error, Item, Map, Node};
use crate::sops::{
    format::json::{self, Document, Member, Value, write},
    value::Leaf,
};

/// Reads an object.
pub(super) fn read(text: &str) -> Result<Map, Error> {
    let document = Document::parse(text)?;
    match document.root.value {
        Value::Map(members) => map(&members),
        _ => Ok(Map::new()),
    }
}

/// Reads any value.
pub(super) fn read_value(text: &str) -> Result<Node, Error> {
    node(&json::parse_value(text)?.value, "the value")
}

fn map(members: &[Member<'_>]) -> Result<Map, Error> {
    let pair = |member: &Member<'_>| {
        Ok(Entry::Pair(member.key.to_string(), node(&member.value.value, &member.key)?))
    };
    members.iter().map(pair).collect()
}

fn node(value: &Value<'_>, key: &str) -> Result<Node, Error> {
    Ok(match value {
        Value::Null => Node::Null,
        Value::Bool(value) => Node::Leaf(Leaf::boolean(*value)),
        Value::Number(text) => Node::Leaf(
            Leaf::json_number(text)
                .map_err(|source| Error::Value { key: key.to_owned(), source })?,
        ),
        Value::Str(text) => Node::Leaf(Leaf::text(text)),
        Value::List(items) => {
            let item = |item: &json::Node<'_>| node(&item.value, key).map(Item::Node);
            Node::List(items.iter().map(item).collect::<Result<_, _>>()?)
        }
        Value::Map(members) => Node::Map(map(members)?),
    })
}

/// A file: an object and a line break. Comments have no place.
pub(super) fn file(root: &[Entry], indent: Option<usize>) -> Result<String, Error> {
    let mut text = Writer::new(indent).object(root, 0)?;
    text.push('\n');
    Ok(text)
}

/// A value without a line break behind it.
pub(super) fn value(node: &Node, indent: Option<usize>) -> Result<String, Error> {
    Writer::new(indent).node(node, 0)
}

/// A value in one line.
pub(super) fn compact(node: &Node) -> Result<String, Error> {
    Writer { unit: None }.node(node, 0)
}

struct Writer {
    /// What indents a level; without it all is in one line.
    unit: Option<String>,
}

impl Writer {
    fn new(indent: Option<usize>) -> Self {
        Self { unit: Some(indent.map_or("\t".to_owned(), |indent| " ".repeat(indent))) }
    }

    fn node(&self, node: &Node, depth: usize) -> Result<String, Error> {
        Ok(match node {
            Node::Null => "null".to_owned(),
            Node::Leaf(leaf) => {
                let text = write::leaf(leaf);
                // Go refuses infinities.
                let infinite = matches!(leaf.as_str(), Some("+Inf" | "-Inf" | "NaN"))
                    && leaf.kind == crate::sops::value::Kind::Float;
                if infinite {
                    let key = leaf.as_str().unwrap_or_default().to_owned();
                    return Err(Error::Unspellable { format: "json", key });
                }
                text
            }
            Node::List(items) => {
                let items = super::look::nodes(items).map(|item| self.node(item, depth + 1));
                self.wrapped(('[', ']'), &items.collect::<Result<Vec<_>, _>>()?, depth)
            }
            Node::Map(map) => self.object(map, depth)?,
        })
    }

    fn object(&self, map: &[Entry], depth: usize) -> Result<String, Error> {
        let mut members = Vec::new();
        for entry in map {
            let Entry::Pair(key, node) = entry else { continue };
            members.push(format!("{}: {}", write::string(key), self.node(node, depth + 1)?));
        }
        Ok(self.wrapped(('{', '}'), &members, depth))
    }

    fn wrapped(&self, (open, close): (char, char), parts: &[String], depth: usize) -> String {
        match &self.unit {
            Some(unit) if !parts.is_empty() => {
                let inside = format!("\n{}", unit.repeat(depth + 1));
                let parts = parts.join(&format!(",{inside}"));
                format!("{open}{inside}{parts}\n{}{close}", unit.repeat(depth))
            }
            _ => format!("{open}{}{close}", parts.join(",")),
        }
    }
}
