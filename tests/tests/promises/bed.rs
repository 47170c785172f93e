//! The servers of the bed do what every other suite relies on.

use std::fs;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::{ListParams, ObjectMeta, PostParams};
use libtest_mimic::Trial;
use serde_json::json;
use tests::git::{GitHttp, Repository};
use tests::inbox::Inbox;
use tests::kubernetes::Kubernetes;
use tests::registry::{Notify, Options, Registry};
use tests::trial::trial;
use tests::{Bed, Need, Outcome, eventually};

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "bed::a_token_may_do_what_rbac_says_and_no_more", &[Need::Kubernetes], rbac),
        trial(bed, "bed::yaml_text_defines_kinds_and_objects", &[Need::Kubernetes], apply),
        trial(bed, "bed::the_state_outlives_a_crash_of_the_api_server", &[Need::Kubernetes], crash),
        trial(bed, "bed::a_push_is_listed_and_notified", &[Need::OwnRegistry], notified),
        trial(
            bed,
            "bed::a_closed_registry_lets_nobody_in_unasked",
            &[Need::OwnRegistry, Need::Htpasswd],
            closed,
        ),
        trial(bed, "bed::tags_written_into_the_store_are_served", &[Need::Registry], tags),
        trial(bed, "bed::git_clones_and_pushes_over_http_and_https", &[Need::GitHttp], git_http),
        trial(bed, "bed::git_clones_and_pushes_over_ssh", &[Need::GitSsh], git_ssh),
        trial(bed, "bed::gitea_opens_a_pull_request", &[Need::Gitea], pull_request),
        trial(
            bed,
            "bed::openbao_tells_only_those_whom_the_policy_names",
            &[Need::OpenBao],
            openbao,
        ),
        trial(bed, "bed::kubeseal_opens_what_it_sealed", &[Need::Kubeseal], kubeseal),
        trial(bed, "bed::sops_and_age_open_what_they_encrypted", &[Need::Sops, Need::Age], sops),
    ]
}

async fn rbac(bed: Bed) -> Outcome {
    let kubernetes = bed.kubernetes().await?;
    let namespace = kubernetes.namespace("rbac").await?;
    kubernetes.service_account(&namespace, "robot").await?;
    kubernetes.apply(&namespace, ROLE).await?;
    let kubeconfig = kubernetes.token_for(&namespace, "robot").await?;
    let client = kubernetes.client_for(&kubeconfig).await?;

    let secret = Secret {
        metadata: ObjectMeta { name: Some("made".into()), ..ObjectMeta::default() },
        data: Some([("key".to_owned(), ByteString(b"value".to_vec()))].into()),
        ..Secret::default()
    };
    let secrets = Api::<Secret>::namespaced(client.clone(), &namespace);
    secrets.create(&PostParams::default(), &secret).await?;
    assert_eq!(secrets.get("made").await?.data, secret.data);

    let maps = Api::<ConfigMap>::namespaced(client.clone(), &namespace);
    let refused = maps.list(&ListParams::default()).await.expect_err("no rule names config maps");
    assert!(refused.to_string().contains("cannot list resource"), "{refused}");
    let elsewhere = Api::<Secret>::namespaced(client, "default");
    elsewhere.list(&ListParams::default()).await.expect_err("the role is of one namespace");
    Ok(())
}

const ROLE: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: secrets}
rules: [{apiGroups: [''], resources: [secrets], verbs: [get, list, create]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: secrets}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: secrets}
subjects: [{kind: ServiceAccount, name: robot}]
";

async fn apply(bed: Bed) -> Outcome {
    let kubernetes = bed.kubernetes().await?;
    let namespace = kubernetes.namespace("apply").await?;
    kubernetes.apply(&namespace, KIND).await?;
    let path = format!("/apis/bed.test/v1/namespaces/{namespace}/things/one");
    let request = http::Request::get(path).body(Vec::new())?;
    let thing: serde_json::Value = kubernetes.client().request(request).await?;
    assert_eq!(thing["spec"]["size"], 3);

    let wrong = "{apiVersion: v1, kind: ConfigMap, metadata: {name: m}, date: {}}";
    let refused = kubernetes.apply(&namespace, wrong).await.expect_err("`date` is no field");
    assert!(refused.to_string().contains("date"), "{refused}");
    Ok(())
}

const KIND: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.bed.test}
spec:
  group: bed.test
  scope: Namespaced
  names: {kind: Thing, plural: things, singular: thing}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties: {spec: {type: object, properties: {size: {type: integer}}}}
---
apiVersion: bed.test/v1
kind: Thing
metadata: {name: one}
spec: {size: 3}
";

async fn crash(bed: Bed) -> Outcome {
    let mut kubernetes = Kubernetes::start(&bed).await?;
    let namespace = kubernetes.namespace("crash").await?;
    kubernetes.crash();
    kubernetes.client().apiserver_version().await.expect_err("nothing listens");
    kubernetes.recover().await?;
    let namespaces = Api::<k8s_openapi::api::core::v1::Namespace>::all(kubernetes.client());
    eventually(Duration::from_secs(10), "the namespace is there again", async || {
        namespaces.get(&namespace).await.map(drop).map_err(Into::into)
    })
    .await
}

async fn notified(bed: Bed) -> Outcome {
    let inbox = Inbox::open().await?;
    let notify = Notify { url: inbox.url("/hook"), authorization: Some("Bearer hook".into()) };
    let options = Options { notify: Some(notify), ..Options::default() };
    let registry = Registry::start(&bed, options).await?;
    let digest = registry.push("team/app", "1.0.0").await?;
    assert_eq!(registry.tags("team/app").await?, ["1.0.0"]);

    eventually(Duration::from_secs(10), "the push of the tag is notified", async || {
        let told = inbox.deliveries().into_iter().any(|delivery| {
            let target = &delivery.json()["events"][0]["target"];
            delivery.header("authorization") == "Bearer hook"
                && target["tag"] == "1.0.0"
                && target["digest"] == digest.as_str()
        });
        told.then_some(()).ok_or_else(|| format!("{:?}", inbox.deliveries()).into())
    })
    .await
}

async fn closed(bed: Bed) -> Outcome {
    let options = Options { auth: true, tls: true, ..Options::default() };
    let registry = Registry::start(&bed, options).await?;
    let first = registry.push("app", "1").await?;
    registry.tag("app", "1", "latest").await?;
    let mut tags = registry.tags("app").await?;
    tags.sort();
    assert_eq!(tags, ["1", "latest"]);
    let answer = bed.http().get(&format!("{}/v2/app/tags/list", registry.url())).await?;
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").starts_with("Basic"), "{:?}", answer.headers);
    registry.delete("app", &first).await?;
    assert!(registry.tags("app").await?.is_empty());
    Ok(())
}

async fn tags(bed: Bed) -> Outcome {
    let registry = bed.registry().await?;
    let digest = registry.push("many", "0").await?;
    registry.write_tags("many", &digest, (1..1_000).map(|number| number.to_string()))?;
    assert_eq!(registry.tags("many").await?.len(), 1_000);
    Ok(())
}

async fn git_http(bed: Bed) -> Outcome {
    let server = bed.git_http().await?;
    let (user, password) = (GitHttp::USER, GitHttp::PASSWORD.replace(' ', "%20"));
    let authority = bed.authority().certificate.display().to_string();
    let settings = [("GIT_SSL_CAINFO", authority.as_str()), ("GIT_TERMINAL_PROMPT", "0")];
    let repository = bed.repository("web", &[("a.yaml", "a: 1\n")])?;
    for url in [server.http_url(&repository), server.https_url(&repository)] {
        let known = url.replacen("://", &format!("://{user}:{password}@"), 1);
        work(&bed, &repository, &known, &settings)?;
        let refused = work(&bed, &repository, &url, &settings).expect_err("without credentials");
        assert!(refused.to_string().contains("could not read Username"), "{refused}");
    }
    Ok(())
}

async fn git_ssh(bed: Bed) -> Outcome {
    let server = bed.git_ssh().await?;
    let repository = bed.repository("ssh", &[("a.yaml", "a: 1\n")])?;
    let (identity, known) = (server.identity(), server.known_hosts());
    let ssh = format!(
        "ssh -F none -o IdentitiesOnly=yes -o BatchMode=yes -i {} -o UserKnownHostsFile={}",
        identity.display(),
        known.display()
    );
    work(&bed, &repository, &server.url(&repository), &[("GIT_SSH_COMMAND", &ssh)])
}

/// Clones with the `git` program, commits, pushes, and looks whether the commit arrived.
fn work(bed: &Bed, repository: &Repository, url: &str, settings: &[(&str, &str)]) -> Outcome {
    let copy = bed.folder("clone")?;
    let place = copy.display().to_string();
    let git = |args: &[&str]| {
        let mut command = bed.command("git");
        command.envs(settings.iter().copied()).args(args);
        tests::process::run(command, b"")
    };
    git(&["clone", "-q", url, &place])?;
    let content = format!("from {place}\n");
    fs::write(copy.join("b.yaml"), &content)?;
    let person = ["-C", &place, "-c", "user.name=P", "-c", "user.email=p@test.example"];
    git(&["-C", &place, "add", "b.yaml"])?;
    git(&[&person[..], &["commit", "-q", "-m", "second"]].concat())?;
    git(&["-C", &place, "push", "-q", "origin", "HEAD:main"])?;
    assert_eq!(repository.show("main", "b.yaml")?, content);
    assert_eq!(repository.messages("main")?.first().map(String::as_str), Some("second"));
    Ok(())
}

async fn pull_request(bed: Bed) -> Outcome {
    let gitea = bed.gitea().await?;
    let name = gitea.repository("apps", &[("a.yaml", "a: 1\n")]).await?;
    let base = format!("repos/bot/{name}");
    let change = json!({
        "message": "change", "branch": "main", "new_branch": "feature", "content": "YTogMgo=",
        "sha": gitea.api("GET", &format!("{base}/contents/a.yaml"), None, 200).await?["sha"],
    });
    gitea.api("PUT", &format!("{base}/contents/a.yaml"), Some(&change), 200).await?;
    let pull = json!({"title": "Change a", "base": "main", "head": "feature"});
    gitea.api("POST", &format!("{base}/pulls"), Some(&pull), 201).await?;
    let open = gitea.pulls(&name, "open").await?;
    assert_eq!(open.len(), 1);
    assert_eq!(open[0]["head"]["ref"], "feature");
    Ok(())
}

async fn openbao(bed: Bed) -> Outcome {
    let bao = bed.openbao().await?;
    let mine = bed.unique("team");
    bao.write(&mine, &json!({"user": "u", "password": "p"})).await?;
    assert_eq!(bao.read(&mine).await?, json!({"user": "u", "password": "p"}));
    let policy = format!("path \"secret/data/{mine}\" {{ capabilities = [\"read\"] }}");
    let token = bao.token(&policy).await?;
    for (path, status) in [(mine.as_str(), 200), ("other", 403)] {
        let url = format!("{}/v1/secret/data/{path}", bao.url());
        bed.http().request("GET", &url).header("X-Vault-Token", &token).expect(status).await?;
    }
    bao.remove(&mine).await
}

async fn kubeseal(bed: Bed) -> Outcome {
    let folder = bed.folder("kubeseal")?;
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048)?;
    let certificate = rcgen::CertificateParams::new(Vec::new())?.self_signed(&key)?;
    let (public, private) = (folder.join("tls.crt"), folder.join("tls.key"));
    fs::write(&public, certificate.pem())?;
    fs::write(&private, key.serialize_pem())?;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"},
        "stringData": {"word": "hush"},
    });
    let certificate = format!("--cert={}", public.display());
    let sealed =
        bed.run("kubeseal", &[&certificate, "-o", "json"], secret.to_string().as_bytes())?;
    assert!(!String::from_utf8_lossy(&sealed).contains("aHVzaA"), "the value is in the clear");
    let private = format!("--recovery-private-key={}", private.display());
    let opened = bed.run("kubeseal", &["--recovery-unseal", &private, "-o", "json"], &sealed)?;
    let opened: serde_json::Value = serde_json::from_slice(&opened)?;
    assert_eq!(opened["data"]["word"], "aHVzaA==");
    Ok(())
}

async fn sops(bed: Bed) -> Outcome {
    let folder = bed.folder("sops")?;
    let identity = folder.join("keys.txt").display().to_string();
    bed.run("age-keygen", &["-o", &identity], b"")?;
    let recipient = String::from_utf8(bed.run("age-keygen", &["-y", &identity], b"")?)?;
    let recipient = recipient.trim();

    let sealed = bed.run("age", &["-r", recipient], b"hush")?;
    assert_eq!(bed.run("age", &["-d", "-i", &identity], &sealed)?, b"hush");

    let plain = folder.join("secret.yaml");
    fs::write(&plain, "word: hush # quiet\n")?;
    let plain = plain.display().to_string();
    let encrypted = bed.run("sops", &["encrypt", "--age", recipient, &plain], b"")?;
    assert!(String::from_utf8_lossy(&encrypted).contains("word: ENC[AES256_GCM"));
    fs::write(&plain, encrypted)?;
    let mut command = bed.command("sops");
    command.env("SOPS_AGE_KEY_FILE", &identity).args([
        "decrypt",
        "--extract",
        "[\"word\"]",
        &plain,
    ]);
    assert_eq!(tests::process::run(command, b"")?, b"hush");
    Ok(())
}
