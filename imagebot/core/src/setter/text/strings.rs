//! Languages in which values are strings: HCL, JSON, TOML, Jsonnet, CUE, KCL.

use super::{
    super::{Cause, place::Place},
    lexer::Line,
};

/// The last string of a line: all between its quotes.
///
/// It must be a value, not a key, and all of the value: `"a" + b` is an expression.
pub(super) fn value<'t>(text: &'t str, line: &Line) -> Result<Place<'t, 't>, Cause> {
    let Some(last) = line.strings.last() else {
        return Err(Cause::NoValue("string"));
    };
    let before = text[line.code.start..last.start].trim_end();
    let after = text[last.end..line.code.end].trim();
    let key = after.starts_with([':', '=']) && !after.starts_with("==");
    if key {
        return Err(Cause::NoValue("string that is a value"));
    }
    let whole = before.is_empty() || before.ends_with(['=', ':', '(', '[', ',', '{']);
    let inner = last.start + 1..last.end - 1;
    let computed = text[inner.clone()].contains(['$', '%', '\\', '{']);
    if !whole || computed || !after.chars().all(|char| ",;)]} \t".contains(char)) {
        return Err(Cause::Expression);
    }
    Ok(Place::Text(text, inner))
}
