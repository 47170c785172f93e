//! Floats of text.

use super::underscores_separate_digits;

/// Go's `ParseFloat` to 64 bits; out of range is `None`.
pub fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => return Some(sign * f64::INFINITY),
        "nan" if unsigned.len() == text.len() => return Some(f64::NAN),
        _ => {}
    }
    let plain = without_underscores(text)?;
    let (text, unsigned) = (&*plain, plain.trim_start_matches(['+', '-']));
    if let Some(digits) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        return hexadecimal(digits).map(|magnitude| sign * magnitude);
    }
    let plain =
        unsigned.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    let value: f64 = if plain { text.parse().ok()? } else { return None };
    value.is_finite().then_some(value)
}

fn without_underscores(text: &str) -> Option<String> {
    if text.contains('_') && !underscores_separate_digits(text) {
        return None;
    }
    Some(text.replace('_', ""))
}

/// Hexadecimal digits, perhaps with a point, and a binary exponent that must be there.
fn hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if before.is_empty() && after.is_empty() {
        return None;
    }
    let mut exponent = exponent.parse::<i32>().ok()?.clamp(-5000, 5000);
    let (mut bits, mut lost) = (0_u64, false);
    for (index, digit) in before.chars().chain(after.chars()).enumerate() {
        let digit = digit.to_digit(16)?;
        if bits >> 58 == 0 {
            bits = bits << 4 | u64::from(digit);
        } else {
            lost |= digit != 0;
            exponent += 4;
        }
        if index >= before.len() {
            exponent -= 4;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a lost digit is kept as a sticky lowest bit")]
    let value = (bits | u64::from(lost)) as f64;
    // In two steps, so that neither power overflows on its own.
    let half = exponent / 2;
    let value = value * 2_f64.powi(half) * 2_f64.powi(exponent - half);
    value.is_finite().then_some(value)
}

/// A finite number's shortest decimal digits that read back as it, and its decimal exponent: the
/// value is `0.d1d2d3... * 10^exponent`.
pub fn shortest(value: f64) -> (String, i32) {
    let text = format!("{:e}", value.abs());
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let exponent = exponent.parse::<i32>().unwrap_or(0);
    if digits == "0" { (digits, 1) } else { (digits, exponent + 1) }
}
