//! Strategic merge patches of built-in kinds.
//!
//! Only the lists that the served built-in kinds have are known: finalizers are a set, owner
//! references are told apart by uid, and the Secrets of a service account by name. Every other
//! list is replaced.

use serde_json::{Map, Value};

/// Merges `patch` into `whole`.
pub(super) fn merge(whole: &mut Value, patch: &Value) -> Result<(), String> {
    let (Some(whole), Some(patch)) = (whole.as_object_mut(), patch.as_object()) else {
        return Err("the patch is not an object".to_owned());
    };
    merge_maps(whole, patch)
}

/// How the items of a list are told apart.
enum Identity {
    /// By themselves.
    Value,
    /// By a field.
    Field(&'static str),
}

fn identity(list: &str) -> Option<Identity> {
    match list {
        "finalizers" => Some(Identity::Value),
        "ownerReferences" => Some(Identity::Field("uid")),
        "secrets" | "imagePullSecrets" => Some(Identity::Field("name")),
        _ => None,
    }
}

fn merge_maps(whole: &mut Map<String, Value>, patch: &Map<String, Value>) -> Result<(), String> {
    match patch.get("$patch").and_then(Value::as_str) {
        None | Some("merge") => {}
        Some("replace") => {
            whole.clone_from(patch);
            whole.remove("$patch");
            return Ok(());
        }
        Some("delete") => {
            whole.clear();
            return Ok(());
        }
        Some(other) => return Err(format!("unknown patch directive `{other}`")),
    }
    for (key, value) in patch {
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            let gone = value.as_array().ok_or_else(|| format!("`{key}` is not a list"))?;
            if let Some(items) = whole.get_mut(list).and_then(Value::as_array_mut) {
                items.retain(|item| !gone.contains(item));
            }
            continue;
        }
        if key.starts_with('$') {
            // `$setElementOrder` and `$retainKeys` order and trim what is merged below.
            continue;
        }
        match (whole.get_mut(key), value) {
            (_, Value::Null) => {
                whole.remove(key);
            }
            (Some(Value::Object(old)), Value::Object(new)) => merge_maps(old, new)?,
            (Some(Value::Array(old)), Value::Array(new)) if identity(key).is_some() => {
                merge_lists(key, old, new)?;
            }
            (_, Value::Object(new)) => {
                let mut fresh = Map::new();
                merge_maps(&mut fresh, new)?;
                whole.insert(key.clone(), Value::Object(fresh));
            }
            (_, value) => {
                whole.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(())
}

fn merge_lists(list: &str, old: &mut Vec<Value>, new: &[Value]) -> Result<(), String> {
    let replaces = |item: &Value| item["$patch"] == "replace";
    if new.iter().any(replaces) {
        *old = new.iter().filter(|item| !replaces(item)).cloned().collect();
        return Ok(());
    }
    for item in new {
        let same = |other: &Value| match identity(list) {
            Some(Identity::Field(field)) => other[field] == item[field],
            _ => other == item,
        };
        let place = old.iter().position(same);
        if item["$patch"] == "delete" {
            old.retain(|other| !same(other));
            continue;
        }
        match (place.map(|at| &mut old[at]), item) {
            (Some(Value::Object(there)), Value::Object(item)) => merge_maps(there, item)?,
            (Some(_), _) => {}
            (None, item) => old.push(item.clone()),
        }
    }
    Ok(())
}
