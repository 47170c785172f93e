//! Numbers of any length, as exact as they are written.
//!
//! The text is what Go's `ParseFloat` takes. Go then rounds to 53 bits, so that of two time stamps
//! of 17 digits neither is the later one; here every digit counts.

use std::cmp::Ordering;

use golang::strconv::{parse_float, underscores_separate_digits};

/// A decimal number: a sign and `0.DIGITS × 10^exponent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    negative: bool,
    /// No zero at either end. Zero itself has no digits.
    digits: String,
    exponent: i64,
}

/// As Go, which refuses what a `float64` cannot hold.
const EXPONENT_MAX: i64 = 309;

impl Number {
    /// Reads a number. `inf` and `nan`, which no order knows, are none.
    pub fn parse(text: &str) -> Option<Self> {
        let negative = text.starts_with('-');
        let text = text.strip_prefix(['-', '+']).unwrap_or(text);
        if text.starts_with("0x") || text.starts_with("0X") {
            return Self::decimal(negative, &format!("{:e}", parse_float(text)?));
        }
        Self::decimal(negative, text)
    }

    fn decimal(negative: bool, text: &str) -> Option<Self> {
        let (mantissa, power) =
            text.split_once(['e', 'E']).map_or((text, None), |(m, p)| (m, Some(p)));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let separated = !text.contains('_') || underscores_separate_digits(text);
        let digits: String = [whole, fraction].concat().replace('_', "");
        let written = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !separated || !written {
            return None;
        }
        let power: i64 = match power {
            Some(power) => exponent(power)?,
            None => 0,
        };
        let point = whole.bytes().filter(u8::is_ascii_digit).count();
        let leading = digits.len() - digits.trim_start_matches('0').len();
        let digits = digits.trim_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { negative: false, digits, exponent: 0 });
        }
        let exponent = i64::try_from(point).ok()? - i64::try_from(leading).ok()? + power;
        (exponent <= EXPONENT_MAX).then_some(Self { negative, digits, exponent })
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.digits.is_empty(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let magnitude = || {
            let exponents = self.exponent.cmp(&other.exponent);
            // Digits after a common point compare as text: `0.12` < `0.123` < `0.2`.
            exponents.then_with(|| self.digits.cmp(&other.digits))
        };
        sign(self).cmp(&sign(other)).then_with(|| match sign(self) {
            -1 => magnitude().reverse(),
            0 => Ordering::Equal,
            _ => magnitude(),
        })
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text).replace('_', "");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Any power of more digits is out of range or nothing.
    let value = digits.parse::<i64>().unwrap_or(i64::MAX).min(1_000_000);
    Some(if text.starts_with('-') { -value } else { value })
}

#[cfg(test)]
mod tests;
