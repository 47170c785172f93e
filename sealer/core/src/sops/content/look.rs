//! Looking a value up.

use super::{Entry, Error, Item, Node};
use crate::sops::path::Step;

/// What stands at a path.
pub(super) enum Found<'c> {
    Map(&'c [Entry]),
    Node(&'c Node),
}

/// The value at `path`.
pub(super) fn find<'c>(root: &'c [Entry], path: &[Step]) -> Result<Found<'c>, Error> {
    let mut found = Found::Map(root);
    for step in path {
        let node = match (&found, step) {
            (Found::Map(map), Step::Key(key)) => pair(map, key).ok_or_else(|| no_key(key))?,
            (Found::Node(Node::List(items)), Step::Index(index)) => {
                nodes(items).nth(*index).ok_or_else(|| {
                    Error::Missing(format!("component [{index}] accesses out of bounds"))
                })?
            }
            (_, Step::Index(index)) => {
                let message =
                    format!("component [{index}] is integer, but tree part is not a slice");
                return Err(Error::Shape(message));
            }
            (_, Step::Key(key)) => return Err(no_key(key)),
        };
        found = match node {
            Node::Map(map) => Found::Map(map),
            node => Found::Node(node),
        };
    }
    Ok(found)
}

fn no_key(key: &str) -> Error {
    Error::Missing(format!("component ['{key}'] not found"))
}

/// The value of the first pair with this key.
pub(super) fn pair<'c>(map: &'c [Entry], key: &str) -> Option<&'c Node> {
    map.iter().find_map(|entry| match entry {
        Entry::Pair(name, node) if name == key => Some(node),
        _ => None,
    })
}

/// The values of a list, without its comments.
pub(super) fn nodes(items: &[Item]) -> impl Iterator<Item = &Node> {
    items.iter().filter_map(|item| match item {
        Item::Node(node) => Some(node),
        Item::Comment(_) => None,
    })
}
