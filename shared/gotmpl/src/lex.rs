//! Template text cut into tokens.
//!
//! The whole text is cut at once. An error is a token too, the last but one: the parser decides
//! whether it gets that far.

use crate::quote;

mod token;

pub(crate) use token::{Keyword, Sort, Token};

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];
const LEFT: &str = "{{";
const RIGHT: &str = "}}";
/// The bytes of a trim marker: a minus and a space, in either order.
const MARKER: usize = 2;

/// Cuts `text`; the last token is always `Sort::End`.
pub(crate) fn lex(text: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { text, at: 0, start: 0, line: 1, parens: 0, tokens: Vec::new() };
    if let Err(message) = lexer.run() {
        let (position, line) = (lexer.start, lexer.line);
        lexer.tokens.push(Token { sort: Sort::Error, position, line, text: message.into() });
    }
    let (position, line) = (lexer.at, lexer.line);
    lexer.tokens.push(Token { sort: Sort::End, position, line, text: "EOF".into() });
    lexer.tokens
}

struct Lexer<'t> {
    text: &'t str,
    /// How far the text is read.
    at: usize,
    /// Where the token being read starts.
    start: usize,
    /// The line on which it starts.
    line: usize,
    parens: usize,
    tokens: Vec<Token<'t>>,
}

impl<'t> Lexer<'t> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(offset) = self.rest().find(LEFT) {
            let delimiter = self.at + offset;
            let after = delimiter + LEFT.len();
            let trims = starts_with_marker(&self.text[after..]);
            let text = &self.text[self.at..delimiter];
            self.at += if trims { text.trim_end_matches(SPACES).len() } else { text.len() };
            if self.at > self.start {
                self.emit(Sort::Text);
            }
            self.skip_to(delimiter);
            let inside = after + if trims { MARKER } else { 0 };
            if self.text[inside..].starts_with("/*") {
                self.skip_to(inside);
                self.comment()?;
            } else {
                self.at = after;
                self.emit(Sort::LeftDelimiter);
                self.skip_to(inside);
                self.parens = 0;
                self.action()?;
            }
        }
        self.at = self.text.len();
        if self.at > self.start {
            self.emit(Sort::Text);
        }
        Ok(())
    }

    fn comment(&mut self) -> Result<(), String> {
        let close = self.rest()[2..].find("*/").ok_or("unclosed comment")?;
        self.at += 2 + close + 2;
        let (length, trims) =
            self.right_delimiter().ok_or("comment ends before closing delimiter")?;
        self.skip_to(self.at + length);
        if trims {
            self.skip_spaces();
        }
        Ok(())
    }

    /// Everything up to and with the closing delimiter.
    fn action(&mut self) -> Result<(), String> {
        loop {
            if let Some((length, trims)) = self.right_delimiter() {
                if self.parens > 0 {
                    return Err("unclosed left paren".into());
                }
                if trims {
                    self.skip_to(self.at + MARKER);
                }
                self.at += length - if trims { MARKER } else { 0 };
                self.emit(Sort::RightDelimiter);
                if trims {
                    self.skip_spaces();
                }
                return Ok(());
            }
            self.inside()?;
        }
    }

    /// One token inside an action.
    fn inside(&mut self) -> Result<(), String> {
        let next = self.next().ok_or("unclosed action")?;
        match next {
            _ if SPACES.contains(&next) => self.space(),
            '=' => self.emit(Sort::Assign),
            ':' => {
                if self.next() != Some('=') {
                    return Err("expected :=".into());
                }
                self.emit(Sort::Declare);
            }
            '|' => self.emit(Sort::Pipe),
            '"' => self.quoted('"', "unterminated quoted string", Sort::String)?,
            '\'' => self.quoted('\'', "unterminated character constant", Sort::CharConstant)?,
            '`' => self.raw()?,
            '$' => self.name(Sort::Variable)?,
            '.' if self.peek().is_some_and(|next| !next.is_ascii_digit()) => {
                self.name(Sort::Field)?;
            }
            '.' | '+' | '-' | '0'..='9' => self.number()?,
            _ if is_alphanumeric(next) => self.word()?,
            '(' => {
                self.parens += 1;
                self.emit(Sort::LeftParen);
            }
            ')' => {
                self.parens = self.parens.checked_sub(1).ok_or("unexpected right paren")?;
                self.emit(Sort::RightParen);
            }
            '!'..='~' => self.emit(Sort::Char),
            _ => {
                return Err(format!(
                    "unrecognized character in action: {}",
                    code_point(Some(next))
                ));
            }
        }
        Ok(())
    }

    /// A run of spaces; its last one may belong to a closing trim marker.
    fn space(&mut self) {
        let run =
            self.text.len() - self.start - self.text[self.start..].trim_start_matches(SPACES).len();
        self.at = self.start + run;
        if is_marked_right(&self.text[self.at - 1..]) {
            self.at -= 1;
        }
        if self.at > self.start {
            self.emit(Sort::Space);
        }
    }

    fn quoted(&mut self, close: char, unterminated: &str, sort: Sort) -> Result<(), String> {
        loop {
            match self.next() {
                Some('\\') if !matches!(self.next(), None | Some('\n')) => {}
                None | Some('\n' | '\\') => return Err(unterminated.into()),
                Some(next) if next == close => break,
                Some(_) => {}
            }
        }
        self.emit(sort);
        Ok(())
    }

    fn raw(&mut self) -> Result<(), String> {
        let close = self.rest().find('`').ok_or("unterminated raw quoted string")?;
        self.at += close + 1;
        self.emit(Sort::RawString);
        Ok(())
    }

    /// The rest of a field or variable, after its `.` or `$`.
    fn name(&mut self, sort: Sort) -> Result<(), String> {
        if self.at_terminator() {
            self.emit(if sort == Sort::Variable { sort } else { Sort::Keyword(Keyword::Dot) });
            return Ok(());
        }
        self.accept_while(is_alphanumeric);
        if !self.at_terminator() {
            return Err(format!("bad character {}", code_point(self.peek())));
        }
        self.emit(sort);
        Ok(())
    }

    fn word(&mut self) -> Result<(), String> {
        self.accept_while(is_alphanumeric);
        if !self.at_terminator() {
            return Err(format!("bad character {}", code_point(self.peek())));
        }
        let sort = match &self.text[self.start..self.at] {
            "block" => Sort::Keyword(Keyword::Block),
            "break" => Sort::Keyword(Keyword::Break),
            "continue" => Sort::Keyword(Keyword::Continue),
            "define" => Sort::Keyword(Keyword::Define),
            "else" => Sort::Keyword(Keyword::Else),
            "end" => Sort::Keyword(Keyword::End),
            "if" => Sort::Keyword(Keyword::If),
            "nil" => Sort::Keyword(Keyword::Nil),
            "range" => Sort::Keyword(Keyword::Range),
            "template" => Sort::Keyword(Keyword::Template),
            "with" => Sort::Keyword(Keyword::With),
            "true" | "false" => Sort::Bool,
            _ => Sort::Identifier,
        };
        self.emit(sort);
        Ok(())
    }

    fn number(&mut self) -> Result<(), String> {
        self.at = self.start;
        let mut complete = self.scan_number();
        let mut sort = Sort::Number;
        if complete && matches!(self.peek(), Some('+' | '-')) {
            sort = Sort::Complex;
            complete = self.scan_number() && self.text[..self.at].ends_with('i');
        }
        if !complete {
            let text = &self.text[self.start..self.at];
            return Err(format!("bad number syntax: {}", quote::double(text.as_bytes())));
        }
        self.emit(sort);
        Ok(())
    }

    /// Reads what may be a number; false if a letter or digit follows that cannot belong to it.
    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let radix = match self.accept("0") {
            true if self.accept("xX") => 16,
            true if self.accept("oO") => 8,
            true if self.accept("bB") => 2,
            _ => 10,
        };
        let digits = |next: char| next.is_digit(radix) || next == '_';
        self.accept_while(digits);
        if self.accept(".") {
            self.accept_while(digits);
        }
        if (radix == 10 && self.accept("eE")) || (radix == 16 && self.accept("pP")) {
            self.accept("+-");
            self.accept_while(|next| next.is_ascii_digit() || next == '_');
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }

    /// Whether the input is at something that can end a word.
    fn at_terminator(&self) -> bool {
        match self.peek() {
            None => true,
            Some(next) => {
                SPACES.contains(&next)
                    || matches!(next, '.' | ',' | '|' | ':' | ')' | '(')
                    || self.rest().starts_with(RIGHT)
            }
        }
    }

    /// The length of the closing delimiter here, if there is one, and whether it trims.
    fn right_delimiter(&self) -> Option<(usize, bool)> {
        if is_marked_right(self.rest()) {
            return Some((MARKER + RIGHT.len(), true));
        }
        self.rest().starts_with(RIGHT).then_some((RIGHT.len(), false))
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn accept(&mut self, valid: &str) -> bool {
        let accepted = self.peek().is_some_and(|next| valid.contains(next));
        if accepted {
            self.next();
        }
        accepted
    }

    fn accept_while(&mut self, valid: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&valid) {
            self.next();
        }
    }

    fn skip_spaces(&mut self) {
        self.skip_to(self.text.len() - self.rest().trim_start_matches(SPACES).len());
    }

    /// Drops the text up to `position`.
    fn skip_to(&mut self, position: usize) {
        self.at = position;
        self.advance();
    }

    fn emit(&mut self, sort: Sort) {
        let text = &self.text[self.start..self.at];
        self.tokens.push(Token { sort, position: self.start, line: self.line, text: text.into() });
        self.advance();
    }

    fn advance(&mut self) {
        self.line += self.text[self.start..self.at].matches('\n').count();
        self.start = self.at;
    }
}

fn is_alphanumeric(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

fn starts_with_marker(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|rest| rest.starts_with(SPACES))
}

fn is_marked_right(text: &str) -> bool {
    text.strip_prefix(SPACES)
        .and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|rest| rest.starts_with(RIGHT))
}

/// As Go's `%#U`.
fn code_point(character: Option<char>) -> String {
    match character {
        None => "U+FFFFFFFFFFFFFFFF".into(),
        Some(character) if quote::is_printable(character) => {
            format!("U+{:04X} '{character}'", u32::from(character))
        }
        Some(character) => format!("U+{:04X}", u32::from(character)),
    }
}
