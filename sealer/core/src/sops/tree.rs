//! Every value and comment of a file, in the order in which sops walks it.
//!
//! A [`Visitor`] says what becomes of each; the walk turns that into edits of the bytes where the
//! value stands. Aliases are written out where what they name changes, as sops does, since a
//! ciphertext opens at one path only.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use ::yaml::{
    Document, Node, Problem, Schema,
    edit::Edit,
    resolve::Resolved,
    tree::{Comment, Entry, Item, Mapping, Sequence, Value},
};

use super::{
    metadata,
    path::{Path, Step},
    selector::Comments,
    value::{self, Kind, Leaf},
    visit::{At, Lost, New, Spelling, Visitor, Whole},
};

mod alias;
mod attribution;
mod write;

use write::Place;

/// More values than any real file has under aliases; fewer than would hurt.
const ALIASED_VALUES_MAX: usize = 100_000;

/// Why a file cannot be walked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file is not YAML, or a construct of it is not supported.
    #[error(transparent)]
    Yaml(#[from] ::yaml::Error),
    /// A key is not text.
    #[error("line {line}: key `{key}` is not text; put it in quotes")]
    Key {
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
    },
    /// A value can be neither encrypted nor decrypted.
    #[error("line {line}: `{path}`")]
    Value {
        /// Where it stands in the tree.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: value::Error,
    },
}

/// The edits that make of `source` what `visitor` says.
pub(super) fn walk(
    source: &str,
    documents: &[Document<'_>],
    visitor: &mut dyn Visitor,
) -> Result<Vec<Edit>, Error> {
    let mut walk = Walk {
        source,
        visitor,
        edits: Vec::new(),
        anchors: HashMap::new(),
        changed: HashSet::new(),
        open: Vec::new(),
        aliased: 0,
        owners: HashMap::new(),
        last: Path::default(),
        comments: Comments::default(),
        first_sealed: None,
        around: None,
    };
    for document in documents {
        walk.anchors.clear();
        walk.collect_anchors(&document.root);
        walk.owners = attribution::attribute(source, document);
        let mut path = Path::default();
        walk.hollow(&path, "document");
        walk.node(&document.root, &mut path, &Place::root())?;
        for comment in &document.comments {
            walk.comment(comment, &path)?;
        }
    }
    Ok(walk.edits)
}

struct Walk<'w, 's> {
    source: &'w str,
    visitor: &'w mut dyn Visitor,
    edits: Vec<Edit>,
    anchors: HashMap<usize, &'w Node<'s>>,
    /// Anchors below which something changed.
    changed: HashSet<usize>,
    /// Anchors whose aliases are being written out.
    open: Vec<usize>,
    aliased: usize,
    /// The collections that sops gives comments to, by the offset of their `#`.
    owners: HashMap<usize, Path>,
    /// The collection of the value before, to which sops may count a comment after it.
    last: Path,
    /// Those before the value that is walked.
    comments: Comments,
    /// The first ciphertext of the alias that is being written out, and how deep it is.
    first_sealed: Option<(String, usize)>,
    /// The depth of the collection that is to become an alias again.
    around: Option<(usize, Spelling)>,
}

impl<'w, 's> Walk<'w, 's> {
    fn collect_anchors(&mut self, node: &'w Node<'s>) {
        if let Some(anchor) = &node.anchor {
            self.anchors.insert(anchor.id, node);
        }
        match &node.value {
            Value::Mapping(mapping) => {
                mapping.pairs().for_each(|pair| self.collect_anchors(&pair.value));
            }
            Value::Sequence(list) => list.nodes().for_each(|item| self.collect_anchors(item)),
            Value::Scalar(_) | Value::Alias(_) => {}
        }
    }

    fn node(&mut self, node: &'w Node<'s>, path: &mut Path, place: &Place) -> Result<(), Error> {
        let before = self.edits.len();
        match &node.value {
            Value::Scalar(_) => self.scalar(node, path, place)?,
            Value::Mapping(mapping) => self.mapping(node, mapping, path, place)?,
            Value::Sequence(list) => self.sequence(node, list, path, place)?,
            Value::Alias(_) => {
                self.first_sealed = None;
                let (text, changed) = self.alias(node, path)?;
                if changed {
                    self.note_alias(node, path, &text);
                    self.edits.push(Edit { span: node.span.clone(), text });
                }
            }
        }
        self.restore_alias(node, path, before);
        if let Some(anchor) = &node.anchor
            && self.edits.len() > before
        {
            self.changed.insert(anchor.id);
        }
        Ok(())
    }

    fn hollow(&mut self, path: &Path, what: &str) {
        let at = At { path, comments: &self.comments, raw: "" };
        self.visitor.hollow(at, what);
    }

    /// The root itself is left out: with a block in it, it is not empty any more.
    fn hollow_inside(&mut self, path: &Path, what: &str) {
        if path.depth() > 0 {
            self.hollow(path, what);
        }
    }

    fn scalar(&mut self, node: &Node<'_>, path: &Path, place: &Place) -> Result<(), Error> {
        self.last = path.clone();
        let Some((leaf, new)) = self.visit(node, path)? else { return Ok(()) };
        let (span, anchor) = properties(self.source, node);
        let edit = match new {
            New::Clear(leaf)
                if leaf.kind == Kind::Comment && place.dash_before(self.source, node) =>
            {
                place.comment_line(self.source, node, &leaf)
            }
            New::Spelled(_, Spelling { text, of: Whole::Value }) => {
                Edit { span: node.span.clone(), text }
            }
            New::Spelled(_, Spelling { text, of: Whole::Node }) => Edit { span, text },
            New::Spelled(leaf, spelling @ Spelling { of: Whole::Around(up, _), .. }) => {
                self.around = path.depth().checked_sub(up).map(|depth| (depth, spelling));
                place.scalar(self.source, node, &New::Clear(leaf))
            }
            new => {
                let mut edit = place.scalar(self.source, node, &new);
                if let Some(sealed) = new.sealed() {
                    self.note(node, &place.restored(self.source, &edit, &leaf), sealed);
                }
                if node.tag.is_some() {
                    edit = Edit { span, text: format!("{anchor}{}", edit.text) };
                }
                edit
            }
        };
        self.edits.push(edit);
        Ok(())
    }

    /// Tells the visitor what a reader of `sealed` would not bring back.
    fn note(&mut self, node: &Node<'_>, restored: &str, sealed: &str) {
        if !self.visitor.keeps_layout() {
            return;
        }
        let (span, of) = if node.tag.is_some() {
            (properties(self.source, node).0, Whole::Node)
        } else {
            (node.span.clone(), Whole::Value)
        };
        let text = &self.source[span];
        if of == Whole::Node || text != restored {
            self.visitor.lost(sealed, Lost { text, of });
        }
    }

    /// What a scalar is and what the visitor makes of it, unless it is null or empty.
    fn visit(&mut self, node: &Node<'_>, path: &Path) -> Result<Option<(Leaf, New)>, Error> {
        let Some(mut resolved) = node.resolve(Schema::GoYaml3)? else { return Ok(None) };
        let raw = &self.source[node.span.clone()];
        let at = At { path, comments: &self.comments, raw };
        if let Resolved::Str(text) = &mut resolved
            && node.scalar().is_some_and(|scalar| scalar.cut_off)
            && self.visitor.keeps_cut_off(at)
        {
            *text = text.strip_suffix('\n').unwrap_or(text);
        }
        let placed = |source| Error::Value { path: path.display(), line: node.line, source };
        let leaf = Leaf::of(resolved).map_err(placed)?;
        let Some(leaf) = leaf.filter(|leaf| !leaf.bytes.expose().is_empty()) else {
            let null = matches!(node.resolve(Schema::GoYaml3)?, Some(Resolved::Null));
            self.hollow_inside(path, if null { "null" } else { "str" });
            return Ok(None);
        };
        let new = self.visitor.value(at, &leaf).map_err(placed)?;
        Ok(new.map(|new| (leaf, new)))
    }

    fn mapping(
        &mut self,
        node: &'w Node<'s>,
        mapping: &'w Mapping<'s>,
        path: &mut Path,
        place: &Place,
    ) -> Result<(), Error> {
        let inner = place.inside(node, mapping.flow);
        let at_root = path == &Path::default() && self.open.is_empty();
        if mapping.pairs().next().is_none() {
            self.hollow_inside(path, "map");
        }
        let mut seen = HashSet::with_capacity(mapping.entries.len());
        self.comments.enter();
        let mut entries = mapping.entries.iter().peekable();
        while let Some(entry) = entries.next() {
            let pair = match entry {
                Entry::Comment(comment) => {
                    self.comment(comment, path)?;
                    continue;
                }
                Entry::Pair(pair) => pair,
            };
            let key = key(&pair.key)?;
            if !seen.insert(key) {
                let (line, column) = (pair.key.line, pair.key.column);
                let problem = Problem::DuplicateKey(key.to_owned());
                return Err(::yaml::Error { line, column, problem }.into());
            }
            if at_root && key == metadata::KEY {
                continue;
            }
            // To sops, a comment on the line of a value stands before it.
            while let Some(Entry::Comment(comment)) = entries.next_if(|entry| {
                matches!(entry, Entry::Comment(comment) if comment.trailing && is_leaf(&pair.value))
            }) {
                self.comment(comment, path)?;
            }
            path.within(Step::Key(key.to_owned()), |path| self.node(&pair.value, path, &inner))?;
            self.comments.value_ended();
        }
        self.comments.leave();
        Ok(())
    }

    fn sequence(
        &mut self,
        node: &'w Node<'s>,
        list: &'w Sequence<'s>,
        path: &mut Path,
        place: &Place,
    ) -> Result<(), Error> {
        let inner = place.inside(node, list.flow);
        let mut index = 0;
        if list.nodes().next().is_none() {
            self.hollow_inside(path, "list");
        }
        let (mut comments, mut values) = (0, 0);
        self.comments.enter();
        let mut items = list.items.iter().peekable();
        while let Some(item) = items.next() {
            let item = match item {
                Item::Comment(comment) => {
                    self.comment(comment, path)?;
                    continue;
                }
                Item::Node(item) => item,
            };
            while let Some(Item::Comment(comment)) = items.next_if(
                |next| matches!(next, Item::Comment(comment) if comment.trailing && is_leaf(item)),
            ) {
                self.comment(comment, path)?;
            }
            let before = self.edits.len();
            path.within(Step::Index(index), |path| self.node(item, path, &inner))?;
            index += 1;
            let became_comment = item.scalar().is_some()
                && self.edits[before..].iter().any(|edit| edit.text.starts_with('#'));
            if became_comment {
                comments += 1;
            } else {
                values += 1;
                self.comments.value_ended();
            }
        }
        self.comments.leave();
        if comments > 0
            && values == 0
            && let Some(last) = self.edits.last_mut()
        {
            inner.close_empty_list(self.source, &mut last.text);
        }
        Ok(())
    }

    fn comment(&mut self, comment: &Comment<'_>, path: &Path) -> Result<(), Error> {
        if comment.text.is_empty() {
            return Ok(());
        }
        let owner = self.owners.get(&comment.span.start).unwrap_or(path).clone();
        let mut others = Vec::new();
        for further in path.ancestors().chain(self.last.ancestors()) {
            if further != owner && !others.contains(&further) {
                others.push(further);
            }
        }
        let at = At { path: &owner, comments: &self.comments, raw: &comment.text };
        let new = self
            .visitor
            .comment(at, &others, &comment.text)
            .map_err(|source| Error::Value { path: path.display(), line: comment.line, source })?;
        self.comments.push(&comment.text);
        if let Some(text) = new.as_ref().and_then(Leaf::as_str) {
            // A comment has no second line.
            let text = text.replace(['\n', '\r'], " ");
            self.edits.push(Edit { span: comment.span.start + 1..comment.span.end, text });
        }
        Ok(())
    }
}

/// A key's text; sops takes no other keys.
fn key<'n>(node: &'n Node<'_>) -> Result<&'n str, Error> {
    let text = node.as_str().ok_or_else(|| {
        let problem = Problem::ComplexKey;
        ::yaml::Error { line: node.line, column: node.column, problem }
    })?;
    match node.resolve(Schema::GoYaml3)? {
        Some(Resolved::Str(text)) => Ok(text),
        _ => Err(Error::Key { line: node.line, key: text.to_owned() }),
    }
}

/// Whether comments on its line belong to the entry, and not inside.
fn is_leaf(node: &Node<'_>) -> bool {
    matches!(node.value, Value::Scalar(_) | Value::Alias(_))
}

/// The bytes of a node with its tag and anchor, and the anchor as it is to be written.
fn properties(source: &str, node: &Node<'_>) -> (Range<usize>, String) {
    let tag = node.tag.as_ref().map_or(node.span.start, |tag| tag.span.start);
    let anchor = node.anchor.as_ref().map_or(node.span.start, |anchor| anchor.span.start);
    let text = node.anchor.as_ref().map(|anchor| format!("{} ", &source[anchor.span.clone()]));
    (tag.min(anchor).min(node.span.start)..node.span.end, text.unwrap_or_default())
}
