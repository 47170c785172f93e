//! Discovery, the two kinds of Event, and the typed client on top.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::{Value, json};

use super::{Mismatch, Outcome, Probe, holds, same};

pub(super) async fn versions_are_discovered(probe: Probe) -> Outcome {
    let core = probe.get("/api").await?.is(200)?;
    same("core versions", &core["versions"], &json!(["v1"]))?;
    let groups = probe.get("/apis").await?.is(200)?;
    let groups = groups["groups"].as_array().cloned().unwrap_or_default();
    let ours = groups.iter().find(|group| group["name"] == "conformance.signet.dev");
    let ours = ours.ok_or_else(|| Mismatch("the group is not listed".to_owned()))?;
    let preferred = &ours["preferredVersion"]["groupVersion"];
    same("preferred version", preferred, &json!("conformance.signet.dev/v1"))?;
    let versions: Vec<&Value> =
        ours["versions"].as_array().into_iter().flatten().map(|entry| &entry["version"]).collect();
    same("versions", &json!(versions), &json!(["v1", "v1beta1"]))?;
    let group = probe.get("/apis/conformance.signet.dev").await?.is(200)?;
    same("kind", &group["kind"], &json!("APIGroup"))
}

pub(super) async fn resources_are_discovered(probe: Probe) -> Outcome {
    let list = probe.get("/apis/conformance.signet.dev/v1").await?.is(200)?;
    same("kind", &list["kind"], &json!("APIResourceList"))?;
    let resources = list["resources"].as_array().cloned().unwrap_or_default();
    let find = |name: &str| resources.iter().find(|resource| resource["name"] == name);
    let widgets = find("widgets").ok_or_else(|| Mismatch("no widgets".to_owned()))?;
    let wanted = json!({ "kind": "Widget", "namespaced": true, "singularName": "widget",
        "shortNames": ["wd"], "categories": ["conformance"] });
    for (field, value) in wanted.as_object().into_iter().flatten() {
        same(field, &widgets[field], value)?;
    }
    let verbs = widgets["verbs"].as_array().cloned().unwrap_or_default();
    for verb in ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]
    {
        holds(verbs.contains(&json!(verb)), &format!("the verb {verb} is missing"))?;
    }
    holds(find("widgets/status").is_some(), "no widgets/status")?;
    let core = probe.get("/api/v1").await?.is(200)?;
    let core = core["resources"].as_array().cloned().unwrap_or_default();
    for name in ["secrets", "configmaps", "namespaces", "serviceaccounts", "events"] {
        let there = core.iter().any(|resource| resource["name"] == name);
        holds(there, &format!("no {name}"))?;
    }
    Ok(())
}

pub(super) async fn groups_are_discovered_at_once(probe: Probe) -> Outcome {
    let failed = |err: kube::Error| Mismatch(format!("aggregated discovery: {err}"));
    let list = probe.client.list_api_groups_aggregated().await.map_err(failed)?;
    let list = serde_json::to_value(&list).map_err(|err| Mismatch(err.to_string()))?;
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let ours = items.iter().find(|item| item["metadata"]["name"] == "conformance.signet.dev");
    let ours = ours.ok_or_else(|| Mismatch("the group is not listed".to_owned()))?;
    let resource = &ours["versions"][0]["resources"][0];
    same("resource", &resource["resource"], &json!("widgets"))?;
    same("scope", &resource["scope"], &json!("Namespaced"))?;
    let core = probe.client.list_core_api_versions_aggregated().await.map_err(failed)?;
    holds(!core.items.is_empty(), "the core group is empty")
}

pub(super) async fn definitions_can_be_read(probe: Probe) -> Outcome {
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let name = "widgets.conformance.signet.dev";
    let crd = probe.get(&format!("{path}/{name}")).await?.is(200)?;
    same("group", &crd["spec"]["group"], &json!("conformance.signet.dev"))?;
    let conditions = crd["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let established = conditions.iter().find(|condition| condition["type"] == "Established");
    same(
        "established",
        &established.map_or(Value::Null, |found| found["status"].clone()),
        &json!("True"),
    )?;
    same("stored versions", &crd["status"]["storedVersions"], &json!(["v1"]))?;
    probe.get(&format!("{path}/nothing.example.dev")).await?.fails(404, "NotFound")?;
    Ok(())
}

pub(super) async fn both_event_kinds_are_one(probe: Probe) -> Outcome {
    let newer = format!("/apis/events.k8s.io/v1/namespaces/{}/events", probe.namespace);
    let event = json!({ "apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": { "name": "e" }, "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "conformance.dev/x", "reportingInstance": "x-1",
        "action": "Sync", "reason": "Synced", "type": "Normal", "note": "all well",
        "regarding": { "apiVersion": "v1", "kind": "ConfigMap", "name": "c",
            "namespace": probe.namespace } });
    probe.post(&newer, &event).await?.is(201)?;
    let older = probe.get(&format!("{}/e", probe.core("events"))).await?.is(200)?;
    same("message", &older["message"], &json!("all well"))?;
    same("involvedObject", &older["involvedObject"]["name"], &json!("c"))?;
    same("reportingComponent", &older["reportingComponent"], &json!("conformance.dev/x"))?;
    let series = json!({ "count": 2, "lastObservedTime": "2026-01-01T00:00:01.000000Z" });
    let change = json!({ "series": series });
    let newer = probe.patch(&format!("{newer}/e"), super::MERGE, &change).await?.is(200)?;
    same("note", &newer["note"], &json!("all well"))?;
    same("series", &newer["series"]["count"], &json!(2))?;
    let path =
        format!("{}?fieldSelector=involvedObject.name%3Dc,reason%3DSynced", probe.core("events"));
    let list = probe.get(&path).await?.is(200)?;
    same("selected", &json!(super::names(&list)), &json!(["e"]))?;
    same("message", &list["items"][0]["message"], &json!("all well"))
}

pub(super) async fn the_finalizer_of_kube_works(probe: Probe) -> Outcome {
    let failed = |err: kube::Error| Mismatch(format!("typed client: {err}"));
    let api: Api<ConfigMap> = Api::namespaced(probe.client.clone(), &probe.namespace);
    let mut map = ConfigMap {
        data: Some(BTreeMap::from([("a".into(), "1".into())])),
        ..ConfigMap::default()
    };
    map.metadata.name = Some("typed".into());
    let made = api.create(&PostParams::default(), &map).await.map_err(failed)?;
    let path = format!("{}/typed", probe.core("configmaps"));
    let add = json!([
        { "op": "test", "path": "/metadata/finalizers", "value": null },
        { "op": "add", "path": "/metadata/finalizers", "value": [] },
        { "op": "add", "path": "/metadata/finalizers/-", "value": "conformance.dev/x" },
    ]);
    probe.patch(&path, super::JSON_PATCH, &add).await?.is(200)?;
    let deleted = api.delete("typed", &DeleteParams::default()).await.map_err(failed)?;
    holds(deleted.is_left(), "a held delete answered a status")?;
    let remove = json!([
        { "op": "test", "path": "/metadata/finalizers/0", "value": "conformance.dev/x" },
        { "op": "remove", "path": "/metadata/finalizers/0", },
    ]);
    probe.patch(&path, super::JSON_PATCH, &remove).await?.is(200)?;
    let left = api.get_opt("typed").await.map_err(failed)?;
    holds(left.is_none(), "the object is still there")?;
    let uid = made.metadata.uid.unwrap_or_default();
    same("length of the uid", &json!(uid.len()), &json!(36))?;
    api.list_metadata(&ListParams::default().limit(1)).await.map_err(failed)?;
    Ok(())
}

pub(super) async fn the_version_is_told(probe: Probe) -> Outcome {
    let version = probe.get("/version").await?.is(200)?;
    same("major", &version["major"], &json!("1"))?;
    holds(version["gitVersion"].is_string(), "no gitVersion")?;
    let ready = probe.get("/readyz").await?.is(200)?;
    same("readyz", &ready, &json!("ok"))
}
