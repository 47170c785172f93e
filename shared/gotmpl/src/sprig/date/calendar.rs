//! Moments and the calendar.

/// A moment, with the offset from UTC at which it is shown.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    /// Seconds since 1970.
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
    /// Seconds east of Greenwich.
    pub(super) offset: i64,
}

/// What a calendar and a clock on the wall show.
pub(super) struct Date {
    pub(super) year: i64,
    /// From 1.
    pub(super) month: usize,
    /// From 1.
    pub(super) day: usize,
    pub(super) hour: usize,
    pub(super) minute: usize,
    pub(super) second: usize,
    /// From 0, which is Sunday.
    pub(super) weekday: usize,
    /// From 1.
    pub(super) day_of_year: usize,
}

const DAY: i64 = 86_400;
/// Years that bound what can be shown.
const YEARS: i64 = 1_000_000;

impl Moment {
    /// The first second of the year 1, Go's zero time.
    pub(super) const ZERO: Self = Self { seconds: -62_135_596_800, nanoseconds: 0, offset: 0 };

    /// The moment at which a clock at `offset` shows this date.
    pub(super) fn new(year: i64, month: usize, day: usize, seconds: i64, offset: i64) -> Self {
        Self { seconds: days(year, month, day) * DAY + seconds - offset, nanoseconds: 0, offset }
    }

    /// Nanoseconds since 1970.
    pub(super) fn nanoseconds(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanoseconds)
    }

    pub(super) fn plus(self, nanoseconds: i128) -> Option<Self> {
        const SECOND: i128 = 1_000_000_000;
        let all = self.nanoseconds() + nanoseconds;
        let seconds = i64::try_from(all.div_euclid(SECOND)).ok()?;
        let nanoseconds = u32::try_from(all.rem_euclid(SECOND)).ok()?;
        Some(Self { seconds, nanoseconds, ..self })
    }

    pub(super) fn date(self) -> Date {
        let bound = YEARS * 366 * DAY;
        let local = (self.seconds.clamp(-bound, bound)) + self.offset;
        let (day_number, second) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        // Never later than the year looked for.
        let mut year = 1970 + day_number.div_euclid(if day_number < 0 { 365 } else { 366 });
        while days(year + 1, 1, 1) <= day_number {
            year += (day_number - days(year + 1, 1, 1)) / 366 + 1;
        }
        let day_of_year = day_number - days(year, 1, 1);
        let month = (1..=12).rev().find(|month| days(year, *month, 1) <= day_number).unwrap_or(1);
        let small = |number: i64| usize::try_from(number).unwrap_or(0);
        Date {
            year,
            month,
            day: small(day_number - days(year, month, 1)) + 1,
            hour: small(second / 3600),
            minute: small(second / 60 % 60),
            second: small(second % 60),
            // 1970 began on a Thursday.
            weekday: small((day_number + 4).rem_euclid(7)),
            day_of_year: small(day_of_year) + 1,
        }
    }
}

/// Days from the start of 1970 to a date.
fn days(year: i64, month: usize, day: usize) -> i64 {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let past = year - 1;
    let leaps = past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400);
    let leap = i64::from(month > 2 && is_leap(year));
    past * 365 + leaps - 719_162 + BEFORE[month - 1] + leap + i64::try_from(day).unwrap_or(1) - 1
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// How many days a month has.
pub(super) fn length(year: i64, month: usize) -> usize {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
