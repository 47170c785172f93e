//! A Secret is written when it is ours or offered to us, kept as it should be, and never otherwise.

use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::trial::trial;
use tests::wait::throughout;
use tests::{Bed, Need, Outcome, eventually};

use crate::seal_stage::{Key, SOON, Stage};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm];
const MANAGED: &str = "sealedsecrets.bitnami.com/managed";
const PATCH: &str = "sealedsecrets.bitnami.com/patch";

/// A repair is promised within a second or two; the rest is for a machine that is busy.
const AT_ONCE: Duration = Duration::from_secs(5);

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "seal_ownership::what_is_edited_or_deleted_is_restored_at_once", NEEDS, drift),
        trial(bed, "seal_ownership::a_secret_of_somebody_else_is_never_touched", NEEDS, foreign),
        trial(bed, "seal_ownership::an_offered_secret_is_taken_as_it_is_offered", NEEDS, offered),
        trial(bed, "seal_ownership::what_is_owned_goes_with_its_owner", NEEDS, collected),
        trial(bed, "seal_ownership::an_edit_of_the_object_is_an_edit_of_the_secret", NEEDS, edited),
    ]
}

async fn drift(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "drift").await?;
    stage.keep("key", Key::number(0)).await?;
    let daemon = stage.sealer(&[]).await?;
    let values = [("a", "1"), ("b", "2")];
    let mut sealed = stage.sealed(Key::number(0), "db", &values);
    sealed["spec"]["template"] = json!({"metadata": {"labels": {"app": "db"}}});
    stage.put(&sealed).await?;
    stage.synced("db").await?;
    #[rustfmt::skip]
    let edits = [
        json!({"stringData": {"a": "oops"}}),
        json!({"data": {"b": null}}),
        json!({"stringData": {"c": "more"}}),
        json!({"metadata": {"labels": {"app": "other"}}}),
    ];
    for edit in &edits {
        stage.patch("Secret", "db", edit).await?;
        let restored = stage.holds_within(AT_ONCE, "db", &values).await?;
        let labelled = async || {
            let secret = stage.get("Secret", "db").await?;
            let labels = &secret["metadata"]["labels"];
            if labels["app"] == "db" { Ok(()) } else { Err(labels.to_string().into()) }
        };
        eventually(AT_ONCE, &format!("{edit} is undone"), labelled).await?;
        assert_eq!(restored["type"], "Opaque");
    }
    let before = stage.get("Secret", "db").await?;
    stage.delete("Secret", "db").await?;
    let after = stage.holds_within(AT_ONCE, "db", &values).await?;
    assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
    // What somebody adds beside it stays: other tools keep notes there.
    stage.patch("Secret", "db", &json!({"metadata": {"annotations": {"note": "x"}}})).await?;
    throughout(Duration::from_secs(1), "a foreign annotation stays", async || {
        let secret = stage.get("Secret", "db").await?;
        let note = &secret["metadata"]["annotations"]["note"];
        if note == "x" { Ok(()) } else { Err(note.to_string().into()) }
    })
    .await?;
    // The object is in step all the time, and says so.
    stage.synced("db").await?;
    stage.is_silent_about(&daemon, &["oops"]).await
}

/// A Secret that is not ours, with whatever makes it look so.
fn theirs(name: &str, metadata: &Value) -> Value {
    let mut secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"theirs": "0"},
    });
    secret["metadata"]["name"] = name.into();
    secret
}

async fn foreign(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "foreign").await?;
    stage.keep("key", Key::number(0)).await?;
    stage.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: owner}}").await?;
    let owner = stage.get("ConfigMap", "owner").await?;
    let by_map = json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "owner",
        "uid": owner["metadata"]["uid"], "controller": true,
    }]);
    #[rustfmt::skip]
    let cases = [
        // name         metadata of the Secret
        ("plain",       json!({})),
        ("labelled",    json!({"labels": {"app.kubernetes.io/managed-by": "sealer"}})),
        ("half-meant",  json!({"annotations": {MANAGED: "True", PATCH: "yes"}})),
        ("owned",       json!({"ownerReferences": by_map, "annotations": {MANAGED: "true"}})),
    ];
    for (name, metadata) in &cases {
        stage.put(&theirs(name, metadata)).await?;
    }
    let before = stage.list("Secret").await?;
    let daemon = stage.sealer(&[]).await?;
    for (name, _) in &cases {
        stage.put(&stage.sealed(Key::number(0), name, &[("ours", "1")])).await?;
    }
    stage.put(&stage.sealed(Key::number(0), "free", &[("ours", "1")])).await?;
    for (name, _) in &cases {
        let words =
            format!("Resource \"{name}\" already exists and is not managed by SealedSecret");
        stage.told(("SealedSecret", name), ("Synced", "False"), &[&words]).await?;
        let event = format!("Warning ErrUpdateFailed SealedSecret/{name}: ");
        stage.event(&event, &["already exists"]).await?;
    }
    stage.synced("free").await?;
    let series = format!(
        r#"sealed_secrets_controller_unseal_errors_total{{reason="unmanaged",namespace="{}"}}"#,
        stage.namespace()
    );
    assert!(daemon.metric(&series).await? > 3.5);

    // Not even when its object goes.
    for (name, _) in &cases {
        stage.delete("SealedSecret", name).await?;
    }
    stage.delete("SealedSecret", "free").await?;
    stage.gone("Secret", "free").await?;
    assert_eq!(stage.list("Secret").await?, before);
    let asked = stage.asked().await?;
    let touched = asked.iter().filter(|asked| asked.resource == "secrets" && asked.writes());
    let touched: Vec<_> = touched.filter(|asked| asked.code < 300).collect();
    assert!(touched.iter().all(|asked| asked.verb == "create"), "{touched:?}");
    Ok(())
}

async fn offered(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "offered").await?;
    stage.keep("key", Key::number(0)).await?;
    let _daemon = stage.sealer(&[]).await?;
    let ours = [("ours", "1")];
    let both = [("ours", "1"), ("theirs", "0")];
    #[rustfmt::skip]
    let cases = [
        // name       annotations                              values     owned
        ("managed",   json!({MANAGED: "true"}),                &ours[..], true),
        ("patched",   json!({PATCH: "true"}),                  &both[..], false),
        ("both",      json!({MANAGED: "true", PATCH: "true"}), &both[..], true),
    ];
    for (name, annotations, values, owned) in &cases {
        stage.put(&theirs(name, &json!({"annotations": annotations}))).await?;
        let mut sealed = stage.sealed(Key::number(0), name, &ours);
        sealed["spec"]["template"] = json!({"metadata": {"labels": {"app": "db"}}});
        stage.put(&sealed).await?;
        stage.synced(name).await?;
        let secret = stage.holds(name, values).await?;
        let owners = secret["metadata"]["ownerReferences"].as_array().map_or(0, Vec::len);
        assert_eq!(owners, usize::from(*owned), "{name}");
        assert_eq!(secret["metadata"]["labels"]["app"], "db", "{name}");
        stage.delete("SealedSecret", name).await?;
    }
    stage.gone("Secret", "managed").await?;
    stage.gone("Secret", "both").await?;
    stage.holds("patched", &both).await?;

    // An offer that comes later is taken when it comes.
    stage.put(&theirs("late", &json!({}))).await?;
    stage.put(&stage.sealed(Key::number(0), "late", &ours)).await?;
    stage.told(("SealedSecret", "late"), ("Synced", "False"), &["not managed"]).await?;
    let offer = json!({"metadata": {"annotations": {MANAGED: "true"}}});
    stage.patch("Secret", "late", &offer).await?;
    stage.synced("late").await?;
    stage.holds("late", &ours).await?;

    // So is a name that becomes free.
    stage.put(&theirs("freed", &json!({}))).await?;
    stage.put(&stage.sealed(Key::number(0), "freed", &ours)).await?;
    stage.told(("SealedSecret", "freed"), ("Synced", "False"), &["not managed"]).await?;
    stage.delete("Secret", "freed").await?;
    stage.synced("freed").await?;
    stage.holds("freed", &ours).await.map(drop)
}

async fn collected(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "collected").await?;
    stage.keep("key", Key::number(0)).await?;
    let _daemon = stage.sealer(&[]).await?;
    let values = [("a", "1")];
    stage.put(&stage.sealed(Key::number(0), "owned", &values)).await?;
    let mut free = stage.sealed(Key::number(0), "free", &values);
    let skip = json!({"sealedsecrets.bitnami.com/skip-set-owner-references": "true"});
    free["spec"]["template"] = json!({"metadata": {"annotations": skip}});
    stage.put(&free).await?;
    stage.synced("owned").await?;
    stage.synced("free").await?;
    let secret = stage.get("Secret", "free").await?;
    assert!(secret["metadata"]["ownerReferences"].is_null(), "{secret}");
    for name in ["free", "owned"] {
        stage.delete("SealedSecret", name).await?;
    }
    stage.gone("Secret", "owned").await?;
    stage.holds("free", &values).await?;
    let asked = stage.asked().await?;
    let deleted = asked.iter().any(|asked| asked.verb.starts_with("delete"));
    assert!(!deleted, "owner references are enough: {asked:?}");
    Ok(())
}

async fn edited(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "edited").await?;
    stage.keep("key", Key::number(0)).await?;
    let daemon = stage.sealer(&[]).await?;
    let mut sealed = stage.sealed(Key::number(0), "db", &[("a", "1"), ("b", "2")]);
    sealed["spec"]["template"] = json!({"metadata": {"labels": {"old": "1"}}});
    stage.put(&sealed).await?;
    let before = stage.holds("db", &[("a", "1"), ("b", "2")]).await?;
    stage.synced("db").await?;

    let mut sealed = stage.sealed(Key::number(0), "db", &[("b", "hunter2"), ("c", "3")]);
    sealed["spec"]["template"] = json!({"metadata": {"labels": {"new": "1"}}});
    stage.put(&sealed).await?;
    let after = stage.holds("db", &[("b", "hunter2"), ("c", "3")]).await?;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(after["metadata"]["labels"], json!({"new": "1"}));
    stage.synced("db").await?;

    // A scope is in the object's own annotations, and they count as they change.
    let wide = json!({"sealedsecrets.bitnami.com/namespace-wide": "true"});
    stage.patch("SealedSecret", "db", &json!({"metadata": {"annotations": wide}})).await?;
    let scope = ["`spec.encryptedData.b`", "another cluster, namespace, name or scope"];
    stage.told(("SealedSecret", "db"), ("Synced", "False"), &scope).await?;
    stage.holds("db", &[("b", "hunter2"), ("c", "3")]).await?;
    let narrow = json!({"sealedsecrets.bitnami.com/namespace-wide": null});
    stage.patch("SealedSecret", "db", &json!({"metadata": {"annotations": narrow}})).await?;
    stage.synced("db").await?;

    // One event for each change of the Secret, and none for what changed nothing.
    let unsealed = eventually(SOON, "the events", async || {
        let events = stage.events().await?;
        let told = events.iter().filter(|event| event.starts_with("Normal Unsealed")).count();
        if told > 0 { Ok(events) } else { Err("none".into()) }
    })
    .await?;
    let told: Vec<_> = unsealed.iter().filter(|event| event.contains("Unsealed")).collect();
    assert!(told.len() <= 2, "{told:?}");
    let writes = stage.asked().await?;
    let writes = writes.iter().filter(|asked| asked.resource == "secrets" && asked.writes());
    assert_eq!(writes.count(), 2, "one create, one update");
    stage.is_silent_about(&daemon, &["hunter2"]).await
}
