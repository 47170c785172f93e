//! What a registry that calls can cause, and what nobody else can.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{is_pushed, until, web, world::World};

const RECEIVER: &str = "
apiVersion: v1
kind: Secret
metadata: {name: hook, namespace: apps}
stringData: {token: a-token}
---
apiVersion: signet.dev/v1alpha1
kind: RegistryReceiver
metadata: {name: registry, namespace: apps}
spec: {type: distribution, secretRef: {name: hook}}
";

/// The delivery of a push of `repository`:`tag` to the world's registry.
fn delivery(world: &World, id: &str, repository: &str, tag: &str) -> String {
    json!({ "events": [{
        "id": id,
        "timestamp": "2026-01-02T03:04:05.678Z",
        "action": "push",
        "target": {
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "size": 1, "length": 1, "digest": format!("sha256:{}", "ab".repeat(32)),
            "repository": repository, "tag": tag, "url": "http://ignored/",
        },
        "request": { "id": "r", "host": world.registry.address(), "method": "PUT" },
        "source": { "addr": "registry:5000" },
    }]})
    .to_string()
}

async fn path(world: &World) -> String {
    let path = || async {
        world.get("RegistryReceiver", "registry").await["status"]["webhookPath"].clone()
    };
    until!("the path", path().await.is_string());
    path().await.as_str().unwrap().to_owned()
}

async fn requested(world: &World) -> Value {
    let object = world.get("ImageRepository", "web").await;
    object["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"].clone()
}

#[tokio::test]
async fn a_pushed_tag_becomes_a_commit_without_any_interval() {
    let (world, repository) = web("").await;
    world.apply(RECEIVER).await;
    let run = world.run();
    until!("the push", is_pushed(&world).await);
    let path = path(&world).await;
    assert!(path.starts_with("/hook/") && path.len() == 6 + 64, "Flux's formula: {path}");
    world.registry.set("team/web", &["1.0.0", "1.5.0"]);
    let answer = run.deliver(&path, Some("a-token"), delivery(&world, "e1", "team/web", "1.5.0"));
    assert_eq!(answer.await, StatusCode::OK);
    assert!(requested(&world).await.is_string(), "2xx only once it is durable");
    until!("the commit", repository.git(&["rev-list", "--count", "main"]).trim() == "3");
    assert!(repository.git(&["show", "main:apps/web.yaml"]).contains("web:1.5.0'"));
}

#[tokio::test]
async fn a_repeated_delivery_is_taken_once() {
    let (world, _repository) = web("").await;
    world.apply(RECEIVER).await;
    let run = world.run();
    let path = path(&world).await;
    let body = delivery(&world, "e1", "team/web", "1.5.0");
    assert_eq!(run.deliver(&path, None, body.clone()).await, StatusCode::OK);
    let first = requested(&world).await;
    assert_eq!(run.deliver(&path, None, body).await, StatusCode::OK);
    assert_eq!(requested(&world).await, first);
    let other = delivery(&world, "e2", "team/web", "1.6.0");
    assert_eq!(run.deliver(&path, None, other).await, StatusCode::OK);
    assert_ne!(requested(&world).await, first);
}

#[tokio::test]
async fn a_delivery_during_the_start_is_not_lost() {
    let (world, _repository) = web("").await;
    world.apply(RECEIVER).await;
    let run = world.run();
    until!("the push", is_pushed(&world).await);
    let path = path(&world).await;
    run.end().await;
    let run = world.run();
    let body = delivery(&world, "e1", "team/web", "1.5.0");
    assert_eq!(run.deliver(&path, None, body).await, StatusCode::OK);
    assert!(requested(&world).await.is_string());
}

#[tokio::test]
async fn a_delivery_that_is_not_ours_causes_nothing() {
    let (world, _repository) = web("").await;
    world.apply(RECEIVER).await;
    let run = world.run();
    let path = path(&world).await;
    let good = delivery(&world, "e1", "team/web", "1.5.0");
    let other = delivery(&world, "e2", "team/other", "1.5.0");
    let huge = "x".repeat(2 << 20);
    let unknown = format!("/hook/{}", "0".repeat(64));
    #[rustfmt::skip]
    let cases = [
        // path       token            body                answer
        (&unknown,    None,            good.clone(),       StatusCode::NOT_FOUND),
        (&path,       Some("b-token"), good.clone(),       StatusCode::UNAUTHORIZED),
        (&path,       None,            "{".to_owned(),     StatusCode::BAD_REQUEST),
        (&path,       None,            huge,               StatusCode::PAYLOAD_TOO_LARGE),
        // Well-formed and none of our business: the sender must not repeat it.
        (&path,       None,            other,              StatusCode::OK),
    ];
    for (path, token, body, answer) in cases {
        let head = body.chars().take(40).collect::<String>();
        assert_eq!(run.deliver(path, token, body).await, answer, "{token:?} {head}");
    }
    assert_eq!(requested(&world).await, Value::Null);
    let page = run.metrics();
    assert!(page.contains(r#"imagebot_hook_deliveries_total{result="refused"} 1"#), "{page}");
}

#[tokio::test]
async fn a_suspended_receiver_and_a_changed_token_let_nobody_in() {
    let (world, _repository) = web("").await;
    world.apply(RECEIVER).await;
    let run = world.run();
    let path = path(&world).await;
    let body = delivery(&world, "e1", "team/web", "1.5.0");
    world.patch("RegistryReceiver", "registry", json!({"spec": {"suspend": true}})).await;
    until!("the suspension", {
        run.deliver(&path, None, body.clone()).await == StatusCode::SERVICE_UNAVAILABLE
    });
    let before = requested(&world).await;
    world.patch("Secret", "hook", json!({"stringData": {"token": "another"}})).await;
    world.patch("RegistryReceiver", "registry", json!({"spec": {"suspend": false}})).await;
    until!("the end of the suspension", {
        run.deliver(&path, None, body.clone()).await != StatusCode::SERVICE_UNAVAILABLE
    });
    // The old path may be known until the receiver is looked at again, and opens nothing.
    let answer = run.deliver(&path, None, body).await;
    assert!(matches!(answer, StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND), "{answer}");
    assert_eq!(requested(&world).await, before);
}
