//! Markers in text that is not YAML.
//!
//! A marker stands in a comment: behind the value on its line, or alone on the line right above.
//! What the value of a line is follows from the [`Syntax`] alone, so that one look tells what will
//! be set; a line that computes its value, or has several, is reported and left as it is. Text
//! within a string or a comment of many lines has no markers.

use std::ops::Range;

use super::{Cause, MARK, Slot, change::ObjectIdentifier, place::Place, syntax::Syntax};

mod docker;
mod lexer;
mod shell;
mod strings;

use lexer::{Lexer, Line};

/// Shows every marker of `text` to `visit`.
pub(super) fn each<'t>(text: &'t str, syntax: Syntax, visit: &mut dyn FnMut(Slot<'_, 't>)) {
    let mut lexer = Lexer::new(syntax);
    let mut show = |line, comment: &str, place| {
        visit(Slot { line, comment, place, object: &ObjectIdentifier::default });
    };
    // The marker of the line above, which has nothing else.
    let mut above: Option<(usize, &str)> = None;
    let mut start = 0;
    for (number, line) in (1..).zip(text.split('\n')) {
        let span = start..start + line.strip_suffix('\r').unwrap_or(line).len();
        start += line.len() + 1;
        let line = lexer.line(text, span);
        let marker = line.comment.clone().map(|span| &text[span]);
        let marker = marker.filter(|comment| comment.contains(MARK));
        let blank = text[line.code.clone()].trim().is_empty() || line.opaque;
        let mut orphan = above.take();
        match marker {
            Some(comment) if blank => above = Some((number, comment)),
            Some(comment) => show(number, comment, value(text, &line, syntax)),
            None if blank => {}
            None => {
                if let Some((number, comment)) = orphan.take() {
                    show(number, comment, value(text, &line, syntax));
                } else if syntax == Syntax::Dockerfile
                    && let Some(comment) = docker::behind(&text[line.code.clone()])
                {
                    show(number, comment, Err(Cause::Behind));
                }
            }
        }
        if let Some((number, comment)) = orphan {
            show(number, comment, Err(Cause::Misplaced));
        }
    }
    if let Some((number, comment)) = above {
        show(number, comment, Err(Cause::Misplaced));
    }
}

/// A line of code without a marker, neither behind it nor above.
pub(super) struct Unmarked<'t> {
    /// Its number, from 1.
    pub(super) number: usize,
    /// What is before its comment, without blanks on the sides.
    pub(super) code: Range<usize>,
    /// Whether it has a comment of its own.
    pub(super) commented: bool,
    /// Whether it belongs to the line before or after it.
    pub(super) joined: bool,
    /// What a marker would set.
    pub(super) value: Result<Place<'t, 't>, Cause>,
}

/// Shows every line of code in `text` that has no marker to `visit`.
pub(super) fn unmarked<'t>(text: &'t str, syntax: Syntax, visit: &mut dyn FnMut(&Unmarked<'t>)) {
    let mut lexer = Lexer::new(syntax);
    let mut marked_above = false;
    let mut start = 0;
    for (number, line) in (1..).zip(text.split('\n')) {
        let span = start..start + line.strip_suffix('\r').unwrap_or(line).len();
        start += line.len() + 1;
        let line = lexer.line(text, span.clone());
        let marked = text[span].contains(MARK);
        let code = trim(text, &line.code);
        if !(code.is_empty() || line.opaque || marked || marked_above) {
            let joined = line.continued || text[code.clone()].ends_with('\\');
            let value = value(text, &line, syntax);
            let commented = line.comment.is_some();
            visit(&Unmarked { number, code, commented, joined, value });
        }
        marked_above = marked && text[line.code.clone()].trim().is_empty();
    }
}

/// The value of a line.
fn value<'t>(text: &'t str, line: &Line, syntax: Syntax) -> Result<Place<'t, 't>, Cause> {
    match syntax {
        Syntax::Strings(_) => strings::value(text, line),
        Syntax::Env => shell::assigned(text, &line.code),
        Syntax::Shell => shell::value(text, line),
        Syntax::Dockerfile => docker::value(text, line),
        // Its values are found by their nodes.
        Syntax::Yaml => Err(Cause::Misplaced),
    }
}

/// `span` without the blanks on both sides.
fn trim(text: &str, span: &Range<usize>) -> Range<usize> {
    let part = &text[span.clone()];
    let start = span.start + part.len() - part.trim_start().len();
    start..start + part.trim().len()
}
