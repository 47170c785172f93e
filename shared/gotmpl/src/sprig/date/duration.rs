//! Spans of time, as Go's `time.Duration` writes them.

/// Nanoseconds in a second.
pub(super) const SECOND: i128 = 1_000_000_000;

const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1000),
    ("µs", 1000),
    ("μs", 1000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3600 * SECOND),
];

/// Reads `-1h30m` and the like, to nanoseconds.
pub(super) fn parse(text: &str) -> Option<i128> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0_i128;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits =
            rest.find(|next: char| !next.is_ascii_digit() && next != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit =
            after.find(|next: char| next.is_ascii_digit() || next == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        total = total.checked_add(scaled(number, scale)?)?;
        rest = after;
    }
    i64::try_from(sign * total).ok().map(i128::from)
}

/// A number with an optional fraction, times a unit.
fn scaled(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || number.len() > 30 {
        return None;
    }
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<i128>().ok() };
    let power = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    Some(digits(whole)?.checked_mul(unit)? + digits(fraction)?.checked_mul(unit)? / power)
}

/// As Go's `Duration.String`, for whole seconds.
pub(super) fn show(nanoseconds: i128) -> String {
    let seconds = nanoseconds.unsigned_abs() / SECOND.unsigned_abs();
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{rest}s"),
        (0, _) => format!("{sign}{minutes}m{rest}s"),
        _ => format!("{sign}{hours}h{minutes}m{rest}s"),
    }
}

/// The largest unit that fits more than once.
pub(super) fn round(nanoseconds: i128) -> String {
    const DAY: u128 = 86_400;
    let nanoseconds = nanoseconds.unsigned_abs();
    let units = [("y", DAY * 365), ("mo", DAY * 30), ("d", DAY), ("h", 3600), ("m", 60), ("s", 1)];
    let fitting =
        units.into_iter().find(|(_, seconds)| nanoseconds > seconds * SECOND.unsigned_abs());
    fitting.map_or("0s".into(), |(name, seconds)| {
        format!("{}{name}", nanoseconds / (seconds * SECOND.unsigned_abs()))
    })
}
