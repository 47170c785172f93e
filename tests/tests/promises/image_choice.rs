//! Which tag is picked where more than its name decides, and what the status says about the others.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::trial::trial;
use tests::{Bed, Need, Outcome, eventually};

use crate::image_liar::Liar;
use crate::image_stage::{SOON, Stage, image_with};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image_choice::a_tag_that_a_list_lacks_is_no_step_down", NEEDS, lacking),
        trial(bed, "image_choice::a_tag_that_was_removed_is_followed_down", NEEDS, removed),
        trial(bed, "image_choice::what_is_excluded_pinned_or_held_is_obeyed_and_told", NEEDS, ordered),
        trial(bed, "image_choice::a_young_tag_waits_even_over_a_restart", NEEDS, young),
        trial(bed, "image_choice::an_image_waits_for_its_platforms", NEEDS, platforms),
        trial(bed, "image_choice::the_newest_is_the_last_built", NEEDS, newest),
    ];
    trials
}

/// An ImageRepository `web` and a policy `web` with these fields, in flow style.
pub(crate) fn manifests(image: &str, policy: &str) -> String {
    format!(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {{name: web}}\n\
         spec: {{image: '{image}', interval: 10h}}\n---\n\
         apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {{name: web}}\n\
         spec: {{imageRepositoryRef: {{name: web}}, {policy}}}\n"
    )
}

const RELEASES: &str = "policy: {semver: {range: '>=1.0.0'}}";

/// The time in some seconds, as whole as the API has it.
#[expect(clippy::disallowed_methods, reason = "a test lives in the time of the machine")]
fn in_seconds(seconds: u64) -> Timestamp {
    let time = SystemTime::now() + Duration::from_secs(seconds);
    let time = Timestamp::try_from(time).expect("the year is one of ours");
    Timestamp::from_second(time.as_second()).expect("a second of a valid timestamp is in range")
}

/// What became of a tag, by the status.
fn verdict(object: &Value, tag: &str) -> String {
    let candidates = object["status"]["candidates"].as_array().cloned().unwrap_or_default();
    let found = candidates.iter().find(|candidate| candidate["tag"] == tag);
    found.and_then(|it| it["verdict"].as_str()).unwrap_or_default().to_owned()
}

/// Waits until the status says this of a tag.
pub(crate) async fn judged(stage: &Stage, tag: &str, says: &str) -> Outcome<Value> {
    eventually(SOON, &format!("of {tag} the status says `{says}`"), async || {
        let object = stage.get("ImagePolicy", "web").await?;
        if verdict(&object, tag).contains(says) {
            return Ok(object);
        }
        Err(object["status"].to_string().into())
    })
    .await
}

/// Waits until the policy is not ready for this reason.
pub(crate) async fn refused(stage: &Stage, reason: &str) -> Outcome<Value> {
    eventually(SOON, &format!("the policy says {reason}"), async || {
        let ready = stage.ready("ImagePolicy", "web").await?;
        if ready.verdict() == format!("False/{reason}") {
            return stage.get("ImagePolicy", "web").await;
        }
        Err(format!("it says {ready:?}").into())
    })
    .await
}

async fn lacking(bed: Bed) -> Outcome {
    let (stage, liar) = (Stage::open(&bed).await?, Liar::open().await?);
    let all: Vec<String> = (0..30).map(|patch| format!("1.0.{patch}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    liar.mood(None, &all);
    let _imagebot = stage.imagebot().await?;
    stage.apply(&manifests(&format!("{}/moody", liar.host()), RELEASES)).await?;
    stage.picked("web", "1.0.29").await?;
    // One of thirty is missing, and is there when it is asked for by name.
    liar.mood(None, &all[..29]);
    stage.request("ImageRepository", "web").await?;
    let object = refused(&stage, "DowngradeRefused").await?;
    assert_eq!(object["status"]["latestRef"]["tag"], "1.0.29");
    let message = stage.ready("ImagePolicy", "web").await?.message;
    assert!(message.contains("signet.dev/accept-downgrade=1.0.28"), "{message}");
    // What goes up, goes up.
    let more: Vec<&str> = all[..29].iter().copied().chain(["1.1.0"]).collect();
    liar.mood(None, &more);
    stage.request("ImageRepository", "web").await?;
    stage.picked("web", "1.1.0").await?;
    liar.mood(None, &all[..29]);
    stage.request("ImageRepository", "web").await?;
    refused(&stage, "DowngradeRefused").await?;
    let accept = json!({"metadata": {"annotations": {"signet.dev/accept-downgrade": "1.0.28"}}});
    stage.patch("ImagePolicy", "web", &accept).await?;
    stage.picked("web", "1.0.28").await?;
    stage.succeeded("ImagePolicy", "web").await?;
    Ok(())
}

async fn removed(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, name) = image_with(&bed, &["1.0.0", "1.1.0", "1.2.0", "1.3.0"]).await?;
    let registry = bed.registry().await?;
    let last = registry.push(&name, "1.4.0").await?;
    let _imagebot = stage.imagebot().await?;
    stage.apply(&manifests(&image, RELEASES)).await?;
    stage.picked("web", "1.4.0").await?;
    registry.delete(&name, &last).await?;
    stage.request("ImageRepository", "web").await?;
    let object = stage.picked("web", "1.3.0").await?;
    assert_eq!(object["status"]["observedPreviousRef"]["tag"], "1.4.0");
    stage.event("Warning TagRemoved ImagePolicy/web", "`1.4.0` was removed").await
}

async fn ordered(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let tags = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "2.0.0"];
    let (image, name) = image_with(&bed, &tags).await?;
    let _imagebot = stage.imagebot().await?;
    stage.apply(&manifests(&image, "policy: {semver: {range: 1.x}}")).await?;
    let object = stage.picked("web", "1.3.0").await?;
    assert_eq!(verdict(&object, "2.0.0"), "is outside the range");
    assert_eq!(verdict(&object, "1.3.0"), "selected");
    assert_eq!(verdict(&object, "1.2.0"), "goes behind");
    let spec =
        async |fields: Value| stage.patch("ImagePolicy", "web", &json!({"spec": fields})).await;
    let note = async |name: &str, value: Value| {
        let name = format!("signet.dev/{name}");
        let annotations = json!({"metadata": {"annotations": {name: value}}});
        stage.patch("ImagePolicy", "web", &annotations).await
    };
    // A bad release: down, because its author says so.
    spec(json!({"exclude": [{"range": ">=1.2.1 <1.4.0"}]})).await?;
    let object = stage.picked("web", "1.2.0").await?;
    assert_eq!(verdict(&object, "1.3.0"), "is excluded by `spec.exclude`");
    note("exclude", json!("1.2.0")).await?;
    stage.picked("web", "1.1.0").await?;
    note("exclude", Value::Null).await?;
    stage.picked("web", "1.2.0").await?;
    spec(json!({"exclude": null})).await?;
    stage.picked("web", "1.3.0").await?;
    note("pin", json!("1.0.0")).await?;
    let object = stage.picked("web", "1.0.0").await?;
    assert_eq!(verdict(&object, "1.0.0"), "selected by `spec.pin`");
    spec(json!({"pin": "1.0.7"})).await?;
    refused(&stage, "PinNotFound").await?;
    note("pin", Value::Null).await?;
    spec(json!({"pin": null})).await?;
    stage.picked("web", "1.3.0").await?;
    // Held until a time that is far, and then until one that is near.
    spec(json!({"hold": {"until": "2099-01-01T00:00:00Z"}})).await?;
    eventually(SOON, "the hold is told", async || {
        let ready = stage.ready("ImagePolicy", "web").await?;
        let told = ready.message.contains("held until 2099-01-01T00:00:00Z");
        if told { Ok(()) } else { Err(ready.message.into()) }
    })
    .await?;
    bed.registry().await?.push(&name, "1.4.0").await?;
    stage.request("ImageRepository", "web").await?;
    stage.request("ImagePolicy", "web").await?;
    let object = stage.succeeded("ImagePolicy", "web").await?;
    assert_eq!(object["status"]["latestRef"]["tag"], "1.3.0");
    let soon = in_seconds(3);
    spec(json!({"hold": {"until": soon.to_string()}})).await?;
    let object = stage.picked("web", "1.4.0").await?;
    assert!(soon <= in_seconds(0), "the hold ended early: {object}");
    Ok(())
}

async fn young(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, name) = image_with(&bed, &["1.0.0"]).await?;
    let imagebot = stage.imagebot().await?;
    stage.apply(&manifests(&image, RELEASES)).await?;
    stage.picked("web", "1.0.0").await?;
    stage.patch("ImagePolicy", "web", &json!({"spec": {"minAge": "15s"}})).await?;
    let pushed = in_seconds(0);
    bed.registry().await?.push(&name, "1.1.0").await?;
    stage.request("ImageRepository", "web").await?;
    let object = judged(&stage, "1.1.0", "is younger than `minAge` until ").await?;
    assert_eq!(object["status"]["latestRef"]["tag"], "1.0.0");
    let seen = object["status"]["firstSeen"]["1.1.0"].clone();
    assert!(seen.is_string(), "{object}");
    drop(imagebot);
    let _imagebot = stage.imagebot().await?;
    let object = stage.picked("web", "1.1.0").await?;
    let waited = in_seconds(0).duration_since(pushed).as_secs();
    assert!((15..40).contains(&waited), "{waited} s: {object}");
    assert_eq!(verdict(&object, "1.1.0"), "selected");
    Ok(())
}

async fn platforms(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (registry, name) = (bed.registry().await?, bed.unique("team/web"));
    let image = format!("{}/{name}", registry.host());
    let both = ["linux/amd64", "linux/arm64"];
    registry.push_index(&name, "1.0.0", &both).await?;
    registry.push_index(&name, "1.1.0", &both[..1]).await?;
    // One image, not an index; its configuration says amd64.
    registry.push(&name, "1.2.0").await?;
    let _imagebot = stage.imagebot().await?;
    let policy = "policy: {semver: {range: '>=1.0.0'}}, platforms: [linux/amd64, linux/arm64]";
    stage.apply(&manifests(&image, policy)).await?;
    let object = stage.picked("web", "1.0.0").await?;
    assert_eq!(verdict(&object, "1.1.0"), "lacks `linux/arm64`");
    assert_eq!(verdict(&object, "1.2.0"), "lacks `linux/arm64`");
    registry.push_index(&name, "1.1.0", &both).await?;
    // The list is the same: nobody but the policy itself can see it.
    stage.request("ImagePolicy", "web").await?;
    stage.picked("web", "1.1.0").await?;
    stage.patch("ImagePolicy", "web", &json!({"spec": {"platforms": ["linux/amd64"]}})).await?;
    stage.picked("web", "1.2.0").await?;
    Ok(())
}

async fn newest(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (registry, name) = (bed.registry().await?, bed.unique("team/web"));
    let image = format!("{}/{name}", registry.host());
    for (tag, created) in [
        ("c0ffee", "2026-01-01T00:00:00Z"),
        ("deadbe", "2026-01-03T00:00:00Z"),
        ("f00baa", "2026-01-02T00:00:00Z"),
        ("ffffff", "1970-01-01T00:00:00Z"),
    ] {
        registry.push_created(&name, tag, created).await?;
    }
    let _imagebot = stage.imagebot().await?;
    stage.apply(&manifests(&image, "policy: {newest: {}}")).await?;
    stage.picked("web", "deadbe").await?;
    registry.push_created(&name, "0ddba1", "2026-01-04T00:00:00Z").await?;
    stage.request("ImageRepository", "web").await?;
    stage.picked("web", "0ddba1").await?;
    // A registry of this kind does not say when an image was pushed.
    stage
        .patch("ImagePolicy", "web", &json!({"spec": {"policy": {"newest": {"by": "Pushed"}}}}))
        .await?;
    refused(&stage, "TimesUnknown").await.map(drop)
}
