//! YAML to and from content, as Go's `yaml.v3` writes it.

use std::collections::HashMap;

use super::{Comment, Entry, Error, Item, Map, Node};
use crate::sops::{
    format,
    value::{self, Leaf},
};
use ::yaml::{
    Document, Schema,
    resolve::Resolved,
    tree::{self, Value},
};

mod scalar;

use scalar::{block, flow, text};

/// More values than any file has; aliases of aliases have more.
const MOST: usize = 1_000_000;

/// Reads every document.
pub(super) fn read(text: &str) -> Result<Vec<Map>, Error> {
    let documents = ::yaml::parse(text).map_err(format::Error::from)?;
    let mut reader = Reader { anchors: HashMap::new(), left: MOST };
    for document in &documents {
        reader.anchor(&document.root);
    }
    documents.iter().map(|document| reader.document(document)).collect()
}

struct Reader<'d> {
    /// By the anchor's id.
    anchors: HashMap<usize, &'d tree::Node<'d>>,
    /// How many values may still come.
    left: usize,
}

impl<'d> Reader<'d> {
    fn anchor(&mut self, node: &'d tree::Node<'d>) {
        if let Some(anchor) = &node.anchor {
            self.anchors.insert(anchor.id, node);
        }
        match &node.value {
            Value::Mapping(mapping) => {
                for pair in mapping.pairs() {
                    self.anchor(&pair.key);
                    self.anchor(&pair.value);
                }
            }
            Value::Sequence(sequence) => sequence.nodes().for_each(|node| self.anchor(node)),
            Value::Scalar(_) | Value::Alias(_) => {}
        }
    }

    fn document(&mut self, document: &'d Document<'d>) -> Result<Map, Error> {
        let mut map: Map = document.comments.iter().map(comment).map(Entry::Comment).collect();
        match self.node(&document.root)? {
            Node::Map(rest) => map.extend(rest),
            Node::Null if document.is_empty() => {}
            _ => {
                let line = document.root.line;
                return Err(format::Error::NotAMapping { line }.into());
            }
        }
        Ok(map)
    }

    fn node(&mut self, node: &'d tree::Node<'d>) -> Result<Node, Error> {
        self.left = self.left.checked_sub(1).ok_or_else(|| Error::Value {
            key: format!("line {}", node.line),
            source: value::Error::TooLarge,
        })?;
        Ok(match &node.value {
            Value::Scalar(_) => {
                let resolved = node.resolve(Schema::GoYaml3).map_err(format::Error::from)?;
                let leaf = Leaf::of(resolved.unwrap_or(Resolved::Null));
                let leaf = leaf.map_err(|source| Error::Value {
                    key: format!("line {}", node.line),
                    source,
                })?;
                leaf.map_or(Node::Null, Node::Leaf)
            }
            Value::Alias(anchor) => match self.anchors.get(&anchor.id).copied() {
                Some(target) => self.node(target)?,
                None => Node::Null,
            },
            Value::Sequence(sequence) => Node::List(self.list(sequence)?),
            Value::Mapping(mapping) => Node::Map(self.map(mapping)?),
        })
    }

    /// A comment at the end of a value's line stands before the value, as in sops.
    fn list(&mut self, sequence: &'d tree::Sequence<'d>) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        for item in &sequence.items {
            match item {
                tree::Item::Node(node) => items.push(Item::Node(self.node(node)?)),
                tree::Item::Comment(line) => match items.last() {
                    Some(Item::Node(Node::Null | Node::Leaf(_))) if line.trailing => {
                        let comment = Comment { inline: true, ..comment(line) };
                        items.insert(items.len() - 1, Item::Comment(comment));
                    }
                    _ => items.push(Item::Comment(comment(line))),
                },
            }
        }
        Ok(items)
    }

    fn map(&mut self, mapping: &'d tree::Mapping<'d>) -> Result<Map, Error> {
        let mut map = Map::new();
        for entry in &mapping.entries {
            match entry {
                tree::Entry::Pair(pair) => {
                    let key = pair.key.scalar().map(|scalar| scalar.text.to_string());
                    let key = key.ok_or_else(|| {
                        let key = format!("line {}", pair.key.line);
                        Error::Complex { format: "yaml", key }
                    })?;
                    map.push(Entry::Pair(key, self.node(&pair.value)?));
                }
                tree::Entry::Comment(line) => match map.last() {
                    Some(Entry::Pair(_, Node::Null | Node::Leaf(_))) if line.trailing => {
                        let comment = Comment { inline: true, ..comment(line) };
                        map.insert(map.len() - 1, Entry::Comment(comment));
                    }
                    _ => map.push(Entry::Comment(comment(line))),
                },
            }
        }
        Ok(map)
    }
}

fn comment(comment: &tree::Comment<'_>) -> Comment {
    Comment { text: Leaf::comment(&comment.text), inline: false }
}

/// Every document, with `---` between them.
pub(super) fn write(documents: &[Map], indent: usize) -> String {
    let documents: Vec<String> = documents.iter().map(|map| document(map, indent)).collect();
    documents.join("---\n")
}

/// One document.
pub(super) fn document(map: &[Entry], indent: usize) -> String {
    let mut writer = Writer { unit: indent.max(1), out: String::new() };
    writer.top_map(map);
    writer.out
}

/// A value on its own.
pub(super) fn value(node: &Node, indent: usize) -> String {
    let mut writer = Writer { unit: indent.max(1), out: String::new() };
    match node {
        Node::Map(map) => writer.top_map(map),
        Node::List(items) if !items.is_empty() => writer.list(items, 0),
        node => writer.scalar(node, writer.unit),
    }
    writer.out
}

/// The lines of one pair, each indented by `column` blanks, and deeper levels by `unit` more.
pub(super) fn pair(key: &str, node: &Node, column: usize, unit: usize) -> String {
    let mut writer = Writer { unit: unit.max(1), out: String::new() };
    writer.pad(column);
    writer.pair(key, node, column, "");
    writer.out
}

struct Writer {
    unit: usize,
    out: String,
}

impl Writer {
    fn pad(&mut self, column: usize) {
        self.out.extend(std::iter::repeat_n(' ', column));
    }

    /// The next multiple of the unit.
    fn deeper(&self, column: usize) -> usize {
        self.unit * ((column + self.unit) / self.unit)
    }

    fn top_map(&mut self, map: &[Entry]) {
        if map.iter().any(|entry| matches!(entry, Entry::Pair(..))) {
            self.map(map, 0, true);
        } else {
            for entry in map {
                if let Entry::Comment(comment) = entry {
                    self.comment(comment, 0);
                }
            }
            self.out.push_str("{}\n");
        }
    }

    fn comment(&mut self, comment: &Comment, column: usize) {
        for line in comment.text.as_str().unwrap_or_default().split('\n') {
            self.pad(column);
            self.out.push('#');
            self.out.push_str(line);
            self.out.push('\n');
        }
    }

    /// The lines of a map; with `begun`, the first one is indented already.
    fn map(&mut self, map: &[Entry], column: usize, begun: bool) {
        let mut at_start = begun;
        let mut inline = String::new();
        for entry in map {
            match entry {
                Entry::Comment(comment) if comment.inline => {
                    inline = format!(" #{}", comment.text.as_str().unwrap_or_default());
                }
                Entry::Comment(comment) => {
                    if at_start && column > 0 {
                        // It goes on the line of the dash.
                        self.out.push('#');
                        self.out.push_str(comment.text.as_str().unwrap_or_default());
                        self.out.push('\n');
                    } else {
                        self.comment(comment, column);
                    }
                    at_start = false;
                }
                Entry::Pair(key, node) => {
                    if !at_start || column == 0 {
                        self.pad(column);
                    }
                    at_start = false;
                    self.pair(key, node, column, &std::mem::take(&mut inline));
                }
            }
        }
    }

    fn pair(&mut self, key: &str, node: &Node, column: usize, inline: &str) {
        let name = if key == "<<" { "!!merge <<".to_owned() } else { text(key) };
        self.out.push_str(&name);
        self.out.push(':');
        let inside = self.deeper(column);
        match node {
            Node::Map(map) if !is_empty(map) => {
                self.out.push_str(inline);
                self.out.push('\n');
                self.map(map, inside, false);
            }
            Node::List(items) if !items.is_empty() => {
                self.out.push_str(inline);
                self.out.push('\n');
                self.list(items, inside);
            }
            node => {
                self.out.push(' ');
                self.scalar(node, inside);
                if !inline.is_empty() {
                    self.out.pop();
                    self.out.push_str(inline);
                    self.out.push('\n');
                }
            }
        }
    }

    fn list(&mut self, items: &[Item], column: usize) {
        let mut inline = String::new();
        for item in items {
            match item {
                Item::Comment(comment) if comment.inline => {
                    inline = format!(" #{}", comment.text.as_str().unwrap_or_default());
                }
                Item::Comment(comment) => self.comment(comment, column),
                Item::Node(node) => {
                    self.pad(column);
                    self.item(node, column);
                    if !inline.is_empty() && self.out.ends_with('\n') {
                        self.out.pop();
                        self.out.push_str(&std::mem::take(&mut inline));
                        self.out.push('\n');
                    }
                }
            }
        }
    }

    fn item(&mut self, node: &Node, column: usize) {
        self.out.push_str("- ");
        match node {
            Node::Map(map) if !is_empty(map) => self.map(map, column + 2, true),
            Node::List(items) if !items.is_empty() => {
                let before = self.out.len();
                self.list(items, column + 2);
                // Its first line stands on the line of this dash.
                self.out.replace_range(before..before + column + 2, "");
            }
            node => self.scalar(node, column + 2),
        }
    }

    /// A value of one line, or a block whose lines are indented by `column`.
    fn scalar(&mut self, node: &Node, column: usize) {
        match node {
            Node::Leaf(leaf) => match block(leaf, column) {
                Some(block) => self.out.push_str(&block),
                None => self.out.push_str(&flow(leaf)),
            },
            Node::Null => self.out.push_str("null"),
            Node::Map(_) => self.out.push_str("{}"),
            Node::List(_) => self.out.push_str("[]"),
        }
        self.out.push('\n');
    }
}

fn is_empty(map: &[Entry]) -> bool {
    !map.iter().any(|entry| matches!(entry, Entry::Pair(..)))
}
