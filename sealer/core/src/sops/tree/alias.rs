//! Aliases: written out where what they name changes, and made aliases again.

use ::yaml::{Node, Problem, edit::Edit, tree::Value};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use super::{ALIASED_VALUES_MAX, Error, Walk, key, write};
use crate::sops::{
    path::{Path, Step},
    visit::{Lost, New, Spelling, Whole},
};

impl<'w, 's> Walk<'w, 's> {
    /// What an alias was that is written out, for whoever decrypts it.
    pub(super) fn note_alias(&mut self, node: &Node<'_>, path: &Path, text: &str) {
        let Some((sealed, depth)) = self.first_sealed.take() else { return };
        if self.visitor.keeps_layout() {
            let of = match depth - path.depth() {
                0 => Whole::Value,
                up => Whole::Around(up, check(text)),
            };
            self.visitor.lost(&sealed, Lost { text: &self.source[node.span.clone()], of });
        }
    }

    /// Makes an alias of a collection again that was written out in its place.
    pub(super) fn restore_alias(&mut self, node: &Node<'_>, path: &Path, before: usize) {
        let Some((depth, Spelling { text, of: Whole::Around(_, expected) })) = &self.around else {
            return;
        };
        if *depth != path.depth() {
            return;
        }
        // Somebody may have changed a value in clear text meanwhile.
        if check(&self.source[node.span.clone()]) == *expected {
            let text = text.clone();
            self.edits.truncate(before);
            self.edits.push(Edit { span: node.span.clone(), text });
        }
        self.around = None;
    }

    /// What an alias stands for, written out in flow style, and whether that is necessary.
    pub(super) fn alias(
        &mut self,
        node: &'w Node<'s>,
        path: &mut Path,
    ) -> Result<(String, bool), Error> {
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
                let new = self.visit(node, path)?.map(|(_, new)| new);
                let changed = new.is_some();
                let text = match &new {
                    Some(new) => write::flow(new),
                    None => write::unchanged(node)?,
                };
                let sealed = new.as_ref().and_then(New::sealed);
                if let (Some(sealed), None) = (sealed, &self.first_sealed) {
                    self.first_sealed = Some((sealed.to_owned(), path.depth()));
                }
                return Ok((text, changed));
            }
            Value::Mapping(mapping) => {
                if mapping.pairs().next().is_none() {
                    self.hollow_inside(path, "map");
                }
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
                if list.nodes().next().is_none() {
                    self.hollow_inside(path, "list");
                }
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

/// Tells whether bytes are still the same.
fn check(text: &str) -> String {
    BASE64_STANDARD.encode(&Sha256::digest(text.as_bytes())[..9])
}
