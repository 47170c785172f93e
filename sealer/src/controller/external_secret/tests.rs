//! Promises about SecretStores and ExternalSecrets, on an embedded API and a Vault of one page.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::Method;
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use crate::testbed::{Bed, Running};

const V: &str = "external-secrets.io/v1";
const ES: &str = "ExternalSecret";
const SS: &str = "SecretStore";
const TOKEN: &str = "s.root";

/// A server that answers as Vault does, or as it is told to.
struct Vault {
    page: Arc<Page>,
    url: String,
    server: AbortHandle,
}

#[derive(Default)]
struct Page {
    secrets: Mutex<HashMap<String, Value>>,
    fault: Mutex<Option<(u16, &'static str)>>,
    reads: Mutex<Vec<String>>,
}

impl Vault {
    async fn start() -> Self {
        let page: Arc<Page> = Arc::default();
        let router = Router::new()
            .route("/v1/auth/token/lookup-self", get(look_up))
            .route("/v1/{mount}/data/{*path}", get(read))
            .with_state(Arc::clone(&page));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { page, url, server: server.abort_handle() }
    }

    fn put(&self, path: &str, value: Value) {
        self.page.secrets.lock().unwrap().insert(path.to_owned(), value);
    }

    fn fail(&self, fault: Option<(u16, &'static str)>) {
        *self.page.fault.lock().unwrap() = fault;
    }

    fn reads(&self) -> usize {
        std::mem::take(&mut *self.page.reads.lock().unwrap()).len()
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn look_up(headers: HeaderMap) -> StatusCode {
    let allowed = headers.get("x-vault-token").is_some_and(|token| token == TOKEN);
    if allowed { StatusCode::OK } else { StatusCode::FORBIDDEN }
}

async fn read(
    State(page): State<Arc<Page>>,
    Path((mount, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    page.reads.lock().unwrap().push(path.clone());
    if let Some((status, body)) = *page.fault.lock().unwrap() {
        return (StatusCode::from_u16(status).unwrap(), [("retry-after", "7")], body)
            .into_response();
    }
    if look_up(headers).await != StatusCode::OK {
        return StatusCode::FORBIDDEN.into_response();
    }
    match page.secrets.lock().unwrap().get(&format!("{mount}/{path}")) {
        Some(data) => {
            axum_json(StatusCode::OK, &json!({"data": {"data": data, "metadata": {"version": 1}}}))
        }
        None => axum_json(StatusCode::NOT_FOUND, &json!({"errors": []})),
    }
}

fn axum_json(status: StatusCode, value: &Value) -> Response {
    (status, value.to_string()).into_response()
}

async fn store(bed: &Bed, vault: &Vault, token: &str) {
    bed.create(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "vault-token"}, "stringData": {"token": token},
    }))
    .await;
    bed.create(json!({
        "apiVersion": "external-secrets.io/v1beta1", "kind": SS, "metadata": {"name": "vault"},
        "spec": {"provider": {"vault": {
            "server": vault.url, "path": "secret", "version": "v2",
            "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token"}},
        }}},
    }))
    .await;
}

fn external(name: &str, spec: &Value) -> Value {
    let mut manifest = json!({
        "apiVersion": V, "kind": ES, "metadata": {"name": name, "labels": {"team": "a"}},
        "spec": {"secretStoreRef": {"name": "vault", "kind": SS}, "refreshInterval": "1h"},
    });
    for (key, value) in spec.as_object().unwrap() {
        manifest["spec"][key] = value.clone();
    }
    manifest
}

fn one(path: &str, property: &str) -> Value {
    json!({"data": [{"secretKey": "password", "remoteRef": {"key": path, "property": property}}]})
}

async fn ready(bed: &Bed, name: &str) -> kube::api::DynamicObject {
    bed.condition((V, ES, name), ("Ready", "True", "secret synced")).await
}

async fn force(bed: &Bed, name: &str, when: &str) {
    let forced = json!({"metadata": {"annotations": {"external-secrets.io/force-sync": when}}});
    bed.patch(V, ES, name, forced).await;
}

async fn started() -> (Bed, Vault, Running) {
    let (bed, vault) = (Bed::new().await, Vault::start().await);
    vault.put(
        "secret/app",
        json!({"password": "hunter2", "user": "app", "nested": {"deep": "down"}, "odd/key": "x"}),
    );
    let daemon = bed.start();
    store(&bed, &vault, TOKEN).await;
    (bed, vault, daemon)
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_a_store_become_a_secret() {
    let (bed, _vault, _daemon) = started().await;
    let spec = json!({
        "target": {"name": "db", "creationPolicy": "Owner"},
        "dataFrom": [{"extract": {"key": "app"}}],
        "data": [
            {"secretKey": "user", "remoteRef": {"key": "secret/data/app", "property": "password"}},
            {"secretKey": "deep", "remoteRef": {"key": "app", "property": "nested.deep"}},
        ],
    });
    bed.create(external("app", &spec)).await;
    let secret = bed.value("db", "deep", "down").await;
    let data: Vec<_> = secret
        .data
        .unwrap()
        .into_iter()
        .map(|(key, value)| (key, String::from_utf8(value.0).unwrap()))
        .collect();
    let expected = [
        ("deep", "down"),
        ("nested", r#"{"deep":"down"}"#),
        ("odd_key", "x"),
        ("password", "hunter2"),
        ("user", "hunter2"),
    ];
    assert_eq!(data, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    assert_eq!(secret.metadata.owner_references.unwrap()[0].kind, ES);
    let labels = secret.metadata.labels.unwrap();
    assert_eq!(
        (labels["team"].as_str(), labels["reconcile.external-secrets.io/managed"].as_str()),
        ("a", "true")
    );
    let object = ready(&bed, "app").await;
    let status = &object.data["status"];
    assert_eq!(status["binding"]["name"], "db");
    assert!(status["refreshTime"].is_string());
    assert!(status["syncedResourceVersion"].as_str().unwrap().starts_with("1-"));
    bed.event("app", "Created").await;
    bed.condition((V, SS, "vault"), ("Ready", "True", "store validated")).await;

    // Another name moves the Secret.
    bed.patch(V, ES, "app", json!({"spec": {"target": {"name": "moved"}}})).await;
    bed.value("moved", "deep", "down").await;
    let secrets = bed.secrets();
    bed.until("no former Secret", || async {
        secrets.get_opt("db").await.unwrap().is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_read_is_made_once_and_unchanged_content_writes_nothing() {
    let (bed, vault, daemon) = started().await;
    bed.condition((V, SS, "vault"), ("Ready", "True", "")).await;
    let spec = json!({"data": [
        {"secretKey": "a", "remoteRef": {"key": "app", "property": "password"}},
        {"secretKey": "b", "remoteRef": {"key": "app", "property": "user"}},
    ]});
    bed.create(external("app", &spec)).await;
    ready(&bed, "app").await;
    assert_eq!(vault.reads(), 1);

    let before = daemon.metric("signet_secret_writes_total");
    let object = ready(&bed, "app").await;
    force(&bed, "app", "1").await;
    let api = bed.api(V, ES);
    bed.until("a sync", || async {
        let now = api.get("app").await.unwrap();
        (now.data["status"]["syncedResourceVersion"]
            != object.data["status"]["syncedResourceVersion"])
            .then_some(())
    })
    .await;
    assert_eq!(daemon.metric("signet_secret_writes_total"), before);

    vault.put("secret/app", json!({"password": "new", "user": "app"}));
    bed.until("the new value", || async {
        force(&bed, "app", &format!("{:?}", std::time::Instant::now())).await;
        let secret = bed.secrets().get("app").await.unwrap();
        (secret.data.unwrap()["a"].0 == b"new").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_reads_no_store_and_writes_nothing_and_drift_is_repaired() {
    let (bed, vault, daemon) = started().await;
    bed.create(external("app", &one("app", "password"))).await;
    ready(&bed, "app").await;
    daemon.reconciled(&bed, "externalsecret", 1).await;
    drop(daemon);
    vault.reads();
    bed.effects();

    let daemon = bed.start();
    daemon.reconciled(&bed, "externalsecret", 1).await;
    daemon.reconciled(&bed, "secretstore", 1).await;
    assert_eq!(vault.reads(), 0);
    let effects = bed.effects();
    let key = |path: &str| path.ends_with("/secrets/sealed-secrets-key1");
    assert!(effects.iter().all(|(method, path)| method == Method::GET && key(path)), "{effects:?}");

    bed.patch("v1", "Secret", "app", json!({"stringData": {"password": "oops"}})).await;
    bed.value("app", "password", "hunter2").await;
    bed.delete("v1", "Secret", "app").await;
    bed.value("app", "password", "hunter2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_is_named_and_the_last_good_secret_stays() {
    let (bed, vault, daemon) = started().await;
    bed.create(external("app", &one("app", "password"))).await;
    ready(&bed, "app").await;
    #[rustfmt::skip]
    let cases = [
        ((500, "hunter3"),                   "answers 500"),
        ((429, "hunter3"),                   "answers 429"),
        ((200, "<html>hunter3</html>"),      "something that is not a secret of KV version 2"),
        ((200, r#"{"data": "hunter3"}"#),    "something that is not a secret of KV version 2"),
        ((302, ""),                          "something that is not an answer of Vault"),
        ((403, ""),                          "refuses the token for `secret/data/app`; renew the token"),
        ((404, "{}"),                        "has no secret `secret/data/app`"),
        ((404, r#"{"data": {"data": null, "metadata": {"version": 2}}}"#), "was deleted"),
    ];
    for (index, (fault, words)) in cases.into_iter().enumerate() {
        vault.fail(Some(fault));
        force(&bed, "app", &index.to_string()).await;
        let object = bed.condition((V, ES, "app"), ("Ready", "False", words)).await;
        assert!(!object.data["status"].to_string().contains("hunter3"));
        bed.value("app", "password", "hunter2").await;
    }
    bed.event("app", "SecretSyncedError").await;
    assert!(
        daemon.metric(r#"externalsecret_sync_calls_error_total{name="app",namespace="default"}"#)
            >= 8
    );
    vault.fail(None);
    force(&bed, "app", "fixed").await;
    ready(&bed, "app").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_not_supported_is_named() {
    let (bed, _vault, _daemon) = started().await;
    #[rustfmt::skip]
    let cases = [
        ("nostore",   json!({"secretStoreRef": {"name": "none"}, "data": [{"secretKey": "a", "remoteRef": {"key": "app"}}]}), "SecretStore `none` of `spec.secretStoreRef` does not exist"),
        ("noprop",    one("app", "none"),                                                             "`spec.data[0]` (key `app`): property `none` does not exist in the remote secret"),
        ("template",  json!({"target": {"template": {"data": {"a": "b"}}}, "dataFrom": [{"extract": {"key": "app"}}]}), "`spec.target.template` is not supported yet"),
        ("policy",    json!({"target": {"creationPolicy": "Merge"}, "dataFrom": [{"extract": {"key": "app"}}]}), "`spec.target.creationPolicy` is not supported yet"),
        ("decode",    json!({"data": [{"secretKey": "a", "remoteRef": {"key": "app", "property": "user", "decodingStrategy": "Base64"}}]}), "`spec.data[0]` (key `app`): the value is not base64"),
    ];
    for (name, spec, words) in cases {
        bed.create(external(name, &spec)).await;
        bed.condition((V, ES, name), ("Ready", "False", words)).await;
    }
    bed.create(json!({
        "apiVersion": V, "kind": SS, "metadata": {"name": "aws"},
        "spec": {"provider": {"aws": {"service": "SecretsManager", "region": "us-east-1"}}},
    }))
    .await;
    bed.condition(
        (V, SS, "aws"),
        ("Ready", "False", "`spec.provider.aws` is a provider that is not supported yet"),
    )
    .await;
    bed.event("aws", "InvalidProviderConfig").await;
    bed.create(external("good", &one("app", "password"))).await;
    bed.value("good", "password", "hunter2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_told_by_the_store_and_a_right_one_wakes_its_readers() {
    let (bed, vault) = (Bed::new().await, Vault::start().await);
    vault.put("secret/app", json!({"password": "hunter2"}));
    let _daemon = bed.start();
    bed.create(external("app", &one("app", "password"))).await;
    bed.condition(
        (V, ES, "app"),
        ("Ready", "False", "SecretStore `vault` of `spec.secretStoreRef` does not exist"),
    )
    .await;
    store(&bed, &vault, "s.wrong").await;
    bed.condition(
        (V, SS, "vault"),
        ("Ready", "False", "refuses the token for `auth/token/lookup-self`"),
    )
    .await;
    bed.condition((V, ES, "app"), ("Ready", "False", "is not ready: unable to validate store"))
        .await;
    bed.patch("v1", "Secret", "vault-token", json!({"stringData": {"token": TOKEN}})).await;
    bed.condition((V, SS, "vault"), ("Ready", "True", "store validated")).await;
    bed.value("app", "password", "hunter2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_externalsecrets_do_not_fight_over_one_secret() {
    let (bed, _vault, _daemon) = started().await;
    let spec = |property| {
        let mut spec = one("app", property);
        spec["target"] = json!({"name": "shared"});
        spec
    };
    bed.create(external("first", &spec("password"))).await;
    ready(&bed, "first").await;
    bed.create(external("second", &spec("user"))).await;
    bed.condition(
        (V, ES, "second"),
        ("Ready", "False", "the Secret is controlled by ExternalSecret `first`"),
    )
    .await;
    bed.value("shared", "password", "hunter2").await;
}
