//! Numbers and booleans as Go's `strconv` spells and reads them.

/// What is encrypted and hashed: `FormatFloat(value, 'f', -1, 64)`.
pub(super) fn canonical(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        // Rust prints the shortest digits that read back, and never an exponent.
        format!("{value}")
    }
}

/// What stands in a YAML file: `FormatFloat(value, 'g', -1, 64)`, as `yaml.v3` writes it.
pub(in crate::sops) fn float_text(canonical: &str) -> Option<String> {
    let value = parse(canonical)?;
    if value.is_nan() {
        return Some(".nan".to_owned());
    } else if value.is_infinite() {
        return Some(if value > 0.0 { ".inf" } else { "-.inf" }.to_owned());
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    if (-4..6).contains(&exponent) {
        return Some(format!("{value}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    Some(format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs()))
}

/// A float in the spellings that Go's `ParseFloat` takes and a file may hold.
pub(super) fn parse(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        _ if text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) => {
            text.parse().ok()
        }
        _ => None,
    }
}

/// `ParseBool`.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
