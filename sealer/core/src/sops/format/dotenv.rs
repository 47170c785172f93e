//! dotenv: a line a value. Nothing is quoted, and `\n` in a value is a line break.

use ::yaml::edit::Edit;

use super::{Error, Text};
use crate::sops::{
    layout::Joint,
    metadata::{Field, Metadata, flatten, unflatten},
    path::{Path, Step},
    selector::Comments,
    value::{Kind, Leaf},
    visit::{At, New, Spelling, Visitor},
};

/// What the names of the block begin with.
const PREFIX: &str = "sops_";

pub(super) struct Dotenv<'s> {
    source: &'s str,
    lines: Vec<Line<'s>>,
}

struct Line<'s> {
    /// Where it begins.
    start: usize,
    /// Without its line feed; a carriage return is a part of the value, as in sops.
    text: &'s str,
    what: What<'s>,
}

enum What<'s> {
    Blank,
    Comment(&'s str),
    Pair(&'s str, &'s str),
}

impl<'s> Dotenv<'s> {
    pub(super) fn parse(source: &'s str) -> Result<Self, Error> {
        let mut lines = Vec::new();
        let mut start = 0;
        for (index, text) in source.split('\n').enumerate() {
            let what = match text.strip_prefix('#') {
                _ if text.is_empty() => What::Blank,
                Some(comment) => What::Comment(comment),
                None => {
                    let pair = text.split_once('=');
                    let (key, value) = pair.ok_or(Error::Dotenv { line: index + 1 })?;
                    What::Pair(key, value)
                }
            };
            lines.push(Line { start, text, what });
            start += text.len() + 1;
        }
        Ok(Self { source, lines })
    }

    fn own(&self) -> impl Iterator<Item = (&Line<'s>, &'s str, &'s str)> {
        self.lines.iter().filter_map(|line| match line.what {
            What::Pair(key, value) => Some((line, key.strip_prefix(PREFIX)?, value)),
            What::Blank | What::Comment(_) => None,
        })
    }

    /// Keys and values, without the block's.
    pub(super) fn is_own(key: &str) -> bool {
        key.starts_with(PREFIX)
    }

    fn text(metadata: &Metadata) -> String {
        let flat = flatten(&metadata.field()).into_iter();
        let lines = flat.map(|(name, text)| format!("{PREFIX}{name}={}\n", spelled(&text)));
        lines.collect::<Vec<_>>().concat()
    }
}

impl Text for Dotenv<'_> {
    fn block(&self) -> Result<Option<Field>, Error> {
        if !self.has_block() {
            return Ok(None);
        }
        let pairs: Vec<_> = self.own().map(|(_, name, value)| (name, meant(value))).collect();
        let pairs = pairs.iter().map(|(name, value)| (*name, value.as_str()));
        Ok(Some(unflatten(pairs)?))
    }

    fn has_block(&self) -> bool {
        self.own().next().is_some()
    }

    fn walk(&self, visitor: &mut dyn Visitor) -> Result<Vec<Edit>, Error> {
        let mut edits = Vec::new();
        let mut comments = Comments::default();
        let root = Path::default();
        comments.enter();
        for line in &self.lines {
            let end = line.start + line.text.len();
            match line.what {
                What::Comment(raw) if !raw.is_empty() => {
                    let at = At { path: &root, comments: &comments, raw };
                    let placed = |source| Error::Value { path: root.display(), source };
                    let new = visitor.comment(at, &[], raw).map_err(placed)?;
                    comments.push(raw);
                    if let Some(text) = new.as_ref().and_then(Leaf::as_str) {
                        let text = text.replace('\n', "\\n");
                        edits.push(Edit { span: line.start + 1..end, text });
                    }
                }
                What::Pair(key, raw) if !Self::is_own(key) => {
                    let path: Path = std::iter::once(Step::Key(key.to_owned())).collect();
                    let span = end - raw.len()..end;
                    edits.extend(
                        pair(&path, &comments, raw, visitor)?.map(|text| Edit { span, text }),
                    );
                    comments.value_ended();
                }
                What::Blank | What::Comment(_) | What::Pair(..) => {}
            }
        }
        Ok(edits)
    }

    fn joints(&self) -> Vec<Joint> {
        let cut_off = !self.source.is_empty() && !self.source.ends_with('\n');
        vec![Joint { cut_off, ..Joint::default() }]
    }

    fn attach(&self, metadata: &Metadata) -> Vec<Edit> {
        let before = if self.joints()[0].cut_off { "\n" } else { "" };
        let at = self.source.len();
        vec![Edit { span: at..at, text: format!("{before}{}", Self::text(metadata)) }]
    }

    fn detach(&self, joint: &dyn Fn(usize) -> Joint) -> Vec<Edit> {
        let mut edits: Vec<Edit> = self
            .own()
            .map(|(line, ..)| {
                let end = (line.start + line.text.len() + 1).min(self.source.len());
                Edit { span: line.start..end, text: String::new() }
            })
            .collect();
        if let Some(first) = edits.first_mut().filter(|_| joint(0).cut_off) {
            first.span.start = first.span.start.saturating_sub(1);
        }
        edits
    }

    fn replace(&self, metadata: &Metadata) -> Vec<Edit> {
        let mut edits = self.detach(&|_| Joint::default());
        if let Some(first) = edits.first_mut() {
            first.text = Self::text(metadata);
        }
        edits
    }
}

/// What stands for a value afterwards.
fn pair(
    path: &Path,
    comments: &Comments,
    raw: &str,
    visitor: &mut dyn Visitor,
) -> Result<Option<String>, Error> {
    let at = At { path, comments, raw };
    if raw.is_empty() {
        visitor.hollow(at, "str");
        return Ok(None);
    }
    let new = visitor
        .value(at, &Leaf::text(&meant(raw)))
        .map_err(|source| Error::Value { path: path.display(), source })?;
    Ok(new.map(|new| match new {
        New::Sealed(text) | New::Kept(text) | New::Spelled(_, Spelling { text, .. }) => text,
        New::Clear(leaf) => value(&leaf),
    }))
}

/// A value in clear text; those that other formats brought keep their meaning.
pub(in crate::sops) fn value(leaf: &Leaf) -> String {
    match (leaf.kind, leaf.as_str()) {
        (Kind::Float | Kind::Bool | Kind::Time, _) => leaf.go_text(),
        (_, Some(text)) => spelled(text),
        (_, None) => String::from_utf8_lossy(leaf.bytes.expose()).into_owned(),
    }
}

pub(in crate::sops) fn meant(raw: &str) -> String {
    raw.replace("\\n", "\n")
}

pub(in crate::sops) fn spelled(text: &str) -> String {
    text.replace('\n', "\\n")
}
