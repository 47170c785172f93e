//! Setting and removing values.
//!
//! The text is changed in as few lines as hold the value, and read again: if that does not give the
//! very content that was wanted, the whole file is written as sops writes it.

use ::yaml::{
    edit::{self, Edit},
    tree::{self, Value},
};

use super::{Content, Entry, Error, Indents, Item, Map, Node, json, yaml};
use crate::sops::{format::Format, metadata, path::Step, store::Plain};

pub(super) fn set(plain: &Plain, path: &[Step], value: &str) -> Result<(Plain, bool), Error> {
    if matches!(path, [Step::Key(key), ..] if is_reserved(plain.format(), key)) {
        return Err(Error::Reserved);
    }
    let mut content = Content::read(plain)?;
    let root = content.0.first_mut().ok_or_else(|| Error::Missing("no document".to_owned()))?;
    let changed = set_in_map(root, path, json::read_value(value)?)?;
    if !changed {
        return Ok((Plain::new(plain.format(), plain.expose().to_vec()), false));
    }
    Ok((written(plain, &content, path)?, true))
}

pub(super) fn unset(plain: &Plain, path: &[Step]) -> Result<Plain, Error> {
    let mut content = Content::read(plain)?;
    let root = content.0.first_mut().ok_or_else(|| Error::Missing("no document".to_owned()))?;
    unset_in_map(root, path)?;
    written(plain, &content, path)
}

/// The metadata's own keys.
fn is_reserved(format: Format, key: &str) -> bool {
    match format {
        Format::Dotenv => key.starts_with("sops_"),
        _ => key == metadata::KEY,
    }
}

/// The file that holds `content`, which differs at `path`.
fn written(plain: &Plain, content: &Content, path: &[Step]) -> Result<Plain, Error> {
    if plain.format() == Format::Yaml
        && let Some(edited) = in_place(plain, content, path)
    {
        return Ok(edited);
    }
    content.write(plain.format(), &indents(plain))
}

/// How the file is indented, as far as one line tells.
fn indents(plain: &Plain) -> Indents {
    let text = std::str::from_utf8(plain.expose()).unwrap_or_default();
    let first = text.lines().find(|line| line.starts_with([' ', '\t']));
    let blanks = first.map(|line| line.len() - line.trim_start_matches(' ').len());
    let json = blanks.filter(|blanks| *blanks > 0);
    Indents { json, ..Indents::default() }
}

/// The text with only the lines of the value changed; nothing if that cannot be had.
fn in_place(plain: &Plain, content: &Content, path: &[Step]) -> Option<Plain> {
    let source = std::str::from_utf8(plain.expose()).ok()?;
    let documents = ::yaml::parse(source).ok()?;
    let edit = yaml_edit(source, &documents.first()?.root, content.0.first()?, path)?;
    let text = edit::apply(source, &[edit]).ok()?;
    let edited = Plain::new(Format::Yaml, text.into_bytes());
    let wanted = content.write(Format::Yaml, &Indents::default()).ok()?;
    let got = Content::read(&edited).ok()?.write(Format::Yaml, &Indents::default()).ok()?;
    (wanted.expose() == got.expose()).then_some(edited)
}

/// The edit for the deepest map on the way that has a pair to change, to add or to remove.
fn yaml_edit(source: &str, root: &tree::Node<'_>, wanted: &[Entry], path: &[Step]) -> Option<Edit> {
    let [Step::Key(key), rest @ ..] = path else { return None };
    let Value::Mapping(mapping) = &root.value else { return None };
    if mapping.flow {
        return None;
    }
    let new = super::look::pair(wanted, key);
    let old = mapping.pairs().find(|pair| pair.key.as_str() == Some(key.as_str()));
    let column = mapping.pairs().next()?.key.column - 1;
    match (old, new) {
        (None, Some(node)) => {
            let last = mapping.pairs().last()?;
            let at = line_end(source, last.value.span.end);
            let text = yaml::pair(key, node, column, 4);
            let text = if source[..at].ends_with('\n') { text } else { format!("\n{text}") };
            Some(Edit { span: at..at, text })
        }
        (Some(pair), Some(Node::Map(map))) if !rest.is_empty() => {
            yaml_edit(source, &pair.value, map, rest)
        }
        (Some(pair), Some(node)) => {
            let start = line_start(source, pair.key.span.start);
            // A dash or the like before the key stays.
            let lead = source[start..pair.key.span.start].trim_end_matches(' ').len();
            let end = line_end(source, pair.value.span.end);
            let text = yaml::pair(key, node, column, 4);
            let text = text.strip_suffix('\n').unwrap_or(&text);
            let from = if lead == 0 { start } else { pair.key.span.start };
            let text = if lead == 0 { text } else { text.trim_start_matches(' ') };
            let tail = source[pair.value.span.end..end].trim_end_matches(['\n', '\r']);
            let single = matches!(node, Node::Null | Node::Leaf(_)) && !text.contains('\n');
            let until = if single { end - (end - pair.value.span.end) } else { end };
            let newline = if !single && source[..end].ends_with('\n') { "\n" } else { "" };
            if single || tail.trim().is_empty() {
                Some(Edit { span: from..until, text: format!("{text}{newline}") })
            } else {
                None
            }
        }
        (Some(pair), None) if mapping.pairs().nth(1).is_some() => {
            let start = line_start(source, pair.key.span.start);
            if !source[start..pair.key.span.start].trim().is_empty() {
                return None;
            }
            let end = line_end(source, pair.value.span.end.max(pair.key.span.end));
            Some(Edit { span: start..end, text: String::new() })
        }
        _ => None,
    }
}

fn line_start(source: &str, at: usize) -> usize {
    source[..at].rfind('\n').map_or(0, |at| at + 1)
}

/// Behind the line break of the line of `at`.
fn line_end(source: &str, at: usize) -> usize {
    if at > 0 && source[..at].ends_with('\n') {
        return at;
    }
    source[at..].find('\n').map_or(source.len(), |length| at + length + 1)
}

/// Sets a value, and says whether that changed anything.
fn set_in_map(map: &mut Map, path: &[Step], value: Node) -> Result<bool, Error> {
    let (step, rest) = path.split_first().ok_or(Error::Reserved)?;
    let Step::Key(key) = step else {
        return Err(Error::Shape(format!("{}: a map has keys, not positions", shown(step))));
    };
    let old = map.iter_mut().find_map(|entry| match entry {
        Entry::Pair(name, node) if name == key => Some(node),
        _ => None,
    });
    if let Some(node) = old {
        return set_in_node(node, rest, value);
    }
    map.push(Entry::Pair(key.clone(), nested(rest, value)));
    Ok(true)
}

fn set_in_node(node: &mut Node, path: &[Step], value: Node) -> Result<bool, Error> {
    let Some((step, rest)) = path.split_first() else {
        let changed = !same(node, &value);
        *node = value;
        return Ok(changed);
    };
    match (&mut *node, step) {
        (Node::Map(map), _) => set_in_map(map, path, value),
        (Node::List(items), Step::Index(index)) => {
            let old = items.iter_mut().filter_map(|item| match item {
                Item::Node(node) => Some(node),
                Item::Comment(_) => None,
            });
            if let Some(node) = old.into_iter().nth(*index) {
                return set_in_node(node, rest, value);
            }
            items.push(Item::Node(nested(rest, value)));
            Ok(true)
        }
        (Node::List(_), Step::Key(_)) => {
            Err(Error::Shape(format!("{}: a list has positions, not keys", shown(step))))
        }
        (Node::Null | Node::Leaf(_), _) => {
            *node = nested(path, value);
            Ok(true)
        }
    }
}

/// The value inside the maps and lists that the path needs.
fn nested(path: &[Step], value: Node) -> Node {
    let mut node = value;
    for step in path.iter().rev() {
        node = match step {
            Step::Key(key) => Node::Map(vec![Entry::Pair(key.clone(), node)]),
            Step::Index(_) => Node::List(vec![Item::Node(node)]),
        };
    }
    node
}

/// Whether two values are the same as sops compares them: comments do not count.
fn same(one: &Node, other: &Node) -> bool {
    match (one, other) {
        (Node::Null, Node::Null) => true,
        (Node::Leaf(one), Node::Leaf(other)) => {
            one.kind == other.kind && one.bytes.expose() == other.bytes.expose()
        }
        (Node::List(one), Node::List(other)) => {
            let (one, other): (Vec<_>, Vec<_>) =
                (super::look::nodes(one).collect(), super::look::nodes(other).collect());
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Node::Map(one), Node::Map(other)) => {
            let pairs = |map: &'_ [Entry]| -> usize {
                map.iter().filter(|entry| matches!(entry, Entry::Pair(..))).count()
            };
            let here = |entry: &Entry| match entry {
                Entry::Comment(_) => true,
                Entry::Pair(key, node) => {
                    super::look::pair(other, key).is_some_and(|other| same(node, other))
                }
            };
            pairs(one) == pairs(other) && one.iter().all(here)
        }
        _ => false,
    }
}

fn unset_in_map(map: &mut Map, path: &[Step]) -> Result<(), Error> {
    let (step, rest) = path.split_first().ok_or(Error::Reserved)?;
    let position = map.iter().position(|entry| match (entry, step) {
        (Entry::Pair(name, _), Step::Key(key)) => name == key,
        _ => false,
    });
    let missing = || Error::Missing(format!("Key not found: {}", bare(step)));
    let position = position.ok_or_else(missing)?;
    if rest.is_empty() {
        map.remove(position);
        return Ok(());
    }
    match &mut map[position] {
        Entry::Pair(_, node) => unset_in_node(node, rest),
        Entry::Comment(_) => Err(missing()),
    }
}

fn unset_in_node(node: &mut Node, path: &[Step]) -> Result<(), Error> {
    match (node, path) {
        (Node::Map(map), _) => unset_in_map(map, path),
        (Node::List(items), [Step::Index(index), rest @ ..]) => {
            let is_node = |(_, item): &(usize, &mut Item)| matches!(item, Item::Node(_));
            let position =
                items.iter_mut().enumerate().filter(is_node).nth(*index).map(|(at, _)| at);
            let missing = || Error::Missing(format!("Index {index} out of bounds"));
            let position = position.ok_or_else(missing)?;
            if rest.is_empty() {
                items.remove(position);
                return Ok(());
            }
            match &mut items[position] {
                Item::Node(node) => unset_in_node(node, rest),
                Item::Comment(_) => Err(missing()),
            }
        }
        (_, [step, ..]) => {
            Err(Error::Shape(format!("{}: there is neither a map nor a list", shown(step))))
        }
        (_, []) => Err(Error::Reserved),
    }
}

fn bare(step: &Step) -> String {
    match step {
        Step::Key(key) => key.clone(),
        Step::Index(index) => index.to_string(),
    }
}

fn shown(step: &Step) -> String {
    match step {
        Step::Key(key) => format!("['{key}']"),
        Step::Index(index) => format!("[{index}]"),
    }
}
