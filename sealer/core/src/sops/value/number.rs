//! Floats: what is encrypted and hashed, and what stands in a file.

use golang::strconv::{format_float, parse_float};

/// What is encrypted and hashed: every digit, never an exponent.
pub(super) fn canonical(value: f64) -> String {
    format_float(value, 'f', None)
}

/// What stands in a YAML file, as `yaml.v3` writes it.
pub(in crate::sops) fn float_text(canonical: &str) -> Option<String> {
    Some(match format_float(parse_float(canonical)?, 'g', None).as_str() {
        "NaN" => ".nan".to_owned(),
        "+Inf" => ".inf".to_owned(),
        "-Inf" => "-.inf".to_owned(),
        digits => digits.to_owned(),
    })
}

/// What stands where there are texts only: a float is never mistaken for a whole number.
pub(super) fn go_text(canonical: &str) -> String {
    let Some(value) = parse_float(canonical) else { return canonical.to_owned() };
    let text = format_float(value, 'g', None).replace('e', "E");
    let whole = value.is_finite() && !text.contains(['.', 'E']);
    if whole { text + ".0" } else { text }
}
