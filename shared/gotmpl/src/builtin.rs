//! The functions that Go's templates have of themselves.

use crate::{
    compare,
    exec::{Fault, Scope},
    function::{Function, Parameter},
    print, sprig,
    value::{Text, Type, Value},
};

mod escape;

pub(crate) use escape::percent_encode;

use Parameter::{Any, Text as AText};

type Answer = Result<Value, Fault>;

/// Go's own functions; the machine itself evaluates `and` and `or`, which need not look at all of
/// their arguments.
pub(crate) const FUNCTIONS: &[Function] = &[
    Function::new("and", &[Any], |_, arguments| Ok(arguments[0].clone())).rest(Any),
    Function::new("call", &[Any], |_, _| {
        Err("functions are not values here; call them by name".into())
    })
    .rest(Any),
    Function::new("eq", &[Any], |_, arguments| {
        compare::equal(&arguments[0], &arguments[1..]).map(Value::Bool)
    })
    .rest(Any),
    Function::new("ge", &[Any, Any], |_, arguments| {
        compare::less(&arguments[0], &arguments[1]).map(|(less, _)| Value::Bool(!less))
    }),
    Function::new("gt", &[Any, Any], |_, arguments| {
        compare::less(&arguments[0], &arguments[1])
            .map(|(less, equal)| Value::Bool(!less && !equal))
    }),
    Function::new("html", &[], |scope, arguments| escape::html(&flat(scope, arguments)?, scope))
        .rest(Any),
    Function::new("index", &[Any], |_, arguments| index(&arguments[0], &arguments[1..])).rest(Any),
    Function::new("js", &[], |scope, arguments| escape::js(&flat(scope, arguments)?, scope))
        .rest(Any),
    Function::new("le", &[Any, Any], |_, arguments| {
        compare::less(&arguments[0], &arguments[1]).map(|(less, equal)| Value::Bool(less || equal))
    }),
    Function::new("len", &[Any], |_, arguments| length(&arguments[0])),
    Function::new("lt", &[Any, Any], |_, arguments| {
        compare::less(&arguments[0], &arguments[1]).map(|(less, _)| Value::Bool(less))
    }),
    Function::new("ne", &[Any, Any], |_, arguments| {
        compare::equal(&arguments[0], &arguments[1..]).map(|equal| Value::Bool(!equal))
    }),
    Function::new("not", &[Any], |_, arguments| Ok(Value::Bool(!arguments[0].is_true()))),
    Function::new("or", &[Any], |_, arguments| Ok(arguments[0].clone())).rest(Any),
    Function::new("print", &[], |scope, arguments| {
        print::sprint(scope, arguments).map(Value::from)
    })
    .rest(Any),
    Function::new("printf", &[AText], |scope, arguments| {
        let format = arguments[0].as_text().map(Text::as_bytes).unwrap_or_default();
        print::printf(scope, format, &arguments[1..]).map(Value::from)
    })
    .rest(Any),
    Function::new("println", &[], |scope, arguments| {
        print::sprintln(scope, arguments).map(Value::from)
    })
    .rest(Any),
    Function::new("slice", &[Any], |scope, arguments| slice(scope, &arguments[0], &arguments[1..]))
        .rest(Any),
    Function::new("urlquery", &[], |scope, arguments| escape::url(&flat(scope, arguments)?, scope))
        .rest(Any),
];

/// The arguments of an escaping function as one text.
fn flat(scope: &mut Scope, arguments: &[Value]) -> Result<Vec<u8>, Fault> {
    if let [Value::String(text)] = arguments {
        return Ok(text.as_bytes().to_vec());
    }
    let shown: Vec<Value> = arguments
        .iter()
        .map(
            |argument| if argument.is_nil() { Value::from("<no value>") } else { argument.clone() },
        )
        .collect();
    print::sprint(scope, &shown)
}

const OUT_OF_RANGE: &str = "reflect: slice index out of range";

fn index(item: &Value, indexes: &[Value]) -> Answer {
    if item.is_nil() {
        return Err("index of untyped nil".into());
    }
    let mut item = item.clone();
    for index in indexes {
        item = match &item {
            Value::Nil => return Err("index of nil pointer".into()),
            Value::String(text) => {
                let at = position(index, text.len())?;
                let byte = text.as_bytes().get(at).copied();
                Value::Uint8(byte.ok_or(OUT_OF_RANGE)?)
            }
            Value::List(list) => {
                let at = position(index, list.len())?;
                list.get(at).cloned().ok_or(OUT_OF_RANGE)?
            }
            Value::Map(map) => {
                let key = key(index, map.key_type())?;
                map.get(&key).unwrap_or_else(|| map.element_type().zero())
            }
            other => return Err(format!("can't index item of type {}", other.type_of()).into()),
        };
    }
    Ok(item)
}

/// An index as a key of a map that is declared to have keys of this type.
fn key(index: &Value, wanted: &Type) -> Answer {
    match (wanted, index) {
        (Type::Any, _) => Ok(index.clone()),
        (_, Value::Nil) => Err(format!("value is nil; should be of type {wanted}").into()),
        _ if index.type_of() == *wanted => Ok(index.clone()),
        (Type::Int | Type::Int64 | Type::Uint64 | Type::Uint8, _) if whole(index).is_some() => {
            let number = whole(index).unwrap_or_default();
            Ok(match wanted {
                Type::Int => Value::Int(number),
                Type::Int64 => Value::Int64(number),
                Type::Uint64 => Value::Uint64(number.cast_unsigned()),
                _ => Value::Uint8(number.to_le_bytes()[0]),
            })
        }
        _ => Err(format!("value has type {}; should be {wanted}", index.type_of()).into()),
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) | Value::Int64(number) => Some(*number),
        Value::Uint64(number) => Some(number.cast_signed()),
        Value::Uint8(number) => Some((*number).into()),
        _ => None,
    }
}

/// An index into something that is `most` long; `most` itself will do.
fn position(index: &Value, most: usize) -> Result<usize, Fault> {
    let number = match (whole(index), index) {
        (Some(number), _) => number,
        (None, Value::Nil) => return Err("cannot index slice/array with nil".into()),
        (None, _) => {
            return Err(format!("cannot index slice/array with type {}", index.type_of()).into());
        }
    };
    usize::try_from(number)
        .ok()
        .filter(|number| *number <= most)
        .ok_or_else(|| format!("index out of range: {number}").into())
}

/// Go's `slice` for strings and sprig's, which takes its place, for lists.
fn slice(scope: &mut Scope, item: &Value, indexes: &[Value]) -> Answer {
    let Value::String(text) = item else { return sprig::slice(scope, item, indexes) };
    if indexes.len() > 2 {
        return Err("cannot 3-index slice a string".into());
    }
    let mut bounds = [0, text.len()];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = position(index, text.len())?;
    }
    let part = text.as_bytes().get(bounds[0]..bounds[1]);
    let part = part.ok_or_else(|| format!("invalid slice index: {} > {}", bounds[0], bounds[1]))?;
    scope.spend_bytes(part.len())?;
    Ok(part.to_vec().into())
}

fn length(item: &Value) -> Answer {
    Ok(Value::from(match item {
        Value::Nil => return Err("len of nil pointer".into()),
        Value::String(text) => text.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        other => return Err(format!("len of type {}", other.type_of()).into()),
    }))
}
