//! Every way in which a GitRepository says how to log in, from its Secrets to the files, on real
//! servers.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::git::GitHttp;
use tests::trial::trial;
use tests::{Bed, Need, Outcome, eventually};

use crate::git_gate::{self, Gate};
use crate::git_tunnel::{self, Tunnel};
use crate::seal_stage::{Key, SOON, Stage};
use crate::sops_sync::Keys;

const NEEDS: &[Need] =
    &[Need::Kubernetes, Need::Helm, Need::GitHttp, Need::GitSsh, Need::Sops, Need::Age];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "git_login::every_way_of_logging_in_leads_to_the_files", NEEDS, every_way),
        trial(bed, "git_login::a_workload_logs_in_as_the_account_that_it_names", NEEDS, workload),
        trial(bed, "git_login::what_does_not_fit_is_told_with_a_remedy", NEEDS, misfits),
    ]
}

/// What was a certificate once.
const TORN: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

/// What opens the locked key.
const PASSPHRASE: &str = "open the locked key";

/// One way of logging in.
struct Way {
    name: &'static str,
    url: String,
    /// What its GitRepository says beside the URL.
    spec: Value,
    /// The entries of its Secret.
    login: Value,
}

impl Way {
    fn new(name: &'static str, url: &str, login: Value) -> Self {
        Self { name, url: url.to_owned(), spec: json!({}), login }
    }

    fn with(self, spec: Value) -> Self {
        Self { spec, ..self }
    }

    /// The Secret, the GitRepository, and a GitSecretSync that refers to it.
    fn manifests(&self) -> [Value; 3] {
        let name = self.name;
        let mut source = json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": {"name": name},
            "spec": {
                "url": self.url, "secretRef": {"name": format!("login-{name}")}, "interval": "1h",
                "ref": {"branch": "main"},
            },
        });
        for (key, value) in self.spec.as_object().into_iter().flatten() {
            source["spec"][key] = value.clone();
        }
        let sync = json!({
            "apiVersion": "signet.dev/v1alpha1", "kind": "GitSecretSync", "metadata": {"name": name},
            "spec": {
                "sourceRef": {"name": name}, "interval": "1h",
                "decryption": {"provider": "sops", "secretRef": {"name": "age"}},
            },
        });
        let login = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("login-{name}")},
            "stringData": self.login,
        });
        [login, source, sync]
    }
}

fn age(keys: &Keys) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "age"},
        "stringData": {"identity.agekey": keys.identity},
    })
}

/// What a Secret says of the App.
fn app(gate: &Gate) -> Value {
    json!({
        "githubAppID": git_gate::APP, "githubAppInstallationID": git_gate::INSTALLATION,
        "githubAppPrivateKey": Key::number(0).private,
        "githubAppBaseURL": format!("{}/api/v3", gate.url()),
    })
}

/// Every way, each with a repository of its own that has a Secret of the way's name.
fn ways(bed: &Bed, keys: &Keys, git: &GitHttp, gate: &Gate) -> Outcome<Vec<Way>> {
    let repository =
        |name: &str| bed.repository(name, &[("secret.yaml", &keys.file(bed, name, name)?)]);
    let gated = |name: &str| Outcome::Ok(gate.url_of(&git.http_url(&repository(name)?)));
    let (ca, user, password) = (bed.authority().pem()?, GitHttp::USER, GitHttp::PASSWORD);
    let basic = json!({"username": user, "password": password, "ca.crt": ca});
    let through = |name: &str| json!({"proxySecretRef": {"name": name}});
    let userinfo = format!("https://{user}:{}@", password.replace(' ', "%20"));
    let userinfo = git.https_url(&repository("userinfo")?).replacen("https://", &userinfo, 1);
    #[rustfmt::skip]
    let ways = vec![
        Way::new("basic",    &git.https_url(&repository("basic")?),      basic.clone()),
        Way::new("cafile",   &git.https_url(&repository("cafile")?),     json!({"username": user, "password": password, "caFile": ca})),
        Way::new("userinfo", &userinfo,                                  json!({"ca.crt": ca})),
        Way::new("mutual",   &git.certified_url(&repository("mutual")?), mutual(bed)?),
        Way::new("bearer",   &gated("bearer")?,                          json!({"bearerToken": git_gate::BEARER})),
        Way::new("app",      &gated("app")?,                             app(gate)).with(json!({"provider": "github"})),
        Way::new("connect",  &git.https_url(&repository("connect")?),    basic.clone()).with(through("http-proxy")),
        Way::new("socks",    &git.https_url(&repository("socks")?),      basic.clone()).with(through("socks-proxy")),
    ];
    Ok(ways)
}

/// With a key for ssh, as it is, behind a passphrase, and through both kinds of proxy.
async fn with_keys(bed: &Bed, keys: &Keys) -> Outcome<[Way; 4]> {
    let ssh = bed.git_ssh().await?;
    let locked = ssh.key(bed, &["-N", PASSPHRASE])?;
    ssh.let_in(&locked)?;
    let way = |name: &'static str, key: &Path, password: Option<&str>| -> Outcome<Way> {
        let repository = bed.repository(name, &[("secret.yaml", &keys.file(bed, name, name)?)])?;
        let mut login = json!({
            "identity": fs::read_to_string(key)?,
            "known_hosts": fs::read_to_string(ssh.known_hosts())?,
        });
        if let Some(password) = password {
            login["password"] = password.into();
        }
        Ok(Way::new(name, &ssh.url(&repository), login))
    };
    let through = |name: &str| json!({"proxySecretRef": {"name": name}});
    Ok([
        way("ssh", &ssh.identity(), None)?,
        way("locked", &locked, Some(PASSPHRASE))?,
        way("ssh-connect", &ssh.identity(), None)?.with(through("http-proxy")),
        way("ssh-socks", &ssh.identity(), None)?.with(through("socks-proxy")),
    ])
}

/// The Secret of a proxy.
fn proxy(name: &str, scheme: &str, tunnel: &Tunnel) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
        "stringData": {
            "address": format!("{scheme}://{}", tunnel.host()),
            "username": git_tunnel::USER, "password": git_tunnel::PASSWORD,
        },
    })
}

async fn every_way(bed: Bed) -> Outcome {
    let (stage, keys) = (Stage::open(&bed, "login").await?, Keys::new(&bed)?);
    stage.put(&serde_json::to_value(imagebot_api::git_repository_crd())?).await?;
    let (git, tunnel) = (bed.git_http().await?, Tunnel::open().await?);
    let gate = Gate::open(&bed, &git.http_url(&bed.repository("behind", &[])?)).await?;
    let mut ways = ways(&bed, &keys, git, &gate)?;
    ways.extend(with_keys(&bed, &keys).await?);
    stage.put(&proxy("http-proxy", "http", &tunnel)).await?;
    stage.put(&proxy("socks-proxy", "socks5", &tunnel)).await?;
    stage.put(&age(&keys)).await?;
    for manifest in ways.iter().flat_map(Way::manifests) {
        stage.put(&manifest).await?;
    }
    let daemon = stage.sealer(&[]).await?;
    for way in &ways {
        let sync = ("GitSecretSync", way.name);
        stage.told(sync, ("Ready", "True"), &["Applied revision: main@sha1:"]).await?;
        stage.holds(way.name, &[("key", way.name)]).await?;
    }
    let (ssh, https) = (bed.git_ssh().await?.name(), git.https_url(&bed.repository("any", &[])?));
    for kind in ["http", "socks5"] {
        let passed = tunnel.passed();
        let to = |server: &str| {
            passed
                .iter()
                .any(|(by, far)| by == &kind && server.replace(['[', ']'], "").contains(far))
        };
        assert!(to(&ssh) && to(&https), "{kind}: {passed:?}");
    }
    // A second look has its token already.
    let at = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}});
    stage.patch("GitSecretSync", "app", &at).await?;
    eventually(SOON, "the request is handled", async || {
        let object = stage.get("GitSecretSync", "app").await?;
        let handled = &object["status"]["lastHandledReconcileAt"];
        if *handled == "now" { Ok(()) } else { Err(handled.to_string().into()) }
    })
    .await?;
    assert_eq!(gate.sold(), 1);
    let tokens = [git_gate::BEARER, git_gate::BOUGHT, git_tunnel::PASSWORD];
    let words = [&tokens[..], &[GitHttp::PASSWORD, PASSPHRASE, "PRIVATE KEY"]].concat();
    stage.is_silent_about(&daemon, &words).await
}

fn mutual(bed: &Bed) -> Outcome<Value> {
    let authority = bed.authority();
    let read = |path| fs::read_to_string(path);
    Ok(json!({
        "ca.crt": authority.pem()?,
        "tls.crt": read(&authority.client_certificate)?,
        "tls.key": read(&authority.client_key)?,
    }))
}

async fn workload(bed: Bed) -> Outcome {
    let values = ["features.workloadIdentity=true"];
    let (stage, keys) = (Stage::with(&bed, "login", &values).await?, Keys::new(&bed)?);
    stage.put(&serde_json::to_value(imagebot_api::git_repository_crd())?).await?;
    let git = bed.git_http().await?;
    let repository = bed.repository("app", &[("secret.yaml", &keys.file(&bed, "app", "one")?)])?;
    let gate = Gate::open(&bed, &git.http_url(&repository)).await?;
    let azure = json!({"provider": "azure", "serviceAccountName": "git"});
    let way = Way::new("app", &gate.url_of(&git.http_url(&repository)), json!({})).with(azure);
    stage.put(&age(&keys)).await?;
    for manifest in way.manifests() {
        stage.put(&manifest).await?;
    }
    let daemon = stage.sealer(&["--azure-authority-host", &gate.url()]).await?;
    let sync = ("GitSecretSync", "app");
    let missing = ["could not act as the ServiceAccount", "/git`", "create it"];
    stage.told(sync, ("Ready", "False"), &missing).await?;
    let account = |client: &str| {
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "git", "annotations": {
                "azure.workload.identity/tenant-id": git_gate::TENANT,
                "azure.workload.identity/client-id": client,
            }},
        })
    };
    // Accounts are not watched; whoever mends one asks for a look.
    let ask = async |at: &str| {
        let asked = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": at}}});
        stage.patch("GitRepository", "app", &asked).await.map(drop)
    };
    stage.put(&account("a-stranger")).await?;
    ask("1").await?;
    stage.told(sync, ("Ready", "False"), &["answered 401", "AADSTS700211: no match"]).await?;
    stage.put(&account(git_gate::CLIENT)).await?;
    ask("2").await?;
    stage.holds("app", &[("key", "one")]).await?;
    assert_eq!(gate.sold(), 1);
    stage.is_silent_about(&daemon, &[git_gate::BEARER, "eyJ"]).await
}

async fn misfits(bed: Bed) -> Outcome {
    let (stage, keys) = (Stage::open(&bed, "login").await?, Keys::new(&bed)?);
    stage.put(&serde_json::to_value(imagebot_api::git_repository_crd())?).await?;
    let git = bed.git_http().await?;
    let file = keys.file(&bed, "db", "one")?;
    let repository = bed.repository("misfits", &[("secret.yaml", &file)])?;
    let (url, gate) =
        (git.https_url(&repository), Gate::open(&bed, "http://127.0.0.1:1/none.git").await?);
    let (user, password) = (GitHttp::USER, GitHttp::PASSWORD);
    let ca = bed.authority().pem()?;
    let mut stranger = app(&gate);
    stranger["githubAppID"] = json!("1");
    let github = json!({"provider": "github"});
    #[rustfmt::skip]
    let ways = [
        (Way::new("torn",      &url, json!({"username": user, "password": password, "ca.crt": TORN})),                  vec!["cannot be used"]),
        (Way::new("wrong",     &url, json!({"username": user, "password": "not-it", "ca.crt": ca})),                   vec!["answered 401", "credentials are missing, wrong or not enough"]),
        (Way::new("half",      &url, json!({"password": "half-a-login", "ca.crt": ca})),                               vec!["the Secret `login-half` has a `password` without a `username`", "add `username`"]),
        (Way::new("stray",     &url, app(&gate)),                                                                     vec!["holds a GitHub App, but `spec.provider of GitRepository", "set it to `github`"]),
        (Way::new("stranger",  &gate.url(), stranger).with(github.clone()),                                            vec!["could not get a token", "answered 401", "A JSON web token could not be decoded"]),
        (Way::new("appless",   &url, json!({"username": user})).with(github),                                          vec!["`githubAppID` of the Secret `login-appless`", "is missing"]),
        (Way::new("keyless",   "ssh://git@127.0.0.1/a.git", json!({"known_hosts": "h ssh-ed25519 AAAA"})),                         vec!["the Secret `login-keyless` has no key `identity`", "add `identity`"]),
        (Way::new("commit",    &url, json!({"username": user})).with(json!({"provider": "aws"})),                      vec!["aws` is not supported", "HTTPS Git credentials of an IAM user"]),
        (Way::new("workload",  &url, json!({"ca.crt": ca})).with(json!({"provider": "azure"})),                        vec!["azure` has no identity to log in with", "azure.workload.identity/client-id"]),
    ];
    stage.put(&age(&keys)).await?;
    let daemon = stage.sealer(&[]).await?;
    for manifest in ways.iter().flat_map(|(way, _)| way.manifests()) {
        stage.put(&manifest).await?;
    }
    for (way, words) in &ways {
        stage.told(("GitSecretSync", way.name), ("Ready", "False"), words).await?;
    }
    // Mending the Secret of a GitRepository is enough; it is watched.
    let right = json!({"stringData": {"password": password}});
    stage.patch("Secret", "login-wrong", &right).await?;
    stage.told(("GitSecretSync", "wrong"), ("Ready", "True"), &[]).await?;
    stage.holds("db", &[("key", "one")]).await?;
    let words = [password, "not-it", "half-a-login", "PRIVATE KEY"];
    stage.is_silent_about(&daemon, &words).await
}
