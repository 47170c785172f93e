//! What nobody asked for is not done: rest, requests and restarts.

use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::json;
use tests::git::Repository;
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually, wait};

use crate::image_relay::Relay;
use crate::image_stage::{
    App, REQUESTED_AT, SOON, Stage, commits, counted, image_with, marked, says,
};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry, Need::GitHttp];

const SCANS: &str = "imagebot_scans_total";

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "image_rest::a_request_is_answered_by_all_three_kinds", NEEDS, requests),
        trial(bed, "image_rest::what_is_suspended_rests_and_then_goes_on", NEEDS, suspended),
        trial(bed, "image_rest::a_settled_system_writes_nothing", NEEDS, settled),
        trial(bed, "image_rest::a_restart_asks_nobody_before_it_is_due", NEEDS, restarted),
    ]
}

/// A stage on which `web` has been brought to `1.0.0`.
async fn at_rest(bed: &Bed, interval: &str) -> Outcome<(Stage, Repository, String, Daemon)> {
    let stage = Stage::open(bed).await?;
    let (image, name) = image_with(bed, &["1.0.0"]).await?;
    let file = marked(&image, "0.9.0", stage.namespace(), "web");
    let repository = bed.repository("rest", &[("apps/web.yaml", &file)])?;
    let url = bed.git_http().await?.http_url(&repository);
    stage.apply(&App { interval, ..App::new(&image, &url) }.yaml()).await?;
    let imagebot = stage.imagebot().await?;
    says(&repository, "main", "apps/web.yaml", "1.0.0").await?;
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    Ok((stage, repository, name, imagebot))
}

async fn requests(bed: Bed) -> Outcome {
    let (stage, repository, name, imagebot) = at_rest(&bed, "10h").await?;
    let scans = counted(&imagebot, SCANS).await?;
    let status = stage.request("ImageRepository", "web").await?["status"].clone();
    assert_eq!(counted(&imagebot, SCANS).await?, scans + 1);
    assert!(status["lastScanResult"]["scanTime"].is_string());
    stage.request("ImagePolicy", "web").await?;
    // Somebody goes back, and nobody's interval has passed.
    let old = repository.show("main", "apps/web.yaml")?.replace("1.0.0", "0.8.0");
    repository.commit("main", "back", &[("apps/web.yaml", &old)])?;
    stage.request("ImageUpdateAutomation", "web").await?;
    assert!(repository.show("main", "apps/web.yaml")?.contains("1.0.0"));
    assert_eq!(commits(&repository, "main")?, 4);
    // The same value again is no request.
    bed.registry().await?.push(&name, "1.1.0").await?;
    let scans = counted(&imagebot, SCANS).await?;
    let object = stage.get("ImageRepository", "web").await?;
    let again = object["metadata"]["annotations"][REQUESTED_AT].clone();
    let patch = json!({"metadata": {"annotations": {REQUESTED_AT: again, "note": "other"}}});
    stage.patch("ImageRepository", "web", &patch).await?;
    stage.request("ImagePolicy", "web").await?;
    assert_eq!(counted(&imagebot, SCANS).await?, scans);
    Ok(())
}

async fn suspended(bed: Bed) -> Outcome {
    let (stage, repository, name, imagebot) = at_rest(&bed, "1s").await?;
    let suspend = |yes: bool| json!({"spec": {"suspend": yes}});
    let kinds = ["ImageRepository", "ImagePolicy", "ImageUpdateAutomation"];
    for kind in kinds {
        stage.patch(kind, "web", &suspend(true)).await?;
    }
    // A scan that was under way may still end.
    stage.request("ImageRepository", "web").await?;
    let scans = counted(&imagebot, SCANS).await?;
    bed.registry().await?.push(&name, "1.1.0").await?;
    let before = stage.snapshot(&repository).await?;
    let rests = async || stage.is_at(&repository, &before).await;
    wait::throughout(Duration::from_secs(3), "all of it is suspended", rests).await?;
    assert_eq!(counted(&imagebot, SCANS).await?, scans, "intervals are 1s");
    stage.patch("ImageRepository", "web", &suspend(false)).await?;
    eventually(SOON, "the scan", async || {
        let found = stage.get("ImageRepository", "web").await?["status"]["lastScanResult"].clone();
        if found["tagCount"] == 2 { Ok(()) } else { Err(found.to_string().into()) }
    })
    .await?;
    assert_eq!(stage.get("ImagePolicy", "web").await?["status"]["latestRef"]["tag"], "1.0.0");
    stage.patch("ImagePolicy", "web", &suspend(false)).await?;
    stage.picked("web", "1.1.0").await?;
    assert_eq!(commits(&repository, "main")?, 2);
    stage.patch("ImageUpdateAutomation", "web", &suspend(false)).await?;
    says(&repository, "main", "apps/web.yaml", "1.1.0").await
}

/// The versions of everything, once nothing has changed for a while.
async fn at_last(stage: &Stage, repository: &Repository) -> Outcome<Vec<String>> {
    eventually(SOON, "rest", async || {
        let before = stage.snapshot(repository).await?;
        let same = async || stage.is_at(repository, &before).await;
        wait::throughout(Duration::from_millis(1200), "rest", same).await?;
        Ok(before)
    })
    .await
}

async fn settled(bed: Bed) -> Outcome {
    let (stage, repository, _, imagebot) = at_rest(&bed, "1s").await?;
    let before = at_last(&stage, &repository).await?;
    let writes = async || {
        let metrics = imagebot.get("/metrics").await?.text();
        let written = metrics.lines().filter(|line| line.starts_with("signet_status_writes_total"));
        Outcome::Ok(written.map(str::to_owned).collect::<Vec<_>>())
    };
    let (written, scans) = (writes().await?, counted(&imagebot, SCANS).await?);
    let looks = r#"controller_runtime_reconcile_total{controller="imageupdateautomation",result="requeue_after"}"#;
    let looked = counted(&imagebot, looks).await?;
    let rests = async || stage.is_at(&repository, &before).await;
    wait::throughout(Duration::from_secs(4), "it is settled", rests).await?;
    assert_eq!(writes().await?, written);
    assert!(counted(&imagebot, SCANS).await? >= scans + 2, "it has not slept");
    assert!(counted(&imagebot, looks).await? >= looked + 2, "it has not slept");
    Ok(())
}

async fn restarted(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, name) = image_with(&bed, &["1.0.0", "1.1.0"]).await?;
    let registry = Relay::open(&bed, &bed.registry().await?.url()).await?;
    let seen = format!("{}/{name}", registry.host());
    let file = marked(&image, "1.0.0", stage.namespace(), "web");
    let repository = bed.repository("restart", &[("apps/web.yaml", &file)])?;
    let url = bed.git_http().await?.http_url(&repository);
    let (server, path) = url.rsplit_once('/').ok_or("a URL has a path")?;
    let git = Relay::open(&bed, server).await?;
    let url = format!("{}/{path}", git.url());
    stage.apply(&App::new(&seen, &url).yaml()).await?;
    let imagebot = stage.imagebot().await?;
    says(&repository, "main", "apps/web.yaml", "1.1.0").await?;
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    assert!(imagebot.terminate().await?.success());
    let before = at_last(&stage, &repository).await?;
    let asked = (registry.requests(), git.requests());
    assert!(!asked.0.is_empty() && !asked.1.is_empty(), "both were asked before: {asked:?}");

    let imagebot = stage.imagebot().await?;
    for controller in ["imagerepository", "imagepolicy", "imageupdateautomation"] {
        let seconds = "controller_runtime_reconcile_time_seconds_count";
        let series = format!(r#"{seconds}{{controller="{controller}"}}"#);
        let looked = async || counted(&imagebot, &series).await;
        eventually(SOON, &format!("{controller} has looked"), looked).await?;
    }
    let rests = async || stage.is_at(&repository, &before).await;
    wait::throughout(Duration::from_secs(2), "the restart changes nothing", rests).await?;
    assert_eq!((registry.requests(), git.requests()), asked, "nobody was asked");
    let metrics = imagebot.get("/metrics").await?.text();
    assert!(!metrics.contains("signet_status_writes_total{"), "{metrics}");
    assert_eq!(counted(&imagebot, SCANS).await?, 0);
    Ok(())
}
