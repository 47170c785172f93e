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
        let invalid = || Invalid(self.0.clone());
        let mut rest = self.0.as_str();
        let mut seconds = 0.0_f64;
        if rest.is_empty() {
            return Err(invalid());
        }
        while !rest.is_empty() {
            let digits =
                rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?;
            let (number, tail) = rest.split_at(digits);
            let (unit, tail) = unit(tail).ok_or_else(invalid)?;
            seconds += decimal(number).ok_or_else(invalid)? * unit;
            rest = tail;
        }
        std::time::Duration::try_from_secs_f64(seconds).map_err(|_| invalid())
    }
}

/// The unit that `text` begins with, in seconds, and what follows it.
fn unit(text: &str) -> Option<(f64, &str)> {
    // `ms` before `m`, or a millisecond would be a minute and a stray `s`.
    [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)]
        .into_iter()
        .find_map(|(unit, seconds)| Some((seconds, text.strip_prefix(unit)?)))
}

/// Digits, or digits, one point and digits.
fn decimal(number: &str) -> Option<f64> {
    let whole = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let written = match number.split_once('.') {
        Some((units, fraction)) => whole(units) && whole(fraction),
        None => whole(number),
    };
    written.then(|| number.parse().ok()).flatten()
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
    fn a_duration_is_the_sum_of_its_units() {
        #[rustfmt::skip]
        let cases = [
            // written      milliseconds
            ("1m0s",        Some(60_000)),
            ("1h30m",       Some(5_400_000)),
            ("500ms",       Some(500)),
            ("1.5s",        Some(1_500)),
            ("1m1ms",       Some(60_001)),
            ("0s",          Some(0)),
            ("",            None),
            ("10",          None),
            ("m",           None),
            ("1d",          None),
            ("-1s",         None),
            (".5s",         None),
            ("1.s",         None),
            ("1s ",         None),
            ("999999999999999999999h", None),
        ];
        for (written, milliseconds) in cases {
            let parsed = Duration::from(written).parse().ok().map(|length| length.as_millis());
            assert_eq!(parsed, milliseconds, "`{written}`");
        }
    }
}
