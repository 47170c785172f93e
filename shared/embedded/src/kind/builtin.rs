//! The kinds that every server has.

use serde_json::{Value, json};

use super::{Kind, Rule, Traits, Version, rules};
use crate::schema::Schema;

/// What the two kinds of Event call the same field: (events.k8s.io, core).
const EVENT_FIELDS: &[(&str, &str)] = &[
    ("note", "message"),
    ("regarding", "involvedObject"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

/// All of them; the kind whose storage a shared prefix belongs to comes first.
pub(crate) fn kinds() -> Vec<Kind> {
    vec![
        secret(),
        config_map(),
        namespace(),
        service_account(),
        event(),
        events_event(),
        lease(),
        custom_resource_definition(),
    ]
}

const PLAIN: Traits = Traits {
    builtin: true,
    generation: false,
    create_on_update: false,
    unconditional_update: true,
    writable: true,
};

struct Named {
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static str,
}

fn kind(named: &Named, traits: Traits, rule: Rule, schema: &Value) -> Kind {
    let version = Version {
        name: "v1".to_owned(),
        schema: Schema::deserialize_own(schema),
        status: false,
        selectable: Vec::new(),
        renames: &[],
        deprecation: None,
    };
    Kind {
        group: named.group.to_owned(),
        kind: named.kind.to_owned(),
        plural: named.plural.to_owned(),
        singular: named.kind.to_lowercase(),
        short_names: vec![named.short.to_owned()],
        categories: Vec::new(),
        namespaced: true,
        stored: format!("{}.{}/", named.plural, named.group),
        versions: vec![version],
        traits,
        rule,
    }
}

fn secret() -> Kind {
    let named = Named { group: "", kind: "Secret", plural: "secrets", short: "" };
    let schema = json!({ "properties": {
        "type": { "type": "string" }, "immutable": { "type": "boolean", "nullable": true },
        "data": { "type": "object", "nullable": true,
            "additionalProperties": { "type": "string", "format": "byte", "nullable": true } },
        "stringData": { "type": "object", "nullable": true,
            "additionalProperties": { "type": "string" } },
    }});
    let mut kind = kind(&named, PLAIN, rules::secret, &schema);
    kind.short_names.clear();
    kind.versions[0].selectable = vec!["type".to_owned()];
    kind
}

fn config_map() -> Kind {
    let named = Named { group: "", kind: "ConfigMap", plural: "configmaps", short: "cm" };
    let schema = json!({ "properties": {
        "immutable": { "type": "boolean", "nullable": true },
        "data": { "type": "object", "nullable": true,
            "additionalProperties": { "type": "string" } },
        "binaryData": { "type": "object", "nullable": true,
            "additionalProperties": { "type": "string", "format": "byte" } },
    }});
    kind(&named, PLAIN, rules::config_map, &schema)
}

fn namespace() -> Kind {
    let named = Named { group: "", kind: "Namespace", plural: "namespaces", short: "ns" };
    let schema = json!({ "properties": {
        "spec": { "type": "object", "nullable": true, "properties": {
            "finalizers": { "type": "array", "items": { "type": "string" } } } },
        "status": { "type": "object", "nullable": true, "properties": {
            "phase": { "type": "string" },
            "conditions": { "type": "array", "items": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true } } } },
    }});
    let mut kind = kind(&named, PLAIN, rules::namespace, &schema);
    kind.namespaced = false;
    kind.versions[0].status = true;
    kind.versions[0].selectable = vec!["status.phase".to_owned()];
    kind
}

fn service_account() -> Kind {
    let named = Named { group: "", kind: "ServiceAccount", plural: "serviceaccounts", short: "sa" };
    let named_list = json!({ "type": "array", "nullable": true, "items": {
        "type": "object", "x-kubernetes-preserve-unknown-fields": true },
        "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] });
    let schema = json!({ "properties": {
        "automountServiceAccountToken": { "type": "boolean", "nullable": true },
        "secrets": named_list, "imagePullSecrets": named_list,
    }});
    let traits = Traits { unconditional_update: false, ..PLAIN };
    kind(&named, traits, rules::none, &schema)
}

fn event_schema() -> Value {
    let loose = json!({ "type": "object", "nullable": true,
        "x-kubernetes-preserve-unknown-fields": true });
    let text = json!({ "type": "string" });
    let time = json!({ "type": "string", "nullable": true });
    json!({ "properties": {
        "involvedObject": loose, "related": loose, "source": loose, "series": loose,
        "reason": text, "message": text, "type": text, "action": text,
        "reportingComponent": text, "reportingInstance": text,
        "firstTimestamp": time, "lastTimestamp": time, "eventTime": time,
        "count": { "type": "integer" },
    }})
}

/// The fields that events are selected by, as storage calls them.
const EVENT_SELECTORS: [&str; 10] = [
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "type",
    "reportingComponent",
];

fn event() -> Kind {
    let named = Named { group: "", kind: "Event", plural: "events", short: "ev" };
    let traits = Traits { create_on_update: true, ..PLAIN };
    let mut kind = kind(&named, traits, rules::none, &event_schema());
    kind.versions[0].selectable = EVENT_SELECTORS.map(str::to_owned).to_vec();
    kind
}

/// The newer spelling of the same objects.
fn events_event() -> Kind {
    let named = Named { group: "events.k8s.io", kind: "Event", plural: "events", short: "ev" };
    let traits = Traits { create_on_update: true, ..PLAIN };
    let mut kind = kind(&named, traits, rules::none, &event_schema());
    kind.stored = event().stored;
    kind.versions[0].renames = EVENT_FIELDS;
    let here = |path: &str| {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        let name = EVENT_FIELDS.iter().find(|(_, core)| *core == first);
        let first = name.map_or(first, |(here, _)| here);
        if rest.is_empty() { first.to_owned() } else { format!("{first}.{rest}") }
    };
    kind.versions[0].selectable = EVENT_SELECTORS.map(here).to_vec();
    kind
}

fn lease() -> Kind {
    let named = Named { group: "coordination.k8s.io", kind: "Lease", plural: "leases", short: "" };
    let text = json!({ "type": "string", "nullable": true });
    let number = json!({ "type": "integer", "nullable": true });
    let schema = json!({ "properties": { "spec": { "type": "object", "nullable": true,
        "properties": {
            "holderIdentity": text, "preferredHolder": text, "strategy": text,
            "acquireTime": text, "renewTime": text,
            "leaseDurationSeconds": number, "leaseTransitions": number,
        } } } });
    let traits = Traits { create_on_update: true, unconditional_update: false, ..PLAIN };
    let mut kind = kind(&named, traits, rules::lease, &schema);
    kind.short_names.clear();
    kind
}

fn custom_resource_definition() -> Kind {
    let named = Named {
        group: "apiextensions.k8s.io",
        kind: "CustomResourceDefinition",
        plural: "customresourcedefinitions",
        short: "crd",
    };
    let schema = json!({ "x-kubernetes-preserve-unknown-fields": true });
    let traits = Traits { generation: true, writable: false, ..PLAIN };
    let mut kind = kind(&named, traits, rules::none, &schema);
    kind.namespaced = false;
    kind.versions[0].status = true;
    kind
}
