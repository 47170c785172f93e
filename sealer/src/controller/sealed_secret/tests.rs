//! Promises about SealedSecrets, on an embedded API.

use http::Method;
use kube::api::{Patch, PatchParams};
use sealer_core::sealed::certificate::Certificate;
use sealer_core::sealed::scope::Scope;
use serde_json::{Value, json};

use crate::testbed::{Bed, KEYS, Running, sealed};

const V: &str = "bitnami.com/v1alpha1";
const K: &str = "SealedSecret";

async fn synced(bed: &Bed, name: &str) {
    bed.condition((V, K, name), ("Synced", "True", "")).await;
}

async fn failed(bed: &Bed, name: &str, words: &str) {
    bed.condition((V, K, name), ("Synced", "False", words)).await;
}

fn opened(daemon: &Running) -> u64 {
    daemon.metric("signet_values_unsealed_total")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_secret_becomes_a_secret_that_it_owns() {
    let bed = Bed::new().await;
    let _daemon = bed.start();
    let mut manifest = sealed("db", Scope::Strict, 0, &[("password", "hunter2"), ("user", "app")]);
    manifest["spec"]["template"] = json!({
        "type": "example.com/login", "immutable": true,
        "metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}, "creationTimestamp": null},
    });
    let owner = bed.create(manifest).await;

    let secret = bed.value("db", "password", "hunter2").await;
    assert_eq!(secret.type_.as_deref(), Some("example.com/login"));
    assert_eq!(secret.immutable, Some(true));
    assert_eq!(secret.metadata.labels.unwrap()["team"], "a");
    assert_eq!(secret.metadata.annotations.unwrap()["note"], "b");
    let [reference] = &secret.metadata.owner_references.unwrap()[..] else { panic!("one owner") };
    assert_eq!(
        (reference.controller, &reference.uid),
        (Some(true), owner.metadata.uid.as_ref().unwrap())
    );
    synced(&bed, "db").await;
    bed.event("db", "Unsealed").await;

    bed.delete(V, K, "db").await;
    let secrets = bed.secrets();
    bed.until("collected Secret", || async {
        secrets.get_opt("db").await.unwrap().is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_render_values_and_a_bad_one_is_named() {
    let bed = Bed::new().await;
    let _daemon = bed.start();
    let mut manifest = sealed("db", Scope::Strict, 0, &[("user", "app"), ("p-w", "hunter2")]);
    let url = r#"pg://{{ .user }}:{{ index . "p-w" }}@db"#;
    manifest["spec"]["template"] =
        json!({"data": {"url": url, "user": "{{ .user | upper }}", "p-w": null}});
    bed.create(manifest.clone()).await;
    let secret = bed.value("db", "url", "pg://app:hunter2@db").await;
    let data = secret.data.unwrap();
    assert_eq!(data["user"].0, b"app", "a sealed value wins");
    assert!(!data.contains_key("p-w"), "a null takes it out");
    bed.patch(V, K, "db", json!({"spec": {"template": {"data": {"url": "{{ fail .user }}"}}}}))
        .await;
    failed(&bed, "db", "`spec.template.data.url` cannot be rendered").await;
    bed.value("db", "url", "pg://app:hunter2@db").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scope_opens_where_it_may_and_nowhere_else() {
    let bed = Bed::new().await;
    let _daemon = bed.start();
    #[rustfmt::skip]
    let cases = [
        // scope                  sealed for   named      opens
        (Scope::Strict,           "strict",    "strict",  true),
        (Scope::Strict,           "other",     "renamed", false),
        (Scope::NamespaceWide,    "other",     "wide",    true),
        (Scope::ClusterWide,      "other",     "cluster", true),
    ];
    for (scope, for_name, name, opens) in cases {
        let mut manifest = sealed(for_name, scope, 0, &[("key", name)]);
        manifest["metadata"]["name"] = name.into();
        // What the template claims is never believed.
        manifest["spec"]["template"] = json!({"metadata": {"annotations": {"sealedsecrets.bitnami.com/cluster-wide": "true"}}});
        bed.create(manifest).await;
        if opens {
            bed.value(name, "key", name).await;
        } else {
            failed(&bed, name, "`spec.encryptedData.key`: no key could decrypt secret").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_opens_nothing_writes_nothing_and_gets_nothing() {
    let bed = Bed::new().await;
    let names: Vec<_> = (0..5).map(|n| format!("settled-{n}")).collect();
    let daemon = bed.start();
    for name in &names {
        bed.create(sealed(name, Scope::Strict, 0, &[("key", name)])).await;
    }
    for name in &names {
        synced(&bed, name).await;
    }
    assert_eq!(opened(&daemon), 5);
    daemon.reconciled(&bed, "sealedsecret", 5).await;
    drop(daemon);
    bed.effects();

    let daemon = bed.start();
    daemon.reconciled(&bed, "sealedsecret", 5).await;
    assert_eq!(opened(&daemon), 0);
    let effects = bed.effects();
    let key = |path: &str| path.ends_with("/secrets/sealed-secrets-key1");
    assert!(effects.iter().all(|(method, path)| method == Method::GET && key(path)), "{effects:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_repaired_at_once_and_what_others_add_stays() {
    let bed = Bed::new().await;
    let _daemon = bed.start();
    bed.create(sealed("db", Scope::Strict, 0, &[("password", "hunter2")])).await;
    synced(&bed, "db").await;

    bed.patch("v1", "Secret", "db", json!({"stringData": {"password": "oops", "extra": "x"}}))
        .await;
    let secret = bed.value("db", "password", "hunter2").await;
    assert_eq!(secret.data.unwrap().len(), 1);

    bed.delete("v1", "Secret", "db").await;
    bed.value("db", "password", "hunter2").await;

    // A label of somebody else is no drift: it costs a look and no write.
    synced(&bed, "db").await;
    let patch = Patch::Merge(json!({"metadata": {"labels": {"theirs": "1"}}}));
    let patched = bed.secrets().patch("db", &PatchParams::default(), &patch).await.unwrap();
    let version = patched.metadata.resource_version.unwrap();
    let sealed = bed.api(V, K);
    bed.until("acknowledgement", || async {
        let object = sealed.get("db").await.unwrap();
        (object.data["status"]["written"]["resourceVersion"] == *version).then_some(())
    })
    .await;
    let secret = bed.value("db", "password", "hunter2").await;
    assert_eq!(secret.metadata.labels.unwrap()["theirs"], "1");
    assert_eq!(secret.metadata.resource_version.unwrap(), version);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_secret_is_left_alone_until_it_is_handed_over() {
    let bed = Bed::new().await;
    let _daemon = bed.start();
    let foreign = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"theirs": "1"},
    });
    bed.create(foreign).await;
    bed.create(sealed("db", Scope::Strict, 0, &[("password", "hunter2")])).await;
    failed(&bed, "db", "Resource \"db\" already exists and is not managed by SealedSecret").await;
    failed(&bed, "db", "annotate it `sealedsecrets.bitnami.com/managed: \"true\"`").await;
    bed.event("db", "ErrUpdateFailed").await;
    bed.value("db", "theirs", "1").await;

    let managed =
        json!({"metadata": {"annotations": {"sealedsecrets.bitnami.com/managed": "true"}}});
    bed.patch("v1", "Secret", "db", managed).await;
    let secret = bed.value("db", "password", "hunter2").await;
    assert_eq!(secret.data.unwrap().len(), 1);
    synced(&bed, "db").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patched_secret_keeps_the_keys_of_others_and_survives() {
    let bed = Bed::new().await;
    let _daemon = bed.start();
    bed.create(json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": {"theirs": "1"},
        "metadata": {"name": "db", "annotations": {"sealedsecrets.bitnami.com/patch": "true"}},
    }))
    .await;
    bed.create(sealed("db", Scope::Strict, 0, &[("ours", "2")])).await;
    let secret = bed.value("db", "ours", "2").await;
    assert_eq!(secret.data.unwrap()["theirs"].0, b"1");
    assert_eq!(secret.metadata.owner_references, None);
    synced(&bed, "db").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_values_name_the_key_and_the_remedy_and_hold_nobody_up() {
    let bed = Bed::new().await;
    let daemon = bed.start();
    let good = sealed("good", Scope::Strict, 0, &[("key", "hunter2")]);
    let text = good["spec"]["encryptedData"]["key"].as_str().unwrap().to_owned();
    let mut flipped = text.clone();
    flipped.replace_range(text.len() - 8..text.len() - 4, "AAAA");
    let foreign =
        sealed("foreign", Scope::Strict, 1, &[("key", "hunter2")])["spec"]["encryptedData"]["key"]
            .clone();
    #[rustfmt::skip]
    let cases: [(&str, Value, &str); 6] = [
        ("placeholder", "AgBvXq8z...".into(),         "`spec.encryptedData.key`: no key could decrypt secret: the value is not base64"),
        ("base64",      "AgB*".into(),                "the value is not base64"),
        ("truncated",   text[..100].into(),           "the value is truncated"),
        ("flipped",     flipped.into(),               "no key could decrypt secret"),
        ("foreign",     foreign,                      "no key could decrypt secret"),
        ("wrong",       text.clone().into(),          "seal the values again with this cluster's certificate, for this namespace, name and scope"),
    ];
    for (name, value, _) in &cases {
        let mut manifest = good.clone();
        manifest["metadata"]["name"] = (*name).into();
        manifest["spec"]["encryptedData"]["key"] = value.clone();
        bed.create(manifest).await;
    }
    for (name, _, words) in &cases {
        failed(&bed, name, words).await;
        assert!(!bed.event(name, "ErrUnsealFailed").await.contains("hunter2"));
        assert!(bed.secrets().get_opt(name).await.unwrap().is_none(), "{name}");
    }
    assert_eq!(
        daemon.metric(
            r#"sealed_secrets_controller_unseal_errors_total{reason="unseal",namespace="default"}"#
        ),
        6
    );
    bed.create(good).await;
    bed.value("good", "key", "hunter2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_edit_keeps_the_last_good_secret() {
    let bed = Bed::new().await;
    let daemon = bed.start();
    let good = sealed("db", Scope::Strict, 0, &[("key", "hunter2")]);
    bed.create(good.clone()).await;
    synced(&bed, "db").await;
    bed.patch(V, K, "db", json!({"spec": {"encryptedData": {"key": "AgB*"}}})).await;
    failed(&bed, "db", "the value is not base64").await;
    bed.value("db", "key", "hunter2").await;

    let before = opened(&daemon);
    bed.patch(V, K, "db", json!({"spec": good["spec"]})).await;
    synced(&bed, "db").await;
    assert_eq!(opened(&daemon), before, "what was there already is not opened again");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_and_go_while_the_daemon_runs() {
    let bed = Bed::new().await;
    let daemon = bed.start();
    bed.create(sealed("late", Scope::Strict, 1, &[("key", "hunter2")])).await;
    failed(&bed, "late", "(1 keys tried)").await;

    bed.add_key("sealed-secrets-key2", 1).await;
    bed.value("late", "key", "hunter2").await;
    synced(&bed, "late").await;

    let compromised = json!({"metadata": {"labels": {"sealedsecrets.bitnami.com/sealed-secrets-key": "compromised"}}});
    bed.patch("v1", "Secret", "sealed-secrets-key2", compromised).await;
    bed.until("one key", || async { (daemon.metric("signet_sealing_keys") == 1).then_some(()) })
        .await;
    bed.create(sealed("later", Scope::Strict, 1, &[("key", "hunter2")])).await;
    failed(&bed, "later", "(1 keys tried)").await;
    bed.value("late", "key", "hunter2").await;

    let active =
        json!({"metadata": {"labels": {"sealedsecrets.bitnami.com/sealed-secrets-key": "active"}}});
    bed.patch("v1", "Secret", "sealed-secrets-key2", active).await;
    bed.value("later", "key", "hunter2").await;
    bed.delete("v1", "Secret", "sealed-secrets-key1").await;
    bed.until("one key", || async { (daemon.metric("signet_sealing_keys") == 1).then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_when_there_is_none_and_a_broken_one_harms_no_other() {
    let bed = Bed::without_keys();
    bed.create(json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": {"tls.key": "x", "tls.crt": "y"},
        "metadata": {"name": "broken", "labels": {"sealedsecrets.bitnami.com/sealed-secrets-key": "active"}},
    }))
    .await;
    let daemon = bed.start();
    bed.until("a key", || async { (daemon.metric("signet_sealing_keys") == 1).then_some(()) })
        .await;
    assert_eq!(daemon.metric("signet_sealing_keys_rejected"), 1);
    let keys = kube::api::ListParams::default()
        .labels("sealedsecrets.bitnami.com/sealed-secrets-key=active");
    let keys = bed.secrets().list(&keys).await.unwrap().items;
    let made = keys.iter().find(|key| key.metadata.name.as_deref() != Some("broken")).unwrap();
    assert!(made.metadata.name.as_deref().unwrap().starts_with("sealed-secrets-key"));
    assert_eq!(made.type_.as_deref(), Some("kubernetes.io/tls"));
    let private = &made.data.as_ref().unwrap()["tls.key"].0;
    assert!(
        private.starts_with(b"-----BEGIN RSA PRIVATE KEY-----"),
        "PKCS#1, as upstream writes it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_without_owner_settles_too() {
    let bed = Bed::new().await;
    let daemon = bed.start();
    let mut manifest = sealed("free", Scope::Strict, 0, &[("key", "hunter2")]);
    manifest["spec"]["template"] = json!({
        "metadata": {"annotations": {"sealedsecrets.bitnami.com/skip-set-owner-references": "true"}},
    });
    bed.create(manifest).await;
    let secret = bed.value("free", "key", "hunter2").await;
    assert_eq!(secret.metadata.owner_references, None);
    synced(&bed, "free").await;
    drop(daemon);
    let daemon = bed.start();
    daemon.reconciled(&bed, "sealedsecret", 1).await;
    assert_eq!(opened(&daemon), 0);
    synced(&bed, "free").await;
}

/// A SealedSecret of 2017: one value, which is the JSON of a whole Secret.
fn whole(name: &str, secret: &Value) -> Value {
    let certificate = Certificate::parse(KEYS[0].certificate.as_bytes()).unwrap();
    let label = Scope::Strict.label("default", name);
    let data = certificate.seal(&label, secret.to_string().as_bytes(), &mut rand::rng());
    json!({
        "apiVersion": V, "kind": K, "metadata": {"name": name},
        "spec": {"data": data, "encryptedData": {}},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_secret_of_2017_opens_unless_that_is_turned_off() {
    let bed = Bed::new().await;
    let secret = json!({
        "metadata": {"name": "other", "namespace": "kube-system", "labels": {"a": "b"}},
        "type": "example.com/login", "data": {"password": "aHVudGVyMg=="},
    });
    let daemon = bed.start();
    bed.create(whole("old", &secret)).await;
    let made = bed.value("old", "password", "hunter2").await;
    assert_eq!(made.type_.as_deref(), Some("example.com/login"));
    assert_eq!(made.metadata.labels.unwrap()["a"], "b");
    assert_eq!(made.metadata.owner_references.unwrap()[0].kind, K);
    synced(&bed, "old").await;

    bed.patch(V, K, "old", json!({"spec": {"encryptedData": {"a": "AgB"}}})).await;
    failed(&bed, "old", "cannot use the field 'encryptedData' and the deprecated field 'data'")
        .await;
    bed.create(whole("text", &json!("hunter2"))).await;
    failed(&bed, "text", "`spec.data` holds no Secret").await;
    drop(daemon);

    let _daemon = bed.start_with(&["--accept-deprecated-v1-data=false"]);
    bed.create(whole("refused", &secret)).await;
    failed(&bed, "refused", "is the format of 2017, which is turned off here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_which_keys_sealed_and_how_old_they_are() {
    let bed = Bed::new().await;
    bed.add_key("sealed-secrets-key2", 1).await;
    let daemon = bed.start();
    bed.until("two keys", || async { (daemon.metric("signet_sealing_keys") == 2).then_some(()) })
        .await;
    let mut mixed = sealed("mixed", Scope::Strict, 0, &[("a", "1")]);
    let newer = sealed("mixed", Scope::Strict, 1, &[("b", "2")]);
    mixed["spec"]["encryptedData"]["b"] = newer["spec"]["encryptedData"]["b"].clone();
    bed.create(mixed).await;
    let object = bed.condition((V, K, "mixed"), ("Synced", "True", "")).await;
    let by = object.data["status"]["sealedBy"].as_array().unwrap().clone();
    let from: Vec<_> = by.iter().map(|by| by["validFrom"].as_str().unwrap()).collect();
    assert_eq!(from, ["2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z"]);
    let line =
        format!(r#"signet_sealed_secrets_by_key{{key="{}"}}"#, by[1]["key"].as_str().unwrap());
    assert_eq!(daemon.metric(&line), 1);

    let info = r#"sealed_secrets_controller_condition_info{namespace="default",name="mixed",condition="Synced",ss_app_kubernetes_io_instance=""}"#;
    assert_eq!(daemon.metric(info), 1);
    bed.delete(V, K, "mixed").await;
    bed.until("no number of it", || async {
        (daemon.metric(&line) + daemon.metric(info) == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_secret_stays_away_where_that_is_asked_for() {
    let bed = Bed::new().await;
    let daemon = bed.start_with(&["--skip-recreate"]);
    bed.create(sealed("db", Scope::Strict, 0, &[("key", "one")])).await;
    synced(&bed, "db").await;
    bed.delete("v1", "Secret", "db").await;
    bed.patch(V, K, "db", json!({"metadata": {"labels": {"look": "again"}}})).await;
    daemon.reconciled(&bed, "sealedsecret", 2).await;
    assert!(bed.secrets().get_opt("db").await.unwrap().is_none());
    // A change of the SealedSecret makes it again.
    let changed = sealed("db", Scope::Strict, 0, &[("key", "two")]);
    bed.patch(V, K, "db", json!({"spec": changed["spec"]})).await;
    bed.value("db", "key", "two").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_garbage_collection_deletes_what_was_made_and_nothing_else() {
    let bed = Bed::new().await;
    let daemon = bed.start_with(&["--old-gc-behavior"]);
    let mut free = sealed("free", Scope::Strict, 0, &[("key", "hunter2")]);
    free["spec"]["template"] = json!({
        "metadata": {"annotations": {"sealedsecrets.bitnami.com/skip-set-owner-references": "true"}},
    });
    bed.create(free).await;
    synced(&bed, "free").await;
    bed.create(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs"}, "stringData": {"key": "theirs"},
    }))
    .await;
    bed.create(sealed("theirs", Scope::Strict, 0, &[("key", "hunter2")])).await;
    failed(&bed, "theirs", "already exists").await;
    daemon.reconciled(&bed, "sealedsecret", 2).await;
    bed.delete(V, K, "theirs").await;
    bed.delete(V, K, "free").await;
    let secrets = bed.secrets();
    bed.until("deletion", || async {
        secrets.get_opt("free").await.unwrap().is_none().then_some(())
    })
    .await;
    bed.value("theirs", "key", "theirs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_status_secrets_are_made_and_failures_are_events() {
    let bed = Bed::new().await;
    let _daemon = bed.start_with(&["--update-status=false", "--max-unseal-retries=1"]);
    bed.create(sealed("db", Scope::Strict, 0, &[("key", "hunter2")])).await;
    bed.value("db", "key", "hunter2").await;
    let mut bad = sealed("bad", Scope::Strict, 0, &[("key", "hunter2")]);
    bad["spec"]["encryptedData"]["key"] = "AgB*".into();
    bed.create(bad).await;
    let told = bed.event("bad", "ErrUnsealFailed").await;
    assert!(told.contains("the value is not base64"), "{told}");
    for name in ["db", "bad"] {
        assert!(bed.api(V, K).get(name).await.unwrap().data.get("status").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_first_releases_has_a_name_and_no_label() {
    let bed = Bed::new().await;
    let unlabelled =
        json!({"metadata": {"labels": {"sealedsecrets.bitnami.com/sealed-secrets-key": null}}});
    bed.add_key("sealed-secrets-key", 1).await;
    bed.patch("v1", "Secret", "sealed-secrets-key", unlabelled.clone()).await;
    let daemon = bed.start();
    bed.create(sealed("old", Scope::Strict, 1, &[("key", "hunter2")])).await;
    bed.value("old", "key", "hunter2").await;
    assert_eq!(daemon.metric("signet_sealing_keys"), 2);
    // Under another name it would be no key, and with another label it is none.
    bed.patch("v1", "Secret", "sealed-secrets-key1", unlabelled).await;
    bed.until("one key", || async { (daemon.metric("signet_sealing_keys") == 1).then_some(()) })
        .await;
    let compromised = json!({"metadata": {"labels": {"sealedsecrets.bitnami.com/sealed-secrets-key": "compromised"}}});
    bed.patch("v1", "Secret", "sealed-secrets-key", compromised).await;
    bed.until("a new key alone", || async {
        let keys = kube::api::ListParams::default()
            .labels("sealedsecrets.bitnami.com/sealed-secrets-key=active");
        let made = bed.secrets().list(&keys).await.unwrap().items.len() == 1;
        (made && daemon.metric("signet_sealing_keys") == 1).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_made_when_somebody_asks_or_the_newest_is_before_the_cutoff() {
    let bed = Bed::new().await;
    let keys = |count: u64, daemon: &Running| {
        let page = daemon.metric("signet_sealing_keys");
        (page == count).then_some(())
    };
    let flags = [
        "--key-cutoff-time=Sat, 31 Jan 2026 00:00:00 +0000",
        "--key-size=2048",
        "--key-renew-period=0",
        "--privatekey-labels=team=a,sealedsecrets.bitnami.com/sealed-secrets-key=none",
        "--privatekey-annotations=note=b",
    ];
    let daemon = bed.start_with(&flags);
    bed.until("a key after the cutoff", || async { keys(2, &daemon) }).await;
    let label = kube::api::ListParams::default().labels("team=a");
    let made = bed.secrets().list(&label).await.unwrap().items;
    assert_eq!(made[0].metadata.annotations.as_ref().unwrap()["note"], "b");
    assert_eq!(
        made[0].metadata.labels.as_ref().unwrap()["sealedsecrets.bitnami.com/sealed-secrets-key"],
        "active"
    );
    drop(daemon);

    // The newest is younger now, so a start makes none; whoever asks gets one all the same.
    let daemon = bed.start_with(&flags);
    bed.until("the same keys", || async { keys(2, &daemon) }).await;
    let asked = &daemon.daemon.asked;
    bed.until("a leader", || async { (asked.receiver_count() == 1).then_some(()) }).await;
    daemon.daemon.asked.send_modify(|times| *times += 1);
    bed.until("a key that was asked for", || async { keys(3, &daemon) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_of_namespaces_is_looked_after_and_no_other() {
    let bed = Bed::new().await;
    let daemon = bed.start_with(&["--additional-namespaces=team"]);
    let wide = |namespace: &str| {
        let mut manifest = sealed("db", Scope::ClusterWide, 0, &[("key", namespace)]);
        manifest["metadata"]["namespace"] = namespace.into();
        manifest
    };
    for namespace in ["other", "team", "default"] {
        bed.create(wide(namespace)).await;
    }
    bed.value("db", "key", "default").await;
    let secret = |namespace| bed.api_in(namespace, "v1", "Secret");
    bed.until("the Secret of the team", || async {
        secret("team").get_opt("db").await.unwrap().map(|_| ())
    })
    .await;
    daemon.reconciled(&bed, "sealedsecret", 2).await;
    assert!(secret("other").get_opt("db").await.unwrap().is_none());
}
