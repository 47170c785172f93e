//! Create.

use serde_json::json;

use super::{Outcome, Probe, holds, names, same, says, widget};

pub(super) async fn a_create_sets_what_the_server_owns(probe: Probe) -> Outcome {
    let mut body = widget("a", json!({ "size": 1 }));
    body["metadata"]["uid"] = json!("mine");
    body["metadata"]["generation"] = json!(7);
    body["metadata"]["creationTimestamp"] = json!("2001-01-01T00:00:00Z");
    let made = probe.post(&probe.widgets(), &body).await?.is(201)?;
    let meta = &made["metadata"];
    same("namespace", &meta["namespace"], &json!(probe.namespace))?;
    same("generation", &meta["generation"], &json!(1))?;
    same("length of the uid", &json!(meta["uid"].as_str().map(str::len)), &json!(36))?;
    holds(meta["creationTimestamp"] != json!("2001-01-01T00:00:00Z"), "the client set the time")?;
    let number = meta["resourceVersion"].as_str().and_then(|text| text.parse::<u64>().ok());
    holds(number.is_some_and(|number| number > 0), "resourceVersion is no number")?;
    let read = probe.get(&format!("{}/a", probe.widgets())).await?.is(200)?;
    same("what is read", &read, &made)
}

pub(super) async fn a_taken_name_is_refused(probe: Probe) -> Outcome {
    probe.widget("a", json!({ "size": 1 })).await?;
    let again = probe.post(&probe.widgets(), &widget("a", json!({ "size": 1 }))).await?;
    let message = again.fails(409, "AlreadyExists")?;
    same("message", &json!(message), &json!("widgets.conformance.signet.dev \"a\" already exists"))
}

pub(super) async fn a_generated_name_begins_with_its_base(probe: Probe) -> Outcome {
    let body = json!({ "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "generateName": "base-" } });
    for _ in 0..2 {
        let made = probe.post(&probe.core("configmaps"), &body).await?.is(201)?;
        let name = made["metadata"]["name"].as_str().unwrap_or_default();
        holds(name.starts_with("base-") && name.len() == 10, &format!("name `{name}`"))?;
        same("generateName", &made["metadata"]["generateName"], &json!("base-"))?;
    }
    Ok(())
}

pub(super) async fn a_body_of_another_kind_is_refused(probe: Probe) -> Outcome {
    let mut body = widget("a", json!({ "size": 1 }));
    body["kind"] = json!("Gadget");
    let message = probe.post(&probe.widgets(), &body).await?.fails(422, "Invalid")?;
    says(&message, "kind: Invalid value: \"Gadget\": must be Widget")?;
    let mut body = widget("a", json!({ "size": 1 }));
    body["apiVersion"] = json!("conformance.signet.dev/v7");
    let message = probe.post(&probe.widgets(), &body).await?.fails(400, "BadRequest")?;
    says(&message, "does not match the expected API version")?;
    let mut body = widget("a", json!({ "size": 1 }));
    body["metadata"]["namespace"] = json!("elsewhere");
    let message = probe.post(&probe.widgets(), &body).await?.fails(400, "BadRequest")?;
    says(&message, "does not match the namespace sent on the request")
}

pub(super) async fn a_name_is_validated(probe: Probe) -> Outcome {
    let bad = widget("Bad_Name", json!({ "size": 1 }));
    let message = probe.post(&probe.widgets(), &bad).await?.fails(422, "Invalid")?;
    says(&message, "metadata.name: Invalid value: \"Bad_Name\": a lowercase RFC 1123 subdomain")?;
    let nameless = json!({ "apiVersion": "conformance.signet.dev/v1", "kind": "Widget",
        "metadata": {}, "spec": { "size": 1 } });
    let message = probe.post(&probe.widgets(), &nameless).await?.fails(422, "Invalid")?;
    says(&message, "metadata.name: Required value: name or generateName is required")
}

pub(super) async fn labels_are_validated(probe: Probe) -> Outcome {
    let mut body = widget("a", json!({ "size": 1 }));
    body["metadata"]["labels"] = json!({ "a b": "c d" });
    let message = probe.post(&probe.widgets(), &body).await?.fails(422, "Invalid")?;
    says(&message, "metadata.labels: Invalid value: \"a b\": name part must consist of")?;
    says(&message, "metadata.labels: Invalid value: \"c d\": a valid label must be")
}

pub(super) async fn a_create_with_a_version_is_refused(probe: Probe) -> Outcome {
    let mut body = widget("a", json!({ "size": 1 }));
    body["metadata"]["resourceVersion"] = json!("5");
    let reply = probe.post(&probe.widgets(), &body).await?.is(500)?;
    let message = reply["message"].as_str().unwrap_or_default();
    says(message, "resourceVersion should not be set on objects to be created")
}

pub(super) async fn a_dry_run_keeps_nothing(probe: Probe) -> Outcome {
    let path = format!("{}?dryRun=All", probe.widgets());
    let made = probe.post(&path, &widget("a", json!({ "size": 1 }))).await?.is(201)?;
    same("the default", &made["spec"]["color"], &json!("red"))?;
    probe.get(&format!("{}/a", probe.widgets())).await?.fails(404, "NotFound")?;
    let list = probe.get(&probe.widgets()).await?.is(200)?;
    same("the list", &json!(names(&list)), &json!([]))
}

pub(super) async fn a_missing_object_is_not_found(probe: Probe) -> Outcome {
    let reply = probe.get(&format!("{}/none", probe.widgets())).await?.is(404)?;
    let message = "widgets.conformance.signet.dev \"none\" not found";
    same("message", &reply["message"], &json!(message))?;
    let details = json!({ "name": "none", "group": "conformance.signet.dev", "kind": "widgets" });
    same("details", &reply["details"], &details)?;
    let reply = probe.get(&format!("{}/none", probe.core("secrets"))).await?.is(404)?;
    same("message", &reply["message"], &json!("secrets \"none\" not found"))
}

pub(super) async fn an_unknown_resource_is_not_found(probe: Probe) -> Outcome {
    probe.get(&probe.core("nothing")).await?.fails(404, "NotFound")?;
    probe.get("/apis/nobody.example/v1/things").await?.is(404)?;
    let status = format!("{}/none/scale", probe.widgets());
    probe.get(&status).await?.is(404)?;
    Ok(())
}

pub(super) async fn a_put_creates_what_may_be_created_so(probe: Probe) -> Outcome {
    let leases = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", probe.namespace);
    let lease = json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": { "name": "l" }, "spec": { "holderIdentity": "a" } });
    probe.put(&format!("{leases}/l"), &lease).await?.is(201)?;
    let mut absent = widget("a", json!({ "size": 1 }));
    absent["metadata"]["resourceVersion"] = json!("5");
    probe.put(&format!("{}/a", probe.widgets()), &absent).await?.fails(404, "NotFound")?;
    Ok(())
}

pub(super) async fn every_version_answers_in_itself(probe: Probe) -> Outcome {
    let made = probe.widget("a", json!({ "size": 1 })).await?;
    let older = probe.widgets().replace("/v1/", "/v1beta1/");
    let mut read = probe.get(&format!("{older}/a")).await?.is(200)?;
    same("apiVersion", &read["apiVersion"], &json!("conformance.signet.dev/v1beta1"))?;
    same("uid", &read["metadata"]["uid"], &made["metadata"]["uid"])?;
    same("resourceVersion", &read["metadata"]["resourceVersion"], super::version(&made))?;
    read["spec"]["size"] = json!(2);
    let written = probe.put(&format!("{older}/a"), &read).await?.is(200)?;
    same("apiVersion", &written["apiVersion"], &json!("conformance.signet.dev/v1beta1"))?;
    let read = probe.get(&format!("{}/a", probe.widgets())).await?.is(200)?;
    same("size in v1", &read["spec"]["size"], &json!(2))?;
    same("generation", &read["metadata"]["generation"], &json!(2))
}
