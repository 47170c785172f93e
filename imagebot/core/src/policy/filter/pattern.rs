//! Go regular expressions on Rust's engine.
//!
//! Both are of the RE2 family: linear time, no look-around, no back-references. They spell a few
//! things differently, and those are rewritten: `\Q…\E`, octal escapes, `\<`, and everything that
//! is plain text to Go inside `[…]` but an operator to Rust (`[`, `&&`, `--`, `~~`).

use std::{fmt::Write as _, iter::Peekable, str::Chars};

use regex::Regex;

/// Why a pattern is not one.
#[derive(Debug, Clone, thiserror::Error)]
#[error("invalid regular expression pattern `{pattern}`")]
pub struct Error {
    pattern: String,
    source: regex::Error,
}

/// `pattern` as Go would compile it.
pub fn compile(pattern: &str) -> Result<Regex, Error> {
    Regex::new(&translate(pattern)).map_err(|source| Error { pattern: pattern.to_owned(), source })
}

fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' => escape(&mut chars, &mut out),
            '[' => class(&mut chars, &mut out),
            char => out.push(char),
        }
    }
    out
}

/// An escape outside a class, its backslash taken.
fn escape(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    match chars.next() {
        Some('Q') => {
            while let Some(char) = chars.next() {
                if char == '\\' && chars.next_if_eq(&'E').is_some() {
                    return;
                }
                literal(char, out);
            }
        }
        Some('C') => out.push_str("(?s:.)"),
        Some(char) => simple_escape(char, chars, out),
        None => out.push('\\'),
    }
}

/// An escape that means one character or one class of characters.
fn simple_escape(char: char, chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    match char {
        '<' | '>' => out.push(char),
        // `\1` alone would be a back-reference, which neither engine has.
        '0' => octal(0, chars, out),
        '1'..='7' if chars.peek().is_some_and(|next| ('0'..='7').contains(next)) => {
            octal(char.to_digit(8).unwrap_or_default(), chars, out);
        }
        _ => out.extend(['\\', char]),
    }
}

/// Up to two more octal digits after the first.
fn octal(first: u32, chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    let mut code = first;
    for _ in 0..2 {
        let Some(digit) = chars.next_if(|next| ('0'..='7').contains(next)) else { break };
        code = code * 8 + digit.to_digit(8).unwrap_or_default();
    }
    // Writing to a string cannot fail.
    let _ = write!(out, "\\x{{{code:x}}}");
}

/// A character class, its opening bracket taken.
fn class(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    while let Some(char) = chars.next() {
        let single = match char {
            ']' if !first => {
                out.push(']');
                return;
            }
            '[' => !posix(chars, out),
            '\\' => class_escape(chars, out),
            char => {
                literal(char, out);
                true
            }
        };
        first = false;
        if single {
            range(chars, out);
        }
    }
}

/// An escape inside a class, its backslash taken. Whether it means a single character.
fn class_escape(chars: &mut Peekable<Chars<'_>>, out: &mut String) -> bool {
    let Some(char) = chars.next() else {
        out.push('\\');
        return true;
    };
    simple_escape(char, chars, out);
    if matches!(char, 'x' | 'p' | 'P') {
        let braced = chars.peek() == Some(&'{');
        let length = if char == 'x' { 2 } else { 1 };
        let mut taken = 0;
        for next in chars.by_ref() {
            out.push(next);
            taken += 1;
            if if braced { next == '}' } else { taken == length } {
                break;
            }
        }
    }
    !matches!(char, 'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P')
}

/// The dash and the end of a range, if there is one here.
fn range(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    let mut ahead = chars.clone();
    if ahead.next() != Some('-') || matches!(ahead.peek(), None | Some(']')) {
        return;
    }
    chars.next();
    out.push('-');
    match chars.next() {
        Some('\\') => {
            class_escape(chars, out);
        }
        Some(char) => literal(char, out),
        None => {}
    }
}

/// `[:name:]`, its first bracket taken; or else a plain bracket, and false.
fn posix(chars: &mut Peekable<Chars<'_>>, out: &mut String) -> bool {
    let ahead = chars.clone();
    let name: String = ahead.take_while(|char| *char != ']').collect();
    let inner = name.strip_prefix(':').and_then(|name| name.strip_suffix(':'));
    let named = inner.is_some_and(|inner| {
        let inner = inner.strip_prefix('^').unwrap_or(inner);
        !inner.is_empty() && inner.bytes().all(|byte| byte.is_ascii_lowercase())
    });
    if named {
        // `write!` to a string cannot fail.
        let _ = write!(out, "[{name}]");
        chars.nth(name.chars().count());
    } else {
        out.push_str("\\[");
    }
    named
}

/// One character that stands for itself.
fn literal(char: char, out: &mut String) {
    if char.is_ascii_punctuation() && !matches!(char, '<' | '>') {
        out.push('\\');
    }
    out.push(char);
}
