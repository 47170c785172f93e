//! INI: sections of keys with texts, the block as one more section.

use std::ops::Range;

use ::yaml::edit::Edit;

use super::{Error, Text, before_break, is_cut_off, newline};
use crate::sops::{
    layout::Joint,
    metadata::{self, Field, Metadata, flatten, unflatten},
    path::{Path, Step},
    selector::Comments,
    value::Leaf,
    visit::{At, Lost, New, Spelling, Visitor, Whole},
};

pub(in crate::sops) mod parse;

use parse::{Block, Key, Section};

pub(super) struct Ini<'s> {
    source: &'s str,
    sections: Vec<Section<'s>>,
}

impl<'s> Ini<'s> {
    pub(super) fn parse(source: &'s str) -> Result<Self, Error> {
        Ok(Self { source, sections: parse::parse(source)? })
    }

    fn own(&self) -> Option<usize> {
        self.sections.iter().position(|section| section.name == metadata::KEY)
    }

    fn text(&self, metadata: &Metadata) -> String {
        let newline = newline(self.source);
        let flat = flatten(&metadata.field()).into_iter();
        let lines = flat.map(|(name, text)| {
            format!("{name} = {}{newline}", quoted(&text.replace('\n', "\\n")))
        });
        format!("[{}]{newline}{}", metadata::KEY, lines.collect::<String>())
    }

    /// Where the block begins and ends.
    fn span(&self, at: usize) -> Range<usize> {
        let header = |section: &Section<'_>| section.header.unwrap_or_default();
        let next = self.sections.get(at + 1);
        let end = next.map_or(self.source.len(), |next| {
            let comment = next.comment.0.first().map_or(usize::MAX, |comment| comment.start);
            header(next).min(
                self.source[..comment.min(self.source.len())].rfind('\n').map_or(0, |at| at + 1),
            )
        });
        header(&self.sections[at])..end
    }
}

impl Text for Ini<'_> {
    fn block(&self) -> Result<Option<Field>, Error> {
        let Some(at) = self.own() else { return Ok(None) };
        let keys = &self.sections[at].keys;
        let pairs: Vec<_> =
            keys.iter().map(|key| (&*key.name, key.value.replace("\\n", "\n"))).collect();
        let pairs = pairs.iter().map(|(name, text)| (*name, text.as_str()));
        Ok(Some(unflatten(pairs)?))
    }

    fn has_block(&self) -> bool {
        self.own().is_some()
    }

    fn walk(&self, visitor: &mut dyn Visitor) -> Result<Vec<Edit>, Error> {
        let mut walk =
            Walk { source: self.source, visitor, edits: Vec::new(), comments: Comments::default() };
        for section in self.sections.iter().filter(|section| section.name != metadata::KEY) {
            walk.section(section)?;
        }
        Ok(walk.edits)
    }

    fn joints(&self) -> Vec<Joint> {
        vec![Joint { cut_off: is_cut_off(self.source), ..Joint::default() }]
    }

    fn attach(&self, metadata: &Metadata) -> Vec<Edit> {
        let newline = newline(self.source);
        let cut_off = if is_cut_off(self.source) { newline } else { "" };
        let blank = match self.source.chars().last() {
            None => "",
            // A line feed behind it would make one break of the two.
            Some('\r') => "\r\n",
            Some(_) => newline,
        };
        let at = self.source.len();
        vec![Edit { span: at..at, text: format!("{cut_off}{blank}{}", self.text(metadata)) }]
    }

    fn detach(&self, joint: &dyn Fn(usize) -> Joint) -> Vec<Edit> {
        let Some(at) = self.own() else { return Vec::new() };
        let mut span = self.span(at);
        // The empty line before the block came with it.
        let above = before_break(self.source, span.start);
        if above < span.start && (above == 0 || self.source[..above].ends_with(['\n', '\r'])) {
            span.start = above;
        }
        if joint(0).cut_off {
            span.start = before_break(self.source, span.start);
        }
        vec![Edit { span, text: String::new() }]
    }

    fn replace(&self, metadata: &Metadata) -> Vec<Edit> {
        let Some(at) = self.own() else { return Vec::new() };
        let span = self.span(at);
        let blank = if span.end < self.source.len() { newline(self.source) } else { "" };
        vec![Edit { span, text: format!("{}{blank}", self.text(metadata)) }]
    }
}

struct Walk<'w> {
    source: &'w str,
    visitor: &'w mut dyn Visitor,
    edits: Vec<Edit>,
    comments: Comments,
}

impl Walk<'_> {
    fn section(&mut self, section: &Section<'_>) -> Result<(), Error> {
        let path: Path = std::iter::once(Step::Key(section.name.to_owned())).collect();
        self.comments.enter();
        self.block(&section.comment, &path, section.header)?;
        for key in &section.keys {
            self.key(section.name, key)?;
            self.comments.value_ended();
            // To sops, the comments of a key stand after it.
            self.block(&key.comment, &path, None)?;
        }
        self.comments.leave();
        Ok(())
    }

    fn key(&mut self, section: &str, key: &Key) -> Result<(), Error> {
        let steps = [section, key.name.as_str()].map(|step| Step::Key(step.to_owned()));
        let path: Path = steps.into_iter().collect();
        let raw = &self.source[key.span.clone()];
        let at = At { path: &path, comments: &self.comments, raw };
        if key.value.is_empty() {
            self.visitor.hollow(at, "str");
            return Ok(());
        }
        let leaf = Leaf::text(&key.value);
        let placed = |source| Error::Value { path: path.display(), source };
        let Some(new) = self.visitor.value(at, &leaf).map_err(placed)? else { return Ok(()) };
        if let Some(sealed) = new.sealed().filter(|_| self.visitor.keeps_layout())
            && quoted(&key.value) != raw
        {
            self.visitor.lost(sealed, Lost { text: raw, of: Whole::Value });
        }
        let text = match new {
            New::Sealed(text) | New::Kept(text) | New::Spelled(_, Spelling { text, .. }) => text,
            New::Clear(leaf) => quoted(&leaf.go_text()),
        };
        self.edits.push(Edit { span: key.span.clone(), text });
        Ok(())
    }

    /// sops takes the comments of a section or key as one text, encrypted as one. So the first
    /// comment stands for all; that the others are there, too, only we know.
    fn block(&mut self, block: &Block, path: &Path, header: Option<usize>) -> Result<(), Error> {
        let Some(first) = block.0.first() else { return Ok(()) };
        let source = self.source;
        let texts: Vec<&str> = block.0.iter().map(|span| &source[span.clone()]).collect();
        let whole = texts.join("\n");
        let meant = stripped(&whole);
        if meant.is_empty() {
            return Ok(());
        }
        if is_sealed(meant) {
            self.open(block, path, header)?;
        } else if let Some(sealed) = self.comment(path, meant)? {
            let last = &block.0[block.0.len() - 1];
            // A `]` in a comment behind a header would be taken for the header's.
            let behind = header.filter(|header| last.start > *header);
            match behind {
                Some(header) if block.0.len() == 1 => {
                    let text = format!("; {sealed}{}", newline(source));
                    self.edits.push(Edit { span: header..header, text });
                }
                _ => self.replace(first, texts[0], &sealed),
            }
            for (span, raw) in block.0.iter().zip(&texts).skip(1) {
                if behind.is_none_or(|header| span.start < header)
                    && !stripped(raw).is_empty()
                    && let Some(sealed) = self.comment(path, stripped(raw))?
                {
                    self.replace(span, raw, &sealed);
                }
            }
            if behind.is_some() {
                self.hide(last, &sealed, block.0.len() == 1);
            }
        }
        self.comments.push(meant);
        Ok(())
    }

    fn comment(&mut self, path: &Path, text: &str) -> Result<Option<String>, Error> {
        let at = At { path, comments: &self.comments, raw: text };
        let new = self
            .visitor
            .comment(at, &[], text)
            .map_err(|source| Error::Value { path: path.display(), source })?;
        Ok(new.and_then(|leaf| leaf.as_str().map(str::to_owned)))
    }

    /// Puts `new` behind the mark of a comment.
    fn replace(&mut self, span: &Range<usize>, raw: &str, new: &str) {
        let kept = raw.len() - stripped(raw).len();
        self.edits.push(Edit { span: span.start + kept..span.end, text: new.to_owned() });
    }

    /// Takes away the comment behind a header, for which `sealed` stands.
    fn hide(&mut self, span: &Range<usize>, sealed: &str, alone: bool) {
        let before = self.source[..span.start].trim_end_matches([' ', '\t']).len();
        let rest = self.source[span.end..].split('\n').next().unwrap_or_default();
        let span = before..span.end + rest.trim_end_matches('\r').len();
        let of = if alone { Whole::Node } else { Whole::Value };
        self.visitor.lost(sealed, Lost { text: &self.source[span.clone()], of });
        self.edits.push(Edit { span, text: String::new() });
    }

    fn open(&mut self, block: &Block, path: &Path, header: Option<usize>) -> Result<(), Error> {
        for (index, span) in block.0.iter().enumerate() {
            let raw = &self.source[span.clone()];
            let sealed = stripped(raw);
            if !is_sealed(sealed) {
                continue;
            }
            let Some(opened) = self.comment(path, sealed)? else { continue };
            let hidden = self.visitor.spelling(sealed).filter(|_| index == 0).zip(header);
            if let Some((hidden, header)) = &hidden {
                let line = &self.source[*header..];
                let end = header + line.find('\n').map_or(line.len(), |at| at);
                let end = end - usize::from(self.source[..end].ends_with('\r'));
                self.edits.push(Edit { span: end..end, text: hidden.text.clone() });
                if hidden.of == Whole::Node {
                    let start = self.source[..span.start].rfind('\n').map_or(0, |at| at + 1);
                    self.edits.push(Edit { span: start..*header, text: String::new() });
                    continue;
                }
            }
            let mut lines = opened.split('\n').map(str::trim_end);
            let mut text = lines.next().unwrap_or_default().to_owned();
            // The others have comments of their own, unless only sops wrote the file.
            if index == 0 && hidden.is_none() {
                for line in lines.skip(block.0.len() - 1) {
                    let mark = line.chars().next().filter(|first| matches!(first, ';' | '#'));
                    let rest = mark.map_or(line, |_| line[1..].trim());
                    text.push_str(newline(self.source));
                    text.extend([mark.unwrap_or(';'), ' ']);
                    text.push_str(rest);
                }
            }
            self.replace(span, raw, &text);
        }
        Ok(())
    }
}

fn is_sealed(text: &str) -> bool {
    crate::sops::value::is_encrypted(text)
}

/// What a comment begins with, blanks included.
fn marker(raw: &str) -> [char; 2] {
    if raw.starts_with(';') { [';', ' '] } else { ['#', ' '] }
}

/// A comment without what it begins with, as sops takes it off.
fn stripped(raw: &str) -> &str {
    raw.trim_start_matches(marker(raw))
}

/// A value as `ini.v1` quotes it.
pub(in crate::sops) fn quoted(text: &str) -> String {
    if text.contains(['\n', '`']) {
        format!("\"\"\"{text}\"\"\"")
    } else if text.contains(['#', ';']) {
        format!("`{text}`")
    } else if text.trim() != text {
        format!("\"{text}\"")
    } else {
        text.to_owned()
    }
}
