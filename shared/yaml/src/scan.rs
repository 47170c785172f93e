//! Every scalar of a text, with the comment that belongs to it.
//!
//! A comment belongs to a scalar as `yaml.v3` and kyaml see it, for that is where the markers of
//! image automation are found:
//!
//! | written | belongs to the scalar |
//! |---|---|
//! | `key: value # c`, `- value # c`, `[ value, # c` | yes |
//! | `key: \| # c` on the header of a block scalar | yes |
//! | one line `# c` right above a scalar list item, or `- # c` with the item below | yes |
//! | one line `# c` between a key and its value | yes |
//! | `# c` above `key: value`, `key: # c` in block style, `{k: value} # c`, `*alias # c` | no |

use crate::tree::{Comment, Document, Entry, Item, Mapping, Node, Scalar, Value};

/// A scalar and what surrounds it.
#[derive(Debug)]
pub struct Spot<'a, 's> {
    /// Which document of the text, from 0.
    pub document: usize,
    /// The scalar's node.
    pub node: &'a Node<'s>,
    /// The scalar itself.
    pub scalar: &'a Scalar<'s>,
    /// The keys and indexes that lead to it. A key has the path of its own value.
    pub path: &'a [Segment<'a>],
    /// Whether it is a key or a value.
    pub role: Role,
    /// The comment that belongs to it.
    pub comment: Option<&'a Comment<'s>>,
}

/// One step into a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment<'a> {
    /// The value of a key. A key that is not a scalar is the empty string.
    Key(&'a str),
    /// An item of a list.
    Index(usize),
}

/// What a scalar is in its mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A mapping's key.
    Key,
    /// A mapping's value, a list's item or a document's root.
    Value,
}

/// Calls `visit` for every scalar of `documents`, which are those of `source`, in order.
///
/// Absent values are not visited: there are no bytes to edit.
pub fn each<'s>(source: &str, documents: &[Document<'s>], visit: &mut dyn FnMut(&Spot<'_, 's>)) {
    for (index, document) in documents.iter().enumerate() {
        let mut walk = Walk { source, document: index, visit };
        let comment = line_comment(source, &document.root, document.comments.iter());
        walk.node(&document.root, &mut Vec::new(), comment);
    }
}

/// Every comment of `documents`, whether or not it belongs to a scalar.
pub fn comments<'a, 's>(documents: &'a [Document<'s>]) -> Vec<&'a Comment<'s>> {
    let mut found = Vec::new();
    for document in documents {
        found.extend(&document.comments);
        comments_in(&document.root, &mut found);
    }
    found.sort_by_key(|comment| comment.span.start);
    found
}

fn comments_in<'a, 's>(node: &'a Node<'s>, found: &mut Vec<&'a Comment<'s>>) {
    match &node.value {
        Value::Mapping(mapping) => {
            for entry in &mapping.entries {
                match entry {
                    Entry::Comment(comment) => found.push(comment),
                    Entry::Pair(pair) => {
                        comments_in(&pair.key, found);
                        comments_in(&pair.value, found);
                    }
                }
            }
        }
        Value::Sequence(sequence) => {
            for item in &sequence.items {
                match item {
                    Item::Comment(comment) => found.push(comment),
                    Item::Node(node) => comments_in(node, found),
                }
            }
        }
        Value::Scalar(_) | Value::Alias(_) => {}
    }
}

struct Walk<'v, 't, 's> {
    source: &'t str,
    document: usize,
    visit: &'v mut dyn FnMut(&Spot<'_, 's>),
}

impl<'s> Walk<'_, '_, 's> {
    fn node<'a>(
        &mut self,
        node: &'a Node<'s>,
        path: &mut Vec<Segment<'a>>,
        comment: Option<&'a Comment<'s>>,
    ) {
        match &node.value {
            Value::Scalar(_) => self.scalar(node, path, Role::Value, comment),
            Value::Alias(_) => {}
            Value::Mapping(mapping) => {
                for (index, entry) in mapping.entries.iter().enumerate() {
                    let Entry::Pair(pair) = entry else { continue };
                    path.push(Segment::Key(pair.key.as_str().unwrap_or_default()));
                    self.scalar(&pair.key, path, Role::Key, None);
                    let comment = self.pair_comment(mapping, index);
                    self.node(&pair.value, path, comment);
                    path.pop();
                }
            }
            Value::Sequence(sequence) => {
                let nodes = sequence.items.iter().enumerate();
                let nodes = nodes.filter(|(_, item)| matches!(item, Item::Node(_)));
                for (number, (index, item)) in nodes.enumerate() {
                    let Item::Node(item) = item else { continue };
                    path.push(Segment::Index(number));
                    let comment = self.item_comment(&sequence.items, index, item);
                    self.node(item, path, comment);
                    path.pop();
                }
            }
        }
    }

    fn scalar<'a>(
        &mut self,
        node: &'a Node<'s>,
        path: &[Segment<'a>],
        role: Role,
        comment: Option<&'a Comment<'s>>,
    ) {
        if let Value::Scalar(scalar) = &node.value
            && !node.is_absent()
        {
            let document = self.document;
            (self.visit)(&Spot { document, node, scalar, path, role, comment });
        }
    }

    fn pair_comment<'a>(&self, mapping: &'a Mapping<'s>, index: usize) -> Option<&'a Comment<'s>> {
        let (entries, flow) = (&mapping.entries, mapping.flow);
        let Entry::Pair(pair) = &entries[index] else { return None };
        let comment = |entry: &'a Entry<'s>| match entry {
            Entry::Comment(comment) => Some(comment),
            Entry::Pair(_) => None,
        };
        let after = entries[index + 1..].iter().map_while(comment);
        let before = entries[..index].iter().rev().map_while(comment);
        line_comment(self.source, &pair.value, after).or_else(|| {
            // After `key:` on its line the comment is the key's, except in flow style.
            let own = |above: &&Comment<'_>| flow || !above.trailing;
            let mut between = before.take_while(|above| above.span.start >= pair.key.span.end);
            let comment = between.next().filter(own)?;
            (pair.value.scalar().is_some() && between.next().is_none()).then_some(comment)
        })
    }

    fn item_comment<'a>(
        &self,
        items: &'a [Item<'s>],
        index: usize,
        item: &'a Node<'s>,
    ) -> Option<&'a Comment<'s>> {
        let comment = |item: &'a Item<'s>| match item {
            Item::Comment(comment) => Some(comment),
            Item::Node(_) => None,
        };
        let after = items[index + 1..].iter().map_while(comment);
        let before = items[..index].iter().rev().map_while(comment);
        line_comment(self.source, item, after).or_else(|| {
            let own = |above: &&Comment<'_>| !above.trailing || follows_dash(self.source, above);
            head_comment(item, before.filter(own))
        })
    }
}

/// The comment on the last line of a scalar, or on the header of a block scalar.
fn line_comment<'a, 's: 'a>(
    source: &str,
    node: &Node<'s>,
    mut after: impl Iterator<Item = &'a Comment<'s>>,
) -> Option<&'a Comment<'s>> {
    let scalar = node.scalar()?;
    let comment = after.next().filter(|comment| comment.trailing)?;
    if scalar.style.is_block() {
        let header = comment.line == node.line && comment.span.start >= node.span.start;
        return header.then_some(comment);
    }
    let between = source.get(node.span.end..comment.span.start)?;
    let between = between.trim_matches([' ', '\t']);
    matches!(between, "" | ",").then_some(comment)
}

/// The one comment line right above a scalar. `before` goes upwards.
fn head_comment<'a, 's: 'a>(
    node: &Node<'s>,
    mut before: impl Iterator<Item = &'a Comment<'s>>,
) -> Option<&'a Comment<'s>> {
    node.scalar()?;
    let comment = before.next().filter(|comment| comment.line + 1 == node.line)?;
    let block = before.next().is_some_and(|above| above.line + 1 == comment.line);
    (!block).then_some(comment)
}

/// Whether only a list's dash precedes the comment on its line.
fn follows_dash(source: &str, comment: &Comment<'_>) -> bool {
    source[..comment.span.start]
        .trim_end_matches([' ', '\t'])
        .strip_suffix('-')
        .is_some_and(|before| before.ends_with([' ', '\t', '\n', '\r']) || before.is_empty())
}

#[cfg(test)]
mod tests;
