//! Lists, selectors, pages.

use serde_json::{Value, json};

use super::{Outcome, Probe, holds, names, same, says, version_of};

const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

async fn listed(probe: &Probe, path: &str) -> Outcome<Value> {
    let list = probe.get(path).await?.is(200)?;
    Ok(json!(names(&list)))
}

pub(super) async fn labels_select(probe: Probe) -> Outcome {
    probe.config_map("a", json!({ "app": "web", "tier": "1" })).await?;
    probe.config_map("b", json!({ "app": "db", "of": "conformance" })).await?;
    probe.config_map("c", json!({ "of": "conformance" })).await?;
    let path = probe.core("configmaps");
    #[rustfmt::skip]
    let cases = [
        ("app%3Dweb",                    json!(["a"])),
        ("app%3D%3Ddb",                  json!(["b"])),
        ("app+in+(web,db)",              json!(["a", "b"])),
        ("app+notin+(web),of",           json!(["b", "c"])),
        ("app!%3Dweb,of%3Dconformance",  json!(["b", "c"])),
        ("!app,of",                      json!(["c"])),
        ("app,tier",                     json!(["a"])),
        ("app%3Dnone",                   json!([])),
    ];
    for (selector, expected) in cases {
        let found = listed(&probe, &format!("{path}?labelSelector={selector}")).await?;
        same(selector, &found, &expected)?;
    }
    Ok(())
}

pub(super) async fn fields_select(probe: Probe) -> Outcome {
    probe.widget("a", json!({ "size": 1 })).await?;
    probe.widget("b", json!({ "size": 1 })).await?;
    let path = probe.widgets();
    let found = listed(&probe, &format!("{path}?fieldSelector=metadata.name%3Da")).await?;
    same("by name", &found, &json!(["a"]))?;
    let found = listed(&probe, &format!("{path}?fieldSelector=metadata.name!%3Da")).await?;
    same("by another name", &found, &json!(["b"]))?;
    let selector = format!("metadata.namespace%3D{}", probe.namespace);
    let all = "/apis/conformance.signet.dev/v1/widgets";
    let found = listed(&probe, &format!("{all}?fieldSelector={selector}")).await?;
    same("by namespace", &found, &json!(["a", "b"]))?;
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s" },
        "type": "example.dev/x" });
    probe.post(&probe.core("secrets"), &secret).await?.is(201)?;
    let path = format!("{}?fieldSelector=type%3Dexample.dev/x", probe.core("secrets"));
    same("secrets by type", &listed(&probe, &path).await?, &json!(["s"]))
}

pub(super) async fn declared_fields_select(probe: Probe) -> Outcome {
    probe.widget("a", json!({ "size": 1, "color": "blue" })).await?;
    probe.widget("b", json!({ "size": 1 })).await?;
    let path = probe.widgets();
    let found = listed(&probe, &format!("{path}?fieldSelector=spec.color%3Dblue")).await?;
    same("blue", &found, &json!(["a"]))?;
    let found = listed(&probe, &format!("{path}?fieldSelector=spec.color!%3Dblue")).await?;
    same("not blue", &found, &json!(["b"]))
}

pub(super) async fn unknown_fields_are_refused(probe: Probe) -> Outcome {
    for path in [probe.widgets(), probe.core("secrets")] {
        let path = format!("{path}?fieldSelector=spec.size%3D1");
        let message = probe.get(&path).await?.fails(400, "BadRequest")?;
        says(&message, "field label not supported: spec.size")?;
    }
    Ok(())
}

pub(super) async fn a_malformed_selector_is_refused(probe: Probe) -> Outcome {
    for selector in ["a+in+web", "a%3Db+c", "%3Db"] {
        let path = format!("{}?labelSelector={selector}", probe.widgets());
        probe.get(&path).await?.fails(400, "BadRequest")?;
    }
    Ok(())
}

pub(super) async fn pages_are_one_consistent_list(probe: Probe) -> Outcome {
    for name in ["a", "b", "c", "d", "e"] {
        probe.widget(name, json!({ "size": 1 })).await?;
    }
    let path = probe.widgets();
    let first = probe.get(&format!("{path}?limit=2")).await?.is(200)?;
    same("first page", &json!(names(&first)), &json!(["a", "b"]))?;
    same("remaining", &first["metadata"]["remainingItemCount"], &json!(3))?;
    // What happens between pages is not seen.
    probe.delete(&format!("{path}/d"), &Value::Null).await?.is(200)?;
    probe.widget("f", json!({ "size": 1 })).await?;
    let token = first["metadata"]["continue"].as_str().unwrap_or_default();
    let second = probe.get(&format!("{path}?limit=2&continue={token}")).await?.is(200)?;
    same("second page", &json!(names(&second)), &json!(["c", "d"]))?;
    let versions = (super::version(&first), super::version(&second));
    same("resourceVersion", versions.1, versions.0)?;
    let token = second["metadata"]["continue"].as_str().unwrap_or_default();
    let third = probe.get(&format!("{path}?limit=2&continue={token}")).await?.is(200)?;
    same("third page", &json!(names(&third)), &json!(["e"]))?;
    let end = third["metadata"]["continue"].as_str().unwrap_or_default();
    same("the end", &json!(end), &json!(""))?;
    let page = probe.get(&format!("{path}?limit=10")).await?.is(200)?;
    same("a page of all", &json!(names(&page)), &json!(["a", "b", "c", "e", "f"]))?;
    let clash = format!("{path}?limit=2&continue={token}&resourceVersion=5");
    probe.get(&clash).await?.fails(400, "BadRequest")?;
    Ok(())
}

pub(super) async fn a_foreign_continue_token_is_refused(probe: Probe) -> Outcome {
    let path = format!("{}?limit=2&continue=abc", probe.widgets());
    let message = probe.get(&path).await?.fails(400, "BadRequest")?;
    says(&message, "continue key is not valid")
}

pub(super) async fn metadata_alone_can_be_listed(probe: Probe) -> Outcome {
    let made = probe.widget("a", json!({ "size": 1 })).await?;
    let list = probe.get_as(&probe.widgets(), METADATA_LIST).await?.is(200)?;
    same("kind", &list["kind"], &json!("PartialObjectMetadataList"))?;
    same("apiVersion", &list["apiVersion"], &json!("meta.k8s.io/v1"))?;
    let item = &list["items"][0];
    same("uid", &item["metadata"]["uid"], &made["metadata"]["uid"])?;
    same("spec", &item["spec"], &Value::Null)?;
    holds(list["metadata"]["resourceVersion"].is_string(), "no resourceVersion")
}

pub(super) async fn one_object_can_be_read_as_metadata(probe: Probe) -> Outcome {
    let made = probe.widget("a", json!({ "size": 1 })).await?;
    let path = format!("{}/a", probe.widgets());
    let object = probe.get_as(&path, METADATA).await?.is(200)?;
    same("kind", &object["kind"], &json!("PartialObjectMetadata"))?;
    same("uid", &object["metadata"]["uid"], &made["metadata"]["uid"])?;
    same("spec", &object["spec"], &Value::Null)?;
    let change = json!({ "metadata": { "annotations": { "a": "b" } } });
    let reply =
        probe.send(http::Method::PATCH, &path, (super::MERGE, METADATA), &change).await?.is(200)?;
    same("kind after a patch", &reply["kind"], &json!("PartialObjectMetadata"))?;
    same("annotations", &reply["metadata"]["annotations"], &json!({ "a": "b" }))
}

pub(super) async fn a_version_of_the_future_times_out(probe: Probe) -> Outcome {
    let path = format!("{}?resourceVersion=99999999", probe.widgets());
    let reply = probe.get(&path).await?.is(504)?;
    same("reason", &reply["reason"], &json!("Timeout"))?;
    let cause = &reply["details"]["causes"][0]["reason"];
    same("cause", cause, &json!("ResourceVersionTooLarge"))
}

pub(super) async fn version_rules_are_enforced(probe: Probe) -> Outcome {
    let made = probe.widget("a", json!({ "size": 1 })).await?;
    let path = probe.widgets();
    for query in [
        "resourceVersionMatch=Exact",
        "resourceVersionMatch=Exact&resourceVersion=0",
        "resourceVersionMatch=Sometimes&resourceVersion=1",
    ] {
        probe.get(&format!("{path}?{query}")).await?.fails(422, "Invalid")?;
    }
    probe.get(&format!("{path}?resourceVersion=abc")).await?.fails(400, "BadRequest")?;
    for query in [
        "resourceVersion=0".to_owned(),
        format!("resourceVersion={}", version_of(&made)),
        format!("resourceVersionMatch=NotOlderThan&resourceVersion={}", version_of(&made)),
    ] {
        let found = listed(&probe, &format!("{path}?{query}")).await?;
        same(&query, &found, &json!(["a"]))?;
    }
    Ok(())
}

pub(super) async fn namespaces_are_apart(probe: Probe) -> Outcome {
    probe.widget("a", json!({ "size": 1 })).await?;
    let elsewhere = "/apis/conformance.signet.dev/v1/namespaces/default/widgets";
    probe.get(&format!("{elsewhere}/a")).await?.fails(404, "NotFound")?;
    let all = probe.get("/apis/conformance.signet.dev/v1/widgets").await?.is(200)?;
    let here = all["items"].as_array().into_iter().flatten();
    let here = here.filter(|item| item["metadata"]["namespace"] == json!(probe.namespace));
    same("of this namespace among all", &json!(here.count()), &json!(1))?;
    let body = super::widget("b", json!({ "size": 1 }));
    let reply = probe.post("/apis/conformance.signet.dev/v1/widgets", &body).await?;
    holds(reply.code >= 400, &format!("a create without a namespace: {}", reply.code))
}

pub(super) async fn an_unknown_form_is_not_acceptable(probe: Probe) -> Outcome {
    probe.get_as(&probe.widgets(), "text/html").await?.fails(406, "NotAcceptable")?;
    let choices = "text/html, application/json;q=0.9";
    probe.get_as(&probe.widgets(), choices).await?.is(200)?;
    Ok(())
}
