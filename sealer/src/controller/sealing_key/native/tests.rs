//! Native keys and values beside RSA ones, in a daemon.

use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use sealer_core::sealed::native::{PrivateKey, PublicKey, Recipients, Suite, Value as Native};
use sealer_core::sealed::scope::Scope;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::testbed::{Bed, Running, sealed};

const V: &str = "bitnami.com/v1alpha1";
const K: &str = "SealedSecret";

fn key(suite: Suite, created: &str) -> (Value, PublicKey) {
    let (seed, key) = PrivateKey::generate(suite, created.parse().unwrap(), &mut rand::rng());
    let encoded = |bytes: &[u8]| base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes);
    let name = format!("native-{suite}-{}", &created[..7]);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "signet.dev/sealing-key",
        "metadata": {"name": name, "namespace": "default", "labels": {NATIVE_LABEL: "active"}},
        "data": {"seed": encoded(seed.expose()), "public": encoded(key.public().pem().as_bytes())},
    });
    (secret, key.public().clone())
}

async fn ask(daemon: &Running, path: &str, body: String) -> (StatusCode, String) {
    let request = Request::post(path).body(axum::body::Body::from(body)).unwrap();
    let answer = daemon.daemon.routes().oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn native_values_open_beside_others_and_are_sealed_again_for_the_newest_key() {
    let bed = Bed::new().await;
    let (old_secret, old) = key(Suite::X25519, "2026-01-01T00:00:00Z");
    let (_, elsewhere) = key(Suite::X25519, "2026-01-01T00:00:00Z");
    bed.create(old_secret).await;
    let daemon = bed.start_with(&["--rate-limit=1000", "--rate-limit-burst=100"]);

    let recipients = Recipients::new([old.clone(), elsewhere.clone()]).unwrap();
    let label = Scope::Strict.label("default", "db");
    let seal = |key: &str| recipients.seal(&label.of(key), b"hunter2", &mut rand::rng());
    let mut manifest = sealed("db", Scope::Strict, 0, &[("user", "app")]);
    manifest["spec"]["encryptedData"]["password"] = seal("password").into();
    bed.create(manifest.clone()).await;
    bed.value("db", "password", "hunter2").await;
    let object = bed.condition((V, K, "db"), ("Synced", "True", "")).await;
    let by = object.data["status"]["sealedBy"].to_string();
    assert!(by.contains(old.id().as_str()) && by.contains("2026-01-01T00:00:00Z"), "{by}");

    // A value under another data key is no value.
    let mut swapped = manifest.clone();
    swapped["metadata"]["name"] = "swapped".into();
    swapped["spec"]["encryptedData"] = json!({"other": seal("password")});
    assert_eq!(ask(&daemon, "/v1/verify", manifest.to_string()).await.0, StatusCode::OK);
    assert_eq!(ask(&daemon, "/v1/verify", swapped.to_string()).await.0, StatusCode::CONFLICT);
    bed.create(swapped).await;
    bed.condition((V, K, "swapped"), ("Synced", "False", "data key")).await;

    // A newer key is in the certificates at once, and what is sealed again is for it.
    let (new_secret, new) = key(Suite::X25519, "2026-06-01T00:00:00Z");
    bed.create(new_secret).await;
    let pem = bed
        .until("the newer key", || async {
            let pem = ask(&daemon, "/v1/cert.pem", String::new()).await.1;
            pem.contains(&new.pem()).then_some(pem)
        })
        .await;
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n"), "{pem}");
    assert_eq!(PublicKey::parse_all(pem.as_bytes()).unwrap().len(), 1);
    let (status, text) = ask(&daemon, "/v1/rotate", manifest.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let rotated: Value = serde_json::from_str(&text).unwrap();
    let value = rotated["spec"]["encryptedData"]["password"].as_str().unwrap();
    let ids: Vec<_> = Native::parse(value).unwrap().key_ids().collect();
    assert_eq!(ids, [new.id(), elsewhere.id()], "the other cluster keeps its own");
    assert_eq!(ask(&daemon, "/v1/verify", text).await.0, StatusCode::OK);

    // Without its key a value waits for it.
    bed.delete("v1", "Secret", "native-x25519-2026-01").await;
    let mut missing = manifest;
    missing["metadata"]["name"] = "missing".into();
    bed.create(missing).await;
    bed.condition((V, K, "missing"), ("Synced", "False", "")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_native_key_harms_no_other() {
    let bed = Bed::new().await;
    let (mut broken, _) = key(Suite::XWing, "2025-01-01T00:00:00Z");
    broken["data"]["seed"] = "AAAA".into();
    let (good, public) = key(Suite::XWing, "2026-01-01T00:00:00Z");
    bed.create(broken).await;
    bed.create(good).await;
    let _daemon = bed.start();
    let label = Scope::ClusterWide.label("", "").of("k");
    let value = Recipients::new([public]).unwrap().seal(&label, b"v", &mut rand::rng());
    let mut manifest = sealed("db", Scope::ClusterWide, 0, &[]);
    manifest["spec"]["encryptedData"] = json!({ "k": value });
    bed.create(manifest).await;
    bed.value("db", "k", "v").await;
}
