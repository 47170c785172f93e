//! Go string and character literals, read and written.

use std::fmt::Write;

use thiserror::Error as ThisError;

/// Why a literal cannot be read.
#[derive(Debug, ThisError)]
#[error("invalid syntax")]
pub(crate) struct Malformed;

/// Writes a Go string literal: `"..."`, with escapes for what does not print.
pub(crate) fn double(bytes: &[u8]) -> String {
    quoted(bytes, '"', false)
}

/// As [`double`], with escapes for all that is not ASCII.
pub(crate) fn ascii(bytes: &[u8]) -> String {
    quoted(bytes, '"', true)
}

/// Writes a Go character literal.
pub(crate) fn single(character: char, ascii_only: bool) -> String {
    let mut out = String::from("'");
    escape(character, '\'', ascii_only, &mut out);
    out.push('\'');
    out
}

/// Whether Go counts a character as printable.
pub(crate) fn is_printable(character: char) -> bool {
    // Combining marks are escaped at the start of a string only, hence the letter before it.
    match character {
        ' '..='~' => true,
        _ => ['a', character].iter().collect::<String>().escape_debug().count() == 2,
    }
}

/// Whether a string can be written between back quotes.
pub(crate) fn fits_back_quotes(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        text.chars().all(|character| match character {
            '\t' => true,
            '`' | '\u{7f}' | '\u{feff}' => false,
            other => other >= ' ',
        })
    })
}

/// Reads a `"..."` or `` `...` `` literal.
pub(crate) fn unquote(literal: &str) -> Result<Vec<u8>, Malformed> {
    let mut inner = literal.chars();
    let (open, close) = (inner.next(), inner.next_back());
    let body = inner.as_str();
    match (open, close) {
        (Some('`'), Some('`')) if !body.contains('`') => Ok(body.replace('\r', "").into_bytes()),
        (Some('"'), Some('"')) if !body.contains('\n') => {
            let (mut rest, mut out) = (body, Vec::new());
            while !rest.is_empty() {
                let (unit, after) = unit(rest, '"')?;
                match unit {
                    Unit::Char(character) => {
                        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                    Unit::Byte(byte) => out.push(byte),
                }
                rest = after;
            }
            Ok(out)
        }
        _ => Err(Malformed),
    }
}

/// Reads a `'.'` literal; `None` if more than one character is quoted.
pub(crate) fn unquote_character(literal: &str) -> Result<Option<u32>, Malformed> {
    let (unit, rest) = unit(literal.strip_prefix('\'').ok_or(Malformed)?, '\'')?;
    let code = match unit {
        Unit::Char(character) => character.into(),
        Unit::Byte(byte) => byte.into(),
    };
    Ok((rest == "'").then_some(code))
}

enum Unit {
    Char(char),
    Byte(u8),
}

/// One character or escape, and what follows it.
fn unit(text: &str, quote: char) -> Result<(Unit, &str), Malformed> {
    let mut rest = text.chars();
    let first = rest.next().ok_or(Malformed)?;
    if first == quote {
        return Err(Malformed);
    }
    if first != '\\' {
        return Ok((Unit::Char(first), rest.as_str()));
    }
    let escape = rest.next().ok_or(Malformed)?;
    let simple = match escape {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' => '\\',
        '\'' | '"' if escape == quote => quote,
        'x' => return digits(rest.as_str(), 2, 16).map(byte)?,
        'u' => return digits(rest.as_str(), 4, 16).map(character)?,
        'U' => return digits(rest.as_str(), 8, 16).map(character)?,
        '0'..='7' => return digits(&text[1..], 3, 8).map(byte)?,
        _ => return Err(Malformed),
    };
    Ok((Unit::Char(simple), rest.as_str()))
}

fn digits(text: &str, count: usize, radix: u32) -> Result<(u32, &str), Malformed> {
    let (head, rest) = text.split_at_checked(count).ok_or(Malformed)?;
    if !head.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(Malformed);
    }
    let code = u32::from_str_radix(head, radix).map_err(|_| Malformed)?;
    Ok((code, rest))
}

fn byte((code, rest): (u32, &str)) -> Result<(Unit, &str), Malformed> {
    Ok((Unit::Byte(u8::try_from(code).map_err(|_| Malformed)?), rest))
}

fn character((code, rest): (u32, &str)) -> Result<(Unit, &str), Malformed> {
    Ok((Unit::Char(char::from_u32(code).ok_or(Malformed)?), rest))
}

fn quoted(bytes: &[u8], quote: char, ascii_only: bool) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push(quote);
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|character| escape(character, quote, ascii_only, &mut out));
        for byte in chunk.invalid() {
            write_escape(&mut out, format_args!("\\x{byte:02x}"));
        }
    }
    out.push(quote);
    out
}

fn escape(character: char, quote: char, ascii_only: bool, out: &mut String) {
    let code = u32::from(character);
    let letter = match character {
        '\x07' => 'a',
        '\x08' => 'b',
        '\x0c' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\x0b' => 'v',
        '\\' => '\\',
        _ if character == quote => quote,
        _ if character.is_ascii() && (character < ' ' || character == '\x7f') => {
            return write_escape(out, format_args!("\\x{code:02x}"));
        }
        _ if is_printable(character) && (character.is_ascii() || !ascii_only) => {
            return out.push(character);
        }
        _ if code < 0x1_0000 => return write_escape(out, format_args!("\\u{code:04x}")),
        _ => return write_escape(out, format_args!("\\U{code:08x}")),
    };
    out.extend(['\\', letter]);
}

fn write_escape(out: &mut String, escape: std::fmt::Arguments<'_>) {
    out.write_fmt(escape).expect("writing to a string cannot fail");
}
