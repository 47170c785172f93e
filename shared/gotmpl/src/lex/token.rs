//! Tokens, and how errors speak of them.

use std::borrow::Cow;

use crate::quote;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    End,
    Field,
    Identifier,
    LeftDelimiter,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelimiter,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Keyword(Keyword),
}

/// The words that a template cannot use as names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

/// A token: what it is, where, and its text (of an error, the message).
#[derive(Debug, Clone)]
pub(crate) struct Token<'t> {
    pub(crate) sort: Sort,
    pub(crate) position: usize,
    pub(crate) line: usize,
    pub(crate) text: Cow<'t, str>,
}

impl Token<'_> {
    /// How an error message speaks of the token.
    pub(crate) fn describe(&self) -> String {
        match self.sort {
            Sort::End => "EOF".into(),
            Sort::Error => self.text.to_string(),
            Sort::Keyword(_) => format!("<{}>", self.text),
            _ if self.text.len() > 10 => {
                let head: String = self.text.chars().take(10).collect();
                format!("{}...", quote::double(head.as_bytes()))
            }
            _ => quote::double(self.text.as_bytes()),
        }
    }
}
