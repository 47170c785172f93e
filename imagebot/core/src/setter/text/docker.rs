//! Dockerfiles.

use std::ops::Range;

use super::{
    super::{Cause, MARK, place::Place},
    lexer::{Line, words},
    shell,
};

/// The image of `FROM` and of `--from=`, or what `ARG`, `ENV` and `LABEL` set.
pub(super) fn value<'t>(text: &'t str, line: &Line) -> Result<Place<'t, 't>, Cause> {
    const NONE: Cause = Cause::NoValue("`FROM`, `--from=`, `ARG`, `ENV` or `LABEL`");
    let words = words(text, &line.code);
    let [instruction, arguments @ ..] = words.as_slice() else { return Err(NONE) };
    if line.continued {
        return Err(NONE);
    }
    let word = |span: &Range<usize>| &text[span.clone()];
    match word(instruction).to_ascii_uppercase().as_str() {
        "FROM" => {
            let image = arguments.iter().find(|argument| !word(argument).starts_with("--"));
            image.map(|span| Place::Image(text, span.clone())).ok_or(NONE)
        }
        "COPY" | "ADD" => {
            let from = arguments.iter().find(|argument| word(argument).starts_with("--from="));
            let from = from.ok_or(NONE)?;
            Ok(Place::Image(text, from.start + "--from=".len()..from.end))
        }
        "ARG" | "ENV" | "LABEL" => match arguments {
            [only] if word(only).contains('=') => shell::assigned(text, only),
            [_] | [] => Err(NONE),
            _ => Err(Cause::Expression),
        },
        _ => Err(NONE),
    }
}

/// What looks like a marker behind an instruction, where Docker knows no comments.
pub(super) fn behind(code: &str) -> Option<&str> {
    let (_, comment) = code.split_once('#')?;
    comment.contains(MARK).then_some(comment)
}
