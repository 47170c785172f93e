//! Integer arithmetic and sequences.

use golang::strconv;

use super::{Answer, convert::int64, int};
use crate::{
    exec::{Fault, Scope},
    function::{
        Function,
        Parameter::{Any, Int, Text},
    },
    value::{List, Type, Value},
};

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("add", &[], |_, a| Ok(fold(0, a, i64::wrapping_add))).rest(Any),
    Function::new("add1", &[Any], |_, a| Ok(fold(1, a, i64::wrapping_add))),
    Function::new("atoi", &[Text], |_, a| {
        Ok(Value::Int(strconv::parse_int(&String::from_utf8_lossy(super::text(&a[0])), 10).unwrap_or(0)))
    }),
    Function::new("biggest", &[Any], |_, a| Ok(fold(i64::MIN, a, i64::max))).rest(Any),
    Function::new("div", &[Any, Any], |_, a| divide(a, i64::wrapping_div)),
    Function::new("int", &[Any], |_, a| Ok(Value::Int(int64(&a[0])))),
    Function::new("int64", &[Any], |_, a| Ok(Value::Int64(int64(&a[0])))),
    Function::new("max", &[Any], |_, a| Ok(fold(i64::MIN, a, i64::max))).rest(Any),
    Function::new("min", &[Any], |_, a| Ok(fold(i64::MAX, a, i64::min))).rest(Any),
    Function::new("mod", &[Any, Any], |_, a| divide(a, i64::wrapping_rem)),
    Function::new("mul", &[Any], |_, a| Ok(fold(1, a, i64::wrapping_mul))).rest(Any),
    Function::new("seq", &[], sequence).rest(Int),
    Function::new("sub", &[Any, Any], |_, a| Ok(Value::Int64(int64(&a[0]).wrapping_sub(int64(&a[1]))))),
    Function::new("toDecimal", &[Any], |scope, a| {
        let shown = super::shown(scope, &a[0])?;
        Ok(Value::Int64(strconv::parse_int(&String::from_utf8_lossy(&shown), 8).unwrap_or(0)))
    }),
    Function::new("until", &[Int], |scope, a| {
        let stop = int(&a[0]);
        steps(scope, 0, stop, if stop < 0 { -1 } else { 1 }).map(list)
    }),
    Function::new("untilStep", &[Int, Int, Int], |scope, a| steps(scope, int(&a[0]), int(&a[1]), int(&a[2])).map(list)),
];

fn fold(start: i64, arguments: &[Value], combine: fn(i64, i64) -> i64) -> Value {
    Value::Int64(arguments.iter().map(int64).fold(start, combine))
}

fn divide(arguments: &[Value], divide: fn(i64, i64) -> i64) -> Answer {
    match int64(&arguments[1]) {
        0 => Err("runtime error: integer divide by zero".into()),
        divisor => Ok(Value::Int64(divide(int64(&arguments[0]), divisor))),
    }
}

/// The numbers from `start` to before `end`.
fn steps(scope: &mut Scope, start: i64, end: i64, step: i64) -> Result<Vec<i64>, Fault> {
    let ahead = if end < start { step < 0 } else { step > 0 };
    let mut numbers = Vec::new();
    let mut next = start;
    while ahead && (if step < 0 { next > end } else { next < end }) {
        scope.spend(1)?;
        numbers.push(next);
        let Some(further) = next.checked_add(step) else { break };
        next = further;
    }
    Ok(numbers)
}

fn list(numbers: Vec<i64>) -> Value {
    List::of(Type::Int, numbers.into_iter().map(Value::Int).collect()).into()
}

fn sequence(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let numbers: Vec<i64> = arguments.iter().map(int).collect();
    let toward = |start: i64, end: i64| if end < start { -1 } else { 1 };
    let (start, step, end) = match numbers[..] {
        [end] => (1, toward(1, end), end),
        [start, end] => (start, toward(start, end), end),
        [start, step, end] if end < start && step > 0 => (start, 0, end),
        [start, step, end] => (start, step, end),
        _ => return Ok("".into()),
    };
    let numbers = steps(scope, start, end.saturating_add(toward(start, end)), step)?;
    let shown: Vec<String> = numbers.iter().map(i64::to_string).collect();
    super::made(scope, shown.join(" ").into())
}
