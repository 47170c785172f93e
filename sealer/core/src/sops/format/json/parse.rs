//! JSON with the place of everything, strictly by RFC 8259.

use std::{borrow::Cow, ops::Range};

/// Deeper than any file that people write; shallow enough for every stack.
const DEPTH: usize = 250;

/// A value and its bytes.
pub(in crate::sops) struct Node<'s> {
    pub span: Range<usize>,
    pub value: Value<'s>,
}

/// What a value is.
pub(in crate::sops) enum Value<'s> {
    Null,
    Bool(bool),
    /// As it is written.
    Number(&'s str),
    Str(Cow<'s, str>),
    List(Vec<Node<'s>>),
    Map(Vec<Member<'s>>),
}

/// One pair of an object. Keys may occur twice.
pub(in crate::sops) struct Member<'s> {
    pub key: Cow<'s, str>,
    pub key_span: Range<usize>,
    pub value: Node<'s>,
}

/// The text is not JSON that we take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: not JSON: {problem}")]
pub struct Error {
    line: usize,
    column: usize,
    problem: &'static str,
}

impl Error {
    fn at(source: &str, at: usize, problem: &'static str) -> Self {
        let before = &source.as_bytes()[..at.min(source.len())];
        let line = before.split(|byte| *byte == b'\n').count();
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = 1 + String::from_utf8_lossy(&before[start..]).chars().count();
        Self { line, column, problem }
    }

    pub(super) fn root(source: &str, at: usize) -> Self {
        Self::at(source, at, "only an object can stand at the top; wrap the value: `{\"data\": …}`")
    }
}

pub(in crate::sops) fn parse(source: &str) -> Result<Node<'_>, Error> {
    let mut parser = Parser { source, at: 0, depth: 0 };
    parser.blanks();
    let root = parser.value()?;
    parser.blanks();
    if parser.at == source.len() {
        Ok(root)
    } else {
        Err(parser.error("nothing may follow the value"))
    }
}

struct Parser<'s> {
    source: &'s str,
    at: usize,
    depth: usize,
}

impl<'s> Parser<'s> {
    fn error(&self, problem: &'static str) -> Error {
        Error::at(self.source, self.at, problem)
    }

    fn peek(&self) -> Option<u8> {
        self.source.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self) -> Result<Node<'s>, Error> {
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::array)?,
            Some(b'"') => Value::Str(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(_) => return Err(self.error("a value cannot begin like this")),
            None => return Err(self.error("the text ends where a value should stand")),
        };
        Ok(Node { span: start..self.at, value })
    }

    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Value<'s>, Error>,
    ) -> Result<Value<'s>, Error> {
        if self.depth == DEPTH {
            return Err(self.error("it is nested deeper than 250 levels"));
        }
        self.depth += 1;
        self.at += 1;
        self.blanks();
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Result<Value<'s>, Error> {
        let mut members = Vec::new();
        if self.take(b'}') {
            return Ok(Value::Map(members));
        }
        loop {
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.error("a key in double quotes should stand here"));
            }
            let key = self.string()?;
            let key_span = start..self.at;
            self.blanks();
            if !self.take(b':') {
                return Err(self.error("a `:` should stand here"));
            }
            self.blanks();
            members.push(Member { key, key_span, value: self.value()? });
            if self.ends(b'}')? {
                return Ok(Value::Map(members));
            }
        }
    }

    fn array(&mut self) -> Result<Value<'s>, Error> {
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value()?);
            if self.ends(b']')? {
                return Ok(Value::List(items));
            }
        }
    }

    /// Past a comma, or past the end.
    fn ends(&mut self, close: u8) -> Result<bool, Error> {
        self.blanks();
        if self.take(close) {
            return Ok(true);
        }
        if !self.take(b',') {
            return Err(self.error("a `,` or the end of the collection should stand here"));
        }
        self.blanks();
        Ok(false)
    }

    fn word(&mut self, word: &str, value: Value<'s>) -> Result<Value<'s>, Error> {
        if !self.source[self.at..].starts_with(word) {
            return Err(self.error("a value cannot begin like this"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn digits(&mut self) -> Result<(), Error> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.error("a digit should stand here"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Value<'s>, Error> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        Ok(Value::Number(&self.source[start..self.at]))
    }

    fn string(&mut self) -> Result<Cow<'s, str>, Error> {
        self.at += 1;
        let mut owned: Option<String> = None;
        loop {
            let start = self.at;
            let rest = &self.source.as_bytes()[start..];
            let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            self.at += length.unwrap_or(rest.len());
            let piece = &self.source[start..self.at];
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(match owned {
                        None => Cow::Borrowed(piece),
                        Some(text) => Cow::Owned(text + piece),
                    });
                }
                Some(b'\\') => {
                    let text = owned.get_or_insert_default();
                    text.push_str(piece);
                    let char = self.escape()?;
                    owned.get_or_insert_default().push(char);
                }
                Some(_) => return Err(self.error("a control character must be escaped")),
                None => return Err(self.error("the text ends inside a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Error> {
        let error = self.error("this escape does not exist");
        self.at += 1;
        let escaped = match self.peek().ok_or_else(|| error.clone())? {
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode().ok_or(error),
            _ => return Err(error),
        };
        self.at += 1;
        Ok(escaped)
    }

    /// A lone half of a pair becomes the replacement character, as in Go.
    fn unicode(&mut self) -> Option<char> {
        let high = self.hex()?;
        if let Some(char) = char::from_u32(high) {
            return Some(char);
        }
        let after = self.at;
        if self.source[self.at..].starts_with("\\u") && high < 0xdc00 {
            self.at += 1;
            let low = self.hex()?;
            if (0xdc00..0xe000).contains(&low) {
                return char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00));
            }
            self.at = after;
        }
        Some(char::REPLACEMENT_CHARACTER)
    }

    /// Four digits after a `u`.
    fn hex(&mut self) -> Option<u32> {
        let digits = self.source.get(self.at + 1..self.at + 5)?;
        self.at += 5;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
        u32::from_str_radix(digits, 16).ok()
    }
}
