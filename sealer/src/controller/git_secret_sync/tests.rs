//! Promises about GitSecretSyncs, on an embedded API and a local repository.

use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use jiff::Timestamp;
use sealer_core::sops::age::{Identities, Recipient};
use sealer_core::sops::cipher::{Cipher, DataKey};
use sealer_core::sops::key::{Group, MasterKey, Wrapped};
use sealer_core::sops::selector::{Fields, Selector};
use sealer_core::sops::store::{self, Format};
use sealer_core::sops::yaml::{Options, encrypt};
use serde_json::{Value, json};

use crate::testbed::{Bed, Running};

const V: &str = "signet.dev/v1alpha1";
const K: &str = "GitSecretSync";
const KEY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";

/// A bare repository with one branch.
struct Repository {
    work: PathBuf,
    url: String,
}

impl Repository {
    fn new(bed: &Bed) -> Self {
        let (bare, work) = (bed.dir.path().join("bare.git"), bed.dir.path().join("work"));
        git(bed.dir.path(), &["init", "-q", "--bare", "-b", "main", bare.to_str().unwrap()]);
        git(bed.dir.path(), &["clone", "-q", bare.to_str().unwrap(), work.to_str().unwrap()]);
        Self { work, url: format!("file://{}", bare.display()) }
    }

    /// Commits and pushes `files`; no content deletes.
    fn push(&self, files: &[(&str, Option<&str>)]) {
        for (path, content) in files {
            let path = self.work.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            match content {
                Some(content) => std::fs::write(path, content).unwrap(),
                None => std::fs::remove_file(path).unwrap(),
            }
        }
        git(&self.work, &["add", "-A"]);
        git(&self.work, &["commit", "-q", "--allow-empty", "-m", "change"]);
        git(&self.work, &["push", "-q", "origin", "HEAD:main"]);
    }
}

fn git(dir: &std::path::Path, args: &[&str]) {
    let identity =
        ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"];
    let ran = Command::new("git").current_dir(dir).args(identity).args(args).output().unwrap();
    assert!(ran.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// The identity and its public half.
fn keys() -> (String, Recipient) {
    let recipients = Identities::parse(&KEY.to_owned().into()).unwrap().recipients();
    (KEY.to_owned(), Recipient::parse(&recipients[0]).unwrap())
}

fn sops(name: &str, value: &str) -> String {
    sops_as(name, value, Cipher::default())
}

fn sops_as(name: &str, value: &str, cipher: Cipher) -> String {
    let plain = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\nstringData:\n  password: {value}\n"
    );
    encrypted(&plain, cipher)
}

fn encrypted(plain: &str, cipher: Cipher) -> String {
    let options = Options {
        recipients: vec![keys().1],
        selector: Selector::new(Fields {
            encrypted_regex: Some("^(data|stringData)$".to_owned()),
            ..Fields::default()
        })
        .unwrap(),
        mac_only_encrypted: false,
        cipher,
        now: "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap(),
    };
    encrypt(plain, &options, &mut rand::rng()).unwrap().text
}

async fn sync(bed: &Bed, repository: &Repository, spec: Value) {
    bed.create(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "age"},
        "stringData": {"identity.agekey": keys().0, "other": "ignored"},
    }))
    .await;
    let mut manifest = json!({
        "apiVersion": V, "kind": K, "metadata": {"name": "sync"},
        "spec": {
            "git": {"url": repository.url}, "path": "./secrets", "interval": "1h",
            "decryption": {"provider": "sops", "secretRef": {"name": "age"}},
        },
    });
    for (key, value) in spec.as_object().unwrap() {
        manifest["spec"][key] = value.clone();
    }
    bed.create(manifest).await;
}

async fn ask(bed: &Bed, when: &str) {
    let asked = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": when}}});
    bed.patch(V, K, "sync", asked).await;
    let api = bed.api(V, K);
    let when = when.to_owned();
    bed.until("an answer", || async {
        let object = api.get("sync").await.unwrap();
        (object.data["status"]["lastHandledReconcileAt"] == *when).then_some(())
    })
    .await;
}

async fn ready(bed: &Bed, status: &str, words: &str) -> kube::api::DynamicObject {
    bed.condition((V, K, "sync"), ("Ready", status, words)).await
}

async fn is_gone(bed: &Bed, name: &str) -> bool {
    bed.secrets().get_opt(name).await.unwrap().is_none()
}

fn decrypted(daemon: &Running) -> u64 {
    daemon.metric("signet_sops_files_decrypted_total")
}

#[tokio::test(flavor = "multi_thread")]
async fn files_become_secrets_and_go_with_them() {
    let (bed, plain) =
        (Bed::new().await, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n");
    let repository = Repository::new(&bed);
    repository.push(&[
        ("secrets/a.yaml", Some(&sops("a", "one"))),
        ("secrets/deep/b.yaml", Some(&sops("b", "two"))),
        ("secrets/plain.yaml", Some(plain)),
        ("elsewhere/c.yaml", Some(&sops("c", "three"))),
    ]);
    let daemon = bed.start();
    sync(&bed, &repository, json!({})).await;
    bed.value("a", "password", "one").await;
    let secret = bed.value("b", "password", "two").await;
    assert_eq!(secret.metadata.owner_references.unwrap()[0].kind, K);
    let object = ready(&bed, "True", "Applied revision: main@sha1:").await;
    assert_eq!(object.data["status"]["inventory"]["entries"].as_array().unwrap().len(), 2);
    assert!(is_gone(&bed, "c").await);
    assert_eq!(decrypted(&daemon), 2);

    // What changed is decrypted, and nothing else.
    repository.push(&[("secrets/a.yaml", Some(&sops("a", "uno"))), ("secrets/deep/b.yaml", None)]);
    ask(&bed, "1").await;
    bed.value("a", "password", "uno").await;
    assert!(is_gone(&bed, "b").await);
    assert_eq!(decrypted(&daemon), 3);
    let object = ready(&bed, "True", "").await;
    assert_eq!(object.data["status"]["inventory"]["entries"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_decrypts_nothing_writes_nothing_and_drift_is_repaired() {
    let bed = Bed::new().await;
    let repository = Repository::new(&bed);
    repository.push(&[("secrets/a.yaml", Some(&sops("a", "one")))]);
    let daemon = bed.start();
    sync(&bed, &repository, json!({})).await;
    ready(&bed, "True", "").await;
    daemon.reconciled(&bed, "gitsecretsync", 1).await;
    drop(daemon);
    bed.effects();

    let daemon = bed.start();
    daemon.reconciled(&bed, "gitsecretsync", 1).await;
    let keys = |path: &str| path.ends_with("/secrets/sealed-secrets-key1");
    let effects = bed.effects();
    assert!(
        effects.iter().all(|(method, path)| method == Method::GET && keys(path)),
        "{effects:?}"
    );
    ask(&bed, "1").await;
    assert_eq!(decrypted(&daemon), 0);

    bed.patch("v1", "Secret", "a", json!({"stringData": {"password": "oops"}})).await;
    bed.value("a", "password", "one").await;
    bed.delete("v1", "Secret", "a").await;
    bed.value("a", "password", "one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_is_named_and_what_it_gave_before_stays() {
    let bed = Bed::new().await;
    let repository = Repository::new(&bed);
    repository.push(&[
        ("secrets/a.yaml", Some(&sops("a", "one"))),
        ("secrets/z.yaml", Some(&sops("z", "gone"))),
    ]);
    let _daemon = bed.start();
    sync(&bed, &repository, json!({})).await;
    ready(&bed, "True", "").await;
    let tampered = sops("a", "two").replace("name: a", "name: a\n  labels: {x: y}");
    #[rustfmt::skip]
    let cases = [
        // content                                                     words
        (tampered,                                                     "`secrets/a.yaml`: MAC mismatch"),
        ("a: [1".to_owned(),                                           "`secrets/a.yaml`: "),
        (sops("a", "x").replace("enc: |", "enc: |\n            x"),    "`secrets/a.yaml`: "),
        (encrypted("apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: other}\nstringData: {k: v}\n", Cipher::default()),
                                                                       "`metadata.namespace` is `other`, not the GitSecretSync's own"),
        (sops("b", "hunter2"),                                         "Secret `b` is in `secrets/a.yaml` too"),
    ];
    for (round, (content, words)) in cases.iter().enumerate() {
        // Among good files, one of which is new and one of which is gone.
        let good = format!("good{round}");
        repository.push(&[
            ("secrets/a.yaml", Some(content)),
            ("secrets/b.yaml", Some(&sops("b", "hunter2"))),
            (&format!("secrets/{good}.yaml"), Some(&sops(&good, "new"))),
        ]);
        ask(&bed, &format!("{round}")).await;
        let object = ready(&bed, "False", words).await;
        assert!(!object.data["status"].to_string().contains("hunter2"));
        bed.value(&good, "password", "new").await;
        bed.value("a", "password", "one").await;
    }
    bed.event("sync", "DecryptionFailed").await;
    repository.push(&[("secrets/a.yaml", Some(&sops("a", "fixed"))), ("secrets/z.yaml", None)]);
    ask(&bed, "fixed").await;
    ready(&bed, "True", "").await;
    bed.value("a", "password", "fixed").await;
    assert!(is_gone(&bed, "z").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_secret_fails_alone_and_adoption_must_be_asked_for() {
    let bed = Bed::new().await;
    let repository = Repository::new(&bed);
    repository.push(&[
        ("secrets/a.yaml", Some(&sops("a", "ours"))),
        ("secrets/b.yaml", Some(&sops("b", "two"))),
    ]);
    bed.create(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"password": "theirs"},
    }))
    .await;
    let _daemon = bed.start();
    sync(&bed, &repository, json!({})).await;
    ready(
        &bed,
        "False",
        "Secret `a` may not be written: the Secret exists already and is not ours",
    )
    .await;
    bed.event("sync", "ApplyFailed").await;
    bed.value("b", "password", "two").await;
    bed.value("a", "password", "theirs").await;
    // Another look does not forget what is missing, even when the rest of a file was applied.
    let plain = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {password: ours}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: c}\nstringData: {password: three}\n";
    repository.push(&[("secrets/a.yaml", Some(&encrypted(plain, Cipher::default())))]);
    for when in ["1", "2"] {
        ask(&bed, when).await;
        ready(&bed, "False", "Secret `a` may not be written").await;
        bed.value("c", "password", "three").await;
    }
    bed.patch(V, K, "sync", json!({"spec": {"conflict": "Adopt"}})).await;
    bed.value("a", "password", "ours").await;
    ready(&bed, "True", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_helps_is_tried_on_files_that_failed() {
    let bed = Bed::new().await;
    let repository = Repository::new(&bed);
    let plain = "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: other}\nstringData: {password: one}\n";
    repository.push(&[("secrets/a.yaml", Some(&encrypted(plain, Cipher::default())))]);
    let _daemon = bed.start();
    sync(&bed, &repository, json!({})).await;
    ready(&bed, "False", "`metadata.namespace` is `other`").await;
    bed.patch(V, K, "sync", json!({"spec": {"targetNamespace": "default"}})).await;
    bed.value("a", "password", "one").await;
    ready(&bed, "True", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_keys_are_named_and_awaited() {
    let bed = Bed::new().await;
    let repository = Repository::new(&bed);
    repository.push(&[("secrets/a.yaml", Some(&sops_as("a", "one", Cipher::ChaCha20Poly1305)))]);
    let _daemon = bed.start();
    let elsewhere = json!({"decryption": {"provider": "sops", "secretRef": {"name": "late"}}});
    sync(&bed, &repository, elsewhere).await;
    ready(
        &bed,
        "False",
        "Secret `late` of `spec.decryption.secretRef` does not exist; create Secret `late`",
    )
    .await;
    bed.event("sync", "KeysUnusable").await;
    let secret = |key: &str, text: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "late"}, "stringData": {key: text}});
    bed.create(secret("x.agekey", "AGE-SECRET-KEY-1")).await;
    let object = ready(
        &bed,
        "False",
        "`x.agekey` of Secret `late` cannot be used: line 1 of the age identities",
    )
    .await;
    assert!(!object.data["status"].to_string().contains("AGE-SECRET-KEY-1\""));
    bed.patch("v1", "Secret", "late", json!({"stringData": {"x.agekey": keys().0}})).await;
    // Its value went through the native cipher.
    bed.value("a", "password", "one").await;
    ready(&bed, "True", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_told_and_awaited() {
    let bed = Bed::new().await;
    let repository = Repository::new(&bed);
    repository.push(&[("secrets/a.yaml", Some(&sops("a", "one")))]);
    let _daemon = bed.start();
    #[rustfmt::skip]
    let cases = [
        (json!({"git": {"url": repository.url, "ref": {"branch": "none"}}}),       "branch `none` does not exist"),
        (json!({"git": {"url": "ftp://example.com/x"}}),                           "`ftp` repositories are not supported"),
        (json!({"git": {"url": repository.url, "secretRef": {"name": "none"}}}),   "the Secret `default/none` of `spec.git.secretRef` does not exist"),
        (json!({"git": {"url": repository.url, "ref": {"semver": "one"}}}),        "`spec.git.ref` has a `semver` that cannot be used"),
        (json!({"git": {"url": "ssh://git@h/r"}}),                                 "`spec.git.url` is an ssh URL, and `spec.git.secretRef` names no Secret; name"),
        (json!({"serviceAccountName": "writer"}),                                  "and `--local` has none: "),
    ];
    sync(&bed, &repository, json!({})).await;
    bed.value("a", "password", "one").await;
    for (spec, words) in cases {
        let reset = json!({"spec": {"git": {"url": repository.url, "ref": null, "secretRef": null}, "serviceAccountName": null}});
        bed.patch(V, K, "sync", reset).await;
        bed.patch(V, K, "sync", json!({"spec": spec})).await;
        ready(&bed, "False", words).await;
        bed.value("a", "password", "one").await;
    }
}

const SOURCE: (&str, &str, &str) = ("source.toolkit.fluxcd.io/v1", "GitRepository", "flux");

/// A GitRepository, and a sync that refers to it and looks by itself once an hour.
async fn referring(bed: &Bed, repository: &Repository) {
    sync(bed, repository, json!({"git": null, "sourceRef": {"name": "flux"}})).await;
    bed.create(json!({
        "apiVersion": SOURCE.0, "kind": SOURCE.1, "metadata": {"name": SOURCE.2},
        "spec": {"url": repository.url, "interval": "1h", "ref": {"branch": "main"}},
    }))
    .await;
}

/// Says what source-controller says when it has fetched `revision`.
async fn fetched(bed: &Bed, revision: &str) {
    let status = json!({"status": {"artifact": {"revision": revision}}});
    let api = bed.api(SOURCE.0, SOURCE.1);
    let patch = kube::api::Patch::Merge(status);
    api.patch_status(SOURCE.2, &kube::api::PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_git_repository_wakes_those_who_read_it_when_it_says_something_new() {
    let bed = Bed::new().await;
    let repository = Repository::new(&bed);
    let push = |value: &str| repository.push(&[("secrets/a.yaml", Some(&sops("a", value)))]);
    push("one");
    let _daemon = bed.start();
    referring(&bed, &repository).await;
    bed.value("a", "password", "one").await;
    ready(&bed, "True", "").await;

    push("two");
    fetched(&bed, "main@sha1:0000000000000000000000000000000000000002").await;
    bed.value("a", "password", "two").await;
    push("three");
    let asked = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}});
    bed.patch(SOURCE.0, SOURCE.1, SOURCE.2, asked).await;
    bed.value("a", "password", "three").await;
    push("four");
    bed.patch(SOURCE.0, SOURCE.1, SOURCE.2, json!({"spec": {"timeout": "30s"}})).await;
    bed.value("a", "password", "four").await;
    bed.patch(SOURCE.0, SOURCE.1, SOURCE.2, json!({"spec": {"ref": {"branch": "none"}}})).await;
    ready(&bed, "False", "branch `none` does not exist").await;
    bed.delete(SOURCE.0, SOURCE.1, SOURCE.2).await;
    ready(&bed, "False", "the GitRepository `flux` of `spec.sourceRef` does not exist").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_git_repository_says_again_or_besides_costs_nothing() {
    let bed = Bed::new().await;
    let repository = Repository::new(&bed);
    repository.push(&[("secrets/a.yaml", Some(&sops("a", "one")))]);
    let daemon = bed.start();
    referring(&bed, &repository).await;
    let object = ready(&bed, "True", "Applied revision: main@sha1:").await;
    let revision = object.data["status"]["lastAppliedRevision"].as_str().unwrap().to_owned();
    drop(daemon);

    // Flux has what was applied already; a restart looks at nothing.
    fetched(&bed, &revision).await;
    bed.effects();
    let daemon = bed.start();
    daemon.reconciled(&bed, "gitsecretsync", 1).await;
    // What is no news wakes nobody; the request that follows shows that it was passed over.
    bed.patch(SOURCE.0, SOURCE.1, SOURCE.2, json!({"metadata": {"labels": {"a": "b"}}})).await;
    fetched(&bed, &revision).await;
    ask(&bed, "1").await;
    daemon.reconciled(&bed, "gitsecretsync", 2).await;
    let line = r#"controller_runtime_reconcile_time_seconds_count{controller="gitsecretsync"}"#;
    // The first list may wake it once more.
    assert!(daemon.metric(line) <= 3, "{}", daemon.metric(line));
    let ours = |path: &str| path.contains("/secrets/") && !path.ends_with("sealed-secrets-key1");
    let effects = bed.effects();
    assert!(
        !effects.iter().any(|(method, path)| *method != Method::GET && ours(path)),
        "{effects:?}"
    );
    assert_eq!(decrypted(&daemon), 0);
}

const KUSTOMIZATION: (&str, &str, &str) =
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "apps");

/// A Kustomization as in a Flux repository, its source, and its keys.
async fn kustomization(bed: &Bed, repository: &Repository, spec: Value) {
    bed.create(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sops-age"},
        "stringData": {"age.agekey": keys().0, "x.txt": "ignored"},
    }))
    .await;
    bed.create(json!({
        "apiVersion": SOURCE.0, "kind": SOURCE.1, "metadata": {"name": SOURCE.2},
        "spec": {"url": repository.url, "interval": "1h", "ref": {"branch": "main"}},
    }))
    .await;
    let mut manifest = json!({
        "apiVersion": KUSTOMIZATION.0, "kind": KUSTOMIZATION.1, "metadata": {"name": KUSTOMIZATION.2},
        "spec": {
            "interval": "10m0s", "path": "./apps/production", "prune": true, "wait": true,
            "sourceRef": {"kind": "GitRepository", "name": SOURCE.2},
            "decryption": {"provider": "sops", "secretRef": {"name": "sops-age"}},
        },
    });
    for (key, value) in spec.as_object().unwrap() {
        manifest["spec"][key] = value.clone();
    }
    bed.create(manifest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secrets_of_a_kustomization_are_decrypted_and_nothing_else_is_touched() {
    let bed = Bed::new().await;
    let repository = Repository::new(&bed);
    // kustomize may reorder what it builds, so the MAC is not looked at.
    let reordered = sops("web", "one").replace("name: web", "name: web\n  labels: {x: why}");
    let disabled = sops("off", "x").replace(
        "name: off",
        "name: off\n  annotations: {kustomize.toolkit.fluxcd.io/decrypt: DISABLED}",
    );
    repository.push(&[
        (
            "apps/production/kustomization.yaml",
            Some("{resources: [web.yaml, ../base, off.yaml, plain.yaml], namePrefix: p-}"),
        ),
        ("apps/production/web.yaml", Some(&reordered)),
        ("apps/production/off.yaml", Some(&disabled)),
        (
            "apps/production/plain.yaml",
            Some("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n"),
        ),
        ("apps/production/unnamed.yaml", Some(&sops("unnamed", "x"))),
        ("apps/base/kustomization.yaml", Some("{resources: [db.yaml], commonLabels: {app: shop}}")),
        ("apps/base/db.yaml", Some(&sops("db", "two"))),
    ]);
    let daemon = bed.start_with(&["--kustomizations=own-namespace"]);
    kustomization(&bed, &repository, json!({"commonMetadata": {"labels": {"team": "a"}}})).await;
    let web = bed.value("p-web", "password", "one").await;
    let owner = &web.metadata.owner_references.unwrap()[0];
    assert_eq!(
        (owner.kind.as_str(), owner.api_version.as_str()),
        (KUSTOMIZATION.1, KUSTOMIZATION.0)
    );
    let db = bed.value("p-db", "password", "two").await;
    let labels = db.metadata.labels.unwrap();
    assert_eq!((labels["app"].as_str(), labels["team"].as_str()), ("shop", "a"));
    let applied = "Applied revision: main@sha1:";
    let object = bed.condition(KUSTOMIZATION, ("Ready", "True", applied)).await;
    assert_eq!(object.data["status"]["inventory"]["entries"].as_array().unwrap().len(), 2);
    for name in ["p-off", "off", "p-unnamed", "unnamed", "web", "p-plain"] {
        assert!(is_gone(&bed, name).await, "{name}");
    }
    assert_eq!(decrypted(&daemon), 3);

    repository.push(&[("apps/base/kustomization.yaml", Some("{resources: []}"))]);
    fetched(&bed, "main@sha1:0000000000000000000000000000000000000002").await;
    let secrets = bed.secrets();
    bed.until("pruning", || async {
        secrets.get_opt("p-db").await.unwrap().is_none().then_some(())
    })
    .await;
    bed.value("p-web", "password", "one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kustomization_goes_abroad_only_where_the_flag_says_so() {
    let bed = Bed::new().await;
    let repository = Repository::new(&bed);
    repository.push(&[("apps/production/a.yaml", Some(&sops("a", "one")))]);
    let daemon = bed.start_with(&["--kustomizations=own-namespace"]);
    kustomization(&bed, &repository, json!({"targetNamespace": "team"})).await;
    bed.condition(KUSTOMIZATION, ("Ready", "False", "`spec.targetNamespace` is another namespace"))
        .await;
    drop(daemon);
    let _daemon = bed.start_with(&["--kustomizations=any-namespace"]);
    let there = bed.api_in("team", "v1", "Secret");
    bed.until("the Secret", || async { there.get_opt("a").await.unwrap() }).await;
    bed.condition(KUSTOMIZATION, ("Ready", "True", "")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kustomization_without_decryption_or_flag_is_left_alone() {
    let bed = Bed::new().await;
    let repository = Repository::new(&bed);
    repository.push(&[("apps/production/a.yaml", Some(&sops("a", "one")))]);
    let daemon = bed.start();
    kustomization(&bed, &repository, json!({"decryption": null})).await;
    daemon.reconciled(&bed, "sealedsecret", 0).await;
    drop(daemon);
    let daemon = bed.start_with(&["--kustomizations=own-namespace"]);
    daemon.reconciled(&bed, "kustomization", 1).await;
    let object = bed.api(KUSTOMIZATION.0, KUSTOMIZATION.1).get(KUSTOMIZATION.2).await.unwrap();
    assert!(object.data.get("status").is_none());
    assert!(is_gone(&bed, "a").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_files_hold_secrets_and_other_formats_say_that_they_cannot() {
    let bed = Bed::new().await;
    let repository = Repository::new(&bed);
    let json = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "j"}, "stringData": {"password": "one"},
    });
    repository.push(&[
        ("secrets/a.json", Some(&encrypted_as(Format::Json, &json.to_string()))),
        ("secrets/b.env", Some(&encrypted_as(Format::Dotenv, "password=hunter2\n"))),
    ]);
    let _daemon = bed.start();
    sync(&bed, &repository, json!({"include": ["**/*.json", "**/*.env"]})).await;
    bed.value("j", "password", "one").await;
    ready(&bed, "False", "`secrets/b.env`: is no manifest: only YAML and JSON files hold Secrets")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_are_sops_files_are_opened_by_the_names_of_their_keys() {
    let bed = Bed::new().await;
    let repository = Repository::new(&bed);
    let base64 = |text: &str| BASE64_STANDARD.encode(text);
    #[rustfmt::skip]
    let values = [
        // key                   format            in clear text
        ("a.yaml",               Format::Yaml,     "a: one # note\n"),
        ("b.json",               Format::Json,     "{\n\t\"b\": 2\n}\n"),
        ("c.env",                Format::Dotenv,   "C=three\n"),
        ("d.ini",                Format::Ini,      "[d]\nkey = four\n"),
        (".dockerconfigjson",    Format::Json,     "{\n\t\"auths\": {}\n}\n"),
        ("e.bin",                Format::Binary,   "five\n"),
    ];
    let mut data: serde_json::Map<_, _> = values
        .iter()
        .map(|(key, format, text)| ((*key).to_owned(), base64(&encrypted_as(*format, text)).into()))
        .collect();
    data.insert("plain".to_owned(), base64("six").into());
    let inside =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "inside"}, "data": data});
    let plain = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "plain"}, "data": {"k": base64("x")}});
    repository.push(&[
        ("apps/production/inside.yaml", Some(&inside.to_string())),
        ("apps/production/plain.yaml", Some(&plain.to_string())),
    ]);
    let _daemon = bed.start_with(&["--kustomizations=own-namespace"]);
    kustomization(&bed, &repository, json!({})).await;
    let secret = bed.value("inside", "plain", "six").await.data.unwrap();
    for (key, _, text) in values {
        assert_eq!(String::from_utf8_lossy(&secret[key].0), text, "{key}");
    }
    bed.condition(KUSTOMIZATION, ("Ready", "True", "")).await;
    assert!(is_gone(&bed, "plain").await);
}

/// A file of any format, encrypted as sops does when nobody says which values.
fn encrypted_as(format: Format, plain: &str) -> String {
    let key = DataKey::generate(&mut rand::rng());
    let wrapped =
        sealer_core::sops::age::wrap(&key, &[keys().1], &mut rand::rng()).unwrap().remove(0);
    let (recipient, enc) = (wrapped.recipient, wrapped.enc);
    let group = Group(vec![Wrapped { key: MasterKey::Age { recipient }, enc, created_at: None }]);
    let manifest = plain.contains("apiVersion");
    let fields = Fields {
        encrypted_regex: manifest.then(|| "^(data|stringData)$".to_owned()),
        ..Fields::default()
    };
    let options = store::Options {
        groups: vec![group],
        threshold: None,
        selector: Selector::new(fields).unwrap(),
        mac_only_encrypted: false,
        cipher: Cipher::default(),
        now: "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap(),
    };
    let plain = store::Plain::new(format, plain.as_bytes().to_vec());
    let file = store::encrypt(&plain, &key, &options, &mut rand::rng()).unwrap().file;
    String::from_utf8(file.bytes().to_vec()).unwrap()
}
