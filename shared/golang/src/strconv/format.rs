//! Floats as digits.

use super::shortest;

/// Go's `FormatFloat` by one of the verbs `b e E f g G x X`; no precision means as many digits as needed.
pub fn format_float(number: f64, verb: char, precision: Option<usize>) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    let sign = if number.is_sign_negative() { "-" } else { "" };
    if number.is_infinite() {
        return format!("{}Inf", if sign.is_empty() { "+" } else { sign });
    }
    let number = number.abs();
    let digits = match (verb, precision) {
        ('b', _) => binary(number),
        ('x' | 'X', _) => hexadecimal(number, precision),
        ('e' | 'E', Some(precision)) => exponential(&format!("{number:.precision$e}")),
        ('e' | 'E', None) => exponential(&format!("{number:e}")),
        ('f', Some(precision)) => format!("{number:.precision$}"),
        ('f', None) => format!("{number}"),
        _ => general(number, precision),
    };
    let digits = if verb.is_ascii_uppercase() { digits.to_ascii_uppercase() } else { digits };
    format!("{sign}{digits}")
}

/// Rust writes `1.5e3` where Go writes `1.5e+03`.
fn exponential(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, exponent) =
        exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{mantissa}e{sign}{exponent:0>2}")
}

/// `%g`: no zeros at the end, and an exponent when it is large.
fn general(number: f64, precision: Option<usize>) -> String {
    let (digits, point) = match precision {
        None => shortest(number),
        Some(precision) => {
            let text = format!("{number:.*e}", precision.max(1) - 1);
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
            let digits = digits.trim_end_matches('0');
            match (digits, exponent.parse::<i32>()) {
                ("", _) | (_, Err(_)) => ("0".into(), 1),
                (digits, Ok(exponent)) => (digits.into(), exponent + 1),
            }
        }
    };
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let plain = match precision.map(|precision| i32::try_from(precision.max(1)).unwrap_or(i32::MAX))
    {
        None => 6,
        Some(precision) if precision > count && count >= point => count,
        Some(precision) => precision,
    };
    let exponent = point - 1;
    if exponent < -4 || exponent >= plain {
        let (first, rest) = digits.split_at(1);
        let separator = if rest.is_empty() { "" } else { "." };
        return exponential(&format!("{first}{separator}{rest}e{exponent}"));
    }
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    match usize::try_from(point) {
        Ok(point) if point >= digits.len() && point > 0 => {
            format!("{digits}{}", "0".repeat(point - digits.len()))
        }
        Ok(point) if point > 0 => format!("{}.{}", &digits[..point], &digits[point..]),
        _ => format!("0.{}{digits}", zeros(-point)),
    }
}

const FRACTION_BITS: u32 = 52;
const BIAS: i32 = 1023;

/// The significand and the power of two it is multiplied with.
fn parts(number: f64) -> (u64, i32) {
    let bits = number.to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let biased = i32::try_from(bits >> FRACTION_BITS & 0x7ff).unwrap_or(0);
    match biased {
        0 => (fraction, 1 - BIAS - 52),
        _ => (fraction | 1 << FRACTION_BITS, biased - BIAS - 52),
    }
}

fn binary(number: f64) -> String {
    let (significand, power) = parts(number);
    format!("{significand}p{power:+}")
}

/// `0x1.8p+01`.
fn hexadecimal(number: f64, precision: Option<usize>) -> String {
    let (mut significand, mut power) = parts(number);
    if significand == 0 {
        let zeros = precision.filter(|precision| *precision > 0);
        return zeros.map_or("0x0p+00".into(), |zeros| format!("0x0.{}p+00", "0".repeat(zeros)));
    }
    // The leading one comes to bit 60, which leaves fifteen hexadecimal digits after the point.
    let shift = significand.leading_zeros() - 3;
    significand <<= shift;
    power += 60 - i32::try_from(shift).unwrap_or(0);
    if let Some(precision) = precision.filter(|precision| *precision < 15) {
        let drop = u32::try_from((15 - precision) * 4).unwrap_or(0);
        let (kept, rest) = (significand >> drop, significand & ((1 << drop) - 1));
        let half = 1 << (drop - 1);
        let up = rest > half || (rest == half && kept & 1 == 1);
        significand = (kept + u64::from(up)) << drop;
        if significand >> 61 != 0 {
            significand >>= 1;
            power += 1;
        }
    }
    let fraction = format!("{:015x}", significand & ((1 << 60) - 1));
    let fraction = match precision {
        None => fraction.trim_end_matches('0').to_owned(),
        Some(precision) => format!("{fraction:0<precision$}")[..precision].to_owned(),
    };
    let separator = if fraction.is_empty() { "" } else { "." };
    let sign = if power < 0 { '-' } else { '+' };
    format!("0x1{separator}{fraction}p{sign}{:02}", power.abs())
}
