//! From the body of a request to an object in its stored form.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{
    failure::Failure,
    kind::{Kind, Version, rules},
    meta,
    object::{self, Object},
    render,
    route::Target,
};

/// What becomes of fields that the schema does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// They are dropped.
    Ignored,
    /// They are dropped, and the answer says so.
    Warned,
    /// The request fails.
    Refused,
}

impl Unknown {
    pub(crate) fn parse(field_validation: &str) -> Self {
        match field_validation {
            "Strict" => Self::Refused,
            "Ignore" => Self::Ignored,
            _ => Self::Warned,
        }
    }
}

/// An object in its stored form, and the warnings that its answer carries.
pub(crate) struct Decoded {
    pub object: Object,
    /// The paths of the fields that were dropped.
    pub unknown: Vec<String>,
    pub warnings: Vec<String>,
}

/// Reads JSON.
pub(crate) fn json(bytes: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(bytes)
        .map_err(|err| Failure::bad_request(format!("the body is not valid JSON: {err}")))
}

/// Checks that `value` is of the target's kind, and brings it into its stored form.
pub(crate) fn object(target: &Target, value: Value, unknown: Unknown) -> Result<Decoded, Failure> {
    let Value::Object(mut object) = value else {
        return Err(Failure::bad_request("the body is not an object"));
    };
    check_kind(target, &mut object)?;
    let (kind, version) = (&*target.kind, target.version());
    render::rename(&mut object, version.renames, |pair| pair);
    let mut dropped = meta::clean(&mut object)?;
    dropped.extend(version.schema.prune(&mut object));
    if unknown == Unknown::Refused && !dropped.is_empty() {
        let list: Vec<String> =
            dropped.iter().map(|path| format!("unknown field \"{path}\"")).collect();
        let detail = format!("strict decoding error: {}", list.join(", "));
        return Err(cannot_handle(kind, version, &detail));
    }
    if kind.traits.builtin {
        object.retain(|_, value| !value.is_null());
        check_builtin(kind, version, &mut object)?;
    }
    object::meta_mut(&mut object).remove("managedFields");
    let warned = unknown == Unknown::Warned;
    let warnings = dropped.iter().map(|path| format!("unknown field \"{path}\""));
    let warnings = warnings.filter(|_| warned).collect();
    Ok(Decoded { warnings, unknown: dropped, object })
}

/// `apiVersion` and `kind` say what the URL says, or, in a built-in kind, nothing.
fn check_kind(target: &Target, object: &mut Object) -> Result<(), Failure> {
    let mut take = |field: &str| match object.remove(field) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    let (api_version, kind) = (take("apiVersion"), take("kind"));
    let expected = target.api_version();
    if target.kind.traits.builtin && api_version.is_empty() && kind.is_empty() {
        return Ok(());
    }
    if kind.is_empty() {
        return Err(Failure::bad_request("Object 'Kind' is missing in the body"));
    }
    if api_version != expected {
        return Err(Failure::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version \
             ({expected})"
        )));
    }
    if kind != target.kind.kind {
        if !target.kind.traits.builtin {
            return Err(Failure::wrong_kind(&target.kind, &kind, object));
        }
        return Err(Failure::bad_request(format!(
            "{kind} in version \"{}\" cannot be handled as a {}: unknown conversion",
            target.version().name,
            target.kind.kind
        )));
    }
    Ok(())
}

/// A built-in kind is decoded into fields of fixed types, before anything is validated.
fn check_builtin(kind: &Kind, version: &Version, object: &mut Object) -> Result<(), Failure> {
    if let Some(cause) = version.schema.validate(object).first() {
        let detail = format!("cannot decode `{}`: it has a wrong type", cause.field);
        return Err(cannot_handle(kind, version, &detail));
    }
    let binary = match kind.kind.as_str() {
        "Secret" => {
            rules::merge_string_data(object);
            "data"
        }
        "ConfigMap" => "binaryData",
        _ => return Ok(()),
    };
    let Some(map) = object.get_mut(binary).and_then(Value::as_object_mut) else { return Ok(()) };
    for (key, value) in map.iter_mut() {
        let Some(text) = value.as_str() else { continue };
        let joined: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        // The value itself is not shown: it may be a secret that was not encoded.
        STANDARD.decode(&joined).map_err(|_| {
            cannot_handle(kind, version, &format!("`{binary}[{key}]` is not valid base64"))
        })?;
        *value = Value::from(joined);
    }
    Ok(())
}

fn cannot_handle(kind: &Kind, version: &Version, detail: &str) -> Failure {
    let (kind, version) = (&kind.kind, &version.name);
    let message =
        format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {detail}");
    Failure::bad_request(message)
}
