//! Delete.

use serde_json::{Value, json};

use super::{MERGE, Outcome, Probe, holds, names, same, says, version};

pub(super) async fn a_delete_answers_what_is_gone(probe: Probe) -> Outcome {
    let made = probe.config_map("a", json!({})).await?;
    let path = format!("{}/a", probe.core("configmaps"));
    let status = probe.delete(&path, &Value::Null).await?.is(200)?;
    same("kind", &status["kind"], &json!("Status"))?;
    same("status", &status["status"], &json!("Success"))?;
    let details = json!({ "name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"] });
    same("details.name", &status["details"]["name"], &details["name"])?;
    same("details.kind", &status["details"]["kind"], &details["kind"])?;
    same("details.uid", &status["details"]["uid"], &details["uid"])?;
    probe.get(&path).await?.fails(404, "NotFound")?;
    probe.delete(&path, &Value::Null).await?.fails(404, "NotFound")?;
    Ok(())
}

pub(super) async fn a_finalizer_holds_a_delete_up(probe: Probe) -> Outcome {
    let path = format!("{}/a", probe.widgets());
    let mut body = super::widget("a", json!({ "size": 1 }));
    body["metadata"]["finalizers"] = json!(["x.dev/a", "x.dev/b"]);
    probe.post(&probe.widgets(), &body).await?.is(201)?;
    let held = probe.delete(&path, &Value::Null).await?.is(200)?;
    holds(held["metadata"]["deletionTimestamp"].is_string(), "no deletionTimestamp")?;
    same("grace", &held["metadata"]["deletionGracePeriodSeconds"], &json!(0))?;
    same("generation", &held["metadata"]["generation"], &json!(2))?;
    let one = json!({ "metadata": { "finalizers": ["x.dev/b"] } });
    probe.patch(&path, MERGE, &one).await?.is(200)?;
    probe.get(&path).await?.is(200)?;
    let none = json!({ "metadata": { "finalizers": null } });
    probe.patch(&path, MERGE, &none).await?.is(200)?;
    probe.get(&path).await?.fails(404, "NotFound")?;
    Ok(())
}

pub(super) async fn no_finalizer_joins_a_deletion(probe: Probe) -> Outcome {
    let path = format!("{}/a", probe.core("configmaps"));
    let body = json!({ "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "a", "finalizers": ["x.dev/a"] } });
    probe.post(&probe.core("configmaps"), &body).await?.is(201)?;
    probe.delete(&path, &Value::Null).await?.is(200)?;
    let more = json!({ "metadata": { "finalizers": ["x.dev/a", "x.dev/b"] } });
    let message = probe.patch(&path, MERGE, &more).await?.fails(422, "Invalid")?;
    says(&message, "no new finalizers can be added if the object is being deleted")?;
    let labels = json!({ "metadata": { "labels": { "still": "writable" } } });
    probe.patch(&path, MERGE, &labels).await?.is(200)?;
    let plain = json!({ "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "b", "finalizers": ["plain"] } });
    let message = probe.post(&probe.core("configmaps"), &plain).await?.fails(422, "Invalid")?;
    says(&message, "name is neither a standard finalizer name nor is it fully qualified")
}

pub(super) async fn a_deletion_happens_once(probe: Probe) -> Outcome {
    let path = format!("{}/a", probe.core("configmaps"));
    let body = json!({ "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "a", "finalizers": ["x.dev/a"] } });
    probe.post(&probe.core("configmaps"), &body).await?.is(201)?;
    let first = probe.delete(&path, &Value::Null).await?.is(200)?;
    let second = probe.delete(&path, &Value::Null).await?.is(200)?;
    same("resourceVersion", version(&second), version(&first))?;
    let body = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" } });
    let taken = probe.post(&probe.core("configmaps"), &body).await?;
    holds(taken.code == 409, "the name is free while it is being deleted")
}

pub(super) async fn delete_preconditions_are_checked(probe: Probe) -> Outcome {
    let made = probe.config_map("a", json!({})).await?;
    let path = format!("{}/a", probe.core("configmaps"));
    let wrong = json!({ "preconditions": { "uid": "00000000-0000-4000-8000-000000000000" } });
    let message = probe.delete(&path, &wrong).await?.fails(409, "Conflict")?;
    says(&message, "the UID in the precondition (00000000-0000-4000-8000-000000000000)")?;
    let wrong = json!({ "preconditions": { "resourceVersion": "1" } });
    let message = probe.delete(&path, &wrong).await?.fails(409, "Conflict")?;
    says(&message, "the ResourceVersion in the precondition (1) does not match")?;
    let right = json!({ "preconditions": {
        "uid": made["metadata"]["uid"], "resourceVersion": version(&made) } });
    probe.delete(&path, &right).await?.is(200)?;
    Ok(())
}

pub(super) async fn a_collection_is_deleted_by_selector(probe: Probe) -> Outcome {
    for (name, kind) in [("a", "x"), ("b", "x"), ("c", "y")] {
        probe.config_map(name, json!({ "kind": kind })).await?;
    }
    let path = probe.core("configmaps");
    let gone = probe.delete(&format!("{path}?labelSelector=kind%3Dx"), &Value::Null).await?;
    let gone = gone.is(200)?;
    same("kind", &gone["kind"], &json!("ConfigMapList"))?;
    same("what is gone", &json!(names(&gone)), &json!(["a", "b"]))?;
    let left = probe.get(&format!("{path}?labelSelector=kind")).await?.is(200)?;
    same("what is left", &json!(names(&left)), &json!(["c"]))
}

pub(super) async fn a_wrong_policy_is_refused(probe: Probe) -> Outcome {
    probe.config_map("a", json!({})).await?;
    let path = format!("{}/a", probe.core("configmaps"));
    let options = json!({ "propagationPolicy": "Sometimes" });
    let message = probe.delete(&path, &options).await?.fails(422, "Invalid")?;
    says(&message, "propagationPolicy: Unsupported value: \"Sometimes\"")?;
    let dry = json!({ "dryRun": ["All"] });
    probe.delete(&path, &dry).await?.is(200)?;
    probe.get(&path).await?.is(200)?;
    Ok(())
}
