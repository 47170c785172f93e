//! Shell scripts and files of variables.

use std::ops::Range;

use super::{
    super::{Cause, place::Place},
    lexer::{Line, words},
    trim,
};
use crate::reference::Reference;

/// What may stand before a variable that is set.
const DECLARATIONS: [&str; 5] = ["export", "readonly", "local", "declare", "typeset"];

/// What a line sets its variable to, or the one image among its words.
pub(super) fn value<'t>(text: &'t str, line: &Line) -> Result<Place<'t, 't>, Cause> {
    let words = words(text, &line.code);
    let word = |span: &Range<usize>| &text[span.clone()];
    let mut rest = words.as_slice();
    while let [first, more @ ..] = rest
        && (DECLARATIONS.contains(&word(first)) || word(first).starts_with('-'))
    {
        rest = more;
    }
    // `IMAGE=a:1 docker run x` sets a variable for one command.
    if let [only] = rest
        && is_assignment(word(only))
    {
        return assigned(text, only);
    }
    let images: Vec<_> =
        words.iter().map(|span| bare(text, span)).filter(|span| is_image(word(span))).collect();
    match images.as_slice() {
        [only] => Ok(Place::Image(text, only.clone())),
        [] => Err(Cause::NoValue("variable that is set, and no image")),
        _ => Err(Cause::Ambiguous),
    }
}

/// What follows the `=` of `NAME=value`, without its quotes. Of `${NAME:-value}` the value.
pub(super) fn assigned<'t>(text: &'t str, code: &Range<usize>) -> Result<Place<'t, 't>, Cause> {
    const NONE: Cause = Cause::NoValue("value behind a `=`");
    let equals = text[code.clone()].find('=').ok_or(NONE)?;
    let whole = trim(text, &(code.start + equals + 1..code.end));
    let mut value = bare(text, &whole);
    let quoted = value != whole;
    if let Some(inner) = fallback(&text[value.clone()]) {
        value = value.start + inner.start..value.start + inner.end;
    }
    let written = &text[value.clone()];
    if written.is_empty() {
        return Err(NONE);
    }
    let computed = written.contains(['$', '`', '\\', '"', '\'', '{', '(']);
    // A redirection is no part of a value: `A=b<<EOT` begins a document.
    if computed || (!quoted && written.contains([' ', '\t', ';', '&', '|', '<', '>'])) {
        return Err(Cause::Expression);
    }
    Ok(Place::Text(text, value))
}

/// The value of `${NAME:-value}` and `${NAME:=value}`.
fn fallback(text: &str) -> Option<Range<usize>> {
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    let at = inner.find(":-").or_else(|| inner.find(":="))?;
    is_name(&inner[..at]).then_some(2 + at + 2..text.len() - 1)
}

/// `span` without the quotes around it.
fn bare(text: &str, span: &Range<usize>) -> Range<usize> {
    let word = &text[span.clone()];
    let enclosed = |quote: char| {
        word.len() > 1
            && word.starts_with(quote)
            && word.ends_with(quote)
            && !word[1..word.len() - 1].contains(quote)
    };
    if enclosed('"') || enclosed('\'') { span.start + 1..span.end - 1 } else { span.clone() }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| is_name(name))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|char: char| char.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a word is an image with a tag or a digest. `8080:80` is not.
fn is_image(word: &str) -> bool {
    Reference::parse(word).is_ok_and(|image| {
        let named = image.repository.path().bytes().any(|byte| byte.is_ascii_alphabetic());
        let ports = word.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'));
        named && !ports && (image.tag.is_some() || image.digest.is_some())
    })
}
