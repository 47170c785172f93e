//! What a document means as JSON.
//!
//! Duplicate keys are errors, `<<` merges, aliases are expanded within a bound, and scalars have
//! the type of the [`Schema`]. A whole float becomes an integer, as Go writes JSON.

use std::collections::HashMap;

use serde_json::{Map, Number, Value as Json};

use crate::{
    error::{Error, Problem},
    resolve::{Resolved, Schema},
    tree::{self, Document, Mapping, Node, Value},
};

/// More values than any manifest has; fewer than would hurt.
const ALIASED_VALUES_MAX: usize = 100_000;

/// The meaning of `document`. An empty document is null.
pub fn to_json(document: &Document<'_>, schema: Schema) -> Result<Json, Error> {
    let mut reader =
        Reader { schema, anchors: HashMap::new(), open: Vec::new(), aliased: 0, expanding: 0 };
    reader.anchors(&document.root);
    reader.value(&document.root)
}

/// The meaning of every document of `text` that is not empty.
pub fn documents(text: &str, schema: Schema) -> Result<Vec<Json>, Error> {
    let documents = tree::parse(text)?;
    documents.iter().filter(|doc| !doc.is_empty()).map(|doc| to_json(doc, schema)).collect()
}

struct Reader<'t, 's> {
    schema: Schema,
    anchors: HashMap<usize, &'t Node<'s>>,
    /// The anchors whose aliases are being expanded.
    open: Vec<usize>,
    /// Values read through aliases so far.
    aliased: usize,
    expanding: usize,
}

impl<'t, 's> Reader<'t, 's> {
    fn anchors(&mut self, node: &'t Node<'s>) {
        if let Some(anchor) = &node.anchor {
            self.anchors.insert(anchor.id, node);
        }
        match &node.value {
            Value::Mapping(mapping) => {
                for pair in mapping.pairs() {
                    self.anchors(&pair.key);
                    self.anchors(&pair.value);
                }
            }
            Value::Sequence(sequence) => sequence.nodes().for_each(|item| self.anchors(item)),
            Value::Scalar(_) | Value::Alias(_) => {}
        }
    }

    fn value(&mut self, node: &'t Node<'s>) -> Result<Json, Error> {
        if self.expanding > 0 {
            self.aliased += 1;
            if self.aliased > ALIASED_VALUES_MAX {
                return Err(node.error(Problem::TooManyAliases(ALIASED_VALUES_MAX)));
            }
        }
        match &node.value {
            Value::Scalar(_) => self.scalar(node),
            Value::Mapping(mapping) => self.mapping(mapping),
            Value::Sequence(sequence) => sequence
                .nodes()
                .map(|item| self.value(item))
                .collect::<Result<_, _>>()
                .map(Json::Array),
            Value::Alias(_) => self.through(node, Self::value),
        }
    }

    /// Reads what the alias `node` stands for.
    fn through<T>(
        &mut self,
        node: &'t Node<'s>,
        read: impl FnOnce(&mut Self, &'t Node<'s>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Value::Alias(anchor) = &node.value else { return read(self, node) };
        let recursive = || node.error(Problem::RecursiveAlias);
        let target = *self.anchors.get(&anchor.id).ok_or_else(recursive)?;
        if self.open.contains(&anchor.id) || target.span.contains(&node.span.start) {
            return Err(recursive());
        }
        self.open.push(anchor.id);
        self.expanding += 1;
        let read = read(self, target);
        self.expanding -= 1;
        self.open.pop();
        read
    }

    fn mapping(&mut self, mapping: &'t Mapping<'s>) -> Result<Json, Error> {
        let mut object = Map::new();
        let mut merges = Vec::new();
        for pair in mapping.pairs() {
            if pair.key.is_merge() {
                merges.push(&pair.value);
                continue;
            }
            let key = self.key(&pair.key)?;
            let value = self.value(&pair.value)?;
            if object.contains_key(&key) {
                return Err(pair.key.error(Problem::DuplicateKey(key)));
            }
            object.insert(key, value);
        }
        for merge in merges {
            self.merge(&mut object, merge, true)?;
        }
        Ok(Json::Object(object))
    }

    /// Adds what `<<` names under the keys that are not there yet: the first mapping wins.
    fn merge(
        &mut self,
        object: &mut Map<String, Json>,
        node: &'t Node<'s>,
        lists: bool,
    ) -> Result<(), Error> {
        match &node.value {
            Value::Alias(_) => {
                self.through(node, |reader, target| reader.merge(object, target, lists))
            }
            Value::Mapping(mapping) => {
                if let Json::Object(merged) = self.mapping(mapping)? {
                    for (key, value) in merged {
                        object.entry(key).or_insert(value);
                    }
                }
                Ok(())
            }
            Value::Sequence(sequence) if lists => {
                sequence.nodes().try_for_each(|item| self.merge(object, item, false))
            }
            _ => Err(node.error(Problem::Merge)),
        }
    }

    fn key(&mut self, node: &'t Node<'s>) -> Result<String, Error> {
        self.through(node, |reader, node| {
            match node.resolve(reader.schema)? {
                Some(Resolved::Str(text) | Resolved::Timestamp(text)) => Ok(text.to_owned()),
                Some(Resolved::Bool(value)) => Ok(value.to_string()),
                Some(Resolved::Int(value)) => Ok(value.to_string()),
                // Go would reformat the number; the text that was written is what was meant.
                Some(Resolved::Float(_)) => Ok(node.as_str().unwrap_or_default().to_owned()),
                Some(Resolved::Null | Resolved::Binary(_)) | None => {
                    Err(node.error(Problem::ComplexKey))
                }
            }
        })
    }

    fn scalar(&self, node: &Node<'_>) -> Result<Json, Error> {
        Ok(match node.resolve(self.schema)? {
            None | Some(Resolved::Null) => Json::Null,
            Some(Resolved::Bool(value)) => Json::Bool(value),
            Some(Resolved::Str(text)) if node.scalar().is_some_and(|scalar| scalar.cut_off) => {
                Json::String(text.strip_suffix('\n').unwrap_or(text).to_owned())
            }
            Some(Resolved::Str(text) | Resolved::Timestamp(text)) => Json::String(text.to_owned()),
            Some(Resolved::Int(value)) => Number::from_i128(value).map_or(Json::Null, Json::Number),
            Some(Resolved::Float(value)) => {
                Json::Number(float(value).ok_or_else(|| node.error(Problem::NotFinite))?)
            }
            Some(Resolved::Binary(_)) => return Err(node.error(Problem::Binary)),
        })
    }
}

/// Go writes `1.0` as `1`, so a whole number that fits is an integer.
fn float(value: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

#[cfg(test)]
mod tests;
