//! When changes are committed: at once, after a quiet time, or in a window of the schedule. Pure.
//!
//! Each setting is a field of ours, or an annotation where the API server knows only Flux's fields.

use std::time::Duration;

use imagebot_api::{
    Duration as Written, ImageUpdateAutomation,
    image_update_automation::{Batch as BatchSpec, Per, Schedule, Window as WindowSpec},
};
use imagebot_core::plan::{batch::Batch, cron::Cron};
use jiff::{Timestamp, ToSpan as _, civil, tz::TimeZone};
use kube::ResourceExt as _;

use super::Error;

const QUIET_PERIOD: &str = "signet.dev/quiet-period";
const MAX_WAIT: &str = "signet.dev/max-wait";
const SCHEDULE: &str = "signet.dev/schedule";
const TIME_ZONE: &str = "signet.dev/time-zone";
const COMMIT_PER: &str = "signet.dev/commit-per";

/// The longest window; a longer one would hold most of its own beginnings.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);
/// How many days ahead a window is looked for: the next 29 February may be eight years off.
const AHEAD: i32 = 8 * 366 + 1;

/// When changes are committed.
#[derive(Clone, Debug)]
pub(super) struct Gates {
    pub(super) batch: Batch,
    windows: Vec<Window>,
    zone: TimeZone,
}

#[derive(Clone, Debug)]
struct Window {
    start: Cron,
    length: Duration,
}

/// What `object` says.
pub(super) fn of(object: &ImageUpdateAutomation) -> Result<Gates, Error> {
    let schedule = schedule(object)?;
    let zone = match schedule.time_zone.as_deref() {
        None | Some("" | "UTC") => TimeZone::UTC,
        Some(name) => TimeZone::get(name).map_err(|source| Error::Zone(name.to_owned(), source))?,
    };
    let windows = schedule.windows.iter().map(window).collect::<Result<_, _>>()?;
    Ok(Gates { batch: batch(object)?, windows, zone })
}

/// Whether the automation makes commits of its own.
pub(super) fn per(object: &ImageUpdateAutomation) -> Result<Per, Error> {
    if let Some(per) = object.spec.git.as_ref().and_then(|git| git.commit.per) {
        return Ok(per);
    }
    match object.annotations().get(COMMIT_PER).map(String::as_str) {
        None | Some("automation") => Ok(Per::Automation),
        Some("branch") => Ok(Per::Branch),
        Some(other) => Err(Error::Annotation(COMMIT_PER, other.to_owned())),
    }
}

fn batch(object: &ImageUpdateAutomation) -> Result<Batch, Error> {
    let BatchSpec { quiet_period, max_wait } = object.spec.batch.clone().unwrap_or_default();
    let annotated = |key| object.annotations().get(key).cloned().map(Written);
    let seconds = |written: Option<Written>| {
        let length = written.map(|written| written.parse()).transpose().map_err(Error::Batch)?;
        Ok::<_, Error>(length.map(|it| i64::try_from(it.as_secs()).unwrap_or(i64::MAX)))
    };
    let quiet = seconds(quiet_period.or_else(|| annotated(QUIET_PERIOD)))?.unwrap_or(0);
    let most = seconds(max_wait.or_else(|| annotated(MAX_WAIT)))?;
    Ok(Batch { quiet, most: most.or(Some(quiet.saturating_mul(10))) })
}

fn schedule(object: &ImageUpdateAutomation) -> Result<Schedule, Error> {
    let annotated = |key| object.annotations().get(key).cloned();
    let mut schedule = match (&object.spec.schedule, annotated(SCHEDULE)) {
        (Some(schedule), _) => schedule.clone(),
        (None, None) => Schedule::default(),
        (None, Some(text)) => {
            let windows = text.split(';').map(|line| {
                let (start, length) = line.trim().rsplit_once(char::is_whitespace)?;
                Some(WindowSpec { start: start.to_owned(), duration: Written(length.to_owned()) })
            });
            let windows: Option<_> = windows.collect();
            let windows = windows.ok_or_else(|| Error::Annotation(SCHEDULE, text.clone()))?;
            Schedule { time_zone: None, windows }
        }
    };
    schedule.time_zone = schedule.time_zone.or_else(|| annotated(TIME_ZONE));
    Ok(schedule)
}

fn window(window: &WindowSpec) -> Result<Window, Error> {
    let start = Cron::parse(&window.start).map_err(Error::Cron)?;
    let length = window.duration.parse().map_err(Error::Window)?;
    if length.is_zero() || length > LONGEST {
        return Err(Error::WindowLength(window.duration.0.clone()));
    }
    Ok(Window { start, length })
}

impl Gates {
    /// When the next window opens, if none is open at `now`. The last moment that there is means
    /// that none ever opens.
    pub(super) fn closed(&self, now: Timestamp) -> Option<Timestamp> {
        let open = self.windows.is_empty() || self.windows.iter().any(|it| self.is_open(it, now));
        if open {
            return None;
        }
        let next = self.windows.iter().filter_map(|window| self.next(window, now)).min();
        Some(next.unwrap_or(Timestamp::MAX))
    }

    fn is_open(&self, window: &Window, now: Timestamp) -> bool {
        let Ok(earliest) = now.checked_sub(window.length) else { return false };
        let last = self.zone.to_datetime(now).date();
        let mut day = self.zone.to_datetime(earliest).date();
        while day <= last {
            if self.starts(window, day).any(|start| earliest < start && start <= now) {
                return true;
            }
            let Ok(next) = day.tomorrow() else { return false };
            day = next;
        }
        false
    }

    fn next(&self, window: &Window, now: Timestamp) -> Option<Timestamp> {
        let today = self.zone.to_datetime(now).date();
        (0..=AHEAD).find_map(|days| {
            let day = today.checked_add(days.days()).ok()?;
            self.starts(window, day).find(|start| *start > now)
        })
    }

    /// When the window opens on `day`. A time that daylight saving skips is the one after the gap,
    /// and of one that it repeats the first counts.
    fn starts(&self, window: &Window, day: civil::Date) -> impl Iterator<Item = Timestamp> {
        let number = |value: i8| u8::try_from(value).unwrap_or_default();
        let weekday = number(day.weekday().to_sunday_zero_offset());
        let is_on = window.start.is_on(number(day.month()), number(day.day()), weekday);
        let times = window.start.times().take_while(move |_| is_on);
        times.filter_map(move |(hour, minute)| {
            let part = |value: u8| i8::try_from(value).unwrap_or_default();
            let at = day.at(part(hour), part(minute), 0, 0);
            self.zone.to_ambiguous_timestamp(at).compatible().ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(spec: &serde_json::Value, annotations: &serde_json::Value) -> ImageUpdateAutomation {
        let mut all = json!({"interval": "1m", "sourceRef": {"name": "a"}});
        all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        serde_json::from_value(json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageUpdateAutomation",
            "metadata": {"name": "a", "annotations": annotations}, "spec": all,
        }))
        .unwrap()
    }

    fn scheduled(zone: &str, windows: &[(&str, &str)]) -> Gates {
        let windows: Vec<_> =
            windows.iter().map(|it| json!({"start": it.0, "duration": it.1})).collect();
        let spec = json!({"schedule": {"timeZone": zone, "windows": windows}});
        of(&object(&spec, &json!({}))).unwrap()
    }

    #[test]
    fn a_schedule_opens_and_closes() {
        let office: &[(&str, &str)] = &[("0 9 * * 1-5", "8h")];
        let night: &[(&str, &str)] = &[("0 22 * * *", "4h"), ("0 12 * * 0", "1h")];
        #[rustfmt::skip]
        let cases = [
            // zone              windows  now                       opens
            ("UTC",              office,  "2026-11-23T09:00:00Z",   None),
            ("UTC",              office,  "2026-11-23T16:59:59Z",   None),
            ("UTC",              office,  "2026-11-23T17:00:00Z",   Some("2026-11-24T09:00:00Z")),
            ("UTC",              office,  "2026-11-21T12:00:00Z",   Some("2026-11-23T09:00:00Z")),
            ("Europe/Berlin",    office,  "2026-11-23T08:00:00Z",   None),
            ("Europe/Berlin",    office,  "2026-07-06T06:59:59Z",   Some("2026-07-06T07:00:00Z")),
            ("UTC",              night,   "2026-11-23T01:59:59Z",   None),
            ("UTC",              night,   "2026-11-22T12:30:00Z",   None),
            ("UTC",              night,   "2026-11-23T02:00:00Z",   Some("2026-11-23T22:00:00Z")),
            // 02:30 is skipped on this day: it opens at 03:30.
            ("Europe/Berlin",    &[("30 2 * * *", "1h")], "2026-03-29T00:45:00Z", Some("2026-03-29T01:30:00Z")),
            ("UTC",              &[("0 0 29 2 *", "1h")], "2026-11-23T00:00:00Z", Some("2028-02-29T00:00:00Z")),
        ];
        for (zone, windows, now, opens) in cases {
            let closed = scheduled(zone, windows).closed(now.parse().unwrap());
            let opens: Option<Timestamp> = opens.map(|it: &str| it.parse().unwrap());
            assert_eq!(closed, opens, "{zone} {windows:?} at {now}");
        }
    }

    #[test]
    fn annotations_say_what_the_fields_of_flux_cannot() {
        let annotations = json!({
            QUIET_PERIOD: "2m", MAX_WAIT: "1h", SCHEDULE: "0 9 * * 1-5 8h; 0 12 * * 0 1h",
            TIME_ZONE: "Europe/Berlin", COMMIT_PER: "branch",
        });
        let object = object(&json!({}), &annotations);
        let gates = of(&object).unwrap();
        assert_eq!(gates.batch, Batch { quiet: 120, most: Some(3600) });
        assert_eq!(gates.closed("2026-11-22T11:30:00Z".parse().unwrap()), None);
        assert!(gates.closed("2026-11-22T12:30:00Z".parse().unwrap()).is_some());
        assert_eq!(per(&object).unwrap(), Per::Branch);
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let windows = |start: &str, duration: &str| json!({"schedule": {"windows": [{"start": start, "duration": duration}]}});
        #[rustfmt::skip]
        let cases = [
            (windows("0 9 * *", "8h"),                                      json!({}), "`spec.schedule.windows[].start` is no line of cron"),
            (windows("0 9 * * *", "800h"),                                  json!({}), "`spec.schedule.windows[].duration: 800h` is not between nothing and 31 days"),
            (json!({"schedule": {"timeZone": "Mars/Olympus", "windows": []}}), json!({}), "`spec.schedule.timeZone: Mars/Olympus` is no time zone that this machine knows"),
            (json!({}), json!({SCHEDULE: "whenever"}),                      "the annotation `signet.dev/schedule: whenever` is not understood"),
            (json!({}), json!({QUIET_PERIOD: "soon"}),                      "`spec.batch` is not valid"),
        ];
        for (spec, annotations, expected) in cases {
            let error = of(&object(&spec, &annotations)).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
