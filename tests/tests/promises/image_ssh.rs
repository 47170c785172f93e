//! imagebot reaches repositories over ssh, as the Secret and the GitRepository say.

use std::fs;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use libtest_mimic::Trial;
use serde_json::json;
use tests::git::{GitSsh, Repository};
use tests::trial::trial;
use tests::{Bed, Need, Outcome, eventually};

use crate::image_stage::{App, SOON, Stage, commits, image_with, marked, says};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry, Need::GitSsh];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "image_ssh::a_new_tag_becomes_a_commit_over_ssh", NEEDS, commit),
        trial(bed, "image_ssh::a_server_that_is_not_known_is_told_until_it_is", NEEDS, unknown),
    ]
}

/// An app whose repository is reached over ssh; its Secret has these known hosts.
async fn app(stage: &Stage, bed: &Bed, known: &str) -> Outcome<Repository> {
    let server = bed.git_ssh().await?;
    let (image, _) = image_with(bed, &["1.0.0", "1.1.0"]).await?;
    let file = marked(&image, "1.0.0", stage.namespace(), "web");
    let repository = bed.repository("ssh", &[("apps/web.yaml", &file)])?;
    let url = server.url(&repository);
    stage.apply(&App::new(&image, &url).yaml()).await?;
    stage.apply(&secret(server, known)?).await?;
    Ok(repository)
}

fn secret(server: &GitSsh, known: &str) -> Outcome<String> {
    let key = fs::read(server.identity())?;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web-git"},
        "data": {
            "identity": BASE64_STANDARD.encode(key),
            "known_hosts": BASE64_STANDARD.encode(known),
        },
    });
    Ok(secret.to_string())
}

async fn commit(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let server = bed.git_ssh().await?;
    let known = fs::read_to_string(server.known_hosts())?;
    let repository = app(&stage, &bed, &known).await?;
    let imagebot = stage.imagebot().await?;
    says(&repository, "main", "apps/web.yaml", ":1.1.0 #").await?;
    assert_eq!(commits(&repository, "main")?, 2);
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    let key = fs::read_to_string(server.identity())?;
    let line = key.lines().nth(2).ok_or("a key has lines")?.to_owned();
    stage.is_silent_about(&[&imagebot], &[&line]).await
}

async fn unknown(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let server = bed.git_ssh().await?;
    let other = fs::read_to_string(server.key(&bed, &[])?.with_extension("pub"))?;
    let repository = app(&stage, &bed, &format!("{} {other}", server.name())).await?;
    let _imagebot = stage.imagebot().await?;
    eventually(SOON, "the complaint", async || {
        let said = stage.ready("ImageUpdateAutomation", "web").await?.message;
        let told = said.contains("is not trusted: its key is SHA256:") && said.contains("(line 1)");
        if told { Ok(()) } else { Err(said.into()) }
    })
    .await?;
    assert_eq!(commits(&repository, "main")?, 1);
    stage.apply(&secret(server, &fs::read_to_string(server.known_hosts())?)?).await?;
    stage.request("ImageUpdateAutomation", "web").await?;
    says(&repository, "main", "apps/web.yaml", ":1.1.0 #").await
}
