//! What type a scalar has.
//!
//! Kubernetes manifests and SOPS files are read by two generations of one Go library, and the
//! same text can mean different things to them: see [`Schema`]. A file must mean here what it
//! means there, so both are followed where they disagree with the YAML specification.

use crate::{
    error::{Error, Problem},
    tree::{Node, Scalar, Style, Value},
};

mod timestamp;

/// Whose reading of plain scalars counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// Kubernetes manifests, as `sigs.k8s.io/yaml` reads them: `yes`, `on`, `y` and their
    /// opposites are booleans, and a timestamp is a string.
    Kubernetes,
    /// SOPS files, as `yaml.v3` reads them: only `true` and `false` are booleans, and a timestamp
    /// is a type of its own.
    GoYaml3,
}

/// A scalar with its type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Resolved<'a> {
    /// Nothing, `~` or `null`.
    Null,
    /// `true`, `false` and, for Kubernetes, their YAML 1.1 spellings.
    Bool(bool),
    /// A whole number that fits 64 bits, with or without a sign.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// A point in time, as written. Only [`Schema::GoYaml3`] has it.
    Timestamp(&'a str),
    /// Base64 under the tag `!!binary`, as written.
    Binary(&'a str),
    /// Text.
    Str(&'a str),
}

impl Node<'_> {
    /// The type and value of a scalar, or `None` for a collection or an alias.
    ///
    /// An error means that the scalar does not have the type its tag says.
    pub fn resolve(&self, schema: Schema) -> Result<Option<Resolved<'_>>, Error> {
        let Value::Scalar(scalar) = &self.value else { return Ok(None) };
        let tag = self.tag.as_ref().map_or("", |tag| tag.name.as_str());
        resolve(scalar, tag, schema).map(Some).ok_or_else(|| {
            let problem = Problem::Tag(tag.to_owned());
            self.error(problem)
        })
    }

    /// Whether this is the key `<<` that merges another mapping into this one.
    pub fn is_merge(&self) -> bool {
        let tag = self.tag.as_ref().map_or("", |tag| tag.name.as_str());
        let Value::Scalar(Scalar { text, style, .. }) = &self.value else { return false };
        text == "<<" && (tag == "!!merge" || (matches!(tag, "" | "!") && *style == Style::Plain))
    }
}

/// The type that a plain `text` without a tag has.
pub fn plain(text: &str, schema: Schema) -> Resolved<'_> {
    implicit(text, schema, true)
}

fn resolve<'a>(scalar: &'a Scalar<'_>, tag: &str, schema: Schema) -> Option<Resolved<'a>> {
    let text = &*scalar.text;
    match tag {
        "" if scalar.style == Style::Plain => Some(implicit(text, schema, true)),
        // To the newer library a lone `!` says nothing.
        "!" if scalar.style == Style::Plain && schema == Schema::GoYaml3 => {
            Some(implicit(text, schema, true))
        }
        "" | "!" | "!!str" => Some(Resolved::Str(text)),
        "!!binary" => Some(Resolved::Binary(text)),
        "!!null" | "!!bool" | "!!int" | "!!float" | "!!timestamp" => {
            let value = implicit(text, schema, tag == "!!timestamp");
            match (tag, value) {
                ("!!null", Resolved::Null)
                | ("!!bool", Resolved::Bool(_))
                | ("!!int", Resolved::Int(_))
                | ("!!float", Resolved::Float(_)) => Some(value),
                #[expect(clippy::cast_precision_loss, reason = "as Go converts it")]
                ("!!float", Resolved::Int(int)) => Some(Resolved::Float(int as f64)),
                ("!!timestamp", _) if timestamp::is(text) => Some(match schema {
                    Schema::Kubernetes => Resolved::Str(text),
                    Schema::GoYaml3 => Resolved::Timestamp(text),
                }),
                _ => None,
            }
        }
        // An unknown tag says something to a reader that is not us; the value is its text.
        _ => Some(Resolved::Str(text)),
    }
}

fn implicit(text: &str, schema: Schema, timestamps: bool) -> Resolved<'_> {
    if let Some(word) = word(text, schema) {
        return word;
    }
    let number = match text.as_bytes().first() {
        Some(b'.') => float(text),
        Some(b'+' | b'-' | b'0'..=b'9') => {
            if timestamps && timestamp::is(text) {
                return match schema {
                    Schema::Kubernetes => Resolved::Str(text),
                    Schema::GoYaml3 => Resolved::Timestamp(text),
                };
            }
            number(text)
        }
        _ => None,
    };
    number.unwrap_or(Resolved::Str(text))
}

fn word(text: &str, schema: Schema) -> Option<Resolved<'static>> {
    let resolved = match text {
        "" | "~" | "null" | "Null" | "NULL" => Resolved::Null,
        "true" | "True" | "TRUE" => Resolved::Bool(true),
        "false" | "False" | "FALSE" => Resolved::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Resolved::Float(f64::NEG_INFINITY),
        _ if schema == Schema::GoYaml3 => return None,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Resolved::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Resolved::Bool(false),
        _ => return None,
    };
    Some(resolved)
}

/// Whole numbers in Go's bases with `_` anywhere, then decimal floats.
fn number(text: &str) -> Option<Resolved<'static>> {
    let digits;
    let text = if text.contains('_') {
        digits = text.replace('_', "");
        &digits
    } else {
        text
    };
    integer(text).map(Resolved::Int).or_else(|| float(text))
}

fn integer(text: &str) -> Option<i128> {
    let (negative, signed, magnitude) = match text.as_bytes().first()? {
        b'-' => (true, true, &text[1..]),
        b'+' => (false, true, &text[1..]),
        _ => (false, false, text),
    };
    let (radix, digits) = match magnitude.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &magnitude[2..]),
        [b'0', b'b' | b'B', ..] => (2, &magnitude[2..]),
        [b'0', b'o' | b'O', ..] => (8, &magnitude[2..]),
        [b'0', _, ..] => (8, &magnitude[1..]),
        _ => (10, magnitude),
    };
    // `from_str_radix` takes a sign of its own.
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    let value = if negative { -value } else { value };
    let most = if signed { i128::from(i64::MAX) } else { i128::from(u64::MAX) };
    (i128::from(i64::MIN)..=most).contains(&value).then_some(value)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, when it fits an `f64`.
fn float(text: &str) -> Option<Resolved<'static>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let starts = unsigned.strip_prefix('.').unwrap_or(unsigned);
    let numeric = starts.starts_with(|first: char| first.is_ascii_digit())
        && unsigned.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    let value: f64 = if numeric { text.parse().ok()? } else { return None };
    value.is_finite().then_some(Resolved::Float(value))
}

#[cfg(test)]
mod tests;
