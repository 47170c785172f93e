//! Promises about SopsSecrets, on an embedded API.

use jiff::Timestamp;
use sealer_core::sops::age::{Identities, Recipient};
use sealer_core::sops::cipher::Cipher;
use sealer_core::sops::selector::{Fields, Selector};
use sealer_core::sops::yaml::{Options, encrypt};
use serde_json::{Value, json};

use crate::testbed::{Bed, Running};

const V: &str = "isindir.github.com/v1alpha3";
const K: &str = "SopsSecret";
const KEY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";

/// A template of a Secret with the type that Secrets have when nobody says.
fn plain(name: &str, value: &str) -> Value {
    json!({"name": name, "stringData": {"password": value}})
}

/// A SopsSecret with these templates, as `sops --encrypted-suffix Templates` makes it.
fn encrypted(name: &str, templates: &Value) -> Value {
    let recipient = Identities::parse(&KEY.to_owned().into()).unwrap().recipients().remove(0);
    let options = Options {
        recipients: vec![Recipient::parse(&recipient).unwrap()],
        selector: Selector::new(Fields {
            encrypted_suffix: Some("Templates".to_owned()),
            ..Fields::default()
        })
        .unwrap(),
        mac_only_encrypted: false,
        cipher: Cipher::default(),
        now: "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap(),
    };
    let plain = json!({
        "apiVersion": V, "kind": K, "metadata": {"name": name}, "spec": {"secretTemplates": templates},
    });
    let plain = plain.to_string();
    let text = encrypt(&plain, &options, &mut rand::rng()).unwrap().text;
    yaml::json::documents(&text, yaml::Schema::Kubernetes).unwrap().remove(0)
}

fn template(name: &str, value: &str) -> Value {
    json!({
        "name": name, "labels": {"team": "a"}, "type": "example.com/t",
        "data": {"bytes": "AP8="}, "stringData": {"password": value},
    })
}

fn start(bed: &Bed, flags: &[&str]) -> Running {
    let file = bed.dir.path().join("keys.txt");
    std::fs::write(&file, KEY).unwrap();
    let key = format!("--age-key-file={}", file.display());
    bed.start_with(&[&[key.as_str()], flags].concat())
}

/// Waits until the status says `message` of the present generation.
async fn says(bed: &Bed, name: &str, message: &str) -> Value {
    let api = bed.api(V, K);
    let (name, message) = (name.to_owned(), message.to_owned());
    bed.until(format!("`{message}` of {name}"), || async {
        let object = api.get(&name).await.unwrap();
        let status = object.data["status"].clone();
        let current = status["observedGeneration"].as_i64() == object.metadata.generation;
        (current && status["message"] == *message).then_some(status)
    })
    .await
}

async fn replace(bed: &Bed, object: Value) {
    let patch = json!({"spec": object["spec"], "sops": object["sops"]});
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    bed.patch(V, K, &name, patch).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_become_secrets_and_go_with_them() {
    let bed = Bed::new().await;
    let daemon = start(&bed, &[]);
    let both = encrypted("s", &json!([template("a", "one"), template("b", "two")]));
    assert!(!both.to_string().contains("example.com/t"), "all of a template is encrypted");
    bed.create(both).await;
    let secret = bed.value("a", "password", "one").await;
    assert_eq!(secret.data.unwrap()["bytes"].0, [0, 255]);
    assert_eq!(secret.type_.as_deref(), Some("example.com/t"));
    assert_eq!(secret.metadata.labels.unwrap()["team"], "a");
    assert_eq!(secret.metadata.owner_references.unwrap()[0].kind, K);
    bed.value("b", "password", "two").await;
    let status = says(&bed, "s", "Healthy").await;
    assert_eq!(status["inventory"]["entries"].as_array().unwrap().len(), 2);

    replace(&bed, encrypted("s", &json!([template("a", "uno")]))).await;
    bed.value("a", "password", "uno").await;
    let secrets = bed.secrets();
    bed.until("pruning", || async { secrets.get_opt("b").await.unwrap().is_none().then_some(()) })
        .await;
    bed.patch("v1", "Secret", "a", json!({"stringData": {"password": "oops"}})).await;
    bed.value("a", "password", "uno").await;
    let (secrets, api) = (bed.secrets(), bed.api(V, K));
    bed.until("the record of the repair", || async {
        let version = secrets.get("a").await.unwrap().metadata.resource_version.unwrap();
        let status = api.get("s").await.unwrap().data["status"].clone();
        (status["inventory"]["entries"][0]["resourceVersion"] == *version).then_some(())
    })
    .await;

    // A restart decrypts nothing.
    drop(daemon);
    let daemon = start(&bed, &[]);
    daemon.reconciled(&bed, "sopssecret", 1).await;
    assert_eq!(daemon.metric("signet_sops_files_decrypted_total"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_said_in_the_operators_words() {
    let bed = Bed::new().await;
    let _daemon = start(&bed, &[]);
    let mut tampered = encrypted("bad", &json!([template("bad", "hunter2")]));
    let value = tampered["spec"]["secretTemplates"][0]["stringData"]["password"].clone();
    tampered["spec"]["secretTemplates"][0]["stringData"]["other"] = value;
    bed.create(tampered).await;
    let status = says(&bed, "bad", "Decryption error").await;
    assert!(!status.to_string().contains("hunter2"), "{status}");
    bed.event("bad", "DecryptionFailed").await;

    bed.create(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "taken"}, "stringData": {"password": "theirs"},
    }))
    .await;
    bed.create(encrypted("s", &json!([plain("taken", "ours"), plain("free", "ours")]))).await;
    says(&bed, "s", "Child secret is not owned by controller error").await;
    bed.value("taken", "password", "theirs").await;
    bed.value("free", "password", "ours").await;
    let managed = json!({"metadata": {"annotations": {"sopssecret/managed": "true"}}});
    bed.patch("v1", "Secret", "taken", managed).await;
    bed.value("taken", "password", "ours").await;
    says(&bed, "s", "Healthy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ownership_is_enforced_where_the_object_or_the_flag_says_so() {
    let bed = Bed::new().await;
    let _daemon = start(&bed, &["--default-enforce-ownership"]);
    for name in ["a", "b"] {
        bed.create(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"password": "theirs"},
        }))
        .await;
    }
    let mut modest = encrypted("modest", &json!([plain("b", "ours")]));
    modest["spec"]["enforceOwnership"] = false.into();
    bed.create(modest).await;
    bed.create(encrypted("s", &json!([plain("a", "ours")]))).await;
    bed.value("a", "password", "ours").await;
    says(&bed, "modest", "Child secret is not owned by controller error").await;
    bed.value("b", "password", "theirs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_changes_while_an_object_is_suspended() {
    let bed = Bed::new().await;
    let _daemon = start(&bed, &[]);
    bed.create(encrypted("s", &json!([template("a", "one")]))).await;
    bed.value("a", "password", "one").await;
    says(&bed, "s", "Healthy").await;
    let mut suspended = encrypted("s", &json!([template("a", "two")]));
    suspended["spec"]["suspend"] = true.into();
    replace(&bed, suspended).await;
    says(&bed, "s", "Reconciliation is suspended").await;
    bed.value("a", "password", "one").await;
    bed.patch(V, K, "s", json!({"spec": {"suspend": null}})).await;
    bed.value("a", "password", "two").await;
    says(&bed, "s", "Healthy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemons_keys_may_be_in_a_secret() {
    let bed = Bed::new().await;
    let _daemon = bed.start_with(&["--sops-age-secret=keys"]);
    bed.create(encrypted("s", &json!([template("a", "one")]))).await;
    let status = says(&bed, "s", "Decryption error").await;
    assert!(
        status.to_string().contains("Secret `keys` (`--sops-secret`) does not exist"),
        "{status}"
    );
    bed.create(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
        "stringData": {"x.agekey": KEY, "x.txt": "ignored"},
    }))
    .await;
    bed.patch(V, K, "s", json!({"metadata": {"labels": {"look": "again"}}})).await;
    bed.value("a", "password", "one").await;
}
