//! Upper and lower case, and names written in one case or another.

use super::{Answer, made, text};
use crate::{
    exec::Scope,
    function::{Function, Parameter::Text},
    value::Value,
};

mod word;

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("camelcase", &[Text], |scope, a| cased(scope, a, word::camel)),
    Function::new("initials", &[Text], |scope, a| cased(scope, a, initials)),
    Function::new("kebabcase", &[Text], |scope, a| cased(scope, a, |text| word::lower(text, '-'))),
    Function::new("lower", &[Text], |scope, a| cased(scope, a, |text| text.chars().map(lower).collect())),
    Function::new("snakecase", &[Text], |scope, a| cased(scope, a, |text| word::lower(text, '_'))),
    Function::new("swapcase", &[Text], |scope, a| cased(scope, a, swap)),
    Function::new("title", &[Text], |scope, a| cased(scope, a, title)),
    Function::new("untitle", &[Text], |scope, a| cased(scope, a, untitle)),
    Function::new("upper", &[Text], |scope, a| cased(scope, a, |text| text.chars().map(upper).collect())),
];

fn cased(scope: &mut Scope, arguments: &[Value], change: impl Fn(&str) -> String) -> Answer {
    let source = String::from_utf8_lossy(text(&arguments[0]));
    scope.spend_bytes(source.len())?;
    made(scope, change(&source).into())
}

/// One character for one, as Go has it.
fn upper(character: char) -> char {
    single(character, character.to_uppercase())
}

fn lower(character: char) -> char {
    // Go's simple mapping of the dotted I loses its dot.
    if character == 'İ' { 'i' } else { single(character, character.to_lowercase()) }
}

fn single(character: char, mut changed: impl Iterator<Item = char>) -> char {
    match (changed.next(), changed.next()) {
        (Some(only), None) => only,
        _ => character,
    }
}

fn initials(text: &str) -> String {
    // sprig takes each byte for a character.
    let mut after_gap = true;
    let starts = text.bytes().map(char::from).filter(|character| {
        let gap = character.is_whitespace();
        let starts = !gap && after_gap;
        after_gap = gap || (after_gap && !starts);
        starts
    });
    starts.collect()
}

fn swap(text: &str) -> String {
    let swapped = text.chars().map(|character| match character {
        _ if character.is_uppercase() => lower(character),
        _ if character.is_lowercase() => upper(character),
        other => other,
    });
    swapped.collect()
}

/// Upper case after everything that is no letter, digit, underscore or apostrophe of a word.
fn title(text: &str) -> String {
    let mut previous = ' ';
    let titled = text.chars().map(|character| {
        let starts = is_separator(previous);
        previous = character;
        if starts { upper(character) } else { character }
    });
    titled.collect()
}

fn is_separator(character: char) -> bool {
    if character.is_ascii() {
        return !(character.is_ascii_alphanumeric() || character == '_');
    }
    !character.is_alphanumeric() && character.is_whitespace()
}

fn untitle(text: &str) -> String {
    let mut after_gap = true;
    let untitled = text.chars().map(|character| {
        if character.is_whitespace() {
            after_gap = true;
            return character;
        }
        if std::mem::replace(&mut after_gap, false) { lower(character) } else { character }
    });
    untitled.collect()
}
