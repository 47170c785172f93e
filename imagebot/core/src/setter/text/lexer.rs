//! Lines of text: where the code of each ends and its comment begins.

use std::ops::Range;

use super::super::syntax::Syntax;

/// A line.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// What is before the comment, with the blanks on its sides.
    pub(super) code: Range<usize>,
    /// What follows the sign that begins a comment.
    pub(super) comment: Option<Range<usize>>,
    /// The strings, with their quotes.
    pub(super) strings: Vec<Range<usize>>,
    /// Whether it is inside of a text or a comment of many lines.
    pub(super) opaque: bool,
    /// Whether it goes on with what the line before began.
    pub(super) continued: bool,
}

/// Reads lines in order.
pub(super) struct Lexer {
    syntax: Syntax,
    open: Option<Open>,
    continued: bool,
}

/// What a line began and did not end.
enum Open {
    /// It ends on a line that has nothing but this word.
    Heredoc(String),
    /// It ends where this is.
    Until(&'static str),
}

impl Lexer {
    pub(super) fn new(syntax: Syntax) -> Self {
        Self { syntax, open: None, continued: false }
    }

    /// The next line, which is at `span`.
    pub(super) fn line(&mut self, text: &str, span: Range<usize>) -> Line {
        let line = &text[span.clone()];
        if let Some(open) = &self.open {
            let ends = match open {
                Open::Heredoc(word) => line.trim() == word,
                Open::Until(close) => line.contains(close),
            };
            if ends {
                self.open = None;
            }
            return Line { code: span.start..span.start, opaque: true, ..Line::default() };
        }
        let mut out = Line { code: span.clone(), continued: self.continued, ..Line::default() };
        self.scan(text, &mut out);
        let code = text[out.code.clone()].trim_end();
        let blank = code.trim().is_empty();
        // A comment between the lines of an instruction ends none.
        self.continued = if blank { self.continued } else { code.ends_with('\\') };
        out
    }

    /// Finds the strings and the comment of a line, and what goes on after it.
    fn scan(&mut self, text: &str, line: &mut Line) {
        let bytes = text.as_bytes();
        let (mut at, end) = (line.code.start, line.code.end);
        let mut heredoc = None;
        while at < end {
            let rest = &bytes[at..end];
            if let Some((open, close)) = self.block(rest) {
                let inner = at + open.len();
                let found = text[inner..end].find(close);
                if found.is_none() {
                    self.open = Some(Open::Until(close));
                }
                at = found.map_or(end, |found| inner + found + close.len());
            } else if let Some(sign) = self.comment(bytes, line.code.start, at, rest) {
                line.comment = Some(at + sign..end);
                line.code.end = at;
                break;
            } else if self.quotes().contains(&char::from(rest[0])) {
                at = self.string(bytes, at, end, line);
            } else if let Some(word) = self.heredoc(&text[line.code.clone()], at - line.code.start)
            {
                heredoc = Some(word);
                at += 2;
            } else {
                let escaped = self.syntax == Syntax::Shell && rest[0] == b'\\';
                at += if escaped { 2 } else { 1 };
            }
        }
        if self.open.is_none() {
            self.open = heredoc.map(Open::Heredoc);
        }
    }

    /// The end of the string that begins at `at`.
    fn string(&mut self, bytes: &[u8], at: usize, end: usize, line: &mut Line) -> usize {
        let quote = bytes[at];
        let mut next = at + 1;
        while next < end && bytes[next] != quote {
            // A backslash between single quotes is itself where a shell reads, and never ends a
            // string that anybody marks elsewhere.
            let literal = quote == b'\'' && self.syntax == Syntax::Shell;
            next += if bytes[next] == b'\\' && !literal { 2 } else { 1 };
        }
        if next < end {
            line.strings.push(at..next + 1);
            return next + 1;
        }
        if self.syntax == Syntax::Shell {
            self.open = Some(Open::Until(if quote == b'"' { "\"" } else { "'" }));
        }
        end
    }

    fn block(&self, rest: &[u8]) -> Option<(&'static str, &'static str)> {
        let Syntax::Strings(strings) = self.syntax else { return None };
        strings.blocks.iter().find(|(open, _)| rest.starts_with(open.as_bytes())).copied()
    }

    /// The length of the sign, if a comment begins here.
    fn comment(&self, bytes: &[u8], start: usize, at: usize, rest: &[u8]) -> Option<usize> {
        match self.syntax {
            Syntax::Strings(strings) => {
                let sign = strings.comments.iter().find(|sign| rest.starts_with(sign.as_bytes()));
                sign.map(|sign| sign.len())
            }
            Syntax::Env | Syntax::Shell => {
                let word = at == start || matches!(bytes[at - 1], b' ' | b'\t' | b';');
                (rest[0] == b'#' && word).then_some(1)
            }
            Syntax::Dockerfile => {
                let first = bytes[start..at].iter().all(u8::is_ascii_whitespace);
                (rest[0] == b'#' && first).then_some(1)
            }
            Syntax::Yaml => None,
        }
    }

    fn quotes(&self) -> &'static [char] {
        match self.syntax {
            Syntax::Strings(strings) => strings.quotes,
            Syntax::Env | Syntax::Shell => &['"', '\''],
            Syntax::Dockerfile | Syntax::Yaml => &[],
        }
    }

    /// The word of `<<WORD`, if that is here.
    fn heredoc(&self, line: &str, at: usize) -> Option<String> {
        let has = match self.syntax {
            Syntax::Strings(strings) => strings.heredocs,
            Syntax::Shell | Syntax::Dockerfile => true,
            Syntax::Env | Syntax::Yaml => false,
        };
        let rest = line.get(at..)?.strip_prefix("<<").filter(|_| has)?;
        // `<<<` is no heredoc, and neither is its second half.
        if rest.starts_with('<') || line[..at].ends_with('<') {
            return None;
        }
        let rest = rest.strip_prefix(['-', '~']).unwrap_or(rest);
        let rest = rest.trim_start_matches([' ', '\t']).trim_start_matches(['"', '\'', '\\']);
        let word = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let end = rest.find(|char| !word(char)).unwrap_or(rest.len());
        let starts = rest.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
        starts.then(|| rest[..end].to_owned())
    }
}

/// The words of `code`, which blanks divide where they are not between quotes.
pub(super) fn words(text: &str, code: &Range<usize>) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut quote = None;
    let mut start = None;
    for (at, char) in text[code.clone()].char_indices() {
        let at = code.start + at;
        match quote {
            Some(open) if open == char => quote = None,
            Some(_) => {}
            None if char.is_ascii_whitespace() => {
                words.extend(start.take().map(|start| start..at));
                continue;
            }
            None if matches!(char, '"' | '\'') => quote = Some(char),
            None => {}
        }
        start.get_or_insert(at);
    }
    words.extend(start.map(|start| start..code.end));
    words
}
