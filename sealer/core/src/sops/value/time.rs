//! Timestamps, as Go's `time` reads them from YAML and prints them.

/// RFC 3339 with the zone that was written, no trailing zeros in the fraction, and `Z` for zero.
///
/// `text` is one of the four shapes that `yaml.v3` takes for a timestamp.
pub(super) fn canonical(text: &str) -> Option<String> {
    let (date, rest) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some(text[at + 1..].trim_start())),
        None => (text, None),
    };
    let mut parts = date.splitn(3, '-');
    let mut part = || parts.next()?.parse::<u32>().ok();
    let (year, month, day) = (part()?, part()?, part()?);
    let date = format!("{year:04}-{month:02}-{day:02}");
    let Some(rest) = rest else { return Some(format!("{date}T00:00:00Z")) };

    let clock_end = rest.find(|c: char| !matches!(c, '0'..='9' | ':' | '.')).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(clock_end);
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = whole.splitn(3, ':');
    let mut part = || parts.next()?.parse::<u32>().ok();
    let (hour, minute, second) = (part()?, part()?, part()?);
    let fraction: String = fraction.chars().take(9).collect();
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    let zone = match zone.trim() {
        "" | "Z" | "+00:00" | "-00:00" => "Z",
        zone => zone,
    };
    Some(format!("{date}T{hour:02}:{minute:02}:{second:02}{dot}{fraction}{zone}"))
}

/// Whether a decrypted `time` is one.
pub(super) fn is_rfc3339(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

/// The time without the fraction of its second.
pub(super) fn whole_seconds(text: &str) -> String {
    let Some((before, after)) = text.split_once('.') else { return text.to_owned() };
    let zone = after.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}{zone}")
}
