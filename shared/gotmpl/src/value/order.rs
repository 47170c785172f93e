//! The order in which Go's templates and `fmt` visit the keys of a map.

use std::cmp::Ordering;

use super::Value;

/// A map key.
#[derive(Clone)]
pub(super) struct Key(pub(super) Value);

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

/// Total: numbers by value, NaN first, strings by byte, structs field by field, nil before all.
/// Go orders keys of different types by an address; here it is by type name.
fn compare(one: &Value, two: &Value) -> Ordering {
    match (one, two) {
        (Value::Nil, Value::Nil) => Ordering::Equal,
        (Value::Nil, _) => Ordering::Less,
        (_, Value::Nil) => Ordering::Greater,
        (Value::Bool(one), Value::Bool(two)) => one.cmp(two),
        (Value::Int(one), Value::Int(two)) | (Value::Int64(one), Value::Int64(two)) => one.cmp(two),
        (Value::Uint64(one), Value::Uint64(two)) => one.cmp(two),
        (Value::Uint8(one), Value::Uint8(two)) => one.cmp(two),
        (Value::Float(one), Value::Float(two)) => float(*one, *two),
        (Value::String(one), Value::String(two)) => one.cmp(two),
        (Value::Object(one), Value::Object(two)) if one.type_name() == two.type_name() => sequence(
            one.fields().iter().map(|field| &field.value),
            two.fields().iter().map(|field| &field.value),
        ),
        // Go has no such keys; an order is needed all the same.
        (Value::List(one), Value::List(two)) => sequence(one.iter(), two.iter()),
        _ => one.type_of().to_string().cmp(&two.type_of().to_string()),
    }
}

fn float(one: f64, two: f64) -> Ordering {
    one.partial_cmp(&two).unwrap_or_else(|| two.is_nan().cmp(&one.is_nan()))
}

fn sequence<'v>(
    one: impl Iterator<Item = &'v Value>,
    two: impl Iterator<Item = &'v Value>,
) -> Ordering {
    let (mut one, mut two) = (one, two);
    loop {
        match (one.next(), two.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(first), Some(second)) => match compare(first, second) {
                Ordering::Equal => {}
                unequal => return unequal,
            },
        }
    }
}
