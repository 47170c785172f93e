//! `metadata`: what is kept of a request's, what the server sets, what is valid.

use std::sync::OnceLock;

use rand::RngExt as _;
use regex::Regex;
use serde_json::{Map, Value};

use crate::{
    failure::{Cause, Failure},
    kind::Kind,
    object::{self, Object},
};

const KNOWN: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];
const OWNER_FIELDS: [&str; 6] =
    ["apiVersion", "blockOwnerDeletion", "controller", "kind", "name", "uid"];

const SUBDOMAIN: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";

/// Annotations may be this long together.
const MAX_ANNOTATIONS: usize = 256 << 10;

/// Drops unknown and empty fields, and returns the paths of the unknown. A field of a wrong type
/// is a bad request.
pub(crate) fn clean(object: &mut Object) -> Result<Vec<String>, Failure> {
    let meta = object.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    if meta.is_null() {
        *meta = Value::Object(Map::new());
    }
    let Some(meta) = meta.as_object_mut() else {
        return Err(Failure::bad_request("metadata must be an object"));
    };
    let mut unknown = Vec::new();
    meta.retain(|key, _| {
        let known = KNOWN.contains(&key.as_str());
        if !known {
            unknown.push(format!("metadata.{key}"));
        }
        known
    });
    meta.remove("selfLink");
    if let Some(owners) = meta.get_mut("ownerReferences").and_then(Value::as_array_mut) {
        for (at, owner) in owners.iter_mut().enumerate() {
            let Some(owner) = owner.as_object_mut() else { continue };
            owner.retain(|key, value| {
                let known = OWNER_FIELDS.contains(&key.as_str());
                if !known {
                    unknown.push(format!("metadata.ownerReferences[{at}].{key}"));
                }
                known && !value.is_null()
            });
        }
    }
    meta.retain(|_, value| !is_empty(value));
    for (key, value) in &*meta {
        check_type(key, value)?;
    }
    Ok(unknown)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn check_type(key: &str, value: &Value) -> Result<(), Failure> {
    let fits = match key {
        "labels" | "annotations" => {
            value.as_object().is_some_and(|map| map.values().all(Value::is_string))
        }
        "finalizers" => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
        "ownerReferences" | "managedFields" => {
            value.as_array().is_some_and(|list| list.iter().all(Value::is_object))
        }
        "generation" | "deletionGracePeriodSeconds" => value.is_i64() || value.is_u64(),
        _ => value.is_string(),
    };
    if fits {
        return Ok(());
    }
    Err(Failure::bad_request(format!("cannot decode `metadata.{key}`: it has a wrong type")))
}

/// What is wrong with the metadata of a new object.
pub(crate) fn validate(kind: &Kind, object: &Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    let name = object::name(object);
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else if let Some(detail) = name_problem(kind, name) {
        causes.push(Cause::invalid("metadata.name", &Value::from(name), detail));
    }
    validate_change(kind, object, &mut causes);
    causes
}

/// What is wrong with the metadata that an update can change.
pub(crate) fn validate_change(kind: &Kind, object: &Object, causes: &mut Vec<Cause>) {
    let meta = object::meta(object);
    let entries = |field: &str| meta.get(field).and_then(Value::as_object).into_iter().flatten();
    for (key, value) in entries("labels") {
        check_qualified(key, "metadata.labels", causes);
        let text = value.as_str().unwrap_or_default();
        if text.len() > 63 || !matches(LABEL_VALUE, text) {
            let detail = format!(
                "a valid label must be an empty string or consist of alphanumeric characters, \
                 '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
                 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
                 '{LABEL_VALUE}')"
            );
            causes.push(Cause::invalid("metadata.labels", value, detail));
        }
    }
    let mut size = 0;
    for (key, value) in entries("annotations") {
        check_qualified(&key.to_lowercase(), "metadata.annotations", causes);
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > MAX_ANNOTATIONS {
        causes.push(Cause {
            reason: "FieldValueTooLong",
            field: "metadata.annotations".to_owned(),
            message: format!("Too long: may not be more than {MAX_ANNOTATIONS} bytes"),
        });
    }
    for (at, finalizer) in object::strings(object, "finalizers").into_iter().enumerate() {
        let field = format!("metadata.finalizers[{at}]");
        check_qualified(finalizer, &field, causes);
        let standard = ["orphan", "foregroundDeletion", "kubernetes"].contains(&finalizer);
        if kind.traits.builtin && !standard && !finalizer.contains('/') {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            causes.push(Cause::invalid(field, &Value::from(finalizer), detail));
        }
    }
    check_owners(object::owners(object), causes);
}

fn check_owners(owners: &[Value], causes: &mut Vec<Cause>) {
    for owner in owners {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner[field].as_str().unwrap_or("").is_empty() {
                let path = format!("metadata.ownerReferences.{field}");
                causes.push(Cause::invalid(path, &Value::from(""), "must not be empty"));
            }
        }
    }
    let controllers = owners.iter().filter(|owner| owner["controller"] == Value::Bool(true));
    if controllers.count() > 1 {
        let detail = "Only one reference can have Controller set to true";
        let field = "metadata.ownerReferences";
        causes.push(Cause::invalid(field, &Value::Array(Vec::new()), detail));
    }
}

/// What is wrong with a name, if anything.
fn name_problem(kind: &Kind, name: &str) -> Option<String> {
    if kind.is_namespace() {
        let fits = name.len() <= 63 && matches(LABEL, name);
        return (!fits).then(|| {
            format!(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \
                 '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
                 '123-abc', regex used for validation is '{LABEL}')"
            )
        });
    }
    let fits = name.len() <= 253 && matches(SUBDOMAIN, name);
    (!fits).then(|| {
        format!(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
             '-' or '.', and must start and end with an alphanumeric character (e.g. \
             'example.com', regex used for validation is '{SUBDOMAIN}')"
        )
    })
}

fn check_qualified(key: &str, field: &str, causes: &mut Vec<Cause>) {
    let (prefix, name) = key.rsplit_once('/').unwrap_or(("", key));
    let prefix_fits = prefix.is_empty() && !key.starts_with('/')
        || prefix.len() <= 253 && matches(SUBDOMAIN, prefix);
    if !prefix_fits || name.len() > 63 || !matches(QUALIFIED, name) {
        let detail = format!(
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start \
             and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or \
             '123-abc', regex used for validation is '{QUALIFIED}')"
        );
        causes.push(Cause::invalid(field, &Value::from(key), detail));
    }
}

/// Whether the whole of `text` is matched by one of this module's patterns.
fn matches(pattern: &'static str, text: &str) -> bool {
    static COMPILED: [OnceLock<Regex>; 4] = [const { OnceLock::new() }; 4];
    let at = match pattern {
        SUBDOMAIN => 0,
        LABEL => 1,
        QUALIFIED => 2,
        _ => 3,
    };
    let compile = || Regex::new(&format!("^(?:{pattern})$")).expect("the patterns are constants");
    COMPILED[at].get_or_init(compile).is_match(text)
}

/// A random version-4 UUID.
pub(crate) fn uid() -> String {
    let mut bytes: [u8; 16] = rand::random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A name that begins with `base` and was most likely never used.
pub(crate) fn generate_name(base: &str) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let base: String = base.chars().take(58).collect();
    let mut rng = rand::rng();
    let letter = || char::from(LETTERS[rng.random_range(0..LETTERS.len())]);
    base + &std::iter::repeat_with(letter).take(5).collect::<String>()
}
