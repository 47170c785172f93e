//! Reading tokens, and saying what is wrong with them.

use super::{Error, NESTING, Outcome, Parser, Sort, Token};

impl<'t> Parser<'t> {
    pub(super) fn next(&mut self) -> Token<'t> {
        let token = self.tokens[self.at.min(self.tokens.len() - 1)].clone();
        if self.at >= self.fetched {
            self.fetched = self.at + 1;
            self.tree.line = token.line;
        }
        self.at += 1;
        token
    }

    pub(super) fn peek(&mut self) -> Token<'t> {
        let token = self.next();
        self.at -= 1;
        token
    }

    pub(super) fn next_non_space(&mut self) -> Token<'t> {
        self.skip_space();
        self.next()
    }

    /// The next token that is no space; spaces before it are consumed.
    pub(super) fn peek_non_space(&mut self) -> Token<'t> {
        self.skip_space();
        self.peek()
    }

    fn skip_space(&mut self) {
        while self.peek().sort == Sort::Space {
            self.next();
        }
    }

    pub(super) fn expect(&mut self, sort: Sort, context: &str) -> Outcome<Token<'t>> {
        let token = self.next_non_space();
        if token.sort == sort { Ok(token) } else { Err(self.unexpected(&token, context)) }
    }

    /// Goes one level deeper for as long as `parse` takes.
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        if self.nesting == NESTING {
            return Err(self.error(format!("nested deeper than {NESTING} levels")));
        }
        self.nesting += 1;
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    pub(super) fn unexpected(&self, token: &Token<'t>, context: &str) -> Error {
        if token.sort != Sort::Error {
            return self.error(format!("unexpected {} in {context}", token.describe()));
        }
        let started = self.tree.action_line;
        if started == 0 || started == token.line {
            return self.error(&*token.text);
        }
        let place = format!(" started at {}:{started}", self.name);
        let action = if token.text.ends_with(" action") { "" } else { " in action" };
        self.error(format!("{}{action}{place}", token.text))
    }

    pub(super) fn error(&self, reason: impl Into<String>) -> Error {
        Error::Parse { name: self.name.into(), line: self.tree.line, reason: reason.into() }
    }
}
