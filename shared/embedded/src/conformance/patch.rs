//! Patches.

use serde_json::{Value, json};

use super::{JSON_PATCH, MERGE, Outcome, Probe, STRATEGIC, same, says, version};

pub(super) async fn a_merge_patch_merges_and_removes(probe: Probe) -> Outcome {
    probe.widget("a", json!({ "size": 1, "tags": ["x", "y"], "words": { "k": "v" } })).await?;
    let path = format!("{}/a", probe.widgets());
    let change = json!({ "spec": { "size": 2, "tags": ["z"], "words": { "k": null, "l": "w" } } });
    let object = probe.patch(&path, MERGE, &change).await?.is(200)?;
    same("size", &object["spec"]["size"], &json!(2))?;
    same("tags", &object["spec"]["tags"], &json!(["z"]))?;
    same("words", &object["spec"]["words"], &json!({ "l": "w" }))?;
    let change = json!({ "spec": { "size": null } });
    let message = probe.patch(&path, MERGE, &change).await?.fails(422, "Invalid")?;
    says(&message, "spec.size: Required value")
}

pub(super) async fn a_json_patch_tests_before_it_writes(probe: Probe) -> Outcome {
    probe.config_map("a", json!({})).await?;
    let path = format!("{}/a", probe.core("configmaps"));
    let change = json!([
        { "op": "test", "path": "/data/a", "value": "1" },
        { "op": "replace", "path": "/data/a", "value": "2" },
        { "op": "add", "path": "/metadata/annotations", "value": {} },
        { "op": "add", "path": "/metadata/annotations/x.dev~1y", "value": "z" },
        { "op": "add", "path": "/data/b", "value": "3" },
        { "op": "copy", "from": "/data/b", "path": "/data/c" },
        { "op": "move", "from": "/data/c", "path": "/data/d" },
    ]);
    let object = probe.patch(&path, JSON_PATCH, &change).await?.is(200)?;
    same("data", &object["data"], &json!({ "a": "2", "b": "3", "d": "3" }))?;
    same("annotations", &object["metadata"]["annotations"], &json!({ "x.dev/y": "z" }))?;
    let change = json!([{ "op": "test", "path": "/data/a", "value": "1" },
        { "op": "remove", "path": "/data/a" }]);
    probe.patch(&path, JSON_PATCH, &change).await?.fails(422, "Invalid")?;
    let object = probe.get(&path).await?.is(200)?;
    same("data after a failed test", &object["data"]["a"], &json!("2"))
}

pub(super) async fn a_test_for_null_holds_on_a_missing_path(probe: Probe) -> Outcome {
    probe.config_map("a", json!({})).await?;
    let path = format!("{}/a", probe.core("configmaps"));
    let change = json!([
        { "op": "test", "path": "/metadata/finalizers", "value": null },
        { "op": "add", "path": "/metadata/finalizers", "value": ["x.dev/a"] },
    ]);
    let object = probe.patch(&path, JSON_PATCH, &change).await?.is(200)?;
    same("finalizers", &object["metadata"]["finalizers"], &json!(["x.dev/a"]))?;
    probe.patch(&path, JSON_PATCH, &change).await?.fails(422, "Invalid")?;
    let deep = json!([{ "op": "test", "path": "/nowhere/deep", "value": null }]);
    probe.patch(&path, JSON_PATCH, &deep).await?.fails(422, "Invalid")?;
    let release = json!([
        { "op": "test", "path": "/metadata/finalizers/0", "value": "x.dev/a" },
        { "op": "remove", "path": "/metadata/finalizers/0" },
    ]);
    let object = probe.patch(&path, JSON_PATCH, &release).await?.is(200)?;
    same("finalizers", &object["metadata"]["finalizers"], &Value::Null)
}

pub(super) async fn a_json_patch_fails_as_a_whole(probe: Probe) -> Outcome {
    let made = probe.config_map("a", json!({})).await?;
    let path = format!("{}/a", probe.core("configmaps"));
    for last in [
        json!({ "op": "remove", "path": "/data/none" }),
        json!({ "op": "add", "path": "/none/deep", "value": "x" }),
        json!({ "op": "test", "path": "/data/none", "value": "x" }),
    ] {
        let change = json!([{ "op": "add", "path": "/data/b", "value": "2" }, last]);
        probe.patch(&path, JSON_PATCH, &change).await?.fails(422, "Invalid")?;
    }
    let object = probe.get(&path).await?.is(200)?;
    same("resourceVersion", version(&object), version(&made))?;
    let missing = json!([{ "op": "replace", "path": "/data/new", "value": "x" }]);
    let object = probe.patch(&path, JSON_PATCH, &missing).await?.is(200)?;
    same("a replaced field that was missing", &object["data"]["new"], &json!("x"))?;
    probe.patch(&path, JSON_PATCH, &json!({ "op": "add" })).await?.fails(400, "BadRequest")?;
    Ok(())
}

pub(super) async fn a_stale_patch_conflicts(probe: Probe) -> Outcome {
    let made = probe.config_map("a", json!({})).await?;
    let path = format!("{}/a", probe.core("configmaps"));
    let fresh = json!({ "metadata": { "resourceVersion": version(&made) }, "data": { "a": "2" } });
    probe.patch(&path, MERGE, &fresh).await?.is(200)?;
    let message = probe.patch(&path, MERGE, &fresh).await?.fails(409, "Conflict")?;
    says(&message, "the object has been modified")
}

pub(super) async fn a_strategic_patch_is_for_built_in_kinds(probe: Probe) -> Outcome {
    let path = format!("{}/a", probe.core("configmaps"));
    let body = json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": { "a": "1" },
        "metadata": { "name": "a", "finalizers": ["x.dev/a"] } });
    probe.post(&probe.core("configmaps"), &body).await?.is(201)?;
    let change = json!({ "data": { "b": "2" }, "metadata": { "finalizers": ["x.dev/b"] } });
    let object = probe.patch(&path, STRATEGIC, &change).await?.is(200)?;
    same("data", &object["data"], &json!({ "a": "1", "b": "2" }))?;
    let mut both: Vec<&str> = object["metadata"]["finalizers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    both.sort_unstable();
    same("finalizers", &json!(both), &json!(["x.dev/a", "x.dev/b"]))?;
    let change = json!({ "metadata": { "$deleteFromPrimitiveList/finalizers": ["x.dev/a"] } });
    let object = probe.patch(&path, STRATEGIC, &change).await?.is(200)?;
    same("finalizers", &object["metadata"]["finalizers"], &json!(["x.dev/b"]))?;
    let change = json!({ "data": { "$patch": "replace", "c": "3" } });
    let object = probe.patch(&path, STRATEGIC, &change).await?.is(200)?;
    same("data", &object["data"], &json!({ "c": "3" }))?;
    probe.widget("a", json!({ "size": 1 })).await?;
    let path = format!("{}/a", probe.widgets());
    let change = json!({ "spec": { "size": 2 } });
    probe.patch(&path, STRATEGIC, &change).await?.fails(415, "UnsupportedMediaType")?;
    Ok(())
}

pub(super) async fn a_patch_cannot_rename(probe: Probe) -> Outcome {
    probe.config_map("a", json!({})).await?;
    let path = format!("{}/a", probe.core("configmaps"));
    let change = json!({ "metadata": { "name": "b" } });
    let message = probe.patch(&path, MERGE, &change).await?.fails(400, "BadRequest")?;
    says(&message, "the name of the object (b) does not match the name on the URL (a)")
}

pub(super) async fn a_patch_that_changes_nothing_changes_nothing(probe: Probe) -> Outcome {
    let made = probe.config_map("a", json!({ "x": "y" })).await?;
    let path = format!("{}/a", probe.core("configmaps"));
    for (media, change) in [
        (MERGE, json!({ "data": { "a": "1" } })),
        (MERGE, json!({})),
        (STRATEGIC, json!({ "metadata": { "labels": { "x": "y" } } })),
        (JSON_PATCH, json!([{ "op": "replace", "path": "/data/a", "value": "1" }])),
    ] {
        let object = probe.patch(&path, media, &change).await?.is(200)?;
        same(&format!("resourceVersion after {change}"), version(&object), version(&made))?;
    }
    Ok(())
}

pub(super) async fn a_patch_of_the_status_stays_there(probe: Probe) -> Outcome {
    probe.widget("a", json!({ "size": 1 })).await?;
    let path = format!("{}/a", probe.widgets());
    let change = json!({ "metadata": { "labels": { "x": "y" } },
        "spec": { "size": 7 }, "status": { "phase": "Q" } });
    let object = probe.patch(&format!("{path}/status"), MERGE, &change).await?.is(200)?;
    same("labels", &object["metadata"]["labels"], &Value::Null)?;
    same("size", &object["spec"]["size"], &json!(1))?;
    same("phase", &object["status"]["phase"], &json!("Q"))?;
    let json_patch = json!([{ "op": "add", "path": "/status/seen", "value": 4 }]);
    let object = probe.patch(&format!("{path}/status"), JSON_PATCH, &json_patch).await?.is(200)?;
    same("status", &object["status"], &json!({ "phase": "Q", "seen": 4 }))?;
    let change = json!({ "status": { "phase": "ignored" } });
    let object = probe.patch(&path, MERGE, &change).await?.is(200)?;
    same("phase after a plain patch", &object["status"]["phase"], &json!("Q"))
}

pub(super) async fn a_patch_of_what_is_not_there_is_not_found(probe: Probe) -> Outcome {
    let path = format!("{}/none", probe.core("configmaps"));
    probe.patch(&path, MERGE, &json!({})).await?.fails(404, "NotFound")?;
    let path = format!("{path}?force=true");
    let message = probe.patch(&path, MERGE, &json!({})).await?.fails(422, "Invalid")?;
    says(&message, "force: Forbidden: may not be specified for non-apply patch")
}
