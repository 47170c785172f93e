//! Dates that a template is given.
//!
//! There is no clock here: `now` and `ago` do not exist, and what is no time is an error where sprig
//! would take the present. The only zone is UTC; offsets in text are understood.

use golang::strconv;

use super::{Answer, text};
use crate::{
    exec::{Fault, Scope},
    function::{
        Function,
        Parameter::{Any, Text},
    },
    value::{Object, Value},
};

mod calendar;
mod duration;
mod layout;

use calendar::Moment;

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("date", &[Text, Any], |_, a| show(&a[0], &a[1], None)),
    Function::new("dateInZone", &[Text, Any, Text], |_, a| show(&a[0], &a[1], Some(&a[2]))),
    Function::new("dateModify", &[Text, Any], |_, a| modify(a, false)),
    Function::new("date_in_zone", &[Text, Any, Text], |_, a| show(&a[0], &a[1], Some(&a[2]))),
    Function::new("date_modify", &[Text, Any], |_, a| modify(a, false)),
    Function::new("duration", &[Any], |_, a| {
        let seconds = match &a[0] {
            Value::String(text) => strconv::parse_int(&text.to_str(), 10).unwrap_or(0),
            Value::Int64(seconds) => *seconds,
            _ => 0,
        };
        Ok(duration::show(i128::from(seconds) * duration::SECOND).into())
    }),
    Function::new("durationRound", &[Any], |_, a| {
        let nanoseconds = match &a[0] {
            Value::String(text) => duration::parse(&text.to_str()).unwrap_or(0),
            Value::Int64(nanoseconds) => (*nanoseconds).into(),
            _ => 0,
        };
        Ok(duration::round(nanoseconds).into())
    }),
    Function::new("htmlDate", &[Any], |_, a| show(&"2006-01-02".into(), &a[0], None)),
    Function::new("htmlDateInZone", &[Any, Text], |_, a| show(&"2006-01-02".into(), &a[0], Some(&a[1]))),
    Function::new("mustDateModify", &[Text, Any], |_, a| modify(a, true)),
    Function::new("mustToDate", &[Text, Text], |scope, a| read(scope, a)?.map(object).ok_or_else(|| "the text is not a date of this layout".into())),
    Function::new("must_date_modify", &[Text, Any], |_, a| modify(a, true)),
    Function::new("toDate", &[Text, Text], |scope, a| Ok(object(read(scope, a)?.unwrap_or(Moment::ZERO)))),
    Function::new("unixEpoch", &[Any], |_, a| match a[0] {
        Value::Object(_) => Ok(moment(&a[0])?.seconds.to_string().into()),
        _ => Err(not_a_time(&a[0])),
    }),
];

/// The time at `seconds` since 1970.
pub(crate) fn time(seconds: i64) -> Value {
    object(Moment { seconds, nanoseconds: 0, offset: 0 })
}

/// How long before `now` a time was.
pub(crate) fn ago(now: i64, value: &Value) -> Result<Value, String> {
    let then = moment(value).map_err(|_| format!("`ago` takes a time, not {}", value.type_of()))?;
    Ok(duration::show(i128::from(now) * duration::SECOND - then.nanoseconds()).into())
}

fn not_a_time(value: &Value) -> Fault {
    format!("wrong type for value; expected time.Time; got {}", value.type_of()).into()
}

/// A value as a time: one that `toDate` made, or seconds since 1970.
fn moment(value: &Value) -> Result<Moment, Fault> {
    match value {
        Value::Int(seconds) | Value::Int64(seconds) => {
            Ok(Moment { seconds: *seconds, nanoseconds: 0, offset: 0 })
        }
        Value::Object(object) if &**object.type_name() == TYPE => {
            let hidden = |name: &str| {
                let answer = object.find_method(name).and_then(|method| (method.body)(&[]).ok());
                match answer {
                    Some(Value::Int64(number)) => number,
                    _ => 0,
                }
            };
            Ok(Moment {
                seconds: hidden("Unix"),
                nanoseconds: u32::try_from(hidden("Nanoseconds")).unwrap_or(0),
                offset: 0,
            })
        }
        other => Err(not_a_time(other)),
    }
}

const TYPE: &str = "time.Time";

fn object(moment: Moment) -> Value {
    let date = moment.date();
    let fields = [
        ("Unix", Value::Int64(moment.seconds)),
        ("Nanoseconds", Value::Int64(moment.nanoseconds.into())),
        ("Year", Value::Int(date.year)),
        ("Month", layout::MONTHS[date.month - 1].into()),
        ("Day", Value::from(date.day)),
        ("Hour", Value::from(date.hour)),
        ("Minute", Value::from(date.minute)),
        ("Second", Value::from(date.second)),
        ("Weekday", layout::WEEKDAYS[date.weekday].into()),
        ("YearDay", Value::from(date.day_of_year)),
    ];
    let shown = layout::format("2006-01-02 15:04:05.999999999 -0700 MST", moment);
    let object = Object::new(TYPE).display(shown);
    let object = fields
        .into_iter()
        .fold(object, |object, (name, value)| object.method(name, 0, move |_| Ok(value.clone())));
    object
        .method("Format", 1, move |arguments| {
            let layout = arguments[0].as_text().ok_or("wrong type for value; expected string")?;
            Ok(layout::format(&layout.to_str(), moment).into())
        })
        .into()
}

fn show(layout: &Value, date: &Value, zone: Option<&Value>) -> Answer {
    let zone = zone.map(|zone| String::from_utf8_lossy(text(zone)).into_owned());
    if zone.is_some_and(|zone| !matches!(zone.as_str(), "" | "UTC" | "Local" | "GMT" | "Etc/UTC")) {
        return Err("the only time zone here is UTC".into());
    }
    let moment = Moment { offset: 0, ..moment(date)? };
    Ok(layout::format(&String::from_utf8_lossy(text(layout)), moment).into())
}

fn read(scope: &mut Scope, arguments: &[Value]) -> Result<Option<Moment>, Fault> {
    let (layout, date) = (text(&arguments[0]), text(&arguments[1]));
    scope.spend_bytes(layout.len() + date.len())?;
    Ok(layout::parse(&String::from_utf8_lossy(layout), &String::from_utf8_lossy(date)))
}

fn modify(arguments: &[Value], must: bool) -> Answer {
    let Value::Object(_) = arguments[1] else { return Err(not_a_time(&arguments[1])) };
    let moment = moment(&arguments[1])?;
    match duration::parse(&String::from_utf8_lossy(text(&arguments[0]))) {
        Some(nanoseconds) => {
            let moved = moment.plus(nanoseconds).ok_or("the time is out of range")?;
            Ok(object(moved))
        }
        None if must => Err("time: invalid duration".into()),
        None => Ok(arguments[1].clone()),
    }
}
