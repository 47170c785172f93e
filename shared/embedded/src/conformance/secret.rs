//! Secrets, and how built-in kinds are decoded.

use serde_json::{Value, json};

use super::{MERGE, Outcome, Probe, same, says};

fn secret(fields: &Value) -> Value {
    let mut secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s" } });
    for (key, value) in fields.as_object().into_iter().flatten() {
        secret[key] = value.clone();
    }
    secret
}

pub(super) async fn plain_text_becomes_data(probe: Probe) -> Outcome {
    let body = secret(&json!({ "data": { "a": "YQ==", "b": "Yg==" }, "stringData": { "b": "c" } }));
    let made = probe.post(&probe.core("secrets"), &body).await?.is(201)?;
    same("data", &made["data"], &json!({ "a": "YQ==", "b": "Yw==" }))?;
    same("stringData", &made["stringData"], &Value::Null)?;
    same("type", &made["type"], &json!("Opaque"))?;
    let path = format!("{}/s", probe.core("secrets"));
    let change = json!({ "stringData": { "d": "e" }, "data": { "a": null } });
    let object = probe.patch(&path, MERGE, &change).await?.is(200)?;
    same("data", &object["data"], &json!({ "b": "Yw==", "d": "ZQ==" }))
}

pub(super) async fn a_typed_secret_has_its_keys(probe: Probe) -> Outcome {
    let path = probe.core("secrets");
    #[rustfmt::skip]
    let cases = [
        (json!({ "type": "kubernetes.io/tls" }), "data[tls.crt]: Required value, data[tls.key]: Required value"),
        (json!({ "type": "kubernetes.io/dockerconfigjson" }), "data[.dockerconfigjson]: Required value"),
        (json!({ "type": "kubernetes.io/dockerconfigjson", "data": { ".dockerconfigjson": "YQ==" } }), "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\""),
        (json!({ "type": "kubernetes.io/ssh-auth" }), "data[ssh-privatekey]: Required value"),
    ];
    for (fields, part) in cases {
        let message = probe.post(&path, &secret(&fields)).await?.fails(422, "Invalid")?;
        says(&message, part)?;
    }
    let whole = secret(&json!({ "type": "kubernetes.io/dockerconfigjson",
        "stringData": { ".dockerconfigjson": "{\"auths\":{}}" } }));
    probe.post(&path, &whole).await?.is(201)?;
    Ok(())
}

pub(super) async fn malformed_base64_is_refused(probe: Probe) -> Outcome {
    let body = secret(&json!({ "data": { "a": "%%%" } }));
    let message = probe.post(&probe.core("secrets"), &body).await?.fails(400, "BadRequest")?;
    says(&message, "Secret in version \"v1\" cannot be handled as a Secret: ")
}

pub(super) async fn the_type_of_a_secret_stays(probe: Probe) -> Outcome {
    let body = secret(&json!({ "stringData": { "a": "b" }, "immutable": true }));
    probe.post(&probe.core("secrets"), &body).await?.is(201)?;
    let path = format!("{}/s", probe.core("secrets"));
    let change = json!({ "type": "x" });
    let message = probe.patch(&path, MERGE, &change).await?.fails(422, "Invalid")?;
    says(&message, "type: Invalid value: \"x\": field is immutable")?;
    let change = json!({ "stringData": { "a": "c" } });
    let message = probe.patch(&path, MERGE, &change).await?.fails(422, "Invalid")?;
    says(&message, "data: Forbidden: field is immutable when `immutable` is set")
}

pub(super) async fn wrong_types_are_bad_requests(probe: Probe) -> Outcome {
    let path = probe.core("configmaps");
    let map = |fields: Value| {
        let mut body = json!({ "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "c" } });
        for (key, value) in fields.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        body
    };
    for body in [
        map(json!({ "data": { "a": 1 } })),
        map(json!({ "data": [] })),
        map(json!({ "metadata": { "name": "c", "labels": { "a": 1 } } })),
        map(json!({ "kind": "Lease" })),
    ] {
        probe.post(&path, &body).await?.fails(400, "BadRequest")?;
    }
    Ok(())
}

pub(super) async fn data_keys_are_validated(probe: Probe) -> Outcome {
    let body = secret(&json!({ "stringData": { "a b": "c" } }));
    let message = probe.post(&probe.core("secrets"), &body).await?.fails(422, "Invalid")?;
    says(&message, "data[a b]: Invalid value: \"a b\": a valid config key must consist of")
}
