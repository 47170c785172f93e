//! Durations as Go writes them: `90s`, `1h30m`, `1.5h`.

use std::time::Duration;

/// The pattern that a duration matches in our own kinds, as Flux's kinds have it.
pub(crate) const PATTERN: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$";

/// Reads a duration that is not negative; `None` if it is not one.
///
/// The units are Go's: `ns`, `us`, `µs`, `ms`, `s`, `m` and `h`. A bare `0` needs none.
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = Duration::ZERO;
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

fn scale(number: &str, unit: &str) -> Option<Duration> {
    let seconds = match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_as_go_reads_it() {
        #[rustfmt::skip]
        let cases = [
            ("0",       Some(0)),
            ("0s",      Some(0)),
            ("90s",     Some(90_000)),
            ("1h30m",   Some(5_400_000)),
            ("1h0m0s",  Some(3_600_000)),
            ("1.5h",    Some(5_400_000)),
            ("250ms",   Some(250)),
            ("",        None),
            ("10",      None),
            ("h",       None),
            ("-1s",     None),
            ("1 h",     None),
            ("1d",      None),
            ("1.2.3s",  None),
        ];
        for (text, milliseconds) in cases {
            let expected = milliseconds.map(Duration::from_millis);
            assert_eq!(parse(text), expected, "duration `{text}`");
        }
    }
}
