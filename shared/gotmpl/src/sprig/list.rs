//! Lists.

use super::{Answer, convert, int};
use crate::{
    compare,
    exec::{Fault, Scope},
    function::{
        Function,
        Parameter::{Any, Int},
    },
    value::{List, Type, Value},
};

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("append", &[Any, Any], append),
    Function::new("chunk", &[Int, Any], chunk),
    Function::new("compact", &[Any], compact),
    Function::new("concat", &[], concat).rest(Any),
    Function::new("first", &[Any], |_, a| Ok(items(&a[0], "find first on")?.first().cloned().unwrap_or_default())),
    Function::new("has", &[Any, Any], has),
    Function::new("initial", &[Any], initial),
    Function::new("last", &[Any], |_, a| Ok(items(&a[0], "find last on")?.last().cloned().unwrap_or_default())),
    Function::new("list", &[], |_, a| Ok(a.to_vec().into())).rest(Any),
    Function::new("mustAppend", &[Any, Any], append),
    Function::new("mustChunk", &[Int, Any], chunk),
    Function::new("mustCompact", &[Any], compact),
    Function::new("mustFirst", &[Any], |_, a| Ok(items(&a[0], "find first on")?.first().cloned().unwrap_or_default())),
    Function::new("mustHas", &[Any, Any], has),
    Function::new("mustInitial", &[Any], initial),
    Function::new("mustLast", &[Any], |_, a| Ok(items(&a[0], "find last on")?.last().cloned().unwrap_or_default())),
    Function::new("mustPrepend", &[Any, Any], prepend),
    Function::new("mustPush", &[Any, Any], append),
    Function::new("mustRest", &[Any], rest),
    Function::new("mustReverse", &[Any], reverse),
    Function::new("mustSlice", &[Any], |scope, a| slice(scope, &a[0], &a[1..])).rest(Any),
    Function::new("mustUniq", &[Any], unique),
    Function::new("mustWithout", &[Any], without).rest(Any),
    Function::new("prepend", &[Any, Any], prepend),
    Function::new("push", &[Any, Any], append),
    Function::new("rest", &[Any], rest),
    Function::new("reverse", &[Any], reverse),
    Function::new("sortAlpha", &[Any], |scope, a| {
        let mut strings = convert::strings(scope, &a[0])?;
        scope.spend_items(strings.len())?;
        strings.sort_unstable();
        Ok(List::strings(strings).into())
    }),
    Function::new("tuple", &[], |_, a| Ok(a.to_vec().into())).rest(Any),
    Function::new("uniq", &[Any], unique),
    Function::new("without", &[Any], without).rest(Any),
];

/// The items of an argument that must be a list.
fn items<'v>(value: &'v Value, what: &str) -> Result<&'v List, Fault> {
    value.as_list().ok_or_else(|| format!("Cannot {what} type {}", value.type_of().kind()).into())
}

/// A `[]interface {}` that was just made.
fn made(scope: &mut Scope, items: Vec<Value>) -> Answer {
    scope.spend_items(items.len())?;
    Ok(items.into())
}

fn append(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let list = items(&arguments[0], "push on")?;
    made(scope, list.iter().chain([&arguments[1]]).cloned().collect())
}

fn prepend(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let list = items(&arguments[0], "prepend on")?;
    made(scope, [&arguments[1]].into_iter().chain(list.iter()).cloned().collect())
}

fn chunk(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let list = items(&arguments[1], "chunk")?;
    let size = usize::try_from(int(&arguments[0])).ok().filter(|size| *size > 0);
    let size = size.ok_or("the size of a chunk must be positive")?;
    scope.spend_items(list.len())?;
    let chunks = list.chunks(size).map(|chunk| Value::from(chunk.to_vec())).collect();
    Ok(List::of(Type::list(Type::Any), chunks).into())
}

fn compact(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let list = items(&arguments[0], "compact on")?;
    made(scope, list.iter().filter(|item| item.is_true()).cloned().collect())
}

fn concat(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let mut all = Vec::new();
    for argument in arguments {
        let Some(list) = argument.as_list() else {
            return Err(format!("Cannot concat type {} as list", argument.type_of().kind()).into());
        };
        scope.spend_items(list.len())?;
        all.extend_from_slice(list);
    }
    Ok(all.into())
}

fn initial(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let list = items(&arguments[0], "find initial on")?;
    made(scope, list.split_last().map(|(_, initial)| initial.to_vec()).unwrap_or_default())
}

fn rest(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let list = items(&arguments[0], "find rest on")?;
    made(scope, list.split_first().map(|(_, rest)| rest.to_vec()).unwrap_or_default())
}

fn reverse(scope: &mut Scope, arguments: &[Value]) -> Answer {
    made(scope, items(&arguments[0], "find reverse on")?.iter().rev().cloned().collect())
}

fn unique(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let mut kept: Vec<Value> = Vec::new();
    for item in items(&arguments[0], "find uniq on")?.iter() {
        if !is_among(scope, item, &kept)? {
            kept.push(item.clone());
        }
    }
    Ok(kept.into())
}

fn without(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let mut kept = Vec::new();
    for item in items(&arguments[0], "find without on")?.iter() {
        if !is_among(scope, item, &arguments[1..])? {
            kept.push(item.clone());
        }
    }
    Ok(kept.into())
}

fn has(scope: &mut Scope, arguments: &[Value]) -> Answer {
    if arguments[1].is_nil() {
        return Ok(false.into());
    }
    let list = items(&arguments[1], "find has on")?;
    is_among(scope, &arguments[0], list).map(Value::Bool)
}

fn is_among(scope: &mut Scope, item: &Value, list: &[Value]) -> Result<bool, Fault> {
    for other in list {
        if compare::deep_equal(scope, item, other, 0)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// sprig's `slice`, which takes the place of Go's for lists.
pub(crate) fn slice(scope: &mut Scope, list: &Value, indexes: &[Value]) -> Answer {
    let Some(list) = list.as_list() else {
        let kind = list.type_of().kind();
        return Err(format!("list should be type of slice or array but {kind}").into());
    };
    if list.is_empty() {
        return Ok(Value::Nil);
    }
    let index = |at: usize, otherwise: usize| match indexes.get(at) {
        Some(index) => usize::try_from(convert::int64(index)).ok(),
        None => Some(otherwise),
    };
    let part = index(0, 0).zip(index(1, list.len())).and_then(|(start, end)| list.get(start..end));
    let part = part.ok_or("reflect.Value.Slice: slice index out of bounds")?;
    scope.spend_items(part.len())?;
    Ok(List::of(list.element_type().clone(), part.to_vec()).into())
}
