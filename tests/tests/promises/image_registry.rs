//! How imagebot reads registries: what it believes, what it keeps, and how much of either.

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::registry::{Options, Registry, docker_config};
use tests::trial::trial;
use tests::{Bed, Need, Outcome, eventually, registry};

use crate::image_stage::{SOON, Stage, image_with};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry];
const OWN: &[Need] = &[Need::Kubernetes, Need::Helm, Need::OwnRegistry, Need::Htpasswd];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image_registry::a_list_that_lost_much_is_used_when_someone_accepts_it", NEEDS, shrinks),
        trial(bed, "image_registry::one_secret_may_hold_the_login_and_the_authority", OWN, one_secret),
        trial(bed, "image_registry::a_suspended_image_answers_requests_and_is_not_scanned", NEEDS, suspended),
    ];
    trials
}

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
