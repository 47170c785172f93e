//! Go's `eq`, `lt` and their kin, and sprig's `deepEqual`.

use std::cmp::Ordering;

use crate::{
    exec::{Fault, Scope},
    value::Value,
};

/// What Go's comparisons tell apart.
enum Basic<'v> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(&'v [u8]),
}

fn basic(value: &Value) -> Option<Basic<'_>> {
    Some(match value {
        Value::Bool(value) => Basic::Bool(*value),
        Value::Int(value) | Value::Int64(value) => Basic::Int(*value),
        Value::Uint64(value) => Basic::Uint(*value),
        Value::Uint8(value) => Basic::Uint((*value).into()),
        Value::Float(value) => Basic::Float(*value),
        Value::String(text) => Basic::Text(text.as_bytes()),
        Value::Nil | Value::List(_) | Value::Map(_) | Value::Object(_) => return None,
    })
}

/// The order of two values of one kind; `None` where a NaN has none.
fn order(one: &Basic<'_>, two: &Basic<'_>) -> Result<Option<Ordering>, ()> {
    match (one, two) {
        (Basic::Bool(one), Basic::Bool(two)) => Ok(Some(one.cmp(two))),
        (Basic::Int(one), Basic::Int(two)) => Ok(Some(one.cmp(two))),
        (Basic::Uint(one), Basic::Uint(two)) => Ok(Some(one.cmp(two))),
        (Basic::Int(one), Basic::Uint(two)) => Ok(Some(i128::from(*one).cmp(&i128::from(*two)))),
        (Basic::Uint(one), Basic::Int(two)) => Ok(Some(i128::from(*one).cmp(&i128::from(*two)))),
        (Basic::Float(one), Basic::Float(two)) => Ok(one.partial_cmp(two)),
        (Basic::Text(one), Basic::Text(two)) => Ok(Some(one.cmp(two))),
        _ => Err(()),
    }
}

/// Whether `first` equals any of `others`.
pub(crate) fn equal(first: &Value, others: &[Value]) -> Result<bool, Fault> {
    if others.is_empty() {
        return Err("missing argument for comparison".into());
    }
    for other in others {
        if equal_two(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal_two(one: &Value, two: &Value) -> Result<bool, Fault> {
    match (basic(one), basic(two)) {
        (Some(left), Some(right)) => match order(&left, &right) {
            Ok(ordering) => Ok(ordering == Some(Ordering::Equal)),
            Err(()) => Err(incompatible(one, two)),
        },
        _ if one.is_nil() || two.is_nil() => Ok(one.is_nil() && two.is_nil()),
        (Some(_), None) | (None, Some(_)) => Err(incompatible(one, two)),
        (None, None) => match (one, two) {
            (Value::Object(_), Value::Object(_)) => identical(one, two),
            _ if one.type_of().kind() == two.type_of().kind() => Err(not_comparable(one)),
            _ => {
                Err(format!("non-comparable types {} and {}", one.type_of(), two.type_of()).into())
            }
        },
    }
}

/// Whether two values of one Go type are equal in all their fields.
fn identical(one: &Value, two: &Value) -> Result<bool, Fault> {
    if one.type_of() != two.type_of() {
        return Ok(false);
    }
    match (one, two) {
        (Value::Object(one), Value::Object(two)) => {
            for (one, two) in one.fields().iter().zip(two.fields()) {
                if !identical(&one.value, &two.value)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::List(_) | Value::Map(_), _) => Err(not_comparable(one)),
        _ => equal_two(one, two),
    }
}

fn incompatible(one: &Value, two: &Value) -> Fault {
    format!("incompatible types for comparison: {} and {}", one.type_of(), two.type_of()).into()
}

fn not_comparable(value: &Value) -> Fault {
    format!("non-comparable type: {}", value.type_of()).into()
}

/// Whether `one` is less than `two`; and whether they are equal.
pub(crate) fn less(one: &Value, two: &Value) -> Result<(bool, bool), Fault> {
    let (Some(left), Some(right)) = (basic(one), basic(two)) else {
        return Err("invalid type for comparison".into());
    };
    if matches!((&left, &right), (Basic::Bool(_), Basic::Bool(_))) {
        return Err("invalid type for comparison".into());
    }
    let ordering = order(&left, &right).map_err(|()| incompatible(one, two))?;
    Ok((ordering == Some(Ordering::Less), ordering == Some(Ordering::Equal)))
}

/// Go's `reflect.DeepEqual`.
pub(crate) fn deep_equal(
    scope: &mut Scope,
    one: &Value,
    two: &Value,
    depth: usize,
) -> Result<bool, Fault> {
    scope.spend(1)?;
    scope.reaches(depth)?;
    if one.type_of() != two.type_of() {
        return Ok(false);
    }
    match (one, two) {
        (Value::List(one), Value::List(two)) => {
            let mut same = one.len() == two.len();
            for (one, two) in one.iter().zip(two.iter()) {
                same = same && deep_equal(scope, one, two, depth + 1)?;
            }
            Ok(same)
        }
        (Value::Map(one), Value::Map(two)) => {
            let (one, two) = (one.entries(), two.entries());
            let mut same = one.len() == two.len();
            for ((key, one), (other, two)) in one.iter().zip(&two) {
                same = same
                    && deep_equal(scope, key, other, depth + 1)?
                    && deep_equal(scope, one, two, depth + 1)?;
            }
            Ok(same)
        }
        (Value::Object(one), Value::Object(two)) => {
            let mut same = true;
            for (one, two) in one.fields().iter().zip(two.fields()) {
                same = same && deep_equal(scope, &one.value, &two.value, depth + 1)?;
            }
            Ok(same)
        }
        (Value::Nil, Value::Nil) => Ok(true),
        _ => equal_two(one, two),
    }
}
