//! INI to and from content, as Go's `ini.v1` writes it: keys of a section aligned.

use super::{Comment, Entry, Error, Map, NIL, Node};
use crate::sops::{
    format::ini::{self, parse},
    value::Leaf,
};

/// The section of the keys before any header.
const FIRST: &str = "DEFAULT";

pub(super) fn read(text: &str) -> Result<Map, Error> {
    let sections = parse::parse(text)?;
    let comment = |block: &parse::Block| {
        let lines: Vec<&str> = block.0.iter().map(|span| &text[span.clone()]).collect();
        let lines = lines.join("\n");
        let lines = lines.trim_start_matches(['#', ';']).trim_start_matches([' ', '#', ';']);
        let comment = Comment { text: Leaf::comment(lines), inline: false };
        (!block.0.is_empty()).then_some(Entry::Comment(comment))
    };
    let section = |section: &parse::Section<'_>| {
        let mut map: Map = comment(&section.comment).into_iter().collect();
        for key in &section.keys {
            map.push(Entry::Pair(key.name.clone(), Node::Leaf(Leaf::text(&key.value))));
            map.extend(comment(&key.comment));
        }
        Entry::Pair(section.name.to_owned(), Node::Map(map))
    };
    Ok(sections.iter().map(section).collect())
}

pub(super) fn write(root: &[Entry]) -> Result<String, Error> {
    let mut out = String::new();
    let sections: Vec<_> = root
        .iter()
        .filter_map(|entry| match entry {
            Entry::Pair(name, node) => Some((name, node)),
            Entry::Comment(_) => None,
        })
        .collect();
    for (index, (name, node)) in sections.iter().enumerate() {
        let Node::Map(map) = node else {
            return Err(Error::Complex { format: "ini", key: (*name).clone() });
        };
        let is_first = *name == FIRST;
        if is_first && !map.iter().any(|entry| matches!(entry, Entry::Pair(..))) {
            continue;
        }
        section(if is_first { None } else { Some(name) }, map, &mut out)?;
        if index + 1 < sections.len() {
            out.push('\n');
        }
    }
    Ok(out)
}

fn section(name: Option<&str>, map: &[Entry], out: &mut String) -> Result<(), Error> {
    let (head, rest) = match map {
        [Entry::Comment(comment), rest @ ..] => (Some(comment), rest),
        rest => (None, rest),
    };
    if let Some(comment) = head {
        self::comment(comment, out);
    }
    if let Some(name) = name {
        out.extend(["[", name, "]\n"]);
    }
    let names = rest.iter().filter_map(|entry| match entry {
        Entry::Pair(key, _) => Some(spelled(key).len()),
        Entry::Comment(_) => None,
    });
    let width = names.max().unwrap_or(0);
    for (index, entry) in rest.iter().enumerate() {
        let Entry::Pair(key, node) = entry else { continue };
        if let Some(Entry::Comment(comment)) = rest.get(index + 1) {
            self::comment(comment, out);
        }
        let text = match node {
            Node::Null => NIL.to_owned(),
            Node::Leaf(leaf) => leaf.go_text(),
            Node::List(_) | Node::Map(_) => {
                return Err(Error::Complex { format: "ini", key: key.clone() });
            }
        };
        let line = format!("{:width$} = {}\n", spelled(key), ini::quoted(&text));
        out.push_str(&line);
    }
    Ok(())
}

fn comment(comment: &Comment, out: &mut String) {
    for line in comment.text.as_str().unwrap_or_default().split('\n') {
        match line.strip_prefix(['#', ';']) {
            Some(rest) => out.extend([&line[..1], " ", rest.trim(), "\n"]),
            None => out.extend(["; ", line, "\n"]),
        }
    }
}

/// A key, between marks if it has any of its own.
fn spelled(key: &str) -> String {
    if key.contains(['"', '=', ':']) {
        format!("`{key}`")
    } else if key.contains('`') {
        format!("\"\"\"{key}\"\"\"")
    } else {
        key.to_owned()
    }
}
