//! INI as Go's `ini.v1` reads it, with the place of everything.

use std::{collections::HashSet, ops::Range};

use super::Error;

/// A section; the first is that of the keys before any header, and always there.
pub(in crate::sops) struct Section<'s> {
    pub name: &'s str,
    /// Where the line of its header begins; nothing for the first.
    pub header: Option<usize>,
    pub comment: Block,
    pub keys: Vec<Key>,
}

/// A key with its value.
pub(in crate::sops) struct Key {
    pub name: String,
    /// The value as it is meant, and its bytes with quotes and continued lines.
    pub value: String,
    pub span: Range<usize>,
    pub comment: Block,
}

/// Comments that belong together: those on lines of their own, and one at the end of the line.
///
/// Each span begins with `;` or `#`.
#[derive(Default)]
pub(in crate::sops) struct Block(pub Vec<Range<usize>>);

/// A byte order mark is not a part of the first line.
const BOM: char = '\u{feff}';

pub(in crate::sops) fn parse(source: &str) -> Result<Vec<Section<'_>>, Error> {
    let first = Section { name: "DEFAULT", header: None, comment: Block::default(), keys: vec![] };
    let mut parser = Parser {
        source,
        at: if source.starts_with(BOM) { BOM.len_utf8() } else { 0 },
        line: 0,
        comment: Block::default(),
        sections: vec![first],
        seen: HashSet::new(),
        count: 0,
    };
    while parser.at < source.len() {
        parser.line()?;
    }
    Ok(parser.sections)
}

struct Parser<'s> {
    source: &'s str,
    at: usize,
    line: usize,
    comment: Block,
    sections: Vec<Section<'s>>,
    /// The keys of the section.
    seen: HashSet<String>,
    /// How many keys of the section are called `-`.
    count: usize,
}

impl<'s> Parser<'s> {
    fn error(&self, problem: &'static str) -> Error {
        Error::Ini { line: self.line, problem }
    }

    /// The next line with its break, and where it begins.
    fn next(&mut self) -> (usize, &'s str) {
        let start = self.at;
        let rest = &self.source[start..];
        let length = rest.find('\n').map_or(rest.len(), |at| at + 1);
        self.at += length;
        self.line += 1;
        (start, &rest[..length])
    }

    fn line(&mut self) -> Result<(), Error> {
        let (begin, whole) = self.next();
        let line = whole.trim_start();
        let start = begin + whole.len() - line.len();
        match line.as_bytes().first() {
            None => Ok(()),
            Some(b'#' | b';') => {
                self.comment.0.push(start..start + line.trim_end().len());
                Ok(())
            }
            Some(b'[') => self.section(begin, start, line),
            Some(_) => self.key(start, line),
        }
    }

    fn section(&mut self, begin: usize, start: usize, line: &'s str) -> Result<(), Error> {
        let close = line.rfind(']').ok_or_else(|| self.error("a `]` is missing"))?;
        let name = &line[1..close];
        if name.is_empty() {
            return Err(self.error("the section has no name"));
        }
        self.inline(start + close + 1, &line[close + 1..]);
        let comment = std::mem::take(&mut self.comment);
        self.sections.push(Section { name, header: Some(begin), comment, keys: vec![] });
        self.seen.clear();
        self.count = 0;
        Ok(())
    }

    /// A comment at the end of a line.
    fn inline(&mut self, start: usize, rest: &str) {
        if let Some(at) = rest.find(['#', ';']) {
            self.comment.0.push(start + at..start + rest.trim_end().len());
        }
    }

    fn key(&mut self, start: usize, line: &'s str) -> Result<(), Error> {
        let (name, offset) = self.name(line)?;
        let name = if name == "-" {
            self.count += 1;
            format!("#{}", self.count)
        } else {
            name.to_owned()
        };
        if name.is_empty() {
            return Err(self.error("the key has no name"));
        }
        let (value, span) = self.value(start + offset, &line[offset..])?;
        // The last one would count, and the others would stay as they are.
        if !self.seen.insert(name.clone()) {
            return Err(
                self.error("the key is already defined in its section; remove one of the two")
            );
        }
        let comment = std::mem::take(&mut self.comment);
        let section = self.sections.last_mut().expect("there is always a first section");
        section.keys.push(Key { name, value, span, comment });
        Ok(())
    }

    /// The name of a key, and where its value may begin.
    fn name(&self, line: &'s str) -> Result<(&'s str, usize), Error> {
        let missing = || self.error("the line is no key: it has no `=` or `:`");
        let quote = match line.as_bytes()[0] {
            b'"' if line.len() > 6 && line.starts_with("\"\"\"") => "\"\"\"",
            b'"' => "\"",
            b'`' => "`",
            _ => {
                let at = line.find(['=', ':']).ok_or_else(missing)?;
                return Ok((line[..at].trim(), at + 1));
            }
        };
        let inner = &line[quote.len()..];
        let close =
            inner.find(quote).ok_or_else(|| self.error("the quotes of the key do not end"))?;
        let after = quote.len() + close + quote.len();
        let at = line.get(after..).and_then(|rest| rest.find(['=', ':'])).ok_or_else(missing)?;
        Ok((inner[..close].trim(), after + at + 1))
    }

    fn value(&mut self, start: usize, rest: &'s str) -> Result<(String, Range<usize>), Error> {
        let line = rest.trim_start();
        let start = start + rest.len() - line.len();
        if line.is_empty() {
            // Where the value would stand: right after the delimiter.
            let at = start - rest.len() + rest.len().min(rest.trim_end_matches(['\r', '\n']).len());
            return Ok((String::new(), at..at));
        }
        let quote = if line.len() > 3 && line.starts_with("\"\"\"") {
            "\"\"\""
        } else if line.starts_with('`') {
            "`"
        } else {
            return Ok(self.plain(start, line));
        };
        let inner = &line[quote.len()..];
        if let Some(close) = inner.rfind(quote) {
            // Whatever else is on the line, `ini.v1` does not see it.
            return Ok((inner[..close].to_owned(), start..start + line.trim_end().len()));
        }
        let mut value = inner.to_owned();
        loop {
            if self.at >= self.source.len() {
                return Err(self.error("the quotes of the value do not end"));
            }
            let (begin, next) = self.next();
            let Some(close) = next.rfind(quote) else {
                value.push_str(next);
                continue;
            };
            value.push_str(&next[..close]);
            let after = close + quote.len();
            let rest = &next[after..];
            self.inline(begin + after, rest);
            let unseen = rest[..rest.find(['#', ';']).unwrap_or(rest.len())].trim_end().len();
            return Ok((value, start..begin + after + unseen));
        }
    }

    fn plain(&mut self, start: usize, line: &'s str) -> (String, Range<usize>) {
        let mut text = line.trim();
        let end = start + text.len();
        if let Some(first) = text.strip_suffix('\\') {
            return self.continued(start, end, first);
        }
        if let Some(at) = text.find(['#', ';']) {
            self.comment.0.push(start + at..end);
            text = text[..at].trim_end();
        }
        let span = start..start + text.len();
        let quoted = |quote| {
            text.len() >= 2
                && text.starts_with(quote)
                && text[1..].find(quote) == Some(text.len() - 2)
        };
        let value = if quoted('\'') || quoted('"') { &text[1..text.len() - 1] } else { text };
        (value.to_owned(), span)
    }

    fn continued(&mut self, start: usize, end: usize, first: &str) -> (String, Range<usize>) {
        let (mut value, mut end) = (first.to_owned(), end);
        while self.at < self.source.len() {
            let (begin, next) = self.next();
            let text = next.trim();
            if text.is_empty() {
                break;
            }
            end = begin + next.trim_end().len();
            value.push_str(text);
            match value.strip_suffix('\\').map(str::len) {
                Some(length) => value.truncate(length),
                None => break,
            }
        }
        (value, start..end)
    }
}
