//! Promises about the endpoints that `kubeseal` asks.

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use sealer_core::sealed::scope::Scope;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::testbed::{Bed, KEYS, Running, sealed};

async fn ask(daemon: &Running, path: &str, body: String) -> (StatusCode, String) {
    let request = Request::post(path).body(Body::from(body)).unwrap();
    let answer = daemon.daemon.routes().oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn two_keys() -> (Bed, Running) {
    let bed = Bed::new().await;
    bed.add_key("sealed-secrets-key2", 1).await;
    let daemon = bed.start();
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
