//! Which plain scalars Go's YAML reads as a time.

/// Whether `text` is a date, or a date and a time, in one of the four forms that Go tries.
///
/// ```text
/// 2006-1-2                   2006-1-2 15:4:5.9
/// 2006-1-2T15:4:5.9Z         2006-1-2t15:4:5.9+07:00
/// ```
pub(super) fn is(text: &str) -> bool {
    parse(text.as_bytes()).is_some()
}

fn parse(text: &[u8]) -> Option<()> {
    let (year, rest) = fixed(text, 4)?;
    let (month, rest) = number(lead(rest, b"-")?, 1, 12)?;
    let (_, rest) = number(lead(rest, b"-")?, 1, days(year, month))?;
    let Some((separator, rest)) = rest.split_first() else { return Some(()) };
    let (_, rest) = number(rest, 0, 23)?;
    let (_, rest) = number(lead(rest, b":")?, 0, 59)?;
    let (_, rest) = number(lead(rest, b":")?, 0, 59)?;
    let rest = fraction(rest);
    match separator {
        b' ' => rest.is_empty().then_some(()),
        b'T' | b't' => zone(rest),
        _ => None,
    }
}

/// `Z` or an offset; Go takes 24 hours and 60 minutes too.
fn zone(text: &[u8]) -> Option<()> {
    if text == b"Z" {
        return Some(());
    }
    let (_, rest) = fixed(lead(text, b"+-")?, 2).filter(|(hours, _)| *hours <= 24)?;
    let (_, rest) = fixed(lead(rest, b":")?, 2).filter(|(minutes, _)| *minutes <= 60)?;
    rest.is_empty().then_some(())
}

fn lead<'t>(text: &'t [u8], any: &[u8]) -> Option<&'t [u8]> {
    text.split_first().filter(|(first, _)| any.contains(first)).map(|(_, rest)| rest)
}

fn fixed(text: &[u8], length: usize) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(length)?;
    let value = digits.iter().try_fold(0, |value, digit| {
        digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0'))
    })?;
    Some((value, rest))
}

/// One or two digits within the bounds.
fn number(text: &[u8], least: u32, most: u32) -> Option<(u32, &[u8])> {
    let found = fixed(text, 2).or_else(|| fixed(text, 1))?;
    (least..=most).contains(&found.0).then_some(found)
}

fn fraction(text: &[u8]) -> &[u8] {
    let Some(rest) = lead(text, b".,") else { return text };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 { text } else { &rest[digits..] }
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}
