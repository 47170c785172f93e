//! dotenv to and from content.

use super::{Comment, Entry, Error, Map, NIL, Node};
use crate::sops::{
    format::{self, dotenv},
    value::{Kind, Leaf},
};

pub(super) fn read(text: &str) -> Result<Map, Error> {
    let mut map = Map::new();
    for (index, line) in text.split('\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        map.push(match (line.strip_prefix('#'), line.split_once('=')) {
            (Some(text), _) => Entry::Comment(Comment { text: Leaf::comment(text), inline: false }),
            (None, Some((key, value))) => {
                Entry::Pair(key.to_owned(), Node::Leaf(Leaf::text(&dotenv::meant(value))))
            }
            (None, None) => return Err(format::Error::Dotenv { line: index + 1 }.into()),
        });
    }
    Ok(map)
}

pub(super) fn write(map: &[Entry]) -> Result<String, Error> {
    let mut out = String::new();
    for entry in map {
        match entry {
            Entry::Comment(comment) => {
                out.push('#');
                out.push_str(comment.text.as_str().unwrap_or_default());
            }
            Entry::Pair(key, node) => {
                out.push_str(key);
                out.push('=');
                match node {
                    Node::Null => out.push_str(NIL),
                    Node::Leaf(leaf) if leaf.kind == Kind::Str => {
                        out.push_str(&dotenv::spelled(leaf.as_str().unwrap_or_default()));
                    }
                    Node::Leaf(leaf) => out.push_str(&leaf.go_text()),
                    Node::List(_) | Node::Map(_) => {
                        return Err(Error::Complex { format: "dotenv", key: key.clone() });
                    }
                }
            }
        }
        out.push('\n');
    }
    Ok(out)
}
