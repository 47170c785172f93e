//! Which collection a comment belongs to, in the eyes of Go's `yaml.v3`.
//!
//! sops binds an encrypted comment to the path of the collection to which its YAML library
//! attaches it. That library takes a comment for the *head* of what follows or the *foot* of what
//! precedes, by empty lines and indentation, and moves feet outwards as blocks end. This module
//! reproduces the outcome. A difference costs little: the comment then shows encrypted in the
//! output of real sops, with a warning; no value and no MAC is involved.
//!
//! ```text
//! a:
//!   b: 1
//!   # foot of b       a:
//!
//!   # foot of a       (root)
//!
//! # head of c         (root)
//! c: 2
//! ```

use std::collections::HashMap;

use ::yaml::{
    Document, Node,
    tree::{Comment, Entry, Item, Value},
};

use crate::sops::path::{Path, Step};

/// The path of every comment of a document, by the offset of its `#`.
pub(super) fn attribute(source: &str, document: &Document<'_>) -> HashMap<usize, Path> {
    let mut reader = Reader {
        lines: line_starts(source),
        paths: HashMap::new(),
        stack: Vec::new(),
        gap: Gap::default(),
    };
    reader.node(&document.root, &mut Path::default());
    for comment in &document.comments {
        reader.comment(comment, &Path::default());
    }
    reader.end();
    reader.paths
}

struct Reader {
    lines: Vec<usize>,
    paths: HashMap<usize, Path>,
    /// Open collections in block style.
    stack: Vec<Block>,
    gap: Gap,
}

/// An open collection in block style.
#[derive(Clone)]
struct Block {
    mapping: bool,
    /// Blanks before its entries; a list as far left as its key opens no level of its own.
    indent: Option<usize>,
    path: Path,
}

/// What is between two tokens.
#[derive(Default)]
struct Gap {
    /// The line on which the token before it ends; 0 at the start.
    line: usize,
    /// Whether that token is the colon after a key.
    after_colon: bool,
    /// The collection of that token.
    path: Path,
    /// The indentation that is in force.
    indent: usize,
    /// Comments on lines of their own.
    comments: Vec<Own>,
    /// Collections that end here, the innermost first.
    closed: Vec<Block>,
}

/// A comment on a line of its own.
#[derive(Clone, Copy)]
struct Own {
    start: usize,
    end: usize,
    line: usize,
    column: usize,
}

/// Adjacent comments that share their fate.
struct Piece {
    comments: Vec<Own>,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    /// Of what follows.
    Head,
    /// Of the token before.
    Foot,
    /// Of whatever ends at or after this offset.
    FootAfter(usize),
}

impl Reader {
    fn node(&mut self, node: &Node<'_>, path: &mut Path) {
        match &node.value {
            Value::Mapping(mapping) if !mapping.flow => {
                self.open(node, true, path);
                let mut before = None;
                for entry in &mapping.entries {
                    match (entry, before.take()) {
                        (Entry::Comment(comment), Some((key, end)))
                            if self.follows(comment, end) =>
                        {
                            path.within(Step::Key(key), |path| self.set(comment.span.start, path));
                        }
                        (Entry::Comment(comment), _) => self.comment(comment, path),
                        (Entry::Pair(pair), _) => {
                            self.token(pair.key.line, pair.key.column, path);
                            self.after(self.line_of(pair.key.span.end), true, path);
                            let key = pair.key.as_str().unwrap_or_default().to_owned();
                            if is_flow(&pair.value) {
                                before = Some((key.clone(), pair.value.span.end));
                            }
                            self.value(&pair.value, path, Step::Key(key));
                        }
                    }
                }
                self.close();
            }
            Value::Sequence(list) if !list.flow => {
                self.open(node, false, path);
                let mut index = 0;
                for item in &list.items {
                    match item {
                        Item::Comment(comment) => self.comment(comment, path),
                        Item::Node(item) => {
                            self.token(item.line, node.column, path);
                            self.after(item.line, false, path);
                            self.value(item, path, Step::Index(index));
                            index += 1;
                        }
                    }
                }
                self.close();
            }
            _ => self.flow(node, path),
        }
    }

    /// The value of a pair or an item.
    fn value(&mut self, node: &Node<'_>, path: &mut Path, step: Step) {
        let block = match &node.value {
            Value::Mapping(mapping) => !mapping.flow,
            Value::Sequence(list) => !list.flow,
            Value::Scalar(_) | Value::Alias(_) => false,
        };
        if block {
            path.within(step, |path| self.node(node, path));
            return;
        }
        path.within(step, |path| self.flow(node, path));
        if !node.is_absent() {
            self.token(node.line, node.column, path);
            self.after(self.line_of(node.span.end), false, path);
        }
    }

    /// Comments inside a flow collection belong to it.
    fn flow(&mut self, node: &Node<'_>, path: &mut Path) {
        match &node.value {
            Value::Mapping(mapping) => {
                for entry in &mapping.entries {
                    match entry {
                        Entry::Comment(comment) => self.set(comment.span.start, path),
                        Entry::Pair(pair) => {
                            let key = pair.key.as_str().unwrap_or_default().to_owned();
                            path.within(Step::Key(key), |path| self.flow(&pair.value, path));
                        }
                    }
                }
            }
            Value::Sequence(list) => {
                for item in &list.items {
                    match item {
                        Item::Comment(comment) => self.set(comment.span.start, path),
                        Item::Node(item) => {
                            path.within(Step::Index(0), |path| self.flow(item, path));
                        }
                    }
                }
            }
            Value::Scalar(_) | Value::Alias(_) => {}
        }
    }

    fn comment(&mut self, comment: &Comment<'_>, path: &Path) {
        if comment.trailing {
            self.set(comment.span.start, path);
            return;
        }
        self.gap.comments.push(Own {
            start: comment.span.start,
            end: comment.span.end,
            line: comment.line,
            column: comment.column,
        });
    }

    /// Whether a comment stands on the line on which a flow collection ends: it belongs inside.
    fn follows(&self, comment: &Comment<'_>, end: usize) -> bool {
        comment.trailing && comment.span.start >= end && self.line_of(end) == comment.line
    }

    fn set(&mut self, start: usize, path: &Path) {
        self.paths.insert(start, path.clone());
    }

    fn open(&mut self, node: &Node<'_>, mapping: bool, path: &Path) {
        let column = node.column - 1;
        let outer = self.stack.iter().rev().find_map(|block| block.indent);
        let indent = (mapping || outer != Some(column)).then_some(column);
        self.stack.push(Block { mapping, indent, path: path.clone() });
    }

    fn close(&mut self) {
        let block = self.stack.pop().expect("every collection that ends was opened");
        self.gap.closed.push(block);
    }

    /// A token in `path`: what is in the gap before it finds its place.
    fn token(&mut self, line: usize, column: usize, path: &Path) {
        let gap = std::mem::take(&mut self.gap);
        if !gap.comments.is_empty() {
            gap.settle(Some((line, column)), path, &mut self.paths);
        }
    }

    /// The gap after a token in `path` begins.
    fn after(&mut self, line: usize, after_colon: bool, path: &Path) {
        let indent = self.stack.iter().rev().find_map(|block| block.indent).unwrap_or(0);
        self.gap = Gap { line, after_colon, path: path.clone(), indent, ..Gap::default() };
    }

    fn end(&mut self) {
        let gap = std::mem::take(&mut self.gap);
        gap.settle(None, &Path::default(), &mut self.paths);
    }

    fn line_of(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset)
    }
}

impl Gap {
    /// Gives every comment its path. `next` is the place of the next token, in `path`.
    fn settle(self, next: Option<(usize, usize)>, path: &Path, paths: &mut HashMap<usize, Path>) {
        let pieces = self.pieces(next);
        for piece in &pieces {
            let owner = match piece.fate {
                Fate::Head => path,
                Fate::Foot => &self.path,
                Fate::FootAfter(offset) => self.ended_after(offset, &pieces).unwrap_or(path),
            };
            for comment in &piece.comments {
                paths.insert(comment.start, owner.clone());
            }
        }
    }

    /// The mapping whose end takes a foot that waits from `offset` on.
    fn ended_after(&self, offset: usize, pieces: &[Piece]) -> Option<&Path> {
        // Without a comment at its own indentation, a block ends before all of them.
        let mut mark = 0;
        let mut waiting = false;
        for block in &self.closed {
            if let Some(indent) = block.indent {
                let first = pieces
                    .iter()
                    .filter_map(|piece| piece.comments.first())
                    .find(|comment| comment.column == indent + 1);
                mark = first.map_or(mark, |comment| comment.start);
                waiting |= offset <= mark;
            }
            if waiting && block.mapping {
                return Some(&block.path);
            }
        }
        None
    }

    /// Splits the comments where an empty line or the indentation says so.
    fn pieces(&self, next: Option<(usize, usize)>) -> Vec<Piece> {
        let Some(first) = self.comments.first() else { return Vec::new() };
        let mut split = Split {
            gap: self,
            pieces: Vec::new(),
            text: Vec::new(),
            fate: Fate::Foot,
            no_empty_line_yet: self.line == 0 || first.line <= self.line + 1,
        };
        for comment in &self.comments {
            if let Some(last) = split.text.last() {
                if comment.line > last.line + 1 {
                    split.empty_line();
                }
                split.column(comment.column);
            }
            split.text.push(*comment);
        }
        let last = self.comments[self.comments.len() - 1];
        match next {
            Some((line, column)) => {
                if line > last.line + 1 {
                    split.empty_line();
                }
                split.column(column);
            }
            None => split.empty_line(),
        }
        if !split.text.is_empty() {
            split.pieces.push(Piece { comments: split.text, fate: Fate::Head });
        }
        split.pieces
    }
}

struct Split<'g> {
    gap: &'g Gap,
    pieces: Vec<Piece>,
    text: Vec<Own>,
    /// What a foot that is cut off now would be of.
    fate: Fate,
    no_empty_line_yet: bool,
}

impl Split<'_> {
    /// The first empty line ends a foot: one right below its token, or one further left.
    fn empty_line(&mut self) {
        let Some(start) = self.text.first().copied() else { return };
        let dedented = start.column - 1 < self.gap.indent;
        let adjacent = start.line == self.gap.line + 1 && !self.gap.after_colon;
        if self.no_empty_line_yet && self.gap.line > 0 && (adjacent || dedented) {
            if dedented {
                self.fate = Fate::FootAfter(start.start);
            }
            self.cut();
        }
        self.no_empty_line_yet = false;
    }

    /// Something further left, in another column, ends a foot too.
    fn column(&mut self, column: usize) {
        if self
            .text
            .first()
            .is_some_and(|start| column - 1 < self.gap.indent && column != start.column)
        {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let comments = std::mem::take(&mut self.text);
        let end = comments.last().map_or(0, |comment| comment.end);
        self.pieces.push(Piece { comments, fate: self.fate });
        self.fate = Fate::FootAfter(end);
    }
}

fn is_flow(node: &Node<'_>) -> bool {
    node.mapping().is_some_and(|mapping| mapping.flow)
        || node.sequence().is_some_and(|list| list.flow)
}

fn line_starts(source: &str) -> Vec<usize> {
    let breaks = source.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(breaks).collect()
}
