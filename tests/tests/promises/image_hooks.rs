//! A registry's own notification becomes a pushed commit, and nobody else's word becomes anything.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tests::git::Repository;
use tests::registry::{Notify, Options, Registry};
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually, wait};

use crate::image_stage::{App, REQUESTED_AT, SOON, Stage, commits, counted, marked, says};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::OwnRegistry, Need::GitHttp];

const TOKEN: &str = "token-of-the-hook-suite";
const EVENTS: &str = "application/vnd.docker.distribution.events.v1+json";
const DELIVERIES: &str = "imagebot_hook_deliveries_total";

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image_hooks::a_push_becomes_a_commit_while_no_interval_passes", NEEDS, pushed),
        trial(bed, "image_hooks::who_does_not_know_path_and_token_causes_nothing", NEEDS, strangers),
        trial(bed, "image_hooks::a_delivery_that_is_not_taken_is_repeated_by_the_registry", NEEDS, repeated),
    ];
    trials
}

const RECEIVER: &str = "
apiVersion: v1
kind: Secret
metadata: {name: hook}
stringData: {token: token-of-the-hook-suite}
---
apiVersion: signet.dev/v1alpha1
kind: RegistryReceiver
metadata: {name: registry}
spec: {type: distribution, secretRef: {name: hook}, resources: [{name: web}]}
";

/// A registry that notifies imagebot, and an application at `1.0.0` that nobody looks at for hours.
struct Scene {
    stage: Stage,
    imagebot: Daemon,
    registry: Registry,
    repository: Repository,
    path: String,
}

async fn scene(bed: &Bed) -> Outcome<Scene> {
    let stage = Stage::open(bed).await?;
    let imagebot = stage.imagebot().await?;
    stage.apply(RECEIVER).await?;
    let path = path(&stage).await?;
    let authorization = Some(format!("Bearer {TOKEN}"));
    let notify = Notify { url: format!("{}{path}", imagebot.url()), authorization };
    let options = Options { notify: Some(notify), ..Options::default() };
    let registry = Registry::start(bed, options).await?;
    registry.push("team/web", "1.0.0").await?;
    let image = format!("{}/team/web", registry.host());
    let file = marked(&image, "1.0.0", stage.namespace(), "web");
    let repository = bed.repository("hooks", &[("apps/web.yaml", &file)])?;
    let url = bed.git_http().await?.http_url(&repository);
    stage.apply(&App { interval: "1h", ..App::new(&image, &url) }.yaml()).await?;
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    Ok(Scene { stage, imagebot, registry, repository, path })
}

/// The path of the receiver, once it has one.
async fn path(stage: &Stage) -> Outcome<String> {
    eventually(SOON, "the path of the receiver", async || {
        let receiver = stage.get("RegistryReceiver", "registry").await?;
        let path = receiver["status"]["webhookPath"].as_str();
        path.map(str::to_owned).ok_or_else(|| receiver.to_string().into())
    })
    .await
}

async fn requested(stage: &Stage, name: &str) -> Outcome<Value> {
    let object = stage.get("ImageRepository", name).await?;
    Ok(object["metadata"]["annotations"][REQUESTED_AT].clone())
}

async fn pushed(bed: Bed) -> Outcome {
    let Scene { stage, imagebot, registry, repository, path } = scene(&bed).await?;
    let digest = Sha256::digest(format!("{TOKEN}registry{}", stage.namespace()));
    let formula = digest.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    assert_eq!(path, format!("/hook/{formula}"), "Flux's formula");

    let scans = counted(&imagebot, "imagebot_scans_total").await?;
    let begin = Instant::now();
    registry.push("team/web", "1.1.0").await?;
    says(&repository, "main", "apps/web.yaml", ":1.1.0 #").await?;
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(10), "it took {took:?} on a busy machine");
    assert_eq!(commits(&repository, "main")?, 2);
    // The push told of a blob and of a manifest; a push of another image told of two more things.
    registry.push("team/other", "9.9.9").await?;
    let unmatched = format!(r#"{DELIVERIES}{{result="unmatched"}}"#);
    eventually(SOON, "every notification has arrived", async || {
        // Two of the first image, before it was configured; one blob; a blob and a manifest.
        let arrived = counted(&imagebot, &unmatched).await?;
        if arrived >= 5 { Ok(()) } else { Err(format!("{arrived}").into()) }
    })
    .await?;
    assert_eq!(counted(&imagebot, &format!(r#"{DELIVERIES}{{result="accepted"}}"#)).await?, 1);
    assert_eq!(counted(&imagebot, "imagebot_scans_total").await?, scans + 1, "one scan for it all");
    let status = stage.succeeded("ImageRepository", "web").await?["status"].clone();
    assert_eq!(status["lastHandledReconcileAt"], requested(&stage, "web").await?);
    stage.is_silent_about(&[&imagebot], &[TOKEN, path.trim_start_matches("/hook/")]).await
}

/// What docker-registry sends for a push, as someone else may write it.
fn delivery(id: &str, host: &str, repository: &str, media_type: &str) -> String {
    json!({"events": [{
        "id": id, "timestamp": "2026-01-02T03:04:05Z", "action": "push",
        "target": {
            "mediaType": media_type, "digest": format!("sha256:{}", "ab".repeat(32)),
            "repository": repository, "tag": "1.2.0",
        },
        "request": {"id": "r", "host": host, "method": "PUT"},
    }]})
    .to_string()
}

async fn strangers(bed: Bed) -> Outcome {
    let scene = scene(&bed).await?;
    let Scene { stage, imagebot, registry, repository, path } = &scene;
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    let host = registry.host();
    let good = delivery("e1", &host, "team/web", manifest);
    let unknown = format!("/hook/{}", "0".repeat(64));
    let (tail, bearer) = (format!("{path}0"), format!("Bearer {TOKEN}"));
    // A second image of the namespace, which the receiver's `resources` does not name.
    let yaml = format!(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {{name: kept}}\n\
         spec: {{image: '{host}/team/web', interval: 1h}}\n"
    );
    stage.apply(&yaml).await?;
    stage.succeeded("ImageRepository", "kept").await?;
    let before = stage.snapshot(repository).await?;
    let scans = counted(imagebot, "imagebot_scans_total").await?;
    #[rustfmt::skip]
    let cases = [
        // method  path       authorization          body                                                            status
        ("POST",   &unknown,  bearer.as_str(),       good.clone(),                                                   404),
        ("POST",   &tail,     bearer.as_str(),       good.clone(),                                                   404),
        ("POST",   path,      "Bearer another",      good.clone(),                                                   401),
        ("POST",   path,      "Basic cm9ib3Q6eA==",  good.clone(),                                                   401),
        ("GET",    path,      bearer.as_str(),       String::new(),                                                  405),
        ("POST",   path,      bearer.as_str(),       "{".to_owned(),                                                 400),
        ("POST",   path,      bearer.as_str(),       "[]".to_owned(),                                                400),
        ("POST",   path,      bearer.as_str(),       "x".repeat(2 << 20),                                            413),
        // Well-formed and of no consequence: the registry must not repeat it.
        ("POST",   path,      bearer.as_str(),       delivery("e2", &host, "team/web", "application/octet-stream"),  200),
        ("POST",   path,      bearer.as_str(),       delivery("e3", &host, "team/other", manifest),                  200),
        ("POST",   path,      bearer.as_str(),       delivery("e4", "other:5000", "team/web", manifest),             200),
    ];
    for (method, path, authorization, body, status) in cases {
        let head = body.chars().take(60).collect::<String>();
        let request = bed.http().request(method, &format!("{}{path}", imagebot.url()));
        let request = request.header("Authorization", authorization).body(EVENTS, body);
        let answer = request.send().await.map_err(|err| format!("{status}: {head}: {err}"))?;
        assert_eq!(answer.status, status, "{method} {authorization} {head}");
    }
    let unmoved = async || {
        let now = stage.snapshot(repository).await?;
        if now == before { Ok(()) } else { Err(format!("{now:?} not {before:?}").into()) }
    };
    wait::throughout(Duration::from_secs(1), "nobody was believed", unmoved).await?;
    assert_eq!(counted(imagebot, "imagebot_scans_total").await?, scans);
    for (result, count) in [("unknown", 2), ("refused", 2), ("invalid", 3)] {
        let series = format!(r#"{DELIVERIES}{{result="{result}"}}"#);
        assert_eq!(counted(imagebot, &series).await?, count, "{result}");
    }
    knower(&scene, &good, &bearer, scans).await?;
    let hidden = scene.path.trim_start_matches("/hook/");
    scene.stage.is_silent_about(&[&scene.imagebot], &[TOKEN, hidden, "Bearer another"]).await
}

/// The same words from the one who knows are taken, once, and only for what the receiver names.
async fn knower(scene: &Scene, good: &str, bearer: &str, scans: u64) -> Outcome {
    let Scene { stage, imagebot, path, .. } = scene;
    let url = format!("{}{path}", imagebot.url());
    for _ in 0..2 {
        let request = stage.bed().http().request("POST", &url).header("Authorization", bearer);
        request.body(EVENTS, good).expect(200).await?;
    }
    eventually(SOON, "the scan", async || {
        let now = counted(imagebot, "imagebot_scans_total").await?;
        if now > scans { Ok(()) } else { Err("none yet".into()) }
    })
    .await?;
    assert!(requested(stage, "web").await?.is_string());
    assert!(requested(stage, "kept").await?.is_null());
    assert_eq!(counted(imagebot, &format!(r#"{DELIVERIES}{{result="accepted"}}"#)).await?, 1);
    Ok(())
}

/// The registry keeps what it could not deliver: a suspended receiver loses no push.
async fn repeated(bed: Bed) -> Outcome {
    let Scene { stage, imagebot, registry, repository, .. } = scene(&bed).await?;
    stage.patch("RegistryReceiver", "registry", &json!({"spec": {"suspend": true}})).await?;
    let suspended = format!(r#"{DELIVERIES}{{result="suspended"}}"#);
    eventually(SOON, "the suspension", async || {
        // It takes effect with the watch; what is delivered before says nothing about `team/web`.
        registry.push("team/other", &bed.unique("tag")).await?;
        counted(&imagebot, &suspended).await
    })
    .await?;
    registry.push("team/web", "1.3.0").await?;
    let refused = counted(&imagebot, &suspended).await?;
    eventually(SOON, "another try", async || {
        let now = counted(&imagebot, &suspended).await?;
        if now > refused { Ok(()) } else { Err(format!("{now}").into()) }
    })
    .await?;
    assert_eq!(commits(&repository, "main")?, 1);
    stage.patch("RegistryReceiver", "registry", &json!({"spec": {"suspend": false}})).await?;
    says(&repository, "main", "apps/web.yaml", ":1.3.0 #").await
}
