//! Registries that list less than they did, or nothing at all.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{is_pushed, succeeded, until, web, world::World};

/// A list of releases, the greatest of which is the last of `versions`.
fn releases(versions: std::ops::Range<usize>) -> Vec<String> {
    versions.map(|minor| format!("1.{minor}.0")).collect()
}

fn set(world: &World, tags: &[String]) {
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    world.registry.set("team/web", &tags);
}

/// What `annotations` of the ImageRepository become.
async fn annotate(world: &World, annotations: Value) {
    world.patch("ImageRepository", "web", json!({"metadata": {"annotations": annotations}})).await;
}

async fn is(world: &World, ready: &str) -> bool {
    world.ready("ImageRepository", "web").await.is_some_and(|(is, _)| is == ready)
}

async fn picked(world: &World) -> Value {
    world.get("ImagePolicy", "web").await["status"]["latestRef"]["tag"].clone()
}

#[tokio::test]
async fn a_list_that_lost_much_moves_no_policy_until_it_is_accepted() {
    let (world, _repository) = web("").await;
    set(&world, &releases(0..100));
    let run = world.run();
    until!("the push", is_pushed(&world).await);
    assert_eq!(picked(&world).await, "1.99.0");
    let good = world.get("ImageRepository", "web").await["status"]["lastScanResult"].clone();
    set(&world, &releases(0..20));
    world.request("ImageRepository", "web", "1").await;
    until!("the loss", is(&world, "False/TagsLost").await);
    let status = world.get("ImageRepository", "web").await["status"].clone();
    assert_eq!(status["lastScanResult"]["revision"], good["revision"]);
    assert_eq!(status["lastHandledReconcileAt"], "1", "the request is answered");
    let accept = status["withheldScanResult"]["accept"].as_str().unwrap().to_owned();
    let withheld = json!({"tagCount": 20, "missingCount": 80, "accept": accept});
    assert_eq!(status["withheldScanResult"], withheld);
    let (_, message) = world.ready("ImageRepository", "web").await.unwrap();
    assert!(message.contains(&format!("`signet.dev/accept-tag-loss: {accept}`")), "{message}");
    until!("the event", world.events().await.iter().any(|event| event.starts_with("TagsLost")));
    // Not even after a restart with an empty disk, and for a policy that looks at once.
    run.end().await;
    world.lose_cache();
    let run = world.run();
    world.request("ImageRepository", "web", "2").await;
    until!("the second answer", {
        world.get("ImageRepository", "web").await["status"]["lastHandledReconcileAt"] == "2"
    });
    assert!(
        is(&world, "False/TagsLost").await,
        "{:?}",
        world.ready("ImageRepository", "web").await
    );
    world.request("ImagePolicy", "web", "2").await;
    until!("the policy's answer", {
        world.get("ImagePolicy", "web").await["status"]["lastHandledReconcileAt"] == "2"
            || run.metrics().contains("imagepolicy")
    });
    assert_eq!(picked(&world).await, "1.99.0");
    // Nothing is let through but what was seen.
    set(&world, &[]);
    annotate(&world, json!({"signet.dev/accept-tag-loss": accept})).await;
    until!("what is worse is held, too", {
        let status = world.get("ImageRepository", "web").await["status"].clone();
        status["withheldScanResult"]["tagCount"] == 0
    });
    annotate(&world, json!({"signet.dev/accept-tag-loss": null})).await;
    set(&world, &releases(0..20));
    world.request("ImageRepository", "web", "3").await;
    until!("what was seen", {
        let status = world.get("ImageRepository", "web").await["status"].clone();
        status["withheldScanResult"]["tagCount"] == 20
    });
    annotate(&world, json!({"signet.dev/accept-tag-loss": accept})).await;
    until!("the acceptance", succeeded(world.ready("ImageRepository", "web").await));
    let status = world.get("ImageRepository", "web").await["status"].clone();
    assert_eq!(status["lastScanResult"]["tagCount"], 20);
    assert_eq!(status["withheldScanResult"], Value::Null);
}

#[tokio::test]
async fn a_list_that_comes_back_whole_needs_nobody() {
    let (world, _repository) = web("").await;
    set(&world, &releases(0..30));
    let _run = world.run();
    until!("the push", is_pushed(&world).await);
    set(&world, &[]);
    world.request("ImageRepository", "web", "1").await;
    until!("the loss", is(&world, "False/TagsLost").await);
    set(&world, &releases(0..31));
    world.request("ImageRepository", "web", "2").await;
    until!("the return", succeeded(world.ready("ImageRepository", "web").await));
    until!("the newest", picked(&world).await == "1.30.0");
    assert_eq!(
        world.get("ImageRepository", "web").await["status"]["withheldScanResult"],
        Value::Null
    );
}

#[tokio::test]
async fn two_hundred_dead_registries_hold_up_nobody() {
    let (world, _repository) = web("").await;
    // It takes connections and answers none.
    let dead = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = dead.local_addr().unwrap().port();
    let manifest = |index: usize| {
        format!(
            "---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\n\
             metadata: {{name: dead-{index}, namespace: apps}}\n\
             spec: {{image: '127.0.{}.{}:{port}/team/web', interval: 1h}}\n",
            1 + index / 200,
            1 + index % 200,
        )
    };
    let all: String = (0..200).map(manifest).collect();
    world.apply(&all).await;
    let _run = world.run();
    until!("the push", is_pushed(&world).await);
    for at in ["1", "2", "3"] {
        let begin = Instant::now();
        set(&world, &releases(0..10));
        world.request("ImageRepository", "web", at).await;
        until!("the answer", {
            world.get("ImageRepository", "web").await["status"]["lastHandledReconcileAt"] == at
        });
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    }
    drop(dead);
}
