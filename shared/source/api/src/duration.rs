//! A length of time as Flux writes it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What the API server accepts as a duration.
pub const PATTERN: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$";

/// A length of time such as `1m0s`, kept as it was written.
///
/// It is parsed where it is used and not where it is read, so that one bad object can never make
/// a list of objects unreadable.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(transparent)]
pub struct Duration(pub String);

/// The text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: write numbers with units ms, s, m or h, such as `1m30s`")]
pub struct Invalid(pub String);

impl Duration {
    /// The length, exact to the nanosecond.
    pub fn parse(&self) -> Result<std::time::Duration, Invalid> {
        parse(&self.0).ok_or_else(|| Invalid(self.0.clone()))
    }
}

/// Reads a duration as Go does, if it is not negative; `None` if it is not one.
///
/// The units are `ns`, `us`, `µs`, `ms`, `s`, `m` and `h`; a bare `0` needs none.
pub fn parse(text: &str) -> Option<std::time::Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(std::time::Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = std::time::Duration::ZERO;
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, next) = split(after, |c| !c.is_ascii_digit() && c != '.');
        total = total.checked_add(scale(number, unit)?)?;
        rest = next;
    }
    Some(total)
}

fn split(text: &str, wanted: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !wanted(c)).unwrap_or(text.len()))
}

fn scale(number: &str, unit: &str) -> Option<std::time::Duration> {
    let seconds = match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    std::time::Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

impl From<&str> for Duration {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_as_go_reads_it() {
        #[rustfmt::skip]
        let cases = [
            // written      milliseconds
            ("1m0s",        Some(60_000)),
            ("1h30m",       Some(5_400_000)),
            ("1h0m0s",      Some(3_600_000)),
            ("1.5h",        Some(5_400_000)),
            ("500ms",       Some(500)),
            ("1.5s",        Some(1_500)),
            (".5s",         Some(500)),
            ("1.s",         Some(1_000)),
            ("1m1ms",       Some(60_001)),
            ("2000us",      Some(2)),
            ("+90s",        Some(90_000)),
            ("0s",          Some(0)),
            ("0",           Some(0)),
            ("",            None),
            ("10",          None),
            ("m",           None),
            (".s",          None),
            ("1d",          None),
            ("-1s",         None),
            ("1 h",         None),
            ("1s ",         None),
            ("1.2.3s",      None),
            ("999999999999999999999h", None),
        ];
        for (written, milliseconds) in cases {
            let parsed = Duration::from(written).parse().ok().map(|length| length.as_millis());
            assert_eq!(parsed, milliseconds, "`{written}`");
        }
    }
}
