//! JSON, read strictly and edited where its values stand.

use ::yaml::edit::Edit;

use super::{Error as FormatError, Text};
use crate::sops::{
    layout::Joint,
    metadata::{self, Field, Metadata},
    path::{Path, Step},
    selector::Comments,
    value::{self, Kind, Leaf},
    visit::{At, Lost, New, Spelling, Visitor, Whole},
};

mod parse;
pub(in crate::sops) mod write;

pub use parse::Error;
pub(in crate::sops) use parse::{Member, Node, Value, parse as parse_value};

/// An object at the top.
pub(in crate::sops) struct Document<'s> {
    source: &'s str,
    pub(in crate::sops) root: Node<'s>,
}

impl<'s> Document<'s> {
    pub(in crate::sops) fn parse(source: &'s str) -> Result<Self, Error> {
        let root = parse::parse(source)?;
        match root.value {
            Value::Map(_) => Ok(Self { source, root }),
            _ => Err(Error::root(source, root.span.start)),
        }
    }

    fn members(&self) -> &[Member<'s>] {
        if let Value::Map(members) = &self.root.value { members } else { &[] }
    }

    /// The value of the first member with this key.
    pub(in crate::sops) fn get(&self, key: &str) -> Option<&Value<'s>> {
        self.members().iter().find(|member| member.key == key).map(|member| &member.value.value)
    }

    fn position(&self) -> Option<usize> {
        self.members().iter().position(|member| member.key == metadata::KEY)
    }

    /// What stands before each member, if each has a line of its own.
    fn indentation(&self) -> Option<&'s str> {
        let first = self.members().first()?;
        let before = &self.source[self.root.span.start + 1..first.key_span.start];
        before.rfind('\n').map(|at| &before[at + 1..])
    }

    fn pair(&self, metadata: &Metadata) -> String {
        let margin = self.indentation();
        let unit = margin.filter(|margin| !margin.is_empty());
        let text = metadata.field().json_text(margin.unwrap_or_default(), unit);
        let newline = super::newline(self.source);
        let text = if newline == "\n" { text } else { text.replace('\n', newline) };
        format!("\"{}\": {text}", metadata::KEY)
    }
}

impl Text for Document<'_> {
    fn block(&self) -> Result<Option<Field>, FormatError> {
        Ok(self.position().map(|at| self.members()[at].value.field()))
    }

    fn has_block(&self) -> bool {
        self.position().is_some()
    }

    fn walk(&self, visitor: &mut dyn Visitor) -> Result<Vec<Edit>, FormatError> {
        let mut walk =
            Walk { source: self.source, visitor, edits: Vec::new(), comments: Comments::default() };
        let mut path = Path::default();
        for member in self.members().iter().filter(|member| member.key != metadata::KEY) {
            walk.member(member, &mut path)?;
        }
        Ok(walk.edits)
    }

    fn joints(&self) -> Vec<Joint> {
        vec![Joint::default()]
    }

    fn attach(&self, metadata: &Metadata) -> Vec<Edit> {
        let pair = self.pair(metadata);
        let (at, text) = match self.members().last() {
            None => (self.root.span.start + 1, pair),
            Some(last) => {
                let blank = match self.indentation() {
                    Some(margin) => format!("{}{margin}", super::newline(self.source)),
                    None => " ".to_owned(),
                };
                (last.value.span.end, format!(",{blank}{pair}"))
            }
        };
        vec![Edit { span: at..at, text }]
    }

    fn detach(&self, _: &dyn Fn(usize) -> Joint) -> Vec<Edit> {
        let Some(at) = self.position() else { return Vec::new() };
        let members = self.members();
        let own = members[at].key_span.start..members[at].value.span.end;
        let span = match (at.checked_sub(1).map(|at| &members[at]), members.get(at + 1)) {
            (Some(previous), _) => previous.value.span.end..own.end,
            (None, Some(next)) => own.start..next.key_span.start,
            (None, None) => own,
        };
        vec![Edit { span, text: String::new() }]
    }

    fn replace(&self, metadata: &Metadata) -> Vec<Edit> {
        let Some(at) = self.position() else { return Vec::new() };
        let member = &self.members()[at];
        let span = member.key_span.start..member.value.span.end;
        vec![Edit { span, text: self.pair(metadata) }]
    }
}

struct Walk<'w> {
    source: &'w str,
    visitor: &'w mut dyn Visitor,
    edits: Vec<Edit>,
    /// There are none in JSON.
    comments: Comments,
}

impl Walk<'_> {
    fn member(&mut self, member: &Member<'_>, path: &mut Path) -> Result<(), FormatError> {
        let step = Step::Key(member.key.clone().into_owned());
        path.within(step, |path| self.node(&member.value, path))
    }

    fn node(&mut self, node: &Node<'_>, path: &mut Path) -> Result<(), FormatError> {
        match &node.value {
            Value::Map(members) if members.is_empty() => {
                self.hollow(path, "map");
                Ok(())
            }
            Value::List(items) if items.is_empty() => {
                self.hollow(path, "list");
                Ok(())
            }
            Value::Map(members) => members.iter().try_for_each(|member| self.member(member, path)),
            Value::List(items) => self.list(items, path),
            _ => self.leaf(node, path).map(|_| ()),
        }
    }

    fn list(&mut self, items: &[Node<'_>], path: &mut Path) -> Result<(), FormatError> {
        for (index, item) in items.iter().enumerate() {
            let is_comment = path.within(Step::Index(index), |path| match &item.value {
                Value::Map(_) | Value::List(_) => self.node(item, path).map(|()| false),
                _ => self.leaf(item, path),
            })?;
            // sops encrypts the comments of a YAML list as items; JSON has no comments.
            if is_comment {
                let span = match (index.checked_sub(1).map(|at| &items[at]), items.get(index + 1)) {
                    (Some(previous), _) => previous.span.end..item.span.end,
                    (None, Some(next)) => item.span.start..next.span.start,
                    (None, None) => item.span.clone(),
                };
                self.edits.push(Edit { span, text: String::new() });
            }
        }
        Ok(())
    }

    fn hollow(&mut self, path: &Path, what: &str) {
        let at = At { path, comments: &self.comments, raw: "" };
        self.visitor.hollow(at, what);
    }

    /// Whether the value turned out to be a comment.
    fn leaf(&mut self, node: &Node<'_>, path: &Path) -> Result<bool, FormatError> {
        let placed = |source| FormatError::Value { path: path.display(), source };
        let leaf = node.leaf().map_err(placed)?;
        let null = leaf.is_none();
        let Some(leaf) = leaf.filter(|leaf| !leaf.bytes.expose().is_empty()) else {
            self.hollow(path, if null { "null" } else { "str" });
            return Ok(false);
        };
        let raw = &self.source[node.span.clone()];
        let at = At { path, comments: &self.comments, raw };
        let Some(new) = self.visitor.value(at, &leaf).map_err(placed)? else { return Ok(false) };
        let text = match &new {
            New::Clear(clear) if clear.kind == Kind::Comment => return Ok(true),
            New::Clear(clear) => write::leaf(clear),
            New::Spelled(_, Spelling { text, .. }) | New::Kept(text) => text.clone(),
            New::Sealed(text) => format!("\"{text}\""),
        };
        if let Some(sealed) = new.sealed().filter(|_| self.visitor.keeps_layout())
            && write::leaf(&leaf) != raw
        {
            self.visitor.lost(sealed, Lost { text: raw, of: Whole::Value });
        }
        self.edits.push(Edit { span: node.span.clone(), text });
        Ok(false)
    }
}

impl Node<'_> {
    /// What sops reads in a value that is no collection; nothing for null.
    pub(in crate::sops) fn leaf(&self) -> Result<Option<Leaf>, value::Error> {
        match &self.value {
            Value::Null | Value::Map(_) | Value::List(_) => Ok(None),
            Value::Bool(value) => Ok(Some(Leaf::boolean(*value))),
            Value::Str(text) => Ok(Some(Leaf::text(text))),
            Value::Number(text) => Leaf::json_number(text).map(Some),
        }
    }

    fn field(&self) -> Field {
        match &self.value {
            Value::Null => Field::Null,
            Value::Bool(value) => Field::Bare(value.to_string()),
            Value::Number(text) => Field::Bare((*text).to_owned()),
            Value::Str(text) => Field::Text(text.clone().into_owned()),
            Value::List(items) => Field::List(items.iter().map(Self::field).collect()),
            Value::Map(members) => {
                let pair =
                    |member: &Member<'_>| (member.key.clone().into_owned(), member.value.field());
                Field::Map(members.iter().map(pair).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests;
