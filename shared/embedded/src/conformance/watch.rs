//! Watches.

use serde_json::{Value, json};

use super::{MERGE, Outcome, Probe, holds, same, says, version, version_of};

async fn list_version(probe: &Probe, path: &str) -> Outcome<String> {
    Ok(version_of(&probe.get(path).await?.is(200)?))
}

pub(super) async fn a_watch_tells_every_change(probe: Probe) -> Outcome {
    let path = probe.widgets();
    let start = list_version(&probe, &path).await?;
    let mut events = probe.watch(&format!("{path}?watch=true&resourceVersion={start}")).await?;
    let made = probe.widget("a", json!({ "size": 1 })).await?;
    let seen = events.expect("ADDED", "a").await?;
    same("what was added", &seen, &made)?;
    let change = json!({ "spec": { "size": 2 } });
    let changed = probe.patch(&format!("{path}/a"), MERGE, &change).await?.is(200)?;
    let seen = events.expect("MODIFIED", "a").await?;
    same("what was changed", &seen, &changed)?;
    // A write that changes nothing is not told.
    probe.patch(&format!("{path}/a"), MERGE, &change).await?.is(200)?;
    probe.delete(&format!("{path}/a"), &Value::Null).await?.is(200)?;
    let seen = events.expect("DELETED", "a").await?;
    same("size of what was deleted", &seen["spec"]["size"], &json!(2))?;
    let number = |object: &Value| version_of(object).parse::<u64>().unwrap_or(0);
    holds(number(&seen) > number(&changed), "a deletion has no resourceVersion of its own")
}

pub(super) async fn a_watch_begins_after_its_version(probe: Probe) -> Outcome {
    let first = probe.widget("a", json!({ "size": 1 })).await?;
    probe.widget("b", json!({ "size": 1 })).await?;
    let path = format!("{}?watch=true&resourceVersion={}", probe.widgets(), version_of(&first));
    let mut events = probe.watch(&path).await?;
    events.expect("ADDED", "b").await?;
    Ok(())
}

pub(super) async fn a_watch_without_a_version_begins_with_the_state(probe: Probe) -> Outcome {
    probe.widget("a", json!({ "size": 1 })).await?;
    probe.widget("b", json!({ "size": 1 })).await?;
    for query in ["watch=true", "watch=1&resourceVersion=0"] {
        let mut events = probe.watch(&format!("{}?{query}", probe.widgets())).await?;
        let (first, second) = (events.next().await?, events.next().await?);
        let mut told = vec![
            first["object"]["metadata"]["name"].as_str().unwrap_or_default(),
            second["object"]["metadata"]["name"].as_str().unwrap_or_default(),
        ];
        told.sort_unstable();
        same(query, &json!(told), &json!(["a", "b"]))?;
    }
    Ok(())
}

pub(super) async fn a_selector_is_crossed(probe: Probe) -> Outcome {
    let path = probe.core("configmaps");
    let start = list_version(&probe, &path).await?;
    let query = format!("{path}?watch=true&labelSelector=on%3Dyes&resourceVersion={start}");
    let mut events = probe.watch(&query).await?;
    probe.config_map("a", json!({ "on": "no" })).await?;
    let label = |value: &str| json!({ "metadata": { "labels": { "on": value } } });
    let object = format!("{path}/a");
    probe.patch(&object, MERGE, &label("yes")).await?.is(200)?;
    events.expect("ADDED", "a").await?;
    let data = json!({ "data": { "a": "2" } });
    probe.patch(&object, MERGE, &data).await?.is(200)?;
    events.expect("MODIFIED", "a").await?;
    let left = probe.patch(&object, MERGE, &label("no")).await?.is(200)?;
    let seen = events.expect("DELETED", "a").await?;
    same("the label it was known by", &seen["metadata"]["labels"]["on"], &json!("yes"))?;
    same("resourceVersion", version(&seen), version(&left))?;
    probe.delete(&object, &Value::Null).await?.is(200)?;
    probe.config_map("b", json!({ "on": "yes" })).await?;
    events.expect("ADDED", "b").await?;
    Ok(())
}

pub(super) async fn a_field_selector_is_crossed(probe: Probe) -> Outcome {
    let path = probe.widgets();
    let start = list_version(&probe, &path).await?;
    let query =
        format!("{path}?watch=true&fieldSelector=spec.color%3Dblue&resourceVersion={start}");
    let mut events = probe.watch(&query).await?;
    probe.widget("a", json!({ "size": 1 })).await?;
    let color = |value: &str| json!({ "spec": { "color": value } });
    probe.patch(&format!("{path}/a"), MERGE, &color("blue")).await?.is(200)?;
    events.expect("ADDED", "a").await?;
    probe.patch(&format!("{path}/a"), MERGE, &color("green")).await?.is(200)?;
    events.expect("DELETED", "a").await?;
    Ok(())
}

pub(super) async fn a_streamed_list_ends_with_a_bookmark(probe: Probe) -> Outcome {
    probe.widget("a", json!({ "size": 1 })).await?;
    let last = probe.widget("b", json!({ "size": 1 })).await?;
    let path = format!(
        "{}?watch=true&allowWatchBookmarks=true&sendInitialEvents=true\
         &resourceVersionMatch=NotOlderThan&resourceVersion=0",
        probe.widgets()
    );
    let path = path.replace("resourceVersion=0", &format!("resourceVersion={}", version_of(&last)));
    let mut events = probe.watch(&path).await?;
    events.expect("ADDED", "a").await?;
    events.expect("ADDED", "b").await?;
    let mark = events.next().await?;
    same("type", &mark["type"], &json!("BOOKMARK"))?;
    let annotations = json!({ "k8s.io/initial-events-end": "true" });
    same("annotations", &mark["object"]["metadata"]["annotations"], &annotations)?;
    same("kind", &mark["object"]["kind"], &json!("Widget"))?;
    holds(mark["object"]["metadata"]["resourceVersion"].is_string(), "no resourceVersion")?;
    probe.widget("c", json!({ "size": 1 })).await?;
    events.expect("ADDED", "c").await?;
    Ok(())
}

pub(super) async fn a_streamed_list_needs_its_options(probe: Probe) -> Outcome {
    let path = probe.widgets();
    let message = probe.get(&format!("{path}?watch=true&sendInitialEvents=true")).await?;
    says(
        &message.fails(422, "Invalid")?,
        "sendInitialEvents requires setting resourceVersionMatch",
    )?;
    let query = format!("{path}?watch=true&resourceVersionMatch=NotOlderThan");
    let message = probe.get(&query).await?.fails(422, "Invalid")?;
    says(&message, "resourceVersionMatch is forbidden for watch unless sendInitialEvents")
}

pub(super) async fn history_that_is_gone_is_gone(probe: Probe) -> Outcome {
    probe.widget("a", json!({ "size": 1 })).await?;
    let path = format!("{}?watch=true&resourceVersion=1&timeoutSeconds=5", probe.widgets());
    let mut events = probe.watch(&path).await?;
    let event = events.next().await?;
    same("type", &event["type"], &json!("ERROR"))?;
    same("code", &event["object"]["code"], &json!(410))?;
    same("reason", &event["object"]["reason"], &json!("Expired"))?;
    says(event["object"]["message"].as_str().unwrap_or_default(), "too old resource version: 1 (")?;
    same("what follows", &json!(events.maybe_next().await?), &Value::Null)
}

pub(super) async fn metadata_alone_can_be_watched(probe: Probe) -> Outcome {
    let made = probe.widget("a", json!({ "size": 1 })).await?;
    let path = format!("{}?watch=true", probe.widgets());
    let accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    let mut events = probe.watch_as(&path, accept).await?;
    let seen = events.expect("ADDED", "a").await?;
    same("kind", &seen["kind"], &json!("PartialObjectMetadata"))?;
    same("uid", &seen["metadata"]["uid"], &made["metadata"]["uid"])?;
    same("spec", &seen["spec"], &Value::Null)
}

pub(super) async fn a_watch_ends_in_time(probe: Probe) -> Outcome {
    let path = format!("{}?watch=true&timeoutSeconds=1", probe.widgets());
    let mut events = probe.watch(&path).await?;
    same("what is told", &json!(events.maybe_next().await?), &Value::Null)
}

pub(super) async fn a_watch_sees_its_namespace_only(probe: Probe) -> Outcome {
    let all = "/apis/conformance.signet.dev/v1/widgets";
    let start = list_version(&probe, all).await?;
    let here = format!("{}?watch=true&resourceVersion={start}", probe.widgets());
    let mut events = probe.watch(&here).await?;
    let elsewhere = "/apis/conformance.signet.dev/v1/namespaces/default/widgets";
    let body = json!({ "apiVersion": "conformance.signet.dev/v1", "kind": "Widget",
        "metadata": { "generateName": "other-" }, "spec": { "size": 1 } });
    let other = probe.post(elsewhere, &body).await?.is(201)?;
    probe.widget("a", json!({ "size": 1 })).await?;
    events.expect("ADDED", "a").await?;
    let name = other["metadata"]["name"].as_str().unwrap_or_default();
    probe.delete(&format!("{elsewhere}/{name}"), &Value::Null).await?.is(200)?;
    Ok(())
}
