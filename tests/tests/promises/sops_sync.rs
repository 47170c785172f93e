//! A GitSecretSync under the rights of its chart: what it prunes, what it reads again, and what stops it.

use std::fs;
use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::git::{GitHttp, Repository};
use tests::process::{self, run};
use tests::trial::trial;
use tests::wait::throughout;
use tests::{Bed, Daemon, Need, Outcome, eventually};

use crate::charts::render;
use crate::seal_stage::{SOON, Stage};
use crate::sops::WRITER;

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::GitHttp, Need::Sops, Need::Age];
const SYNC: (&str, &str) = ("GitSecretSync", "sync");
const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "sops_sync::a_commit_is_found_by_the_interval_alone", NEEDS, interval),
        trial(bed, "sops_sync::only_what_was_made_is_pruned", NEEDS, pruned),
        trial(bed, "sops_sync::a_native_value_travels_from_sealctl_to_the_secret", NEEDS, native),
        trial(bed, "sops_sync::a_restart_decrypts_nothing_and_writes_nothing", NEEDS, restart),
        trial(bed, "sops_sync::an_account_writes_elsewhere_with_its_own_rights", NEEDS, account),
        trial(bed, "sops_sync::a_git_repository_of_flux_is_read_and_not_written", NEEDS, referred),
        trial(bed, "sops_sync::what_is_missing_is_told_and_found_when_it_comes", NEEDS, missing),
    ]
}

/// An age identity.
pub(crate) struct Keys {
    pub(crate) identity: String,
    recipient: String,
}

impl Keys {
    pub(crate) fn new(bed: &Bed) -> Outcome<Self> {
        let file = bed.folder("age")?.join("keys.txt").display().to_string();
        bed.run("age-keygen", &["-o", &file], b"")?;
        let recipient = String::from_utf8(bed.run("age-keygen", &["-y", &file], b"")?)?;
        Ok(Self { identity: fs::read_to_string(file)?, recipient: recipient.trim().to_owned() })
    }

    /// A Secret with one value `key`, encrypted by the real sops.
    pub(crate) fn file(&self, bed: &Bed, name: &str, value: &str) -> Outcome<String> {
        let plain = plain(name, value);
        let path = bed.folder("plain")?.join("secret.yaml").display().to_string();
        fs::write(&path, plain)?;
        let rule = ["--encrypted-regex", "^stringData$"];
        let args = [&["encrypt", "--age", &self.recipient][..], &rule, &[&path]].concat();
        Ok(String::from_utf8(bed.run("sops", &args, b"")?)?)
    }
}

fn plain(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData:\n  key: \"{value}\"\n"
    )
}

fn login(password: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"},
        "stringData": {"username": GitHttp::USER, "password": password},
    })
}

/// A stage with a repository, its login and keys, and a GitSecretSync that reads all of it.
struct Scene {
    stage: Stage,
    repository: Repository,
    keys: Keys,
}

impl Scene {
    async fn open(bed: &Bed, files: &[(&str, &str)], values: &[&str]) -> Outcome<Self> {
        let (stage, keys) = (Stage::with(bed, "sync", values).await?, Keys::new(bed)?);
        let mut encrypted = Vec::new();
        for (name, value) in files {
            encrypted.push((format!("{name}.yaml"), keys.file(bed, name, value)?));
        }
        let files: Vec<_> =
            encrypted.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let repository = bed.repository("sync", &files)?;
        Ok(Self { stage, repository, keys })
    }

    /// The login, the keys and the object.
    async fn apply(&self, spec: &Value) -> Outcome {
        for manifest in [login(GitHttp::PASSWORD), self.age(), self.sync(spec).await?] {
            self.stage.put(&manifest).await?;
        }
        Ok(())
    }

    fn age(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "age"},
            "stringData": {"identity.agekey": self.keys.identity},
        })
    }

    async fn sync(&self, spec: &Value) -> Outcome<Value> {
        let url = self.stage.bed().git_http().await?.http_url(&self.repository);
        let mut manifest = json!({
            "apiVersion": "signet.dev/v1alpha1", "kind": "GitSecretSync", "metadata": {"name": "sync"},
            "spec": {
                "git": {"url": url, "secretRef": {"name": "login"}}, "interval": "10h",
                "decryption": {"provider": "sops", "secretRef": {"name": "age"}},
            },
        });
        for (field, value) in spec.as_object().into_iter().flatten() {
            manifest["spec"][field] = value.clone();
        }
        Ok(manifest)
    }

    fn commit(&self, name: &str, value: &str) -> Outcome {
        let file = self.keys.file(self.stage.bed(), name, value)?;
        self.repository.commit("main", "change", &[(&format!("{name}.yaml"), &file)]).map(drop)
    }

    /// Asks for a look, and waits until it was taken.
    async fn look(&self) -> Outcome<Value> {
        let at = self.stage.bed().unique("look");
        let change = json!({"metadata": {"annotations": {REQUESTED_AT: at}}});
        self.stage.patch(SYNC.0, SYNC.1, &change).await?;
        eventually(SOON, "the request is handled", async || {
            let object = self.stage.get(SYNC.0, SYNC.1).await?;
            let handled = &object["status"]["lastHandledReconcileAt"];
            if *handled == at { Ok(object) } else { Err(handled.to_string().into()) }
        })
        .await
    }

    async fn ready(&self, words: &[&str]) -> Outcome<Value> {
        self.stage.told(SYNC, ("Ready", "True"), words).await
    }
}

async fn interval(bed: Bed) -> Outcome {
    let scene = Scene::open(&bed, &[("db", "one")], &[]).await?;
    let _daemon = scene.stage.sealer(&[]).await?;
    scene.apply(&json!({"interval": "1s"})).await?;
    scene.stage.holds("db", &[("key", "one")]).await?;
    scene.commit("db", "two")?;
    scene.stage.holds("db", &[("key", "two")]).await?;
    let head = scene.repository.head("main").unwrap_or_default();
    scene.ready(&[&head]).await?;
    let stage = &scene.stage;
    let settled = stage.asked().await?.len();
    // Looks at the same commit write nothing; the daemon makes a sealing key when it likes.
    throughout(Duration::from_secs(3), "nothing is written", async || {
        let asked = stage.asked().await?.split_off(settled);
        let odd = asked.iter().find(|asked| asked.writes() && asked.namespace != stage.home());
        odd.map_or(Ok(()), |odd| Err(format!("{odd:?}").into()))
    })
    .await
}

async fn pruned(bed: Bed) -> Outcome {
    let files = [("kept", "1"), ("gone", "2"), ("replaced", "3"), ("taken", "4")];
    let scene = Scene::open(&bed, &files, &[]).await?;
    let Scene { stage, repository, .. } = &scene;
    let _daemon = stage.sealer(&[]).await?;
    scene.apply(&json!({})).await?;
    let object = scene.ready(&[]).await?;
    assert_eq!(object["status"]["inventory"]["entries"].as_array().map(Vec::len), Some(4));

    // While nobody looks after it, one Secret becomes another of the same name, one somebody else's.
    stage.patch(SYNC.0, SYNC.1, &json!({"spec": {"suspend": true}})).await?;
    stage.delete("Secret", "replaced").await?;
    let theirs = |name: &str| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "stringData": {"theirs": "0"},
        })
    };
    stage.put(&theirs("replaced")).await?;
    let disowned = json!({"metadata": {"ownerReferences": null}});
    stage.patch("Secret", "taken", &disowned).await?;
    for path in ["gone.yaml", "replaced.yaml", "taken.yaml"] {
        remove(repository, path)?;
    }
    stage.patch(SYNC.0, SYNC.1, &json!({"spec": {"suspend": false}})).await?;
    let object = scene.look().await?;
    stage.gone("Secret", "gone").await?;
    stage.holds("kept", &[("key", "1")]).await?;
    stage.holds("replaced", &[("theirs", "0")]).await?;
    scene.ready(&[]).await?;
    let entries = &object["status"]["inventory"]["entries"];
    let ids: Vec<_> = entries.as_array().into_iter().flatten().map(|entry| &entry["id"]).collect();
    assert!(!ids.iter().any(|id| id.as_str().is_some_and(|id| id.contains("gone"))), "{ids:?}");

    // With `prune: false` a Secret outlives its file.
    scene.commit("stays", "5")?;
    stage.patch(SYNC.0, SYNC.1, &json!({"spec": {"prune": false}})).await?;
    scene.look().await?;
    stage.holds("stays", &[("key", "5")]).await?;
    remove(repository, "stays.yaml")?;
    scene.look().await?;
    scene.ready(&[&repository.head("main").unwrap_or_default()]).await?;
    stage.holds("stays", &[("key", "5")]).await.map(drop)
}

/// Commits the removal of a file.
fn remove(repository: &Repository, path: &str) -> Outcome {
    let tree = repository.git(&["ls-tree", "main"])?;
    let kept: Vec<_> = tree
        .split_inclusive('\n')
        .filter(|entry| !entry.ends_with(&format!("\t{path}\n")))
        .collect();
    let kept = kept.concat();
    assert_ne!(kept, tree, "{path} is there");
    let listing = repository.path().join("listing");
    fs::write(&listing, kept)?;
    let who = "-c user.name=bed -c user.email=bed@test.example";
    let script = format!(
        "!git update-ref refs/heads/main $(git {who} commit-tree -p main -m remove $(git mktree < {}))",
        listing.display()
    );
    repository.git(&["-c", &format!("alias.removal={script}"), "removal"]).map(drop)
}

async fn native(bed: Bed) -> Outcome {
    let scene = Scene::open(&bed, &[("ours", "aes")], &[]).await?;
    let home = bed.folder("sealctl")?;
    let plain = home.join("secret.yaml");
    fs::write(&plain, self::plain("native", "hunter2"))?;
    let mut command = process::command(bed.daemon("sealctl")?, &home);
    command.args(["encrypt", "--cipher", "chacha20-poly1305", "--age", &scene.keys.recipient]);
    command.args(["--encrypted-regex", "^stringData$"]).arg(&plain);
    let encrypted = String::from_utf8(run(command, b"")?)?;
    assert!(!encrypted.contains("AES256_GCM") && !encrypted.contains("hunter2"), "{encrypted}");
    scene.repository.commit("main", "native", &[("native.yaml", &encrypted)])?;
    let daemon = scene.stage.sealer(&[]).await?;
    scene.apply(&json!({})).await?;
    scene.stage.holds("native", &[("key", "hunter2")]).await?;
    scene.stage.holds("ours", &[("key", "aes")]).await?;

    // A value that was moved or altered is refused, and the last good one stays.
    let altered = encrypted.replace("name: native", "name: moved");
    scene.repository.commit("main", "altered", &[("native.yaml", &altered)])?;
    scene.look().await?;
    scene.stage.told(SYNC, ("Ready", "False"), &["`native.yaml`", "MAC mismatch"]).await?;
    scene.stage.holds("native", &[("key", "hunter2")]).await?;
    assert!(!scene.stage.has("Secret", "moved").await?);
    scene.stage.is_silent_about(&daemon, &["hunter2", GitHttp::PASSWORD]).await
}

async fn restart(bed: Bed) -> Outcome {
    let names: Vec<_> = (0..20).map(|index| format!("db-{index}")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), "value")).collect();
    let scene = Scene::open(&bed, &files, &[]).await?;
    let stage = &scene.stage;
    let daemon = stage.sealer(&[]).await?;
    scene.apply(&json!({})).await?;
    scene.ready(&[]).await?;
    eventually(SOON, "the event is there", async || {
        let events = stage.events().await?;
        let told = events.iter().any(|event| event.contains("20 Secrets created"));
        if told { Ok(()) } else { Err(events.join("\n").into()) }
    })
    .await?;
    assert!(daemon.terminate().await?.success());
    let (settled, before) = (stage.snapshot().await?, stage.asked().await?.len());

    let daemon = stage.sealer(&[]).await?;
    let series =
        r#"controller_runtime_reconcile_total{controller="gitsecretsync",result="requeue_after"}"#;
    eventually(SOON, "it was reconciled", async || {
        let done = daemon.metric(series).await?;
        if done > 0.5 { Ok(()) } else { Err(done.to_string().into()) }
    })
    .await?;
    throughout(Duration::from_secs(1), "nothing is asked for", async || {
        let asked = stage.asked().await?.split_off(before);
        let odd = asked.iter().filter(|asked| !matches!(asked.verb.as_str(), "list" | "watch"));
        // The daemon makes a sealing key of its own, which is no business of this suite.
        let odd: Vec<_> = odd.filter(|asked| asked.namespace != stage.home()).collect();
        if odd.is_empty() { Ok(()) } else { Err(format!("{odd:?}").into()) }
    })
    .await?;
    assert_eq!(stage.snapshot().await?, settled);
    assert!(daemon.metric("signet_sops_files_decrypted_total").await? < 0.5);

    // A look at the same commit decrypts nothing either; at another, what changed.
    scene.look().await?;
    assert!(daemon.metric("signet_sops_files_decrypted_total").await? < 0.5);
    scene.commit("db-7", "other")?;
    scene.look().await?;
    stage.holds("db-7", &[("key", "other")]).await?;
    let decrypted = daemon.metric("signet_sops_files_decrypted_total").await?;
    assert!((decrypted - 1.0).abs() < 0.5, "{decrypted} files");
    Ok(())
}

async fn account(bed: Bed) -> Outcome {
    let scene = Scene::open(&bed, &[("db", "hunter2")], &[]).await?;
    let (stage, kubernetes) = (&scene.stage, bed.kubernetes().await?);
    let there = kubernetes.namespace("elsewhere").await?;
    let daemon = stage.sealer(&[]).await?;
    scene.apply(&json!({"targetNamespace": there})).await?;
    let words = ["`spec.targetNamespace`", "`spec.serviceAccountName`"];
    stage.told(SYNC, ("Ready", "False"), &words).await?;
    stage.event("Warning InvalidSpec GitSecretSync/sync: ", &words).await?;

    // Without the chart's leave the daemon may be nobody else.
    kubernetes.service_account(stage.namespace(), "writer").await?;
    scene.apply(&json!({"targetNamespace": there, "serviceAccountName": "writer"})).await?;
    let words = ["ServiceAccount `writer`", "grant `create` on `serviceaccounts/token`"];
    stage.told(SYNC, ("Ready", "False"), &words).await?;
    stage.event("Warning AccountFailed GitSecretSync/sync: ", &words).await?;
    let watched = format!("watchNamespace={}", stage.namespace());
    let allowed = [watched.as_str(), "features.impersonation=true"];
    kubernetes.apply(stage.home(), &render(&bed, "sealer", stage.home(), &allowed)?).await?;

    // With it, the account's own rights decide.
    scene.look().await?;
    let words = ["`db.yaml`", "cannot", "grant the right that is named"];
    stage.told(SYNC, ("Ready", "False"), &words).await?;
    stage.event("Warning ApplyFailed GitSecretSync/sync: ", &words).await?;
    kubernetes.apply(&there, &WRITER.replace("ACCOUNTS", stage.namespace())).await?;
    scene.look().await?;
    scene.ready(&[]).await?;
    let path = format!("/api/v1/namespaces/{there}/secrets/db");
    assert_eq!(stage.read(&path).await?["data"]["key"], "aHVudGVyMg==");
    let writes = |asked: Vec<tests::kubernetes::Asked>| -> Vec<_> {
        asked.into_iter().filter(|it| it.namespace == there && it.writes()).collect()
    };
    assert!(writes(stage.asked().await?).is_empty(), "the daemon itself writes nothing there");
    assert!(!writes(kubernetes.asked(stage.namespace(), "writer")?).is_empty());
    stage.is_silent_about(&daemon, &["hunter2"]).await
}

async fn referred(bed: Bed) -> Outcome {
    let scene = Scene::open(&bed, &[("db", "one")], &[]).await?;
    let stage = &scene.stage;
    // Flux's own definition where Flux is; ours where it is not.
    stage.put(&serde_json::to_value(imagebot_api::git_repository_crd())?).await?;
    let _daemon = stage.sealer(&[]).await?;
    let mut sync =
        scene.sync(&json!({"sourceRef": {"kind": "GitRepository", "name": "flux"}})).await?;
    let git = sync["spec"].as_object_mut().and_then(|spec| spec.remove("git")).unwrap_or_default();
    for manifest in [login(GitHttp::PASSWORD), scene.age(), sync] {
        stage.put(&manifest).await?;
    }
    let words = ["`spec.sourceRef`", "GitRepository `flux`", "create it, or use `spec.git`"];
    stage.told(SYNC, ("Ready", "False"), &words).await?;
    let source = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": {"name": "flux"},
        "spec": {
            "url": git["url"], "secretRef": git["secretRef"], "interval": "1h",
            "ref": {"branch": "main"},
        },
    });
    stage.put(&source).await?;
    stage.holds("db", &[("key", "one")]).await?;
    scene.ready(&[]).await?;
    // Whoever asks the GitRepository asks its readers, long before their interval.
    scene.commit("db", "two")?;
    let asked = json!({"metadata": {"annotations": {REQUESTED_AT: "now"}}});
    stage.patch("GitRepository", "flux", &asked).await?;
    stage.holds("db", &[("key", "two")]).await?;
    let asked = stage.asked().await?;
    let wrote = asked.iter().any(|it| it.resource.starts_with("gitrepositories") && it.writes());
    assert!(!wrote, "{asked:?}");
    Ok(())
}

async fn missing(bed: Bed) -> Outcome {
    let scene = Scene::open(&bed, &[("db", "one")], &[]).await?;
    let stage = &scene.stage;
    let daemon = stage.sealer(&[]).await?;
    let fails = async |reason: &str, words: &[&str]| {
        stage.told(SYNC, ("Ready", "False"), words).await?;
        stage.event(&format!("Warning {reason} GitSecretSync/sync: "), words).await
    };
    // Nothing that it needs is there; each is found when it comes, without a word to the daemon.
    stage.put(&scene.sync(&json!({})).await?).await?;
    let words =
        ["Secret `age` of `spec.decryption.secretRef` does not exist", "create Secret `age`"];
    fails("KeysUnusable", &words).await?;
    let mut empty = scene.age();
    empty["stringData"] = json!({"note": "no key yet"});
    stage.put(&empty).await?;
    fails("KeysUnusable", &["Secret `age`", "a key that ends in `.agekey`"]).await?;
    let mut garbled = scene.age();
    garbled["stringData"] = json!({"identity.agekey": "AGE-SECRET-KEY-1NOPE"});
    stage.put(&garbled).await?;
    fails("KeysUnusable", &["`identity.agekey` of Secret `age` cannot be used"]).await?;
    stage.put(&scene.age()).await?;
    fails_or_missing_login(stage).await?;
    stage.put(&login("wrong password")).await?;
    fails("SourceFailed", &["could not read the Git repository"]).await?;
    stage.put(&login(GitHttp::PASSWORD)).await?;
    stage.holds("db", &[("key", "one")]).await?;
    scene.ready(&[]).await?;

    // Whatever goes wrong later, the last good Secret stays.
    let url = bed.git_http().await?.http_url(&scene.repository);
    let login = json!({"name": "login"});
    #[rustfmt::skip]
    let cases = [
        (json!({"git": {"url": url.replace(".git", "-no.git"), "secretRef": login}}),              "could not read the Git repository"),
        (json!({"git": {"url": url, "secretRef": login, "ref": {"branch": "none"}}}),              "none"),
        (json!({"git": {"url": "file:///etc", "secretRef": login}}),                               "is a file URL"),
        (json!({"git": {"url": "http://127.0.0.1:1/a.git", "secretRef": login}}),                  "could not read the Git repository"),
    ];
    for (spec, words) in &cases {
        stage.put(&scene.sync(spec).await?).await?;
        fails("SourceFailed", &[*words]).await?;
        stage.holds("db", &[("key", "one")]).await?;
    }
    scene.commit("db", "two")?;
    stage.put(&scene.sync(&json!({})).await?).await?;
    stage.holds("db", &[("key", "two")]).await?;
    scene.ready(&[]).await?;
    failures(&daemon).await?;
    let identity = scene.keys.identity.lines().last().unwrap_or_default();
    let words = [GitHttp::PASSWORD, "wrong password", identity, "AGE-SECRET-KEY-1NOPE"];
    stage.is_silent_about(&daemon, &words).await
}

async fn fails_or_missing_login(stage: &Stage) -> Outcome {
    let words = ["/login` of `spec.git.secretRef` does not exist", "create it in the namespace"];
    stage.told(SYNC, ("Ready", "False"), &words).await.map(drop)
}

async fn failures(daemon: &Daemon) -> Outcome {
    for reason in ["KeysUnusable", "SourceFailed"] {
        let page = daemon.get("/metrics").await?.text();
        let series = format!(
            r#"signet_reconcile_failures_total{{controller="gitsecretsync",reason="{reason}""#
        );
        assert!(page.contains(&series), "{series} in\n{page}");
    }
    Ok(())
}
