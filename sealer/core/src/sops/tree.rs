//! Every value and comment of a file, in the order in which sops walks it.
//!
//! A [`Visitor`] says what becomes of each; the walk turns that into edits of the bytes where the
//! value stands. Aliases are written out where what they name changes, as sops does, since a
//! ciphertext opens at one path only.

use std::collections::{HashMap, HashSet};

use ::yaml::{
    Document, Node, Problem, Schema,
    edit::Edit,
    resolve::Resolved,
    tree::{Comment, Entry, Item, Mapping, Sequence, Value},
};

use super::{
    metadata,
    path::{Path, Step},
    value::{self, Kind, Leaf},
};

mod attribution;
mod write;

use write::Place;
pub(super) use write::newline;

/// More values than any real file has under aliases; fewer than would hurt.
const ALIASED_VALUES_MAX: usize = 100_000;

/// What becomes of values and comments.
pub(super) trait Visitor {
    /// What should stand for the value `leaf`, if something else.
    fn value(&mut self, path: &Path, leaf: Leaf) -> Result<Option<New>, value::Error>;

    /// Whether a block scalar at `path` that ends with the file, in the middle of a line, still
    /// does so afterwards. What follows it gives it a line break.
    fn keeps_cut_off(&self, path: &Path) -> bool;

    /// What should follow the `#` of a comment, if something else.
    ///
    /// The first path is the one that sops most likely gives the comment.
    fn comment(&mut self, paths: &[Path], text: &str) -> Option<String>;
}

/// What should stand for a value.
pub(super) enum New {
    /// An `ENC[…]`.
    Sealed(String),
    /// A value in clear text.
    Clear(Leaf),
}

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
    visitor: &mut impl Visitor,
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
    };
    for document in documents {
        walk.anchors.clear();
        walk.collect_anchors(&document.root);
        walk.owners = attribution::attribute(source, document);
        let mut path = Path::default();
        walk.node(&document.root, &mut path, &Place::root())?;
        for comment in &document.comments {
            walk.comment(comment, &path);
        }
    }
    Ok(walk.edits)
}

struct Walk<'w, 's, V> {
    source: &'w str,
    visitor: &'w mut V,
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
}

impl<'w, 's, V: Visitor> Walk<'w, 's, V> {
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
                let (text, changed) = self.alias(node, path)?;
                if changed {
                    self.edits.push(Edit { span: node.span.clone(), text });
                }
            }
        }
        if let Some(anchor) = &node.anchor
            && self.edits.len() > before
        {
            self.changed.insert(anchor.id);
        }
        Ok(())
    }

    fn scalar(&mut self, node: &Node<'_>, path: &Path, place: &Place) -> Result<(), Error> {
        self.last = path.clone();
        let Some(new) = self.visit(node, path)? else { return Ok(()) };
        if let Some(tag) = &node.tag {
            let end = self.source[tag.span.end..].find(|c| c != ' ').unwrap_or(0) + tag.span.end;
            let span = tag.span.start..end.min(node.span.start);
            self.edits.push(Edit { span, text: String::new() });
        }
        let edit = match &new {
            New::Clear(leaf)
                if leaf.kind == Kind::Comment && place.dash_before(self.source, node) =>
            {
                place.comment_line(self.source, node, leaf)
            }
            _ => place.scalar(self.source, node, &new),
        };
        self.edits.push(edit);
        Ok(())
    }

    /// What the visitor makes of a scalar, unless it is null or empty.
    fn visit(&mut self, node: &Node<'_>, path: &Path) -> Result<Option<New>, Error> {
        let Some(mut resolved) = node.resolve(Schema::GoYaml3)? else { return Ok(None) };
        if let Resolved::Str(text) = &mut resolved
            && node.scalar().is_some_and(|scalar| scalar.cut_off)
            && self.visitor.keeps_cut_off(path)
        {
            *text = text.strip_suffix('\n').unwrap_or(text);
        }
        let placed = |source| Error::Value { path: path.display(), line: node.line, source };
        let Some(leaf) = Leaf::of(resolved).map_err(placed)? else { return Ok(None) };
        if leaf.bytes.expose().is_empty() {
            return Ok(None);
        }
        self.visitor.value(path, leaf).map_err(placed)
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
        let mut seen = HashSet::new();
        for entry in &mapping.entries {
            match entry {
                Entry::Comment(comment) => self.comment(comment, path),
                Entry::Pair(pair) => {
                    let key = key(&pair.key)?;
                    if !seen.insert(key) {
                        let (line, column) = (pair.key.line, pair.key.column);
                        let problem = Problem::DuplicateKey(key.to_owned());
                        return Err(::yaml::Error { line, column, problem }.into());
                    }
                    if at_root && key == metadata::KEY {
                        continue;
                    }
                    let step = Step::Key(key.to_owned());
                    path.within(step, |path| self.node(&pair.value, path, &inner))?;
                }
            }
        }
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
        let (mut comments, mut values) = (0, 0);
        for item in &list.items {
            match item {
                Item::Comment(comment) => self.comment(comment, path),
                Item::Node(item) => {
                    let before = self.edits.len();
                    let step = Step::Index(index);
                    path.within(step, |path| self.node(item, path, &inner))?;
                    index += 1;
                    let became_comment = item.scalar().is_some()
                        && self.edits[before..].iter().any(|edit| edit.text.starts_with('#'));
                    if became_comment { comments += 1 } else { values += 1 }
                }
            }
        }
        if comments > 0
            && values == 0
            && let Some(last) = self.edits.last_mut()
        {
            inner.close_empty_list(self.source, &mut last.text);
        }
        Ok(())
    }

    fn comment(&mut self, comment: &Comment<'_>, path: &Path) {
        if comment.text.is_empty() {
            return;
        }
        let mut paths = vec![self.owners.get(&comment.span.start).unwrap_or(path).clone()];
        for further in path.ancestors().chain(self.last.ancestors()) {
            if !paths.contains(&further) {
                paths.push(further);
            }
        }
        if let Some(text) = self.visitor.comment(&paths, &comment.text) {
            self.edits.push(Edit { span: comment.span.start + 1..comment.span.end, text });
        }
    }

    /// What an alias stands for, written out in flow style, and whether that is necessary.
    fn alias(&mut self, node: &'w Node<'s>, path: &mut Path) -> Result<(String, bool), Error> {
        let Value::Alias(anchor) = &node.value else { return self.flow(node, path) };
        let place = |problem| ::yaml::Error { line: node.line, column: node.column, problem };
        let target = self.anchors.get(&anchor.id).copied();
        let target = target.ok_or_else(|| place(Problem::RecursiveAlias))?;
        if self.open.contains(&anchor.id) || target.span.contains(&node.span.start) {
            return Err(place(Problem::RecursiveAlias).into());
        }
        self.open.push(anchor.id);
        let written = self.flow(target, path);
        self.open.pop();
        let (text, changed) = written?;
        Ok((text, changed || self.changed.contains(&anchor.id)))
    }

    fn flow(&mut self, node: &'w Node<'s>, path: &mut Path) -> Result<(String, bool), Error> {
        self.aliased += 1;
        if self.aliased > ALIASED_VALUES_MAX {
            let problem = Problem::TooManyAliases(ALIASED_VALUES_MAX);
            return Err(::yaml::Error { line: node.line, column: node.column, problem }.into());
        }
        let (mut parts, mut changed) = (Vec::new(), false);
        match &node.value {
            Value::Alias(_) => return self.alias(node, path),
            Value::Scalar(_) => {
                let new = self.visit(node, path)?;
                let changed = new.is_some();
                let text = match new {
                    Some(new) => write::flow(&new),
                    None => write::unchanged(node)?,
                };
                return Ok((text, changed));
            }
            Value::Mapping(mapping) => {
                for pair in mapping.pairs() {
                    let key = key(&pair.key)?;
                    let step = Step::Key(key.to_owned());
                    let (text, new) = path.within(step, |path| self.flow(&pair.value, path))?;
                    let merge = pair.key.is_merge();
                    let key = if merge { key.to_owned() } else { ::yaml::edit::double_quoted(key) };
                    parts.push(format!("{key}: {text}"));
                    changed |= new;
                }
            }
            Value::Sequence(list) => {
                for (index, item) in list.nodes().enumerate() {
                    let step = Step::Index(index);
                    let (text, new) = path.within(step, |path| self.flow(item, path))?;
                    parts.push(text);
                    changed |= new;
                }
            }
        }
        let (open, close) = if node.mapping().is_some() { ('{', '}') } else { ('[', ']') };
        Ok((format!("{open}{}{close}", parts.join(", ")), changed))
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
