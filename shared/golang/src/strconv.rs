//! Numbers and booleans as Go's `strconv` reads and writes them.

mod float;
mod format;

pub use float::{parse_float, shortest};
pub use format::format_float;

/// Go's `ParseInt` to 64 bits; base 0 reads prefixes and underscores.
pub fn parse_int(text: &str, base: u32) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = i128::from(parse_uint(digits, base)?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// Go's `ParseUint` to 64 bits; base 0 reads prefixes and underscores.
pub fn parse_uint(text: &str, base: u32) -> Option<u64> {
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
pub fn underscores_separate_digits(text: &str) -> bool {
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

/// Go's `ParseBool`.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
