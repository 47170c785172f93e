//! The `flux` program, which many people and pipelines speak, against imagebot.

use libtest_mimic::Trial;
use tests::trial::trial;
use tests::{Bed, Need, Outcome};

use crate::image_stage::{App, Stage, image_with, marked, says};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry, Need::GitHttp, Need::Flux];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image_flux::its_objects_are_shown_reconciled_suspended_and_exported", NEEDS, works),
        trial(bed, "image_flux::what_it_creates_is_reconciled_and_what_it_deletes_is_gone", NEEDS, creates),
    ];
    trials
}

/// Runs `flux` in the namespace of a stage; everything that it said, or the failure with that.
async fn flux(stage: &Stage, line: &str) -> Outcome<String> {
    let kubeconfig = stage.bed().kubernetes().await?.kubeconfig().display().to_string();
    let mut command = stage.bed().command("flux");
    command.args(line.split(' ')).args(["--namespace", stage.namespace(), "--timeout", "30s"]);
    command.args(["--kubeconfig", &kubeconfig]).env("NO_COLOR", "1");
    let run = tokio::task::spawn_blocking(move || command.output());
    let output = run.await??;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { Ok(said) } else { Err(format!("flux {line}: {said}").into()) }
}

/// Fails unless `flux` says all of this.
async fn says_all(stage: &Stage, line: &str, parts: &[&str]) -> Outcome {
    let said = flux(stage, line).await?;
    match parts.iter().find(|part| !said.contains(**part)) {
        None => Ok(()),
        Some(part) => Err(format!("flux {line} does not say `{part}`: {said}").into()),
    }
}

async fn works(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, name) = image_with(&bed, &["1.0.0"]).await?;
    let file = marked(&image, "0.9.0", stage.namespace(), "web");
    let repository = bed.repository("flux", &[("apps/web.yaml", &file)])?;
    let url = bed.git_http().await?.http_url(&repository);
    stage.apply(&App::new(&image, &url).yaml()).await?;
    let _imagebot = stage.imagebot().await?;
    says(&repository, "main", "apps/web.yaml", ":1.0.0 #").await?;
    stage.succeeded("ImageUpdateAutomation", "web").await?;

    let scanned = ["web", "True", "False", "successful scan: found 1 tags with checksum sha256:"];
    says_all(&stage, "get images repository", &scanned).await?;
    let resolved = format!("Latest image tag for {image} resolved to 1.0.0");
    says_all(&stage, "get images policy", &["web", &image, "1.0.0", "True", &resolved]).await?;
    says_all(&stage, "get images update", &["web", "True", "repository up-to-date"]).await?;
    says_all(
        &stage,
        "get images all",
        &["imagerepository/web", "imagepolicy/web", "imageupdateautomation/web"],
    )
    .await?;
    says_all(&stage, "get images all --status-selector ready=true", &["imagerepository/web"])
        .await?;

    bed.registry().await?.push(&name, "1.1.0").await?;
    says_all(&stage, "reconcile image repository web", &["scan fetched 2 tags"]).await?;
    says_all(&stage, "reconcile image policy web", &[":1.1.0"]).await?;
    says_all(&stage, "reconcile image update web", &["ImageUpdateAutomation"]).await?;
    says(&repository, "main", "apps/web.yaml", ":1.1.0 #").await?;

    for kind in ["repository", "policy", "update"] {
        flux(&stage, &format!("suspend image {kind} web")).await?;
        let refused = flux(&stage, &format!("reconcile image {kind} web")).await;
        let refused = refused.err().ok_or("what is suspended is not reconciled")?.to_string();
        assert!(refused.contains("suspended"), "{refused}");
        flux(&stage, &format!("resume image {kind} web")).await?;
        says_all(&stage, &format!("get images {kind} web"), &["True"]).await?;
    }

    for (kind, parts) in [
        ("repository", ["kind: ImageRepository", &format!("image: {image}")]),
        ("policy", ["kind: ImagePolicy", "range: '>=1.0.0'"]),
        ("update", ["kind: ImageUpdateAutomation", "strategy: Setters"]),
    ] {
        let line = format!("export image {kind} --all");
        says_all(&stage, &line, &parts).await?;
        // What it writes can be given back.
        stage.apply(&flux(&stage, &line).await?).await?;
    }
    stage.succeeded("ImageRepository", "web").await?;
    says_all(&stage, "events --for ImageRepository/web", &["successful scan: found 2 tags"]).await
}

async fn creates(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, _) = image_with(&bed, &["5.0.0", "5.1.0"]).await?;
    let _imagebot = stage.imagebot().await?;
    let create =
        format!("create image repository app --image {image} --interval 10m --scan-timeout 30s");
    says_all(&stage, &create, &["ImageRepository reconciliation completed"]).await?;
    says_all(
        &stage,
        "create image policy app --image-ref app --select-semver 5.x --reflect-digest IfNotPresent",
        &["ImagePolicy reconciliation completed"],
    )
    .await?;
    let status = stage.picked("app", "5.1.0").await?["status"].clone();
    assert!(status["latestRef"]["digest"].is_string(), "{status}");
    for kind in ["policy", "repository"] {
        flux(&stage, &format!("delete image {kind} app --silent")).await?;
    }
    assert!(stage.list("ImageRepository").await?.is_empty());
    Ok(())
}
