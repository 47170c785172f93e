//! GitSecretSyncs on a real API server and a real Git server, with files of the real sops.

use std::fs;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::git::{GitHttp, Repository};
use tests::trial::trial;
use tests::{Bed, Need, Outcome};

use crate::seal::World;

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::GitHttp, Need::Sops, Need::Age];
const V: &str = "signet.dev/v1alpha1";
const K: &str = "GitSecretSync";

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(
            bed,
            "sops::files_of_the_real_sops_become_secrets_and_go_with_them",
            NEEDS,
            lifecycle,
        ),
        trial(bed, "sops::a_broken_file_is_named_and_harms_no_other", NEEDS, broken),
        trial(bed, "sops::other_namespaces_need_an_account_that_may_write_there", NEEDS, elsewhere),
        trial(bed, "sops::what_changed_in_git_alone_is_decrypted", NEEDS, delta),
    ]
}

/// An age identity, and files for it.
struct Keys<'b> {
    bed: &'b Bed,
    identity: String,
    recipient: String,
}

impl<'b> Keys<'b> {
    fn new(bed: &'b Bed) -> Outcome<Keys<'b>> {
        let file = bed.folder("age")?.join("keys.txt").display().to_string();
        bed.run("age-keygen", &["-o", &file], b"")?;
        let recipient = String::from_utf8(bed.run("age-keygen", &["-y", &file], b"")?)?;
        Ok(Keys {
            bed,
            identity: fs::read_to_string(file)?,
            recipient: recipient.trim().to_owned(),
        })
    }

    /// A Secret with one value `key`, encrypted by the real sops.
    fn file(&self, name: &str, namespace: Option<&str>, value: &str) -> Outcome<String> {
        let place =
            namespace.map(|namespace| format!(", namespace: {namespace}")).unwrap_or_default();
        let plain = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}{place}}}\nstringData:\n  key: {value}\n"
        );
        let path = self.bed.folder("plain")?.join("secret.yaml").display().to_string();
        fs::write(&path, plain)?;
        let args = [
            "encrypt",
            "--age",
            &self.recipient,
            "--encrypted-regex",
            "^(data|stringData)$",
            &path,
        ];
        Ok(String::from_utf8(self.bed.run("sops", &args, b"")?)?)
    }
}

/// A sync of `secrets/` over https with a login and a private authority.
async fn sync(world: &World<'_>, repository: &Repository, keys: &Keys<'_>, spec: Value) -> Outcome {
    let git = world.bed.git_http().await?;
    let login = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"},
        "stringData": {
            "username": GitHttp::USER, "password": GitHttp::PASSWORD,
            "ca.crt": fs::read_to_string(&world.bed.authority().certificate)?,
        },
    });
    let age = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "age"},
        "stringData": {"identity.agekey": keys.identity},
    });
    let mut manifest = json!({
        "apiVersion": V, "kind": K, "metadata": {"name": "sync"},
        "spec": {
            "git": {"url": git.https_url(repository), "secretRef": {"name": "login"}},
            "path": "./secrets", "interval": "1h",
            "decryption": {"provider": "sops", "secretRef": {"name": "age"}},
        },
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        manifest["spec"][key] = value.clone();
    }
    for manifest in [login, age, manifest] {
        world.apply(&manifest).await?;
    }
    Ok(())
}

async fn ask(world: &World<'_>, when: &str) -> Outcome {
    let asked = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": when}}});
    world.patch(V, K, "sync", &asked).await
}

async fn ready(world: &World<'_>, status: &str, words: &str) -> Outcome<Value> {
    Ok(world.condition((V, K, "sync"), ("Ready", status, words)).await?.data)
}

async fn lifecycle(bed: Bed) -> Outcome {
    let (world, keys) = (World::new(&bed, "sops").await?, Keys::new(&bed)?);
    let daemon = world.start().await?;
    let files = [
        ("secrets/a.yaml", keys.file("a", None, "hunter2")?),
        ("secrets/deep/b.yaml", keys.file("b", None, "two")?),
        ("elsewhere/c.yaml", keys.file("c", None, "three")?),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let repository = bed.repository("sops", &files)?;
    sync(&world, &repository, &keys, json!({})).await?;
    world.value("a", "key", "hunter2").await?;
    world.value("b", "key", "two").await?;
    let head = repository.head("main").ok_or("a head")?;
    let status = ready(&world, "True", &format!("Applied revision: main@sha1:{head}")).await?;
    assert_eq!(status["status"]["inventory"]["entries"].as_array().map(Vec::len), Some(2));
    assert!(world.secrets().get_opt("c").await?.is_none());

    world.patch("v1", "Secret", "a", &json!({"stringData": {"key": "oops"}})).await?;
    world.value("a", "key", "hunter2").await?;

    remove(&repository, "secrets/deep/b.yaml")?;
    ask(&world, "1").await?;
    world.gone("b").await?;
    assert!(!daemon.log().contains("hunter2"), "the log tells the value");

    // The kept Secrets go with their sync.
    world.api(V, K).delete("sync", &<_>::default()).await?;
    world.gone("a").await
}

/// Commits the removal of a file.
fn remove(repository: &Repository, path: &str) -> Outcome {
    let tree = repository.git(&["ls-tree", "-r", "main"])?;
    let index = repository.path().join("index-of-test");
    let script = format!(
        "export GIT_INDEX_FILE={index} GIT_AUTHOR_NAME=b GIT_AUTHOR_EMAIL=b@x GIT_COMMITTER_NAME=b GIT_COMMITTER_EMAIL=b@x; \
         git read-tree main && git rm -q --cached {path} && \
         git update-ref refs/heads/main $(git commit-tree -p main -m remove $(git write-tree))",
        index = index.display(),
    );
    assert!(tree.contains(path), "{path} is there");
    repository.git(&["-c", &format!("alias.script=!{script}"), "script"]).map(drop)
}

async fn broken(bed: Bed) -> Outcome {
    let (world, keys) = (World::new(&bed, "sops").await?, Keys::new(&bed)?);
    let others = Keys::new(&bed)?;
    let _daemon = world.start().await?;
    let good = keys.file("good", None, "hunter2")?;
    let repository = bed.repository(
        "sops",
        &[("secrets/good.yaml", &good), ("secrets/bad.yaml", &keys.file("bad", None, "before")?)],
    )?;
    sync(&world, &repository, &keys, json!({})).await?;
    world.value("bad", "key", "before").await?;
    #[rustfmt::skip]
    let cases = [
        (keys.file("bad", None, "x")?.replace("name: bad", "name: bad\n    labels: {a: b}"), "`secrets/bad.yaml`: MAC mismatch"),
        (others.file("bad", None, "x")?,                                                      "add an identity to Secret `age` under a key that ends in `.agekey`"),
        ("a: [1".to_owned(),                                                                  "`secrets/bad.yaml`: "),
        (keys.file("bad", Some("kube-system"), "x")?,                                         "`metadata.namespace` is `kube-system`, not the GitSecretSync's own"),
    ];
    for (round, (content, words)) in cases.iter().enumerate() {
        let (path, file) =
            (format!("secrets/new{round}.yaml"), keys.file(&format!("new{round}"), None, "new")?);
        repository.commit("main", "change", &[("secrets/bad.yaml", content), (&path, &file)])?;
        ask(&world, &round.to_string()).await?;
        ready(&world, "False", words).await?;
        world.value(&format!("new{round}"), "key", "new").await?;
        world.value("bad", "key", "before").await?;
    }
    world.event("sync", "DecryptionFailed").await?;
    repository.commit(
        "main",
        "mend",
        &[("secrets/bad.yaml", &keys.file("bad", None, "after")?)],
    )?;
    ask(&world, "mended").await?;
    world.value("bad", "key", "after").await?;
    ready(&world, "True", "").await.map(drop)
}

/// Waits until a request has been answered.
async fn handled(world: &World<'_>, when: &str) -> Outcome {
    let api = world.api(V, K);
    tests::eventually(std::time::Duration::from_secs(30), "an answer", async || {
        let status = api.get("sync").await?.data["status"].clone();
        if status["lastHandledReconcileAt"] == when {
            Ok(())
        } else {
            Err(status.to_string().into())
        }
    })
    .await
}

async fn elsewhere(bed: Bed) -> Outcome {
    let (world, keys) = (World::new(&bed, "sops").await?, Keys::new(&bed)?);
    let there = world.kubernetes.namespace("elsewhere").await?;
    let daemon = world.start().await?;
    let repository =
        bed.repository("sops", &[("secrets/a.yaml", &keys.file("a", Some(&there), "hunter2")?)])?;
    sync(&world, &repository, &keys, json!({})).await?;
    ready(&world, "False", "not the GitSecretSync's own").await?;

    world.kubernetes.service_account(&world.namespace, "writer").await?;
    world.patch(V, K, "sync", &json!({"spec": {"serviceAccountName": "writer"}})).await?;
    let denied = format!("User \"system:serviceaccount:{}:writer\" cannot", world.namespace);
    ready(&world, "False", &denied).await?;

    let role = WRITER.replace("ACCOUNTS", &world.namespace);
    world.kubernetes.apply(&there, &role).await?;
    ask(&world, "granted").await?;
    ready(&world, "True", "").await?;
    let secrets: kube::Api<k8s_openapi::api::core::v1::Secret> =
        kube::Api::namespaced(world.kubernetes.client(), &there);
    let secret = secrets.get("a").await?;
    assert_eq!(secret.data.unwrap_or_default()["key"].0, b"hunter2");
    assert_eq!(secret.metadata.owner_references, None);
    let wrote = world.kubernetes.asked(&world.namespace, "writer")?;
    assert!(
        wrote.iter().any(|asked| asked.verb == "create" && asked.namespace == there),
        "{wrote:?}"
    );

    // Nobody watches that namespace, and still another look decrypts nothing.
    let decrypted = daemon.metric("signet_sops_files_decrypted_total").await?;
    ask(&world, "again").await?;
    handled(&world, "again").await?;
    assert!((daemon.metric("signet_sops_files_decrypted_total").await? - decrypted).abs() < 0.5);

    // It is pruned by its uid, with the same account.
    repository.commit(
        "main",
        "move",
        &[("secrets/a.yaml", &keys.file("moved", Some(&there), "x")?)],
    )?;
    ask(&world, "moved").await?;
    ready(&world, "True", &repository.head("main").unwrap_or_default()).await?;
    assert!(secrets.get_opt("a").await?.is_none());
    secrets.get("moved").await?;
    Ok(())
}

/// What lets the ServiceAccount `writer` of the namespace ACCOUNTS write Secrets.
pub(crate) const WRITER: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: writer}
rules: [{apiGroups: [''], resources: [secrets], verbs: [get, create, update, delete]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: writer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: writer}
subjects: [{kind: ServiceAccount, name: writer, namespace: ACCOUNTS}]
";

async fn delta(bed: Bed) -> Outcome {
    let (world, keys) = (World::new(&bed, "sops").await?, Keys::new(&bed)?);
    let daemon = world.start().await?;
    let files = (0..10)
        .map(|n| Ok((format!("secrets/{n}.yaml"), keys.file(&format!("s{n}"), None, "one")?)));
    let files = files.collect::<Outcome<Vec<_>>>()?;
    let named: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let repository = bed.repository("sops", &named)?;
    sync(&world, &repository, &keys, json!({})).await?;
    ready(&world, "True", "").await?;
    let decrypted = async || daemon.metric("signet_sops_files_decrypted_total").await;
    assert!((decrypted().await? - 10.0).abs() < 0.5);
    repository.commit("main", "one", &[("secrets/3.yaml", &keys.file("s3", None, "two")?)])?;
    ask(&world, "1").await?;
    world.value("s3", "key", "two").await?;
    ready(&world, "True", &repository.head("main").unwrap_or_default()).await?;
    assert!((decrypted().await? - 11.0).abs() < 0.5);
    assert!(daemon.terminate().await?.success());

    let daemon = world.start().await?;
    repository.commit("main", "two", &[("secrets/4.yaml", &keys.file("s4", None, "two")?)])?;
    ask(&world, "2").await?;
    world.value("s4", "key", "two").await?;
    assert!((daemon.metric("signet_sops_files_decrypted_total").await? - 1.0).abs() < 0.5);
    Ok(())
}
