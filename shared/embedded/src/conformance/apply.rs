//! Server-side apply.

use serde_json::{Value, json};

use super::{APPLY, MERGE, Outcome, Probe, Reply, holds, same, says, version, widget};

async fn apply(probe: &Probe, manager: &str, spec: Value) -> Outcome<Reply> {
    let path = format!("{}/a?fieldManager={manager}", probe.widgets());
    probe.patch(&path, APPLY, &widget("a", spec)).await
}

pub(super) async fn an_apply_creates(probe: Probe) -> Outcome {
    let made = apply(&probe, "one", json!({ "size": 2 })).await?.is(201)?;
    same("the default", &made["spec"]["color"], &json!("red"))?;
    same("generation", &made["metadata"]["generation"], &json!(1))?;
    apply(&probe, "one", json!({ "size": 3 })).await?.is(200)?;
    Ok(())
}

pub(super) async fn an_apply_removes_what_it_no_longer_says(probe: Probe) -> Outcome {
    let spec = json!({ "size": 2, "note": "y", "words": { "a": "1" }, "tags": ["x"] });
    apply(&probe, "one", spec).await?.is(201)?;
    let path = format!("{}/a", probe.widgets());
    let foreign = json!({ "metadata": { "annotations": { "x.dev/other": "1" } } });
    probe.patch(&path, MERGE, &foreign).await?.is(200)?;
    let spec = json!({ "size": 2, "words": { "b": "1" } });
    let object = apply(&probe, "one", spec).await?.is(200)?;
    let expected =
        json!({ "size": 2, "color": "red", "words": { "b": "1" }, "deep": { "level": 3 } });
    same("spec", &object["spec"], &expected)?;
    same("annotations", &object["metadata"]["annotations"], &json!({ "x.dev/other": "1" }))
}

pub(super) async fn an_apply_conflicts_with_another_manager(probe: Probe) -> Outcome {
    apply(&probe, "one", json!({ "size": 2 })).await?.is(201)?;
    let reply = apply(&probe, "two", json!({ "size": 4 })).await?.is(409)?;
    same("reason", &reply["reason"], &json!("Conflict"))?;
    let message = "Apply failed with 1 conflict: conflict with \"one\": .spec.size";
    same("message", &reply["message"], &json!(message))?;
    let cause = json!({ "reason": "FieldManagerConflict", "message": "conflict with \"one\"",
        "field": ".spec.size" });
    same("causes", &reply["details"]["causes"], &json!([cause]))?;
    // What came from an update is somebody's too.
    probe.config_map("c", json!({})).await?;
    let path = format!("{}/c?fieldManager=two", probe.core("configmaps"));
    let body = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "c" },
        "data": { "a": "2" } });
    let message = probe.patch(&path, APPLY, &body).await?.fails(409, "Conflict")?;
    says(&message, "Apply failed with 1 conflict: conflict with ")?;
    says(&message, "using v1: .data.a")
}

pub(super) async fn a_forced_apply_takes_over(probe: Probe) -> Outcome {
    apply(&probe, "one", json!({ "size": 2, "note": "n" })).await?.is(201)?;
    let object = apply(&probe, "two&force=true", json!({ "size": 4 })).await?.is(200)?;
    same("size", &object["spec"]["size"], &json!(4))?;
    // It is no longer the first manager's: to leave it out removes nothing.
    apply(&probe, "one", json!({ "note": "m" })).await?.is(200)?;
    let read = probe.get(&format!("{}/a", probe.widgets())).await?.is(200)?;
    same("size", &read["spec"]["size"], &json!(4))?;
    apply(&probe, "one", json!({ "size": 5, "note": "m" })).await?.fails(409, "Conflict")?;
    Ok(())
}

pub(super) async fn an_apply_of_the_same_changes_nothing(probe: Probe) -> Outcome {
    let spec = json!({ "size": 2, "parts": [{ "name": "p" }], "words": { "a": "b" } });
    let made = apply(&probe, "one", spec.clone()).await?.is(201)?;
    let again = apply(&probe, "one", spec).await?.is(200)?;
    same("resourceVersion", version(&again), version(&made))
}

pub(super) async fn managers_share_what_they_agree_on(probe: Probe) -> Outcome {
    apply(&probe, "one", json!({ "size": 2, "note": "n" })).await?.is(201)?;
    apply(&probe, "two", json!({ "size": 2 })).await?.is(200)?;
    let object = apply(&probe, "one", json!({ "note": "n" })).await?.is(200)?;
    same("size, which two still says", &object["spec"]["size"], &json!(2))?;
    let object = apply(&probe, "two", json!({ "size": 3 })).await?.is(200)?;
    same("size, which is two's alone", &object["spec"]["size"], &json!(3))
}

pub(super) async fn an_update_takes_fields_over(probe: Probe) -> Outcome {
    apply(&probe, "one", json!({ "size": 2, "note": "n" })).await?.is(201)?;
    let path = format!("{}/a?fieldManager=editor", probe.widgets());
    probe.patch(&path, MERGE, &json!({ "spec": { "size": 5 } })).await?.is(200)?;
    let message =
        apply(&probe, "one", json!({ "size": 2, "note": "n" })).await?.fails(409, "Conflict")?;
    let expected = "Apply failed with 1 conflict: conflict with \"editor\" using \
                    conformance.signet.dev/v1: .spec.size";
    same("message", &json!(message), &json!(expected))?;
    let object = apply(&probe, "one", json!({ "note": "n" })).await?.is(200)?;
    same("size", &object["spec"]["size"], &json!(5))
}

pub(super) async fn an_apply_needs_a_manager(probe: Probe) -> Outcome {
    let path = format!("{}/a", probe.widgets());
    let body = widget("a", json!({ "size": 1 }));
    let message = probe.patch(&path, APPLY, &body).await?.fails(422, "Invalid")?;
    says(&message, "fieldManager: Required value: is required for apply patch")?;
    let mut body = widget("a", json!({ "size": 1 }));
    body["metadata"]["managedFields"] = json!([{ "manager": "x" }]);
    let path = format!("{path}?fieldManager=one");
    let message = probe.patch(&path, APPLY, &body).await?.fails(400, "BadRequest")?;
    says(&message, "metadata.managedFields must be nil")
}

pub(super) async fn an_apply_refuses_unknown_fields(probe: Probe) -> Outcome {
    let reply = apply(&probe, "one", json!({ "size": 1, "bogus": 1 })).await?;
    holds(reply.code >= 400, "an unknown field was applied")?;
    let message = reply.body["message"].as_str().unwrap_or_default();
    says(message, ".spec.bogus: field not declared in schema")?;
    let message = apply(&probe, "one", json!({ "note": "x" })).await?.fails(422, "Invalid")?;
    says(&message, "spec.size: Required value")
}

pub(super) async fn an_apply_merges_keyed_lists(probe: Probe) -> Outcome {
    let one = json!({ "size": 1, "parts": [{ "name": "p", "count": 1 }], "tags": ["x"] });
    apply(&probe, "one", one).await?.is(201)?;
    let two = json!({ "parts": [{ "name": "q", "count": 2 }], "tags": ["y"] });
    let object = apply(&probe, "two", two).await?.is(200)?;
    let parts = json!([{ "name": "p", "count": 1 }, { "name": "q", "count": 2 }]);
    same("parts", &object["spec"]["parts"], &parts)?;
    same("tags", &object["spec"]["tags"], &json!(["x", "y"]))?;
    let object = apply(&probe, "one", json!({ "size": 1 })).await?.is(200)?;
    same("parts", &object["spec"]["parts"], &json!([{ "name": "q", "count": 2 }]))?;
    same("tags", &object["spec"]["tags"], &json!(["y"]))
}

pub(super) async fn an_apply_of_the_status_leaves_the_spec(probe: Probe) -> Outcome {
    apply(&probe, "one", json!({ "size": 2 })).await?.is(201)?;
    let path = format!("{}/a/status?fieldManager=status", probe.widgets());
    let body = json!({ "apiVersion": "conformance.signet.dev/v1", "kind": "Widget",
        "metadata": { "name": "a" }, "status": { "phase": "P", "seen": 1 } });
    let object = probe.patch(&path, APPLY, &body).await?.is(200)?;
    same("phase", &object["status"]["phase"], &json!("P"))?;
    same("generation", &object["metadata"]["generation"], &json!(1))?;
    let again = probe.patch(&path, APPLY, &body).await?.is(200)?;
    same("resourceVersion", version(&again), version(&object))?;
    let body = json!({ "apiVersion": "conformance.signet.dev/v1", "kind": "Widget",
        "metadata": { "name": "a" }, "status": { "phase": "P" } });
    let object = probe.patch(&path, APPLY, &body).await?.is(200)?;
    same("status", &object["status"], &json!({ "phase": "P" }))?;
    let object = apply(&probe, "one", json!({ "size": 3 })).await?.is(200)?;
    same("status after an apply of the spec", &object["status"], &json!({ "phase": "P" }))
}

pub(super) async fn an_applied_finalizer_joins_the_others(probe: Probe) -> Outcome {
    let config = |manager: &str, finalizer: Value, owner: &str| {
        let body = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": "c", "finalizers": finalizer, "labels": { "by": owner } } });
        (format!("{}/c?force=true&fieldManager={manager}", probe.core("configmaps")), body)
    };
    let (path, body) = config("one", json!(["x.dev/one"]), "one");
    probe.patch(&path, APPLY, &body).await?.is(201)?;
    let (path, body) = config("two", json!(["x.dev/two"]), "two");
    let object = probe.patch(&path, APPLY, &body).await?.is(200)?;
    same("finalizers", &object["metadata"]["finalizers"], &json!(["x.dev/one", "x.dev/two"]))?;
    let (path, body) = config("one", json!([]), "two");
    let object = probe.patch(&path, APPLY, &body).await?.is(200)?;
    same("finalizers", &object["metadata"]["finalizers"], &json!(["x.dev/two"]))
}
