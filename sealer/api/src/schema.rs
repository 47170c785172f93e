//! Schemas that derive cannot write.

use schemars::{Schema, SchemaGenerator, json_schema};

/// A map of strings in which a stock object may hold other things.
pub(crate) fn lenient_strings(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": { "type": "string" },
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

/// An object that is accepted as it is.
pub(crate) fn opaque(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "nullable": true,
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

/// A list of objects that are accepted as they are.
pub(crate) fn opaque_list(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "nullable": true,
        "items": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
    })
}

/// A number of seconds, or a duration such as `1h30m`.
pub(crate) fn int_or_string(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "nullable": true,
        "anyOf": [{ "type": "integer" }, { "type": "string" }],
    })
}
