//! Moments that a line of cron names.
//!
//! ```text
//! ┌ minute 0–59
//! │ ┌ hour 0–23
//! │ │ ┌ day of the month 1–31
//! │ │ │ ┌ month 1–12, or jan–dec
//! │ │ │ │ ┌ day of the week 0–7 (0 and 7 are Sunday), or sun–sat
//! 0 9 * * 1-5
//! ```
//!
//! Each field is `*`, a number, a range `a-b`, either with a step `/n`, or a list of these with `,`.
//! As in cron, a day counts when either of the two day fields has it, if both are given. Which
//! moment on Earth a line names depends on a time zone, which is the caller's.

/// A line of cron.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether both day fields are given, so that either is enough.
    either_day: bool,
}

/// Why a text is no line of cron.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It has not five fields.
    #[error("`{0}` has not the five fields minute, hour, day, month and weekday")]
    Fields(String),
    /// A field is none.
    #[error("`{text}` is no {field}")]
    Field {
        /// What the field stands for.
        field: &'static str,
        /// What is written.
        text: String,
    },
    /// No day is ever named.
    #[error("`{0}` names no day that there is")]
    Never(String),
}

/// What a field may say.
struct Field {
    name: &'static str,
    least: u8,
    most: u8,
    words: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", least: 0, most: 59, words: &[] };
const HOUR: Field = Field { name: "hour", least: 0, most: 23, words: &[] };
const DAY: Field = Field { name: "day of the month", least: 1, most: 31, words: &[] };
const MONTHS: &[&str] =
    &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH: Field = Field { name: "month", least: 1, most: 12, words: MONTHS };
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const WEEKDAY: Field = Field { name: "day of the week", least: 0, most: 7, words: WEEKDAYS };

/// The longest that each month is.
const LENGTHS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

impl Cron {
    /// Reads a line.
    pub fn parse(line: &str) -> Result<Self, Error> {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(Error::Fields(line.to_owned()));
        };
        let mut weekdays = WEEKDAY.parse(weekday)?;
        // Sunday has two numbers.
        weekdays |= weekdays >> 7 & 1;
        let cron = Self {
            minutes: MINUTE.parse(minute)?,
            hours: HOUR.parse(hour)?,
            days: DAY.parse(day)?,
            months: MONTH.parse(month)?,
            weekdays,
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        let possible = (1..=12_u8).zip(LENGTHS).any(|(month, length)| {
            has(cron.months, month) && (1..=length).any(|day| has(cron.days, day))
        });
        if possible || cron.either_day { Ok(cron) } else { Err(Error::Never(line.to_owned())) }
    }

    /// Whether there is a moment on a day. Weekdays are counted from Sunday, which is 0.
    pub fn is_on(&self, month: u8, day: u8, weekday: u8) -> bool {
        let (by_day, by_weekday) = (has(self.days, day), has(self.weekdays, weekday));
        let named = if self.either_day { by_day || by_weekday } else { by_day && by_weekday };
        has(self.months, month) && named
    }

    /// The hours and minutes of the moments of such a day, in order.
    pub fn times(&self) -> impl Iterator<Item = (u8, u8)> {
        let hours = (0..=HOUR.most).filter(|hour| has(self.hours, *hour));
        hours.flat_map(|hour| {
            let minutes = (0..=MINUTE.most).filter(|minute| has(self.minutes, *minute));
            minutes.map(move |minute| (hour, minute))
        })
    }
}

impl Field {
    fn parse(&self, text: &str) -> Result<u64, Error> {
        let wrong = || Error::Field { field: self.name, text: text.to_owned() };
        text.split(',').try_fold(0, |set, part| Ok(set | self.part(part).ok_or_else(wrong)?))
    }

    /// The set of one part of a list.
    fn part(&self, part: &str) -> Option<u64> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(number(step)?)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None if range == "*" => (self.least, self.most),
            // `5/15` goes on to the end, as in every cron.
            None => {
                (self.value(range)?, if step.is_some() { self.most } else { self.value(range)? })
            }
        };
        let step = step.unwrap_or(1);
        (first <= last && step > 0).then(|| {
            (first..=last).step_by(usize::from(step)).fold(0, |set, value| set | 1_u64 << value)
        })
    }

    fn value(&self, text: &str) -> Option<u8> {
        let word = self.words.iter().position(|word| text.eq_ignore_ascii_case(word));
        let value = match word {
            Some(index) => u8::try_from(index).ok()? + self.least,
            None => number(text)?,
        };
        (self.least..=self.most).contains(&value).then_some(value)
    }
}

fn number(text: &str) -> Option<u8> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn has(set: u64, value: u8) -> bool {
    set >> value & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_days_and_times() {
        type Case<'c> = (&'c str, (u8, u8, u8), Option<&'c [(u8, u8)]>);
        #[rustfmt::skip]
        let cases: [Case<'_>; 14] = [
            // line                 month, day, weekday   times of that day
            ("0 9 * * 1-5",         (11, 23, 1),          Some(&[(9, 0)])),
            ("0 9 * * 1-5",         (11, 22, 0),          None),
            ("0 9 * * mon-FRI",     (11, 23, 1),          Some(&[(9, 0)])),
            ("*/30 8,20 * * *",     (1, 1, 4),            Some(&[(8, 0), (8, 30), (20, 0), (20, 30)])),
            ("5/20 1 * * *",        (1, 1, 4),            Some(&[(1, 5), (1, 25), (1, 45)])),
            ("0 0 1 * *",           (3, 1, 0),            Some(&[(0, 0)])),
            ("0 0 1 * *",           (3, 2, 1),            None),
            // Either day field is enough when both are given.
            ("0 0 1 * fri",         (3, 1, 0),            Some(&[(0, 0)])),
            ("0 0 1 * fri",         (3, 6, 5),            Some(&[(0, 0)])),
            ("0 0 1 * fri",         (3, 7, 6),            None),
            ("0 0 * * 7",           (3, 1, 0),            Some(&[(0, 0)])),
            ("0 0 * dec *",         (11, 30, 1),          None),
            ("0 0 29 2 *",          (2, 29, 2),           Some(&[(0, 0)])),
            ("15 10-12/2 * * *",    (6, 6, 6),            Some(&[(10, 15), (12, 15)])),
        ];
        for (line, (month, day, weekday), expected) in cases {
            let cron = Cron::parse(line).unwrap();
            let times = cron.is_on(month, day, weekday).then(|| cron.times().collect::<Vec<_>>());
            assert_eq!(times.as_deref(), expected, "{line} on {day}.{month}., a {weekday}");
        }
    }

    #[test]
    fn what_is_no_line_is_told() {
        #[rustfmt::skip]
        let cases = [
            ("",               "`` has not the five fields minute, hour, day, month and weekday"),
            ("0 0 * *",        "`0 0 * *` has not the five fields minute, hour, day, month and weekday"),
            ("@daily",         "`@daily` has not the five fields minute, hour, day, month and weekday"),
            ("60 0 * * *",     "`60` is no minute"),
            ("0 24 * * *",     "`24` is no hour"),
            ("0 0 0 * *",      "`0` is no day of the month"),
            ("0 0 * 13 *",     "`13` is no month"),
            ("0 0 * * 8",      "`8` is no day of the week"),
            ("0 0 * * fri-mon","`fri-mon` is no day of the week"),
            ("*/0 0 * * *",    "`*/0` is no minute"),
            ("+1 0 * * *",     "`+1` is no minute"),
            ("1, 0 * * *",     "`1,` is no minute"),
            ("0 0 31 2,4 *",   "`0 0 31 2,4 *` names no day that there is"),
        ];
        for (line, expected) in cases {
            assert_eq!(Cron::parse(line).unwrap_err().to_string(), expected, "{line}");
        }
    }
}
