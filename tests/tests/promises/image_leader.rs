//! Of several replicas one writes, every one serves, and the next takes over.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::registry::{Notify, Options, Registry};
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually};

use crate::image_stage::{App, REQUESTED_AT, SOON, Stage, commits, counted, marked, says};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::OwnRegistry, Need::GitHttp];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image_leader::the_lease_is_handed_over_in_two_seconds_and_one_replica_writes", NEEDS, handed_over),
        trial(bed, "image_leader::a_killed_leader_is_followed_when_its_lease_runs_out", NEEDS, killed),
        trial(bed, "image_leader::a_replica_that_does_not_lead_takes_deliveries", NEEDS, follower_serves),
    ];
    trials
}

/// Who holds the lease; empty when nobody does.
async fn holder(stage: &Stage) -> Outcome<String> {
    let leases = stage.list("Lease").await?;
    let holder = leases.first().and_then(|lease| lease["spec"]["holderIdentity"].as_str());
    Ok(holder.unwrap_or_default().to_owned())
}

/// Waits until this process leads.
async fn leads(stage: &Stage, imagebot: &Daemon) -> Outcome {
    let id = imagebot.process().id().to_string();
    eventually(SOON, "it leads", async || {
        let holder = holder(stage).await?;
        if holder.ends_with(&format!("_{id}")) { Ok(()) } else { Err(holder.into()) }
    })
    .await
}

/// How often it wrote a status, and what it pushed.
async fn writes(imagebot: &Daemon) -> Outcome<Vec<String>> {
    let metrics = imagebot.get("/metrics").await?.text();
    let wrote = |line: &&str| {
        line.starts_with("signet_status_writes_total{")
            || line.starts_with("imagebot_pushes_total{")
            || line.starts_with("controller_runtime_reconcile_total{")
    };
    Ok(metrics.lines().filter(wrote).map(str::to_owned).collect())
}

async fn handed_over(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let registry = Registry::start(&bed, Options::default()).await?;
    registry.push("team/web", "1.1.0").await?;
    let image = format!("{}/team/web", registry.host());
    let file = marked(&image, "1.0.0", stage.namespace(), "web");
    let repository = bed.repository("leader", &[("apps/web.yaml", &file)])?;
    let url = bed.git_http().await?.http_url(&repository);
    let first = stage.replica().await?;
    leads(&stage, &first).await?;
    // Ready although it does not lead.
    let second = stage.replica().await?;
    stage.apply(&App::new(&image, &url).yaml()).await?;
    says(&repository, "main", "apps/web.yaml", ":1.1.0 #").await?;
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    assert!(!writes(&first).await?.is_empty());
    assert_eq!(writes(&second).await?, Vec::<String>::new(), "it only watches");

    let begin = Instant::now();
    assert!(first.terminate().await?.success());
    let ended = begin.elapsed();
    leads(&stage, &second).await?;
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(2), "hand-over took {took:?}, of which the end {ended:?}");
    registry.push("team/web", "1.2.0").await?;
    stage.request("ImageRepository", "web").await?;
    says(&repository, "main", "apps/web.yaml", ":1.2.0 #").await?;
    assert_eq!(commits(&repository, "main")?, 3);
    Ok(())
}

async fn killed(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let registry = Registry::start(&bed, Options::default()).await?;
    registry.push("team/web", "1.0.0").await?;
    let image = format!("{}/team/web", registry.host());
    let file = marked(&image, "1.0.0", stage.namespace(), "web");
    let repository = bed.repository("killed", &[("apps/web.yaml", &file)])?;
    let url = bed.git_http().await?.http_url(&repository);
    let first = stage.replica().await?;
    leads(&stage, &first).await?;
    let second = stage.replica().await?;
    stage.apply(&App::new(&image, &url).yaml()).await?;
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    // It dies in the middle of a push, which the server then carries out or does not.
    repository.hook("pre-receive", "#!/bin/sh\ntouch reached\nsleep 2\n")?;
    registry.push("team/web", "1.1.0").await?;
    let patch = json!({"metadata": {"annotations": {REQUESTED_AT: "now"}}});
    stage.patch("ImageRepository", "web", &patch).await?;
    let reached = repository.path().join("reached");
    eventually(SOON, "the push has reached the server", async || {
        if reached.exists() { Ok(()) } else { Err("not yet".into()) }
    })
    .await?;
    first.kill();
    assert_eq!(writes(&second).await?, Vec::<String>::new(), "the lease is not over");
    leads(&stage, &second).await?;
    says(&repository, "main", "apps/web.yaml", ":1.1.0 #").await?;
    let status = stage.request("ImageUpdateAutomation", "web").await?["status"].clone();
    assert_eq!(commits(&repository, "main")?, 2, "whoever did it, it was done once");
    let head = repository.head("main").unwrap_or_default();
    assert_eq!(status["observedSourceRevision"], format!("main@sha1:{head}"));
    Ok(())
}

async fn follower_serves(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let leader = stage.replica().await?;
    leads(&stage, &leader).await?;
    let follower = stage.replica().await?;
    let receiver = "
apiVersion: v1
kind: Secret
metadata: {name: hook}
stringData: {token: token-of-the-leader-suite}
---
apiVersion: signet.dev/v1alpha1
kind: RegistryReceiver
metadata: {name: registry}
spec: {type: distribution, secretRef: {name: hook}}
";
    stage.apply(receiver).await?;
    let path = eventually(SOON, "the path", async || {
        match &stage.get("RegistryReceiver", "registry").await?["status"]["webhookPath"] {
            Value::String(path) => Ok(path.clone()),
            other => Err(other.to_string().into()),
        }
    })
    .await?;
    let url = format!("{}{path}", follower.url());
    let notify = Some(Notify { url, authorization: None });
    let registry = Registry::start(&bed, Options { notify, ..Options::default() }).await?;
    registry.push("team/web", "1.0.0").await?;
    let image = format!("{}/team/web", registry.host());
    let file = marked(&image, "1.0.0", stage.namespace(), "web");
    let repository = bed.repository("follower", &[("apps/web.yaml", &file)])?;
    let git = bed.git_http().await?.http_url(&repository);
    stage.apply(&App::new(&image, &git).yaml()).await?;
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    registry.push("team/web", "1.1.0").await?;
    says(&repository, "main", "apps/web.yaml", ":1.1.0 #").await?;
    let deliveries = r#"imagebot_hook_deliveries_total{result="accepted"}"#;
    assert_eq!(counted(&follower, deliveries).await?, 1);
    assert_eq!(writes(&follower).await?, Vec::<String>::new(), "the leader did the work");
    stage.is_silent_about(&[&leader, &follower], &["token-of-the-leader-suite", &path]).await
}
