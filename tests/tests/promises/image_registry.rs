//! How imagebot reads registries: what it believes, what it keeps, and how much of either.

use std::time::Duration;

use axum::Router;
use axum::http::{Uri, header::CONTENT_TYPE};
use axum::response::IntoResponse as _;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::registry::{Options, Registry, docker_config};
use tests::trial::{trial, trial_within};
use tests::{Bed, Daemon, Need, Outcome, eventually, registry};
use tokio::net::TcpListener;

use crate::image_stage::{SOON, Stage, image_with};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry];
const OWN: &[Need] = &[Need::Kubernetes, Need::Helm, Need::OwnRegistry, Need::Htpasswd];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image_registry::a_list_that_lost_much_is_used_when_someone_accepts_it", NEEDS, shrinks),
        trial(bed, "image_registry::one_secret_may_hold_the_login_and_the_authority", OWN, one_secret),
        trial(bed, "image_registry::a_suspended_image_answers_requests_and_is_not_scanned", NEEDS, suspended),
        trial_within(MINUTES, bed, "image_registry::a_thousand_repositories_of_ten_thousand_tags_fit_into_a_hundred_megabytes", &[], many),
    ];
    trials
}

const MINUTES: Duration = Duration::from_secs(600);

fn repository(name: &str, image: &str, more: &str) -> String {
    format!(
        "---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {{name: {name}}}\n\
         spec: {{image: '{image}', interval: 10h, {more}}}\n"
    )
}

async fn shrinks(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, name) = image_with(&bed, &["1.0.0", "1.1.0"]).await?;
    let registry = bed.registry().await?;
    let doomed = registry.push(&name, "2.0.0").await?;
    registry.write_tags(&name, &doomed, (1..40).map(|patch| format!("2.0.{patch}")))?;
    let policy = "---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: web}\n\
         spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: '>=1.0.0'}}}\n";
    stage.apply(&format!("{}{policy}", repository("web", &image, ""))).await?;
    let imagebot = stage.imagebot().await?;
    stage.picked("web", "2.0.39").await?;
    registry.delete(&name, &doomed).await?;
    let held = stage.request("ImageRepository", "web").await?["status"].clone();
    let is = stage.ready("ImageRepository", "web").await?;
    assert_eq!(is.verdict(), "False/TagsLost", "{is:?}");
    assert_eq!(held["lastScanResult"]["tagCount"], 42);
    assert_eq!(held["withheldScanResult"]["tagCount"], 2);
    assert_eq!(held["withheldScanResult"]["missingCount"], 40);
    stage
        .event("Warning TagsLost ImageRepository/web:", "40 of the 42 that were known are gone")
        .await?;
    // A process that begins with an empty disk knows it from the status.
    imagebot.terminate().await?;
    let imagebot = stage.replica().await?;
    stage.request("ImageRepository", "web").await?;
    let is = stage.ready("ImageRepository", "web").await?;
    assert_eq!(is.verdict(), "False/TagsLost", "{is:?}");
    stage.picked("web", "2.0.39").await?;
    let accept = held["withheldScanResult"]["accept"].clone();
    let patch = json!({"metadata": {"annotations": {"signet.dev/accept-tag-loss": accept}}});
    stage.patch("ImageRepository", "web", &patch).await?;
    let after = eventually(SOON, "the list is used", async || {
        let object = stage.get("ImageRepository", "web").await?;
        let count = &object["status"]["lastScanResult"]["tagCount"];
        if *count == 2 { Ok(object) } else { Err(format!("it has {count}").into()) }
    });
    assert_eq!(after.await?["status"]["withheldScanResult"], Value::Null);
    stage.succeeded("ImageRepository", "web").await?;
    stage.is_silent_about(&[&imagebot], &[]).await
}

/// TLS of an authority that only the object knows, and a login, in one Secret that it names twice.
async fn one_secret(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let registry = Registry::start(&bed, Options { auth: true, tls: true, notify: None }).await?;
    registry.push("team/web", "1.0.0").await?;
    let image = format!("{}/team/web", registry.host());
    let config = docker_config(&registry.host(), registry::USER, registry::PASSWORD);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "all"},
        "stringData": {".dockerconfigjson": config, "ca.crt": bed.authority().pem()?},
    });
    let named = "secretRef: {name: all}, certSecretRef: {name: all}";
    let yaml = format!("---\n{secret}\n{}", repository("web", &image, named));
    stage
        .apply(&format!("{yaml}{}", repository("closed", &image, "certSecretRef: {name: all}")))
        .await?;
    let imagebot = stage.imagebot().await?;
    let status = stage.succeeded("ImageRepository", "web").await?["status"].clone();
    assert_eq!(status["lastScanResult"]["tagCount"], 1);
    let closed = eventually(SOON, "the other is refused", async || {
        let is = stage.ready("ImageRepository", "closed").await?;
        if is.status == "False" { Ok(is) } else { Err(format!("{is:?}").into()) }
    });
    assert!(closed.await?.message.contains("answered 401"));
    stage.is_silent_about(&[&imagebot], &[registry::PASSWORD]).await
}

async fn suspended(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, name) = image_with(&bed, &["1.0.0"]).await?;
    stage.apply(&repository("web", &image, "")).await?;
    let _imagebot = stage.imagebot().await?;
    let before = stage.succeeded("ImageRepository", "web").await?["status"].clone();
    stage.patch("ImageRepository", "web", &json!({"spec": {"suspend": true}})).await?;
    bed.registry().await?.push(&name, "2.0.0").await?;
    let after = stage.request("ImageRepository", "web").await?["status"].clone();
    assert_eq!(after["lastScanResult"], before["lastScanResult"]);
    stage.patch("ImageRepository", "web", &json!({"spec": {"suspend": false}})).await?;
    eventually(SOON, "what was pushed meanwhile is seen", async || {
        let status = stage.get("ImageRepository", "web").await?["status"].clone();
        let count = &status["lastScanResult"]["tagCount"];
        if *count == 2 { Ok(()) } else { Err(format!("it has {count}").into()) }
    })
    .await
}

const REPOSITORIES: usize = 1000;
const TAGS: usize = 10_000;

/// The tags of a repository, in pages of a thousand; none has a tag of another.
fn tags(uri: &Uri) -> Option<(String, String)> {
    let name = uri.path().strip_prefix("/v2/")?.strip_suffix("/tags/list")?;
    let query = uri.query().unwrap_or_default();
    let last = query.split('&').find_map(|pair| pair.strip_prefix("last="));
    let first =
        last.and_then(|last| last.rsplit_once('-')?.1.parse::<usize>().ok()).map_or(0, |at| at + 1);
    let end = (first + 1000).min(TAGS);
    let mut body = format!("{{\"name\":\"{name}\",\"tags\":[");
    for at in first..end {
        body.push_str(if at == first { "" } else { "," });
        body.push_str(&format!("\"{name}-2026.11-{at:05}\""));
    }
    body.push_str("]}");
    let next =
        format!("</v2/{name}/tags/list?n=1000&last={name}-2026.11-{:05}>; rel=\"next\"", end - 1);
    Some((body, if end < TAGS { next } else { String::new() }))
}

async fn many(bed: Bed) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let host = listener.local_addr()?;
    let router = Router::new().fallback(async |uri: Uri| match tags(&uri) {
        Some((body, link)) if link.is_empty() => {
            ([(CONTENT_TYPE, "application/json".to_owned())], body).into_response()
        }
        Some((body, link)) => ([("link", link)], body).into_response(),
        None => "{}".into_response(),
    });
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = bed.folder("many")?;
    for index in 0..REPOSITORIES {
        let yaml = repository(&format!("r{index:04}"), &format!("{host}/r{index:04}"), "");
        std::fs::write(folder.join(format!("r{index:04}.yaml")), yaml)?;
    }
    let (folder, state) =
        (folder.display().to_string(), bed.folder("state")?.display().to_string());
    let flags = [
        "--local",
        &folder,
        "--state-dir",
        &state,
        "--registry-qps",
        "60000",
        "--log-level",
        "warn",
    ];
    let imagebot = Daemon::start(&bed, "imagebot", None, &flags).await?;
    eventually(MINUTES, "every scan", async || {
        let scans = imagebot.metric("imagebot_scans_total").await?;
        if scans >= REPOSITORIES as f64 { Ok(()) } else { Err(format!("{scans} scans").into()) }
    })
    .await?;
    let found =
        imagebot.metric("imagebot_image_tags{namespace=\"default\",name=\"r0999\"}").await?;
    assert!((found - TAGS as f64).abs() < 0.5, "{found}");
    let peak = imagebot.usage()?.peak_kib >> 10;
    assert!(peak < 100, "{peak} MiB at the most");
    server.abort();
    Ok(())
}
