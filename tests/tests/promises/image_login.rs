//! imagebot commits as a GitHub App, and through proxies.

use std::fs;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::git::{GitHttp, Repository};
use tests::trial::trial;
use tests::{Bed, Need, Outcome};

use crate::git_gate::{self, Gate};
use crate::git_tunnel::{self, Tunnel};
use crate::image_stage::{App, Stage, commits, image_with, marked, says};
use crate::seal_stage::Key;

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry, Need::GitHttp, Need::GitSsh];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![trial(bed, "image_login::a_commit_is_pushed_by_every_way_in", NEEDS, every_way)]
}

/// A way to a repository: its URL, what its GitRepository says besides, and its login.
struct Way {
    name: &'static str,
    url: String,
    spec: Value,
    login: Value,
}

/// Every way, each with the repository to which it leads.
async fn ways(bed: &Bed, files: &[(&'static str, Repository)], gate: &Gate) -> Outcome<Vec<Way>> {
    let (git, ssh) = (bed.git_http().await?, bed.git_ssh().await?);
    let app = json!({
        "githubAppID": git_gate::APP, "githubAppInstallationID": git_gate::INSTALLATION,
        "githubAppPrivateKey": Key::number(0).private(),
        "githubAppBaseURL": format!("{}/api/v3", gate.url()),
    });
    let basic = json!({
        "username": GitHttp::USER, "password": GitHttp::PASSWORD, "ca.crt": bed.authority().pem()?,
    });
    let key = json!({
        "identity": fs::read_to_string(ssh.identity())?,
        "known_hosts": fs::read_to_string(ssh.known_hosts())?,
    });
    let through = |name: &str| json!({"proxySecretRef": {"name": name}});
    let ways = files.iter().map(|(name, repository)| {
        let (url, spec, login) = match *name {
            "app" => {
                (gate.url_of(&git.http_url(repository)), json!({"provider": "github"}), app.clone())
            }
            "https" => (git.https_url(repository), through("http-proxy"), basic.clone()),
            "connect" => (ssh.url(repository), through("http-proxy"), key.clone()),
            _ => (ssh.url(repository), through("socks-proxy"), key.clone()),
        };
        Way { name, url, spec, login }
    });
    Ok(ways.collect())
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
    let (stage, tunnel) = (Stage::open(&bed).await?, Tunnel::open().await?);
    let (image, _) = image_with(&bed, &["1.0.0", "1.1.0"]).await?;
    let mut repositories = Vec::new();
    for name in ["app", "https", "connect", "socks"] {
        let file = marked(&image, "1.0.0", stage.namespace(), name);
        repositories.push((name, bed.repository(name, &[("apps/web.yaml", &file)])?));
    }
    let behind = bed.git_http().await?.http_url(&repositories[0].1);
    let gate = Gate::open(&bed, &behind).await?;
    stage.apply(&proxy("http-proxy", "http", &tunnel).to_string()).await?;
    stage.apply(&proxy("socks-proxy", "socks5", &tunnel).to_string()).await?;
    for Way { name, url, spec, login } in ways(&bed, &repositories, &gate).await? {
        stage.apply(&App { name, ..App::new(&image, &url) }.yaml()).await?;
        let secret = format!("{name}-git");
        let nothing = json!({"data": null});
        stage.patch("Secret", &secret, &nothing).await?;
        stage.patch("Secret", &secret, &json!({"stringData": login})).await?;
        stage.patch("GitRepository", name, &json!({"spec": spec})).await?;
    }
    let imagebot = stage.imagebot().await?;
    for (name, repository) in &repositories {
        says(repository, "main", "apps/web.yaml", ":1.1.0 #").await?;
        assert_eq!(commits(repository, "main")?, 2, "{name}");
        stage.succeeded("ImageUpdateAutomation", name).await?;
    }
    assert_eq!(gate.sold(), 1, "one token is for the fetch and the push");
    let ssh = bed.git_ssh().await?.name().replace(['[', ']'], "");
    for kind in ["http", "socks5"] {
        assert!(tunnel.passed().contains(&(kind, ssh.clone())), "{kind}: {:?}", tunnel.passed());
    }
    let words = [git_gate::BOUGHT, git_tunnel::PASSWORD, GitHttp::PASSWORD, "PRIVATE KEY"];
    stage.is_silent_about(&[&imagebot], &words).await
}
