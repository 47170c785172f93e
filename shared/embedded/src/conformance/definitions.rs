//! The kinds that the checks use.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

/// The definitions that a server under check must serve.
///
/// # Panics
///
/// Never: the definitions are constants, and a test reads them.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    let widget = json!({
        "metadata": { "name": "widgets.conformance.signet.dev" },
        "spec": {
            "group": "conformance.signet.dev", "scope": "Namespaced",
            "names": { "plural": "widgets", "singular": "widget", "kind": "Widget",
                "shortNames": ["wd"], "categories": ["conformance"] },
            "versions": [version("v1", true), version("v1beta1", false)],
        },
    });
    vec![serde_json::from_value(widget).expect("the definition is well-formed")]
}

fn version(name: &str, storage: bool) -> Value {
    json!({
        "name": name, "served": true, "storage": storage, "subresources": { "status": {} },
        "selectableFields": [{ "jsonPath": ".spec.color" }],
        "schema": { "openAPIV3Schema": { "type": "object", "required": ["spec"], "properties": {
            "spec": spec(),
            "status": { "type": "object", "properties": {
                "phase": { "type": "string" }, "seen": { "type": "integer" } } },
        } } },
    })
}

fn spec() -> Value {
    json!({ "type": "object", "required": ["size"], "properties": {
        "size": { "type": "integer", "minimum": 1, "maximum": 10 },
        "color": { "type": "string", "default": "red", "maxLength": 8, "minLength": 2,
            "pattern": "^[a-z]*$" },
        "code": { "type": "string", "pattern": r"^\d*$" },
        "mode": { "type": "string", "enum": ["A", "B"] },
        "tags": { "type": "array", "items": { "type": "string" }, "maxItems": 3,
            "x-kubernetes-list-type": "set" },
        "parts": { "type": "array", "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"], "items": { "type": "object",
            "required": ["name"], "properties": {
                "name": { "type": "string" }, "count": { "type": "integer", "default": 1 } } } },
        "note": { "type": "string", "nullable": true },
        "when": { "type": "string", "format": "date-time" },
        "port": { "x-kubernetes-int-or-string": true },
        "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
        "words": { "type": "object", "additionalProperties": { "type": "string" },
            "maxProperties": 2 },
        "choice": { "type": "object", "oneOf": [
            { "required": ["a"] }, { "required": ["b"] } ],
            "properties": { "a": { "type": "string" }, "b": { "type": "string" } } },
        "deep": { "type": "object", "default": {}, "properties": {
            "level": { "type": "integer", "default": 3 } } },
    } })
}
