//! Values as numbers and strings, where sprig takes anything.

use golang::strconv;

use super::shown;
use crate::{
    exec::{Fault, Scope},
    value::Value,
};

/// Any value as `int64`; what is no number is 0.
pub(super) fn int64(value: &Value) -> i64 {
    match value {
        Value::Int(number) | Value::Int64(number) => *number,
        Value::Uint64(number) => number.cast_signed(),
        Value::Uint8(number) => (*number).into(),
        Value::Bool(truth) => (*truth).into(),
        #[expect(clippy::cast_possible_truncation, reason = "Go cuts the fraction here as well")]
        Value::Float(number) => *number as i64,
        Value::String(text) => strconv::parse_int(whole(&text.to_str()), 0).unwrap_or(0),
        Value::Nil | Value::List(_) | Value::Map(_) | Value::Object(_) => 0,
    }
}

/// Any value as `float64`; what is no number is 0.
pub(super) fn float64(value: &Value) -> f64 {
    match value {
        Value::Float(number) => *number,
        Value::String(text) => strconv::parse_float(&text.to_str()).unwrap_or(0.0),
        #[expect(clippy::cast_precision_loss, reason = "Go rounds here as well")]
        Value::Uint64(number) => *number as f64,
        #[expect(clippy::cast_precision_loss, reason = "Go rounds here as well")]
        other => int64(other) as f64,
    }
}

/// Any value as strings: the items of a list but nil, or the value itself.
pub(super) fn strings(scope: &mut Scope, value: &Value) -> Result<Vec<Vec<u8>>, Fault> {
    match value {
        Value::Nil => Ok(Vec::new()),
        Value::List(list) => {
            list.iter().filter(|item| !item.is_nil()).map(|item| shown(scope, item)).collect()
        }
        other => Ok(vec![shown(scope, other)?]),
    }
}

/// Drops a fraction that is all zeros.
fn whole(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, zeros))
            if !whole.is_empty() && !zeros.is_empty() && zeros.bytes().all(|zero| zero == b'0') =>
        {
            whole
        }
        _ => text,
    }
}
