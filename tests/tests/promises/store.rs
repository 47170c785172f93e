//! SecretStores and ExternalSecrets on a real API server and a real OpenBao.

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::openbao::OpenBao;
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually};

use crate::seal::World;

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::OpenBao];
const V: &str = "external-secrets.io/v1";
const ES: &str = "ExternalSecret";
const SS: &str = "SecretStore";
/// No sealing key is made in the middle of a count.
const ONLY: &[&str] = &["--controllers=externalsecret"];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "store::values_of_openbao_become_a_secret_and_follow_it", NEEDS, values),
        trial(bed, "store::what_is_the_same_is_read_once_and_not_written", NEEDS, sharing),
        trial(bed, "store::a_restart_reads_no_store_and_writes_nothing", NEEDS, restart),
        trial(bed, "store::a_token_without_rights_is_named_and_the_secret_stays", NEEDS, denied),
    ]
}

/// A store with this token, written as v1beta1 as most manifests are.
async fn store(world: &World<'_>, token: &str) -> Outcome {
    let bao = world.bed.openbao().await?;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"token": token},
    });
    let store = json!({
        "apiVersion": "external-secrets.io/v1beta1", "kind": SS, "metadata": {"name": "vault"},
        "spec": {"provider": {"vault": {
            "server": bao.url(), "path": "secret", "version": "v2",
            "auth": {"tokenSecretRef": {"name": "token", "key": "token"}},
        }}},
    });
    world.apply(&secret).await?;
    world.apply(&store).await
}

fn external(name: &str, path: &str, spec: &Value) -> Value {
    let mut manifest = json!({
        "apiVersion": "external-secrets.io/v1beta1", "kind": ES, "metadata": {"name": name},
        "spec": {
            "secretStoreRef": {"name": "vault", "kind": SS}, "refreshInterval": "1h",
            "data": [{"secretKey": "password", "remoteRef": {"key": path, "property": "password"}}],
        },
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        manifest["spec"][key] = value.clone();
    }
    manifest
}

async fn ready(world: &World<'_>, name: &str, status: &str, words: &str) -> Outcome<Value> {
    Ok(world.condition((V, ES, name), ("Ready", status, words)).await?.data)
}

async fn reads(daemon: &Daemon) -> f64 {
    let series = r#"externalsecret_provider_api_calls_count_total{provider="HashiCorp/Vault",call="ReadSecretData",status="success"}"#;
    daemon.metric(series).await.unwrap_or(0.0)
}

async fn values(bed: Bed) -> Outcome {
    let world = World::new(&bed, "store").await?;
    let (bao, path) = (bed.openbao().await?, bed.unique("app"));
    bao.write(&path, &json!({"password": "hunter2", "user": "app", "nested": {"deep": "down"}}))
        .await?;
    let daemon = world.start_with(ONLY).await?;
    store(&world, OpenBao::TOKEN).await?;
    world.condition((V, SS, "vault"), ("Ready", "True", "store validated")).await?;
    let spec = json!({
        "target": {"name": "db"}, "refreshInterval": "2s",
        "dataFrom": [{"extract": {"key": path}}],
        "data": [{"secretKey": "deep", "remoteRef": {"key": format!("secret/data/{path}"), "property": "nested.deep"}}],
    });
    world.apply(&external("app", &path, &spec)).await?;
    let secret = world.value("db", "password", "hunter2").await?;
    let data = secret.data.unwrap_or_default();
    assert_eq!(
        (&data["deep"].0[..], &data["nested"].0[..]),
        (&b"down"[..], &br#"{"deep":"down"}"#[..])
    );
    assert_eq!(secret.metadata.owner_references.unwrap_or_default()[0].kind, ES);
    ready(&world, "app", "True", "secret synced").await?;
    world.event("app", "Created").await?;

    // Its own interval brings a change.
    bao.write(&path, &json!({"password": "another"})).await?;
    let waiting = json!({"spec": {"data": null, "dataFrom": [{"extract": {"key": path}}]}});
    world.patch(V, ES, "app", &waiting).await?;
    world.value("db", "password", "another").await?;
    bao.write(&path, &json!({"password": "a third"})).await?;
    world.value("db", "password", "a third").await?;
    world.event("app", "Updated").await?;

    // What is gone from the store stays in the cluster.
    bao.remove(&path).await?;
    ready(&world, "app", "False", "has no secret").await?;
    world.value("db", "password", "a third").await?;
    assert!(!daemon.log().contains("hunter2"), "the log tells the value");
    world.api(V, ES).delete("app", &<_>::default()).await?;
    world.gone("db").await
}

async fn sharing(bed: Bed) -> Outcome {
    let world = World::new(&bed, "store").await?;
    let (bao, path) = (bed.openbao().await?, bed.unique("app"));
    bao.write(&path, &json!({"password": "hunter2"})).await?;
    let daemon = world.start_with(ONLY).await?;
    store(&world, OpenBao::TOKEN).await?;
    world.condition((V, SS, "vault"), ("Ready", "True", "")).await?;
    let names: Vec<_> = (0..10).map(|n| format!("same-{n}")).collect();
    for name in &names {
        world.apply(&external(name, &path, &json!({"refreshInterval": "2s"}))).await?;
    }
    for name in &names {
        ready(&world, name, "True", "").await?;
    }
    let writes = |asked: &[tests::kubernetes::Asked]| {
        asked.iter().filter(|asked| asked.writes() && asked.resource != "leases").count()
    };
    let (before, read) =
        (world.kubernetes.asked(&world.namespace, "robot")?.len(), reads(&daemon).await);
    eventually(std::time::Duration::from_secs(30), "three more reads", async || {
        let now = reads(&daemon).await;
        if now >= read + 3.0 { Ok(()) } else { Err(now.to_string().into()) }
    })
    .await?;
    let asked = world.kubernetes.asked(&world.namespace, "robot")?.split_off(before);
    // Ten objects read one path together: three rounds are far fewer than thirty reads.
    assert!(reads(&daemon).await - read < 10.0, "{} reads", reads(&daemon).await - read);
    assert_eq!(writes(&asked), 0, "{asked:?}");
    assert!(
        !asked.iter().any(|asked| asked.verb == "get" && asked.resource == "secrets"),
        "{asked:?}"
    );
    Ok(())
}

async fn restart(bed: Bed) -> Outcome {
    let world = World::new(&bed, "store").await?;
    let (bao, path) = (bed.openbao().await?, bed.unique("app"));
    bao.write(&path, &json!({"password": "hunter2"})).await?;
    let daemon = world.start_with(ONLY).await?;
    store(&world, OpenBao::TOKEN).await?;
    for n in 0..10 {
        world.apply(&external(&format!("settled-{n}"), &path, &json!({}))).await?;
    }
    for n in 0..10 {
        ready(&world, &format!("settled-{n}"), "True", "").await?;
    }
    assert!(daemon.terminate().await?.success(), "{}", daemon.log());
    let before = world.kubernetes.asked(&world.namespace, "robot")?.len();
    let daemon = world.start_with(ONLY).await?;
    let series =
        r#"controller_runtime_reconcile_total{controller="externalsecret",result="requeue_after"}"#;
    eventually(std::time::Duration::from_secs(30), "all are reconciled", async || {
        let count = daemon.metric(series).await?;
        if count >= 10.0 { Ok(()) } else { Err(count.to_string().into()) }
    })
    .await?;
    assert!(reads(&daemon).await < 1.0);
    world.only_watched_since(before)
}

async fn denied(bed: Bed) -> Outcome {
    let world = World::new(&bed, "store").await?;
    let (bao, path) = (bed.openbao().await?, bed.unique("app"));
    bao.write(&path, &json!({"password": "hunter2"})).await?;
    let _daemon = world.start_with(ONLY).await?;
    store(&world, OpenBao::TOKEN).await?;
    world.apply(&external("app", &path, &json!({}))).await?;
    world.value("app", "password", "hunter2").await?;
    let weak = bao.token(r#"path "auth/token/lookup-self" { capabilities = ["read"] }"#).await?;
    world.patch("v1", "Secret", "token", &json!({"stringData": {"token": weak}})).await?;
    // A store with a new token is read anew by whoever asks; each forced sync asks.
    eventually(std::time::Duration::from_secs(30), "the new token is refused", async || {
        let when = bed.unique("when");
        let forced = json!({"metadata": {"annotations": {"external-secrets.io/force-sync": when}}});
        world.patch(V, ES, "app", &forced).await?;
        let status = world.api(V, ES).get("app").await?.data["status"].to_string();
        if status.contains("refuses the token for") { Ok(()) } else { Err(status.into()) }
    })
    .await?;
    world.value("app", "password", "hunter2").await?;

    world.patch("v1", "Secret", "token", &json!({"stringData": {"token": "s.none"}})).await?;
    world
        .condition(
            (V, SS, "vault"),
            ("Ready", "False", "refuses the token for `auth/token/lookup-self`"),
        )
        .await?;
    world.event("vault", "InvalidProviderConfig").await?;
    world.patch("v1", "Secret", "token", &json!({"stringData": {"token": OpenBao::TOKEN}})).await?;
    world.condition((V, SS, "vault"), ("Ready", "True", "")).await?;
    ready(&world, "app", "True", "").await.map(drop)
}
