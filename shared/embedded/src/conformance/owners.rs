//! Garbage collection by owner references.

use serde_json::{Value, json};

use super::{Outcome, Probe, holds, same, says};

fn reference(owner: &Value) -> Value {
    json!({ "apiVersion": "conformance.signet.dev/v1", "kind": "Widget",
        "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "blockOwnerDeletion": true })
}

async fn dependent(probe: &Probe, name: &str, owners: Value) -> Outcome<Value> {
    let mut body = json!({ "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": name } });
    body["metadata"]["ownerReferences"] = owners;
    probe.post(&probe.core("configmaps"), &body).await?.is(201)
}

pub(super) async fn what_is_owned_goes_with_its_owner(probe: Probe) -> Outcome {
    let owner = probe.widget("o", json!({ "size": 1 })).await?;
    let child = dependent(&probe, "c", json!([reference(&owner)])).await?;
    probe.delete(&format!("{}/o", probe.widgets()), &Value::Null).await?.is(200)?;
    probe.gone(&probe.core("configmaps"), &child).await?;
    let nameless = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "d",
        "ownerReferences": [{ "apiVersion": "v1", "kind": "ConfigMap", "name": "x" }] } });
    let message = probe.post(&probe.core("configmaps"), &nameless).await?.fails(422, "Invalid")?;
    says(&message, "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty")
}

pub(super) async fn one_living_owner_is_enough(probe: Probe) -> Outcome {
    let first = probe.widget("o", json!({ "size": 1 })).await?;
    let second = probe.widget("p", json!({ "size": 1 })).await?;
    let owners = json!([reference(&first), reference(&second)]);
    let child = dependent(&probe, "c", owners).await?;
    let path = format!(
        "{}?watch=true&resourceVersion={}",
        probe.core("configmaps"),
        super::version_of(&child)
    );
    let mut events = probe.watch(&path).await?;
    probe.delete(&format!("{}/o", probe.widgets()), &Value::Null).await?.is(200)?;
    // The gone owner is forgotten; the object stays.
    let seen = events.expect("MODIFIED", "c").await?;
    let left: Vec<&Value> =
        seen["metadata"]["ownerReferences"].as_array().into_iter().flatten().collect();
    same("owners that are left", &json!(left.len()), &json!(1))?;
    same("the owner that is left", &left[0]["name"], &json!("p"))
}

pub(super) async fn an_owner_with_another_uid_is_no_owner(probe: Probe) -> Outcome {
    let mut owner = probe.widget("o", json!({ "size": 1 })).await?;
    owner["metadata"]["uid"] = json!("00000000-0000-4000-8000-000000000000");
    let child = dependent(&probe, "c", json!([reference(&owner)])).await?;
    probe.gone(&probe.core("configmaps"), &child).await
}

pub(super) async fn orphans_stay(probe: Probe) -> Outcome {
    let owner = probe.widget("o", json!({ "size": 1 })).await?;
    let child = dependent(&probe, "c", json!([reference(&owner)])).await?;
    let path = format!(
        "{}?watch=true&resourceVersion={}",
        probe.core("configmaps"),
        super::version_of(&child)
    );
    let mut events = probe.watch(&path).await?;
    let options = json!({ "propagationPolicy": "Orphan" });
    probe.delete(&format!("{}/o", probe.widgets()), &options).await?.is(200)?;
    let seen = events.expect("MODIFIED", "c").await?;
    same("owners", &seen["metadata"]["ownerReferences"], &Value::Null)?;
    probe.gone(&probe.widgets(), &owner).await?;
    probe.get(&format!("{}/c", probe.core("configmaps"))).await?.is(200)?;
    Ok(())
}

pub(super) async fn dependents_go_first_when_asked(probe: Probe) -> Outcome {
    let owner = probe.widget("o", json!({ "size": 1 })).await?;
    let child = dependent(&probe, "c", json!([reference(&owner)])).await?;
    let options = json!({ "propagationPolicy": "Foreground" });
    let held = probe.delete(&format!("{}/o", probe.widgets()), &options).await?.is(200)?;
    holds(held["metadata"]["deletionTimestamp"].is_string(), "no deletionTimestamp")?;
    same("finalizers", &held["metadata"]["finalizers"], &json!(["foregroundDeletion"]))?;
    probe.gone(&probe.core("configmaps"), &child).await?;
    probe.gone(&probe.widgets(), &owner).await
}
