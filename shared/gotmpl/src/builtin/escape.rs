//! `html`, `js` and `urlquery`.

use std::fmt::Write;

use super::Answer;
use crate::{exec::Scope, quote, value::Value};

pub(super) fn html(text: &[u8], scope: &mut Scope) -> Answer {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            other => out.push(*other),
        }
    }
    scope.spend_bytes(out.len())?;
    Ok(Value::from(out))
}

pub(super) fn js(text: &[u8], scope: &mut Scope) -> Answer {
    let mut out = String::with_capacity(text.len());
    for character in String::from_utf8_lossy(text).chars() {
        let code = u32::from(character);
        let written = match character {
            '\\' | '\'' | '"' => write!(out, "\\{character}"),
            '<' | '>' | '&' | '=' | '\0'..='\x1f' => write!(out, "\\u{code:04X}"),
            _ if character.is_ascii() || quote::is_printable(character) => {
                out.push(character);
                Ok(())
            }
            _ => write!(out, "\\u{code:04X}"),
        };
        written.expect("writing to a string cannot fail");
    }
    scope.spend_bytes(out.len())?;
    Ok(Value::from(out))
}

pub(super) fn url(text: &[u8], scope: &mut Scope) -> Answer {
    let out = percent_encode(text, b"-_.~ ").replace(' ', "+");
    scope.spend_bytes(out.len())?;
    Ok(Value::from(out))
}

/// Percent-encodes all but letters, digits and what is `safe`.
pub(crate) fn percent_encode(text: &[u8], safe: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text {
        if byte.is_ascii_alphanumeric() || safe.contains(byte) {
            out.push(char::from(*byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    out
}
