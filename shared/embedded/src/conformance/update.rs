//! Update, and the status subresource.

use serde_json::{Value, json};

use super::{Outcome, Probe, holds, same, says, version};

async fn made(probe: &Probe) -> Outcome<(String, Value)> {
    let made = probe.widget("a", json!({ "size": 1 })).await?;
    Ok((format!("{}/a", probe.widgets()), made))
}

pub(super) async fn a_stale_update_conflicts(probe: Probe) -> Outcome {
    let (path, mut object) = made(&probe).await?;
    let mut second = object.clone();
    object["spec"]["size"] = json!(2);
    probe.put(&path, &object).await?.is(200)?;
    second["spec"]["size"] = json!(3);
    let message = probe.put(&path, &second).await?.fails(409, "Conflict")?;
    same(
        "message",
        &json!(message),
        &json!(
            "Operation cannot be fulfilled on widgets.conformance.signet.dev \"a\": the object has \
             been modified; please apply your changes to the latest version and try again"
        ),
    )
}

pub(super) async fn a_foreign_uid_conflicts(probe: Probe) -> Outcome {
    let (path, mut object) = made(&probe).await?;
    let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    object["metadata"]["uid"] = json!("00000000-0000-4000-8000-000000000000");
    let message = probe.put(&path, &object).await?.fails(409, "Conflict")?;
    says(
        &message,
        "Precondition failed: UID in precondition: 00000000-0000-4000-8000-000000000000",
    )?;
    says(&message, &format!("UID in object meta: {uid}"))?;
    let change = json!({ "metadata": { "uid": "00000000-0000-4000-8000-000000000000" } });
    let message = probe.patch(&path, super::MERGE, &change).await?.fails(422, "Invalid")?;
    says(&message, "metadata.uid: Invalid value")
}

pub(super) async fn a_missing_version_is_refused(probe: Probe) -> Outcome {
    let (path, mut object) = made(&probe).await?;
    object["metadata"]["resourceVersion"] = json!("");
    let message = probe.put(&path, &object).await?.fails(422, "Invalid")?;
    says(&message, "metadata.resourceVersion: Invalid value: 0: must be specified for an update")
}

pub(super) async fn a_write_of_the_same_changes_nothing(probe: Probe) -> Outcome {
    let (path, object) = made(&probe).await?;
    let again = probe.put(&path, &object).await?.is(200)?;
    same("resourceVersion", version(&again), version(&object))?;
    let status = probe.put(&format!("{path}/status"), &object).await?.is(200)?;
    same("resourceVersion after a status write", version(&status), version(&object))?;
    let patched = probe.patch(&path, super::MERGE, &json!({ "spec": { "size": 1 } })).await?;
    same("resourceVersion after a patch", version(&patched.is(200)?), version(&object))
}

pub(super) async fn the_generation_counts_spec_changes_only(probe: Probe) -> Outcome {
    let (path, _) = made(&probe).await?;
    let mut expected = 1;
    let patches = [
        (json!({ "metadata": { "labels": { "a": "b" } } }), 0),
        (json!({ "metadata": { "annotations": { "a": "b" } } }), 0),
        (json!({ "spec": { "size": 2 } }), 1),
        (json!({ "spec": { "size": 2 } }), 0),
        (json!({ "metadata": { "generation": 9 } }), 0),
    ];
    for (change, step) in patches {
        expected += step;
        let object = probe.patch(&path, super::MERGE, &change).await?.is(200)?;
        same(&format!("after {change}"), &object["metadata"]["generation"], &json!(expected))?;
    }
    let status = json!({ "status": { "phase": "x" } });
    let object = probe.patch(&format!("{path}/status"), super::MERGE, &status).await?.is(200)?;
    same("after a status write", &object["metadata"]["generation"], &json!(expected))
}

pub(super) async fn the_status_is_written_through_its_subresource_only(probe: Probe) -> Outcome {
    let (path, mut object) = made(&probe).await?;
    object["status"] = json!({ "phase": "Ready" });
    let written = probe.put(&path, &object).await?.is(200)?;
    same("status after a plain write", &written["status"], &Value::Null)?;
    same("resourceVersion after it", version(&written), version(&object))?;
    let written = probe.put(&format!("{path}/status"), &object).await?.is(200)?;
    same("status after its own write", &written["status"]["phase"], &json!("Ready"))?;
    holds(version(&written) != version(&object), "a status write left the resourceVersion")?;
    let mut without = written.clone();
    without["status"] = Value::Null;
    without["spec"]["size"] = json!(2);
    let kept = probe.put(&path, &without).await?.is(200)?;
    same("status after a spec write", &kept["status"]["phase"], &json!("Ready"))
}

pub(super) async fn the_status_subresource_writes_nothing_else(probe: Probe) -> Outcome {
    let (path, mut object) = made(&probe).await?;
    object["status"] = json!({ "phase": "Ready" });
    object["spec"]["size"] = json!(9);
    object["metadata"]["labels"] = json!({ "a": "b" });
    let written = probe.put(&format!("{path}/status"), &object).await?.is(200)?;
    same("size", &written["spec"]["size"], &json!(1))?;
    same("labels", &written["metadata"]["labels"], &Value::Null)?;
    same("generation", &written["metadata"]["generation"], &json!(1))?;
    let read = probe.get(&format!("{path}/status")).await?.is(200)?;
    same("what is read", &read, &written)
}

pub(super) async fn a_create_drops_the_status(probe: Probe) -> Outcome {
    let mut body = super::widget("a", json!({ "size": 1 }));
    body["status"] = json!({ "phase": "Ready" });
    let made = probe.post(&probe.widgets(), &body).await?.is(201)?;
    same("status", &made["status"], &Value::Null)
}

pub(super) async fn system_fields_cannot_be_changed(probe: Probe) -> Outcome {
    let (path, object) = made(&probe).await?;
    let mut changed = object.clone();
    changed["metadata"]["creationTimestamp"] = json!("2001-01-01T00:00:00Z");
    changed["metadata"]["generation"] = json!(12);
    let written = probe.put(&path, &changed).await?.is(200)?;
    for field in ["creationTimestamp", "generation", "resourceVersion"] {
        same(field, &written["metadata"][field], &object["metadata"][field])?;
    }
    let deletion = json!({ "metadata": { "deletionTimestamp": "2001-01-01T00:00:00Z" } });
    let message = probe.patch(&path, super::MERGE, &deletion).await?.fails(422, "Invalid")?;
    says(&message, "metadata.deletionTimestamp: Invalid value")
}

pub(super) async fn a_wrong_name_in_the_body_is_refused(probe: Probe) -> Outcome {
    let (path, mut object) = made(&probe).await?;
    object["metadata"]["name"] = json!("b");
    let message = probe.put(&path, &object).await?.fails(400, "BadRequest")?;
    says(&message, "the name of the object (b) does not match the name on the URL (a)")
}

pub(super) async fn a_lease_changes_hands_by_compare_and_swap(probe: Probe) -> Outcome {
    let leases = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", probe.namespace);
    let body = json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": { "name": "l" }, "spec": { "holderIdentity": "a",
        "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z" } });
    let mut first = probe.post(&leases, &body).await?.is(201)?;
    let mut second = first.clone();
    let path = format!("{leases}/l");
    first["spec"]["holderIdentity"] = json!("b");
    first["spec"]["leaseTransitions"] = json!(1);
    let won = probe.put(&path, &first).await?.is(200)?;
    same("holder", &won["spec"]["holderIdentity"], &json!("b"))?;
    second["spec"]["holderIdentity"] = json!("c");
    probe.put(&path, &second).await?.fails(409, "Conflict")?;
    second["metadata"]["resourceVersion"] = json!("");
    let message = probe.put(&path, &second).await?.fails(422, "Invalid")?;
    says(&message, "must be specified for an update")?;
    let mut wrong = won.clone();
    wrong["spec"]["leaseDurationSeconds"] = json!(0);
    let message = probe.put(&path, &wrong).await?.fails(422, "Invalid")?;
    says(&message, "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0")
}

pub(super) async fn an_unconditional_update_overwrites(probe: Probe) -> Outcome {
    let mut object = probe.config_map("a", json!({})).await?;
    object["metadata"].as_object_mut().map(|meta| meta.remove("resourceVersion"));
    object["data"] = json!({ "b": "2" });
    let path = format!("{}/a", probe.core("configmaps"));
    let written = probe.put(&path, &object).await?.is(200)?;
    same("data", &written["data"], &json!({ "b": "2" }))
}

pub(super) async fn a_config_map_can_be_immutable(probe: Probe) -> Outcome {
    probe.config_map("a", json!({})).await?;
    let path = format!("{}/a", probe.core("configmaps"));
    probe.patch(&path, super::MERGE, &json!({ "immutable": true })).await?.is(200)?;
    let change = json!({ "data": { "a": "2" } });
    let message = probe.patch(&path, super::MERGE, &change).await?.fails(422, "Invalid")?;
    says(&message, "data: Forbidden: field is immutable when `immutable` is set")?;
    let change = json!({ "metadata": { "labels": { "a": "b" } } });
    probe.patch(&path, super::MERGE, &change).await?.is(200)?;
    Ok(())
}
