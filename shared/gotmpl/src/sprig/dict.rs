//! Dictionaries.

use super::{Answer, shown, text};
use crate::{
    exec::{Fault, Scope},
    function::{
        Function,
        Parameter::{Any, Dict, Text},
    },
    value::{List, Map, Value},
};

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("deepCopy", &[Any], |scope, a| copy(scope, &a[0], 0)),
    Function::new("dict", &[], dict).rest(Any),
    Function::new("dig", &[], dig).rest(Any),
    Function::new("get", &[Dict, Text], |_, a| Ok(read(&a[0], &a[1]).unwrap_or_else(|| "".into()))),
    Function::new("hasKey", &[Dict, Text], |_, a| Ok(read(&a[0], &a[1]).is_some().into())),
    Function::new("keys", &[], keys).rest(Dict),
    Function::new("merge", &[Dict], |scope, a| merge(scope, a, false)).rest(Dict),
    Function::new("mergeOverwrite", &[Dict], |scope, a| merge(scope, a, true)).rest(Dict),
    Function::new("mustDeepCopy", &[Any], |scope, a| copy(scope, &a[0], 0)),
    Function::new("mustMerge", &[Dict], |scope, a| merge(scope, a, false)).rest(Dict),
    Function::new("mustMergeOverwrite", &[Dict], |scope, a| merge(scope, a, true)).rest(Dict),
    Function::new("omit", &[Dict], |scope, a| pick(scope, a, false)).rest(Text),
    Function::new("pick", &[Dict], |scope, a| pick(scope, a, true)).rest(Text),
    Function::new("pluck", &[Text], pluck).rest(Dict),
    Function::new("set", &[Dict, Text, Any], |scope, a| set(scope, &a[0], &a[1], &a[2])),
    Function::new("unset", &[Dict, Text], |_, a| {
        if a[0].as_map().is_some_and(|map| !map.remove(&a[1])) {
            return Err(READ_ONLY.into());
        }
        Ok(a[0].clone())
    }),
    Function::new("values", &[Dict], |scope, a| {
        let values: Vec<_> = entries(&a[0]).into_iter().map(|(_, value)| value).collect();
        scope.spend_items(values.len())?;
        Ok(values.into())
    }),
];

const READ_ONLY: &str = "the data of a template cannot be changed; change a `deepCopy` of it";

fn entries(map: &Value) -> Vec<(Value, Value)> {
    map.as_map().map(Map::entries).unwrap_or_default()
}

fn read(map: &Value, key: &Value) -> Option<Value> {
    map.as_map().and_then(|map| map.get(key))
}

fn dict(scope: &mut Scope, arguments: &[Value]) -> Answer {
    let map = Map::open();
    for pair in arguments.chunks(2) {
        let key = shown(scope, &pair[0])?;
        map.insert(key.into(), pair.get(1).cloned().unwrap_or_else(|| "".into()));
    }
    Ok(map.into())
}

fn set(scope: &mut Scope, map: &Value, key: &Value, value: &Value) -> Answer {
    let Some(target) = map.as_map() else { return Err("assignment to entry in nil map".into()) };
    if contains(scope, value, target)? {
        return Err("a dictionary cannot hold itself".into());
    }
    if !target.insert(key.clone(), value.clone()) {
        return Err(READ_ONLY.into());
    }
    Ok(map.clone())
}

/// Whether `map` is anywhere inside `value`.
fn contains(scope: &mut Scope, value: &Value, map: &Map) -> Result<bool, Fault> {
    let mut left = vec![value.clone()];
    while let Some(value) = left.pop() {
        scope.spend(1)?;
        match value {
            Value::Map(inner) if inner.is(map) => return Ok(true),
            Value::Map(inner) => left.extend(inner.entries().into_iter().map(|(_, value)| value)),
            Value::List(list) => left.extend(list.iter().cloned()),
            _ => {}
        }
    }
    Ok(false)
}

fn keys(scope: &mut Scope, maps: &[Value]) -> Answer {
    let mut all = Vec::new();
    for map in maps {
        let keys = map.as_map().map(Map::keys).unwrap_or_default();
        scope.spend_items(keys.len())?;
        all.extend(keys);
    }
    Ok(List::strings(all).into())
}

fn pick(scope: &mut Scope, arguments: &[Value], wanted: bool) -> Answer {
    let picked = Map::open();
    let names: std::collections::BTreeSet<&[u8]> = arguments[1..].iter().map(text).collect();
    for (key, value) in entries(&arguments[0]) {
        scope.spend(1)?;
        if names.contains(text(&key)) == wanted {
            picked.insert(key, value);
        }
    }
    Ok(picked.into())
}

fn pluck(scope: &mut Scope, arguments: &[Value]) -> Answer {
    scope.spend_items(arguments.len())?;
    Ok(arguments[1..].iter().filter_map(|map| read(map, &arguments[0])).collect::<Vec<_>>().into())
}

const TOO_FEW: &str = "dig needs at least three arguments";

fn dig(_: &mut Scope, arguments: &[Value]) -> Answer {
    let [path @ .., otherwise, map] = arguments else { return Err(TOO_FEW.into()) };
    if path.is_empty() {
        return Err(TOO_FEW.into());
    }
    let mut at = map.clone();
    for key in path {
        let Some(map) = at.as_map() else {
            return Err(format!("dig cannot look into type {}", at.type_of()).into());
        };
        if key.as_text().is_none() {
            return Err(format!("dig takes keys of type string, not {}", key.type_of()).into());
        }
        match map.get(key) {
            Some(value) => at = value,
            None => return Ok(otherwise.clone()),
        }
    }
    Ok(at)
}

fn merge(scope: &mut Scope, arguments: &[Value], overwrites: bool) -> Answer {
    let (target, sources) = (&arguments[0], &arguments[1..]);
    for source in sources {
        let Some(map) = target.as_map() else { return Err("cannot merge into nil".into()) };
        merge_into(scope, map, source, overwrites, 0)?;
    }
    Ok(target.clone())
}

/// Empty values give way, and with `overwrites` all values.
fn merge_into(
    scope: &mut Scope,
    target: &Map,
    source: &Value,
    overwrites: bool,
    depth: usize,
) -> Result<(), Fault> {
    scope.reaches(depth)?;
    for (key, value) in entries(source) {
        scope.spend(1)?;
        match (target.get(&key), &value) {
            (Some(Value::Map(inner)), Value::Map(_)) if !inner.is_empty() => {
                let inner = writable(scope, target, &key, inner)?;
                merge_into(scope, &inner, &value, overwrites, depth + 1)?;
            }
            (Some(held), _) if held.is_true() && !overwrites => {}
            _ => {
                set(scope, &target.clone().into(), &key, &value)?;
            }
        }
    }
    Ok(())
}

/// A map inside `target` that can be changed; the caller's maps are copied first.
fn writable(scope: &mut Scope, target: &Map, key: &Value, inner: Map) -> Result<Map, Fault> {
    if inner.is_open() {
        return Ok(inner);
    }
    match copy(scope, &inner.into(), 0)? {
        Value::Map(copied) if target.insert(key.clone(), copied.clone().into()) => Ok(copied),
        _ => Err(READ_ONLY.into()),
    }
}

fn copy(scope: &mut Scope, value: &Value, depth: usize) -> Answer {
    scope.spend(1)?;
    scope.reaches(depth)?;
    match value {
        Value::List(list) => {
            let items: Result<Vec<_>, _> =
                list.iter().map(|item| copy(scope, item, depth + 1)).collect();
            Ok(List::of(list.element_type().clone(), items?).into())
        }
        Value::Map(map) => {
            let copied = Map::open_of(map.key_type().clone(), map.element_type().clone());
            for (key, value) in map.entries() {
                copied.insert(key, copy(scope, &value, depth + 1)?);
            }
            Ok(copied.into())
        }
        other => Ok(other.clone()),
    }
}
