//! Writing a status, and only when it differs.

use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Map, Value, json};

use crate::reconciler::Object;

/// The merge patch that turns `old` into `new`, or nothing when they are equal.
///
/// Lists are replaced whole, and a field that is no longer there becomes `null`, as RFC 7386 says.
pub fn difference(old: &Value, new: &Value) -> Option<Value> {
    match (old, new) {
        (old, new) if old == new => None,
        (Value::Object(old), Value::Object(new)) => {
            let mut patch = Map::new();
            for (key, value) in new {
                let before = old.get(key).unwrap_or(&Value::Null);
                if let Some(change) = difference(before, value) {
                    patch.insert(key.clone(), change);
                }
            }
            for key in old.keys().filter(|key| !new.contains_key(*key)) {
                patch.insert(key.clone(), Value::Null);
            }
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        (_, new) => Some(new.clone()),
    }
}

/// What has to be written so that the status of `object` is `status`, if anything.
pub(crate) fn change(object: &impl Object, status: &Value) -> Option<Value> {
    if status.is_null() { None } else { difference(&current(object), status) }
}

/// Writes a [`change`]; answers the object as it is now.
pub(crate) async fn write<K: Object>(
    api: &Api<K>,
    object: &K,
    change: Value,
) -> Result<K, kube::Error> {
    // The uid keeps a status from landing on another object of the same name.
    let patch = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": { "uid": object.meta().uid },
        "status": change,
    });
    api.patch_status(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await
}

fn current(object: &impl Object) -> Value {
    match serde_json::to_value(object) {
        Ok(Value::Object(mut fields)) => fields.remove("status").unwrap_or(json!({})),
        _ => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_says_only_what_differs() {
        #[rustfmt::skip]
        let cases = [
            // old                        new                          patch
            (json!({}),                   json!({}),                   None),
            (json!({"a": 1}),             json!({"a": 1}),             None),
            (json!({"a": 1}),             json!({"a": 2, "b": 3}),     Some(json!({"a": 2, "b": 3}))),
            (json!({"a": 1, "b": 2}),     json!({"a": 1}),             Some(json!({"b": null}))),
            (json!({"a": {"b": 1}}),      json!({"a": {"b": 1}}),      None),
            (json!({"a": {"b": 1}}),      json!({"a": {"c": 1}}),      Some(json!({"a": {"b": null, "c": 1}}))),
            (json!({"l": [1]}),           json!({"l": [1, 2]}),        Some(json!({"l": [1, 2]}))),
        ];
        for (old, new, patch) in cases {
            assert_eq!(difference(&old, &new), patch, "{old} to {new}");
        }
    }
}
