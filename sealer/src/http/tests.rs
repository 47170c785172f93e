//! Promises about the endpoints that `kubeseal` asks.

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use sealer_core::sealed::certificate::Certificate;
use sealer_core::sealed::scope::Scope;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::testbed::{Bed, KEYS, Running, sealed};

async fn ask(daemon: &Running, path: &str, body: String) -> (StatusCode, String) {
    answer(&daemon.daemon.routes(), Request::post(path).body(Body::from(body)).unwrap()).await
}

async fn answer(routes: &Router, request: Request<Body>) -> (StatusCode, String) {
    let answer = routes.clone().oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn two_keys() -> (Bed, Running) {
    let bed = Bed::new().await;
    bed.add_key("sealed-secrets-key2", 1).await;
    let daemon = bed.start_with(&["--rate-limit=1000", "--rate-limit-burst=100"]);
    bed.until("two keys", || async { (daemon.metric("signet_sealing_keys") == 2).then_some(()) })
        .await;
    (bed, daemon)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_is_that_of_the_newest_key() {
    let (_bed, daemon) = two_keys().await;
    let (status, pem) = ask(&daemon, "/v1/cert.pem", String::new()).await;
    assert_eq!((status, pem.trim()), (StatusCode::OK, KEYS[1].certificate.trim()));
}

#[tokio::test(flavor = "multi_thread")]
async fn verification_answers_whether_it_opens_and_renders_nothing() {
    let (_bed, daemon) = two_keys().await;
    let good = sealed("db", Scope::Strict, 0, &[("p", "hunter2")]);
    let mut renamed = good.clone();
    renamed["metadata"]["name"] = "other".into();
    let mut oracle = good.clone();
    oracle["spec"]["template"] =
        json!({"data": {"x": "{{ if eq .p \"hunter2\" }}{{ fail \"\" }}{{ end }}"}});
    #[rustfmt::skip]
    let cases = [
        (good.to_string(),                            200),
        (oracle.to_string(),                          200),
        (renamed.to_string(),                         409),
        ("{".to_owned(),                              500),
        (format!("{good}\n---\n{good}"),              500),
        (good.to_string().replace("SealedSecret", "ConfigMap"), 500),
    ];
    for (body, status) in cases {
        assert_eq!(ask(&daemon, "/v1/verify", body.clone()).await.0.as_u16(), status, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_seals_for_the_newest_key_and_keeps_the_scope() {
    let (bed, daemon) = two_keys().await;
    let mut old = sealed("db", Scope::Strict, 0, &[("p", "hunter2")]);
    // CVE-2026-22728: what the template claims must not widen the scope.
    let wide = json!({"sealedsecrets.bitnami.com/cluster-wide": "true"});
    old["spec"]["template"] = json!({"metadata": {"annotations": wide}, "data": {"x": "{{ .p }}"}});
    let (status, text) = ask(&daemon, "/v1/rotate", old.to_string()).await;
    assert_eq!(status, StatusCode::OK);
    let mut new: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(new["spec"]["template"]["data"], old["spec"]["template"]["data"]);
    assert_ne!(new["spec"]["encryptedData"], old["spec"]["encryptedData"]);
    assert!(!text.contains("hunter2"));

    bed.delete("v1", "Secret", "sealed-secrets-key1").await;
    bed.until("one key", || async { (daemon.metric("signet_sealing_keys") == 1).then_some(()) })
        .await;
    assert_eq!(ask(&daemon, "/v1/verify", old.to_string()).await.0, StatusCode::CONFLICT);
    assert_eq!(ask(&daemon, "/v1/verify", new.to_string()).await.0, StatusCode::OK);
    new["metadata"]["name"] = "elsewhere".into();
    assert_eq!(ask(&daemon, "/v1/verify", new.to_string()).await.0, StatusCode::CONFLICT);
    assert_eq!(
        ask(&daemon, "/v1/rotate", "{}".to_owned()).await.0,
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_too_often_is_told_to_wait() {
    let bed = Bed::new().await;
    let daemon = bed.start_with(&["--rate-limit=1", "--rate-limit-burst=2"]);
    let routes = daemon.daemon.routes();
    let good = sealed("db", Scope::Strict, 0, &[("p", "hunter2")]).to_string();
    bed.until("a key", || async { (daemon.metric("signet_sealing_keys") == 1).then_some(()) })
        .await;
    let from = |client: &str, path: &str| {
        let request = Request::post(path).header("x-forwarded-for", client);
        answer(&routes, request.body(Body::from(good.clone())).unwrap())
    };
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(from("10.0.0.1", "/v1/verify").await.0.as_u16());
    }
    assert_eq!(codes[..3], [200, 200, 200]);
    assert!(codes[3..].contains(&429), "{codes:?}");
    assert_eq!(from("10.0.0.2", "/v1/verify").await.0, StatusCode::OK);
    let page = r#"sealed_secrets_controller_http_requests_total{path="/v1/verify",code="429",method="post"}"#;
    assert!(daemon.metric(page) >= 1);
    let page = r#"sealed_secrets_controller_http_request_duration_seconds_count{path="/v1/verify",method="post"}"#;
    assert_eq!(daemon.metric(page), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_and_a_stranger_are_refused() {
    let bed = Bed::new().await;
    let daemon = bed.start_with(&["--rate-limit=1000", "--rate-limit-burst=100"]);
    let large = " ".repeat((4 << 20) + 1);
    assert_eq!(ask(&daemon, "/v1/verify", large).await.0, StatusCode::BAD_REQUEST);
    drop(daemon);
    let daemon = bed.start_with(&["--token-review"]);
    bed.until("a key", || async { (daemon.metric("signet_sealing_keys") == 1).then_some(()) })
        .await;
    let good = sealed("db", Scope::Strict, 0, &[("p", "hunter2")]).to_string();
    bed.until("a key", || async { (daemon.metric("signet_sealing_keys") == 1).then_some(()) })
        .await;
    assert_eq!(ask(&daemon, "/v1/verify", good.clone()).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&daemon, "/v1/cert.pem", good).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_brings_a_sealed_secret_of_2017_up_to_date() {
    let (_bed, daemon) = two_keys().await;
    let certificate = Certificate::parse(KEYS[0].certificate.as_bytes()).unwrap();
    let secret = json!({
        "metadata": {"name": "x", "annotations": {"sealedsecrets.bitnami.com/cluster-wide": "true"}},
        "data": {"p": "aHVudGVyMg=="},
    });
    let label = Scope::Strict.label("default", "db");
    let data = certificate.seal(&label, secret.to_string().as_bytes(), &mut rand::rng());
    let old = json!({
        "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
        "metadata": {"name": "db", "namespace": "default"}, "spec": {"data": data},
    });
    assert_eq!(ask(&daemon, "/v1/verify", old.to_string()).await.0, StatusCode::OK);
    let (status, text) = ask(&daemon, "/v1/rotate", old.to_string()).await;
    assert_eq!(status, StatusCode::OK);
    let new: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&new["spec"]["data"], new["metadata"].get("annotations")), (&Value::Null, None));
    assert!(new["spec"]["encryptedData"]["p"].is_string() && !text.contains("hunter2"));
    assert_eq!(ask(&daemon, "/v1/verify", text).await.0, StatusCode::OK);
}
