//! Numbers as Go reads and writes them.

use crate::{
    ast::Number,
    lex::{Sort, Token},
    quote,
};

mod float;

pub(crate) use float::{parse_float, shortest};

/// Reads a number or character constant of a template.
pub(crate) fn constant(token: &Token<'_>) -> Result<Number, String> {
    let text = &*token.text;
    if token.sort == Sort::CharConstant {
        return match quote::unquote_character(text) {
            Ok(Some(code)) => Ok(whole(text, code.into())),
            Ok(None) => Err(format!("malformed character constant: {text}")),
            Err(malformed) => Err(malformed.to_string()),
        };
    }
    if token.sort == Sort::Complex || text.ends_with('i') {
        return Err(format!(
            "complex constants are not supported: {}",
            quote::double(text.as_bytes())
        ));
    }
    let quoted = || quote::double(text.as_bytes());
    let int = parse_int(text, 0);
    let uint = parse_uint(text, 0);
    if int.is_some() || uint.is_some() {
        #[expect(clippy::cast_precision_loss, reason = "Go rounds here as well")]
        let float = int.map(|int| int as f64).or_else(|| uint.map(|uint| uint as f64));
        return Ok(Number { text: text.into(), int, float });
    }
    let Some(float) = parse_float(text) else {
        return Err(format!("illegal number syntax: {}", quoted()));
    };
    if !text.contains(['.', 'e', 'E', 'p', 'P']) {
        return Err(format!("integer overflow: {}", quoted()));
    }
    Ok(Number { text: text.into(), int: exact_int(float), float: Some(float) })
}

fn whole(text: &str, code: i64) -> Number {
    #[expect(clippy::cast_precision_loss, reason = "a code point is far below 2^53")]
    let float = code as f64;
    Number { text: text.into(), int: Some(code), float: Some(float) }
}

/// Go's `strconv.ParseInt` to 64 bits; base 0 reads prefixes and underscores.
pub(crate) fn parse_int(text: &str, base: u32) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = i128::from(parse_uint(digits, base)?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// Go's `strconv.ParseUint` to 64 bits; base 0 reads prefixes and underscores.
pub(crate) fn parse_uint(text: &str, base: u32) -> Option<u64> {
    let (radix, digits) = match (base, text.get(..2)) {
        (0, Some("0x" | "0X")) => (16, &text[2..]),
        (0, Some("0o" | "0O")) => (8, &text[2..]),
        (0, Some("0b" | "0B")) => (2, &text[2..]),
        (0, _) if text.len() > 1 && text.starts_with('0') => (8, &text[1..]),
        (0, _) => (10, text),
        _ => (base, text),
    };
    if base == 0 && digits.contains('_') {
        if !underscores_separate_digits(text) {
            return None;
        }
        return unsigned(&digits.replace('_', ""), radix);
    }
    unsigned(digits, radix)
}

fn unsigned(digits: &str, radix: u32) -> Option<u64> {
    let signed = digits.starts_with(['+', '-']);
    if signed { None } else { u64::from_str_radix(digits, radix).ok() }
}

/// Whether every underscore stands between two digits, or a base prefix and a digit.
pub(crate) fn underscores_separate_digits(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text).to_ascii_lowercase();
    let prefixed = ["0b", "0o", "0x"].iter().any(|prefix| text.starts_with(prefix));
    let hexadecimal = text.starts_with("0x");
    let is_digit = |byte: u8| byte.is_ascii_digit() || (hexadecimal && byte.is_ascii_hexdigit());
    let (mut after_digit, mut after_underscore) = (prefixed, false);
    for byte in text.bytes().skip(if prefixed { 2 } else { 0 }) {
        if byte == b'_' {
            if !after_digit {
                return false;
            }
        } else if after_underscore && !is_digit(byte) {
            return false;
        }
        (after_digit, after_underscore) = (is_digit(byte), byte == b'_');
    }
    !after_underscore
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    clippy::cast_precision_loss,
    reason = "the round trip is the check"
)]
fn exact_int(float: f64) -> Option<i64> {
    let int = float as i64;
    (float < 9.3e18 && int as f64 == float).then_some(int)
}
