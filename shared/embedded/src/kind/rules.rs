//! What kube-apiserver checks and completes in built-in kinds beyond their fields.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::{
    failure::Cause,
    object::{self, Object},
};

/// The bytes of data that one Secret or ConfigMap may hold.
const MAX_DATA: usize = 1_048_576;

pub(super) fn none(_: Option<&Object>, _: &mut Object) -> Vec<Cause> {
    Vec::new()
}

pub(super) fn secret(old: Option<&Object>, new: &mut Object) -> Vec<Cause> {
    let kind = new.get("type").and_then(Value::as_str).unwrap_or("").to_owned();
    if kind.is_empty() {
        new.insert("type".to_owned(), Value::from("Opaque"));
    }
    let mut causes = Vec::new();
    drop_null_map(new, "data");
    check_keys(new, "data", &mut causes);
    check_size(new, &["data"], "data", &mut causes);
    check_type(new, &mut causes);
    if let Some(old) = old {
        if old.get("type") != new.get("type") {
            let value = new.get("type").cloned().unwrap_or_default();
            causes.push(Cause::invalid("type", &value, "field is immutable"));
        }
        check_immutable(old, new, &["data"], &mut causes);
    }
    causes
}

pub(super) fn config_map(old: Option<&Object>, new: &mut Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    for map in ["data", "binaryData"] {
        drop_null_map(new, map);
        check_keys(new, map, &mut causes);
    }
    let binary = new.get("binaryData").and_then(Value::as_object);
    for key in binary.into_iter().flat_map(Map::keys) {
        if new.get("data").and_then(|data| data.get(key)).is_some() {
            let field = format!("data[{key}]");
            let value = Value::from(key.as_str());
            causes.push(Cause::invalid(field, &value, "duplicate of key present in binaryData"));
        }
    }
    check_size(new, &["data", "binaryData"], "", &mut causes);
    if let Some(old) = old {
        check_immutable(old, new, &["data", "binaryData"], &mut causes);
    }
    causes
}

pub(super) fn namespace(_: Option<&Object>, new: &mut Object) -> Vec<Cause> {
    let name = object::name(new).to_owned();
    let labels = object::meta_mut(new).entry("labels").or_insert_with(|| json!({}));
    if let Some(labels) = labels.as_object_mut() {
        labels.insert("kubernetes.io/metadata.name".to_owned(), Value::from(name));
    }
    if new.get("spec").and_then(|spec| spec.get("finalizers")).is_none() {
        new.insert("spec".to_owned(), json!({ "finalizers": ["kubernetes"] }));
    }
    if new.get("status").and_then(|status| status.get("phase")).is_none() {
        new.insert("status".to_owned(), json!({ "phase": "Active" }));
    }
    Vec::new()
}

pub(super) fn lease(_: Option<&Object>, new: &mut Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    let Some(spec) = new.get("spec").and_then(Value::as_object) else { return causes };
    let positive = spec.get("leaseDurationSeconds").filter(|value| !value.is_null());
    if let Some(value) = positive.filter(|value| value.as_i64().is_none_or(|v| v <= 0)) {
        let field = "spec.leaseDurationSeconds";
        causes.push(Cause::invalid(field, value, "must be greater than 0"));
    }
    let transitions = spec.get("leaseTransitions").filter(|value| !value.is_null());
    if let Some(value) = transitions.filter(|value| value.as_i64().is_none_or(|v| v < 0)) {
        let field = "spec.leaseTransitions";
        causes.push(Cause::invalid(field, value, "must be greater than or equal to 0"));
    }
    causes
}

/// `stringData` is written as plain text and stored in `data`.
pub(crate) fn merge_string_data(secret: &mut Object) {
    let Some(Value::Object(texts)) = secret.remove("stringData") else { return };
    if texts.is_empty() {
        return;
    }
    let data = secret.entry("data").or_insert_with(|| json!({}));
    if !data.is_object() {
        *data = json!({});
    }
    let Some(data) = data.as_object_mut() else { return };
    for (key, text) in texts {
        let encoded = STANDARD.encode(text.as_str().unwrap_or_default());
        data.insert(key, Value::from(encoded));
    }
}

fn drop_null_map(object: &mut Object, map: &str) {
    let empty = match object.get_mut(map) {
        Some(Value::Object(entries)) => {
            for value in entries.values_mut().filter(|value| value.is_null()) {
                *value = Value::from("");
            }
            entries.is_empty()
        }
        Some(_) => true,
        None => false,
    };
    if empty {
        object.remove(map);
    }
}

fn check_keys(object: &Object, map: &str, causes: &mut Vec<Cause>) {
    let entries = object.get(map).and_then(Value::as_object);
    for key in entries.into_iter().flat_map(Map::keys) {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let fits = !key.is_empty() && key.len() <= 253 && key.chars().all(plain);
        if !fits || key == "." || key.starts_with("..") {
            let detail = "a valid config key must consist of alphanumeric characters, '-', '_' \
                          or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for \
                          validation is '[-._a-zA-Z0-9]+')";
            let value = Value::from(key.as_str());
            causes.push(Cause::invalid(format!("{map}[{key}]"), &value, detail));
        }
    }
}

fn check_size(object: &Object, maps: &[&str], field: &str, causes: &mut Vec<Cause>) {
    let entries = maps.iter().filter_map(|map| object.get(*map).and_then(Value::as_object));
    let size: usize = entries.flat_map(Map::values).filter_map(Value::as_str).map(str::len).sum();
    // Base64 is four letters for three bytes; plain text is counted too strictly by none.
    let limit = if maps.len() == 1 { MAX_DATA / 3 * 4 + 4 } else { MAX_DATA };
    if size > limit {
        causes.push(Cause {
            reason: "FieldValueTooLong",
            field: field.to_owned(),
            message: format!("Too long: may not be more than {MAX_DATA} bytes"),
        });
    }
}

/// The keys that a typed Secret must have.
fn check_type(secret: &Object, causes: &mut Vec<Cause>) {
    let kind = secret.get("type").and_then(Value::as_str).unwrap_or("");
    let data = secret.get("data").and_then(Value::as_object);
    let has = |key: &str| data.is_some_and(|data| data.contains_key(key));
    let mut require = |keys: &[&str]| {
        for key in keys.iter().filter(|key| !has(key)) {
            causes.push(Cause::required(format!("data[{key}]"), ""));
        }
    };
    match kind {
        "kubernetes.io/dockerconfigjson" => require(&[".dockerconfigjson"]),
        "kubernetes.io/dockercfg" => require(&[".dockercfg"]),
        "kubernetes.io/tls" => require(&["tls.crt", "tls.key"]),
        "kubernetes.io/ssh-auth" => require(&["ssh-privatekey"]),
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            require(&["username", "password"]);
        }
        _ => {}
    }
    let json_key = match kind {
        "kubernetes.io/dockerconfigjson" => ".dockerconfigjson",
        "kubernetes.io/dockercfg" => ".dockercfg",
        _ => return,
    };
    let encoded = data.and_then(|data| data.get(json_key)).and_then(Value::as_str);
    let decoded = encoded.and_then(|text| STANDARD.decode(text).ok());
    if decoded.is_some_and(|bytes| serde_json::from_slice::<Value>(&bytes).is_err()) {
        let hidden = Value::from("<secret contents redacted>");
        let detail = "the contents are not JSON";
        causes.push(Cause::invalid(format!("data[{json_key}]"), &hidden, detail));
    }
}

fn check_immutable(old: &Object, new: &Object, maps: &[&str], causes: &mut Vec<Cause>) {
    if old.get("immutable") != Some(&Value::Bool(true)) {
        return;
    }
    let detail = "field is immutable when `immutable` is set";
    if new.get("immutable") != Some(&Value::Bool(true)) {
        causes.push(Cause::forbidden("immutable", detail));
    }
    for map in maps.iter().filter(|map| old.get(**map) != new.get(**map)) {
        causes.push(Cause::forbidden(*map, detail));
    }
}
