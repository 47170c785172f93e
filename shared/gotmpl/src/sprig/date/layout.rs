//! Go's layouts: a date is shown as the second of January 2006 at 15:04:05 would be.

use super::calendar::{self, Moment};

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// What a part of a layout stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    ShortYear,
    MonthName,
    ShortMonth,
    Month { zero: bool },
    Day { pad: Pad },
    DayOfYear { pad: Pad },
    Weekday,
    ShortWeekday,
    Hour,
    Hour12 { zero: bool },
    Minute { zero: bool },
    Second { zero: bool },
    Half { upper: bool },
    ZoneName,
    Offset { utc_as_z: bool, colon: bool, minutes: bool, seconds: bool },
    Fraction { digits: usize, trims: bool },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pad {
    None,
    Zero,
    Space,
}

/// The longer spellings first.
#[rustfmt::skip]
const PARTS: &[(&str, Part)] = &[
    ("January", Part::MonthName), ("Jan", Part::ShortMonth),
    ("Monday", Part::Weekday), ("Mon", Part::ShortWeekday), ("MST", Part::ZoneName),
    ("2006", Part::Year), ("__2", Part::DayOfYear { pad: Pad::Space }), ("002", Part::DayOfYear { pad: Pad::Zero }),
    ("_2", Part::Day { pad: Pad::Space }),
    ("01", Part::Month { zero: true }), ("02", Part::Day { pad: Pad::Zero }), ("03", Part::Hour12 { zero: true }),
    ("04", Part::Minute { zero: true }), ("05", Part::Second { zero: true }), ("06", Part::ShortYear),
    ("15", Part::Hour), ("PM", Part::Half { upper: true }), ("pm", Part::Half { upper: false }),
    ("-07:00:00", Part::Offset { utc_as_z: false, colon: true, minutes: true, seconds: true }),
    ("-070000", Part::Offset { utc_as_z: false, colon: false, minutes: true, seconds: true }),
    ("-07:00", Part::Offset { utc_as_z: false, colon: true, minutes: true, seconds: false }),
    ("-0700", Part::Offset { utc_as_z: false, colon: false, minutes: true, seconds: false }),
    ("-07", Part::Offset { utc_as_z: false, colon: false, minutes: false, seconds: false }),
    ("Z07:00:00", Part::Offset { utc_as_z: true, colon: true, minutes: true, seconds: true }),
    ("Z070000", Part::Offset { utc_as_z: true, colon: false, minutes: true, seconds: true }),
    ("Z07:00", Part::Offset { utc_as_z: true, colon: true, minutes: true, seconds: false }),
    ("Z0700", Part::Offset { utc_as_z: true, colon: false, minutes: true, seconds: false }),
    ("Z07", Part::Offset { utc_as_z: true, colon: false, minutes: false, seconds: false }),
    ("1", Part::Month { zero: false }), ("2", Part::Day { pad: Pad::None }), ("3", Part::Hour12 { zero: false }),
    ("4", Part::Minute { zero: false }), ("5", Part::Second { zero: false }),
];

/// The layout cut into plain text and parts.
fn cut(layout: &str) -> Vec<Result<Part, &str>> {
    let (mut cut, mut rest, mut plain) = (Vec::new(), layout, 0);
    while plain < rest.len() {
        if !rest.is_char_boundary(plain) {
            plain += 1;
            continue;
        }
        let here = &rest[plain..];
        let named = PARTS.iter().find(|(written, part)| {
            here.starts_with(written) && fits(*part, &here[written.len()..])
        });
        let found = named.map(|(written, part)| (*part, written.len())).or_else(|| fraction(here));
        let Some((part, length)) = found else {
            plain += 1;
            continue;
        };
        if plain > 0 {
            cut.push(Err(&rest[..plain]));
        }
        cut.push(Ok(part));
        rest = &rest[plain + length..];
        plain = 0;
    }
    if !rest.is_empty() {
        cut.push(Err(rest));
    }
    cut
}

/// `Jan` and `Mon` are no parts of longer words; `_2006` is an underscore and a year.
fn fits(part: Part, after: &str) -> bool {
    match part {
        Part::ShortMonth | Part::ShortWeekday => {
            !after.starts_with(|next: char| next.is_ascii_lowercase())
        }
        Part::Day { pad: Pad::Space } => !after.starts_with("006"),
        _ => true,
    }
}

/// `.000` or `,999`, if no digit follows.
fn fraction(here: &str) -> Option<(Part, usize)> {
    let digit =
        here.strip_prefix(['.', ','])?.chars().next().filter(|digit| matches!(digit, '0' | '9'))?;
    let digits = here[1..].chars().take_while(|next| *next == digit).count();
    let ends = !here[1 + digits..].starts_with(|next: char| next.is_ascii_digit());
    ends.then_some((Part::Fraction { digits, trims: digit == '9' }, digits + 1))
}

/// Shows a moment by a layout.
pub(super) fn format(layout: &str, moment: Moment) -> String {
    cut(layout)
        .into_iter()
        .map(|piece| piece.map_or_else(str::to_owned, |part| show(part, moment)))
        .collect()
}

fn show(part: Part, moment: Moment) -> String {
    let date = moment.date();
    let number =
        |number: usize, zero: bool| if zero { format!("{number:02}") } else { number.to_string() };
    let twelve = (date.hour + 11) % 12 + 1;
    match part {
        Part::Year => format!("{:04}", date.year),
        Part::ShortYear => format!("{:02}", date.year.rem_euclid(100)),
        Part::MonthName => MONTHS[date.month - 1].into(),
        Part::ShortMonth => MONTHS[date.month - 1][..3].into(),
        Part::Month { zero } => number(date.month, zero),
        Part::Day { pad: Pad::Space } => format!("{:2}", date.day),
        Part::Day { pad } => number(date.day, pad == Pad::Zero),
        Part::DayOfYear { pad: Pad::Space } => format!("{:3}", date.day_of_year),
        Part::DayOfYear { .. } => format!("{:03}", date.day_of_year),
        Part::Weekday => WEEKDAYS[date.weekday].into(),
        Part::ShortWeekday => WEEKDAYS[date.weekday][..3].into(),
        Part::Hour => number(date.hour, true),
        Part::Hour12 { zero } => number(twelve, zero),
        Part::Minute { zero } => number(date.minute, zero),
        Part::Second { zero } => number(date.second, zero),
        Part::Half { upper } => match (date.hour >= 12, upper) {
            (true, true) => "PM".into(),
            (true, false) => "pm".into(),
            (false, true) => "AM".into(),
            (false, false) => "am".into(),
        },
        Part::ZoneName if moment.offset == 0 => "UTC".into(),
        Part::ZoneName => show(
            Part::Offset { utc_as_z: false, colon: false, minutes: true, seconds: false },
            moment,
        ),
        Part::Offset { utc_as_z: true, .. } if moment.offset == 0 => "Z".into(),
        Part::Offset { colon, minutes, seconds, .. } => {
            let (sign, size) = (if moment.offset < 0 { '-' } else { '+' }, moment.offset.abs());
            let separator = if colon { ":" } else { "" };
            let units = [(true, 3600, 100), (minutes, 60, 60), (seconds, 1, 60)];
            let wanted = units.iter().filter(|(wanted, ..)| *wanted);
            let shown: Vec<_> =
                wanted.map(|(_, unit, most)| format!("{:02}", size / unit % most)).collect();
            format!("{sign}{}", shown.join(separator))
        }
        Part::Fraction { digits, trims } => {
            let shown = format!("{:09}", moment.nanoseconds);
            let shown = &format!("{shown:0<digits$}")[..digits];
            let shown = if trims { shown.trim_end_matches('0') } else { shown };
            if shown.is_empty() { String::new() } else { format!(".{shown}") }
        }
    }
}

/// What has been read of a date.
#[derive(Default)]
struct Reading {
    year: Option<i64>,
    month: Option<usize>,
    day: Option<usize>,
    day_of_year: Option<usize>,
    hour: usize,
    minute: usize,
    second: usize,
    nanoseconds: u32,
    after_noon: Option<bool>,
    offset: i64,
}

/// Reads a date by a layout.
pub(super) fn parse(layout: &str, text: &str) -> Option<Moment> {
    let (mut reading, mut rest) = (Reading::default(), text);
    for piece in cut(layout) {
        rest = match piece {
            Err(plain) => rest.strip_prefix(plain)?,
            Ok(part) => reading.read(part, rest)?,
        };
    }
    if rest.is_empty() { reading.moment() } else { None }
}

impl Reading {
    /// Reads one part; what follows it.
    fn read<'t>(&mut self, part: Part, text: &'t str) -> Option<&'t str> {
        let (number, rest) = match part {
            Part::Year => digits(text, 4, 4)?,
            Part::ShortYear | Part::Hour => digits(text, 2, 2)?,
            Part::Day { pad: Pad::Space } => digits(text.strip_prefix(' ').unwrap_or(text), 1, 2)?,
            Part::DayOfYear { .. } => digits(text.trim_start_matches(' '), 1, 3)?,
            Part::Day { .. } => digits(text, 1, 2)?,
            Part::Month { zero }
            | Part::Hour12 { zero }
            | Part::Minute { zero }
            | Part::Second { zero } => digits(text, if zero { 2 } else { 1 }, 2)?,
            other => return self.read_name(other, text),
        };
        match part {
            Part::Year => self.year = i64::try_from(number).ok(),
            Part::ShortYear => {
                let century = if number >= 69 { 1900 } else { 2000 };
                self.year = i64::try_from(number + century).ok();
            }
            Part::Month { .. } => self.month = Some(number),
            Part::Day { .. } => self.day = Some(number),
            Part::DayOfYear { .. } => self.day_of_year = Some(number),
            Part::Hour | Part::Hour12 { .. } => self.hour = number,
            Part::Minute { .. } => self.minute = number,
            Part::Second { .. } => self.second = number,
            _ => {}
        }
        Some(rest)
    }

    fn read_name<'t>(&mut self, part: Part, text: &'t str) -> Option<&'t str> {
        match part {
            Part::MonthName | Part::ShortMonth => {
                let (index, rest) = name(text, &MONTHS, part == Part::ShortMonth)?;
                self.month = Some(index + 1);
                Some(rest)
            }
            Part::Weekday | Part::ShortWeekday => {
                name(text, &WEEKDAYS, part == Part::ShortWeekday).map(|(_, rest)| rest)
            }
            Part::Half { upper } => {
                let (half, rest) = text.split_at_checked(2)?;
                self.after_noon = Some(match (half, upper) {
                    ("PM", true) | ("pm", false) => true,
                    ("AM", true) | ("am", false) => false,
                    _ => return None,
                });
                Some(rest)
            }
            Part::ZoneName => text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT")),
            Part::Offset { utc_as_z: true, .. } if text.starts_with('Z') => Some(&text[1..]),
            Part::Offset { colon, minutes, seconds, .. } => {
                self.read_offset(text, colon, [minutes, seconds])
            }
            Part::Fraction { .. } => {
                let Some(after) = text.strip_prefix(['.', ',']) else { return Some(text) };
                let length = after.bytes().take_while(u8::is_ascii_digit).count();
                self.nanoseconds = format!("{:0<9}", &after[..length])[..9].parse().ok()?;
                Some(&after[length..])
            }
            _ => None,
        }
    }

    fn read_offset<'t>(
        &mut self,
        text: &'t str,
        colon: bool,
        further: [bool; 2],
    ) -> Option<&'t str> {
        let sign = match text.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let (hours, mut rest) = digits(&text[1..], 2, 2)?;
        let mut offset = hours * 3600;
        for unit in
            [60, 1].into_iter().zip(further).filter_map(|(unit, wanted)| wanted.then_some(unit))
        {
            if colon {
                rest = rest.strip_prefix(':')?;
            }
            let (number, after) = digits(rest, 2, 2)?;
            offset += number * unit;
            rest = after;
        }
        self.offset = sign * i64::try_from(offset).ok()?;
        Some(rest)
    }

    fn moment(&self) -> Option<Moment> {
        let hour = match self.after_noon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let (year, month, day) =
            (self.year.unwrap_or(0), self.month.unwrap_or(1), self.day.unwrap_or(1));
        let valid = (1..=12).contains(&month) && (1..=calendar::length(year, month)).contains(&day);
        if !valid || hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let seconds = i64::try_from(hour * 3600 + self.minute * 60 + self.second).ok()?;
        let mut moment = Moment::new(year, month, day, seconds, self.offset);
        if let Some(day_of_year) = self.day_of_year {
            moment = Moment::new(year, 1, 1, seconds, self.offset);
            moment.seconds += (i64::try_from(day_of_year).ok()? - 1) * 86_400;
        }
        moment.nanoseconds = self.nanoseconds;
        Some(moment)
    }
}

/// A number of at least and at most so many digits.
fn digits(text: &str, least: usize, most: usize) -> Option<(usize, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if length < least {
        return None;
    }
    Some((text[..length].parse().ok()?, &text[length..]))
}

fn name<'t>(text: &'t str, names: &[&str], short: bool) -> Option<(usize, &'t str)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let name = if short { &name[..3] } else { name };
        let (head, rest) = text.split_at_checked(name.len())?;
        head.eq_ignore_ascii_case(name).then_some((index, rest))
    })
}
