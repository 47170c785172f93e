//! Structural schemas: defaults, pruning, validation.

use serde_json::{Value, json};

use super::{Outcome, Probe, same, says, widget};

pub(super) async fn defaults_are_filled_in(probe: Probe) -> Outcome {
    let spec = json!({ "size": 1, "parts": [{ "name": "p" }], "color": null });
    let made = probe.widget("a", spec).await?;
    let expected = json!({ "size": 1, "color": "red", "deep": { "level": 3 },
        "parts": [{ "name": "p", "count": 1 }] });
    same("spec", &made["spec"], &expected)
}

pub(super) async fn unknown_fields_are_pruned(probe: Probe) -> Outcome {
    let spec = json!({ "size": 1, "bogus": 1, "parts": [{ "name": "p", "bogus": {} }],
        "deep": { "bogus": [] } });
    let mut body = widget("a", spec);
    body["bogus"] = json!(true);
    body["metadata"]["bogus"] = json!(true);
    let made = probe.post(&probe.widgets(), &body).await?.is(201)?;
    let expected = json!({ "size": 1, "color": "red", "deep": { "level": 3 },
        "parts": [{ "name": "p", "count": 1 }] });
    same("spec", &made["spec"], &expected)?;
    same("top level", &made["bogus"], &Value::Null)?;
    same("metadata", &made["metadata"]["bogus"], &Value::Null)
}

pub(super) async fn strict_requests_name_unknown_fields(probe: Probe) -> Outcome {
    let path = format!("{}?fieldValidation=Strict", probe.widgets());
    let body = widget("a", json!({ "size": 1, "bogus": 1, "parts": [{ "name": "p", "more": 1 }] }));
    let message = probe.post(&path, &body).await?.fails(400, "BadRequest")?;
    let expected = "Widget in version \"v1\" cannot be handled as a Widget: strict decoding \
                    error: unknown field \"spec.bogus\", unknown field \"spec.parts[0].more\"";
    same("message", &json!(message), &json!(expected))
}

pub(super) async fn warnings_name_unknown_fields(probe: Probe) -> Outcome {
    let body = widget("a", json!({ "size": 1, "bogus": 1 }));
    let reply = probe.post(&probe.widgets(), &body).await?;
    let warnings = reply.warnings.clone();
    reply.is(201)?;
    says(&warnings.join(" "), "unknown field \\\"spec.bogus\\\"")
}

pub(super) async fn what_is_kept_unknown_is_kept(probe: Probe) -> Outcome {
    let free = json!({ "any": [{ "thing": { "a": 1.5 } }], "nothing": null });
    let made = probe.widget("a", json!({ "size": 1, "free": free })).await?;
    same("free", &made["spec"]["free"], &free)?;
    let made = probe.widget("b", json!({ "size": 1, "words": { "x y": "z" } })).await?;
    same("words", &made["spec"]["words"], &json!({ "x y": "z" }))
}

pub(super) async fn wrong_values_name_their_fields(probe: Probe) -> Outcome {
    #[rustfmt::skip]
    let cases = [
        (json!({}), "spec.size: Required value"),
        (json!({ "size": 11 }), "spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10"),
        (json!({ "size": 0 }), "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"),
        (json!({ "size": "x" }), "spec.size: Invalid value: \"string\": spec.size in body must be of type integer: \"string\""),
        (json!({ "size": 1, "mode": "C" }), "spec.mode: Unsupported value: \"C\": supported values: \"A\", \"B\""),
        (json!({ "size": 1, "color": "UP" }), "spec.color: Invalid value: \"UP\": spec.color in body should match '^[a-z]*$'"),
        (json!({ "size": 1, "code": "١٢" }), "spec.code: Invalid value: \"١٢\": spec.code in body should match '^\\d*$'"),
        (json!({ "size": 1, "color": "x" }), "spec.color: Invalid value: \"x\": spec.color in body should be at least 2 chars long"),
        (json!({ "size": 1, "color": "verymuchtoolong" }), "spec.color: Too long: may not be more than 8 bytes"),
        (json!({ "size": 1, "tags": ["a", "b", "c", "d"] }), "spec.tags: Too many: 4: must have at most 3 items"),
        (json!({ "size": 1, "words": { "a": 1 } }), "spec.words.a: Invalid value: \"integer\": spec.words.a in body must be of type string: \"integer\""),
        (json!({ "size": 1, "words": { "a": "1", "b": "2", "c": "3" } }), "spec.words: Too many: 3: must have at most 2 items"),
        (json!({ "size": 1, "when": "yesterday" }), "spec.when: Invalid value: \"yesterday\": spec.when in body must be of type date-time: \"yesterday\""),
        (json!({ "size": 1, "port": true }), "spec.port: Invalid value: \"boolean\": spec.port in body must be of type integer,string: \"boolean\""),
        (json!({ "size": 1, "parts": [{ "count": 1 }] }), "spec.parts[0].name: Required value"),
        (json!({ "size": 1, "choice": {} }), "\"spec.choice\" must validate one and only one schema (oneOf). Found none valid"),
        (json!({ "size": 1, "choice": { "a": "1", "b": "2" } }), "\"spec.choice\" must validate one and only one schema (oneOf). Found 2 valid alternatives"),
    ];
    for (spec, part) in cases {
        let reply = probe.post(&probe.widgets(), &widget("a", spec)).await?;
        let message = reply.fails(422, "Invalid")?;
        says(&message, "Widget.conformance.signet.dev \"a\" is invalid: ")?;
        says(&message, part)?;
    }
    Ok(())
}

pub(super) async fn nulls_are_what_they_are_allowed(probe: Probe) -> Outcome {
    let made = probe.widget("a", json!({ "size": 1, "note": null, "mode": null })).await?;
    let spec = made["spec"].as_object();
    let has = |field: &str| spec.is_some_and(|spec| spec.contains_key(field));
    same("a nullable field is kept", &json!(has("note")), &json!(true))?;
    same("another is dropped", &json!(has("mode")), &json!(false))
}

pub(super) async fn keyed_lists_hold_no_duplicates(probe: Probe) -> Outcome {
    let spec =
        json!({ "size": 1, "parts": [{ "name": "p" }, { "name": "p" }], "tags": ["a", "a"] });
    let reply = probe.post(&probe.widgets(), &widget("a", spec)).await?;
    let message = reply.fails(422, "Invalid")?;
    says(&message, "spec.parts[1]: Duplicate value: {\"name\":\"p\"}")?;
    says(&message, "spec.tags[1]: Duplicate value: \"a\"")
}
