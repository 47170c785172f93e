//! Which tag is picked out of many, and what the status says about it.

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::trial::trial;
use tests::{Bed, Need, Outcome};

use crate::image_stage::{Stage, image_with};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![trial(bed, "image_policies::versions_numbers_and_text_are_ordered", NEEDS, orders)]
}

/// What the registry has at first.
const TAGS: [&str; 12] = [
    "1.0.0",
    "1.9.0",
    "1.10.0",
    "2.0.0",
    "2.1.0-rc.1",
    "main-aaa-100",
    "main-bbb-99",
    "main-ccc-9",
    "build-9",
    "build-10",
    "sha256-0000.sig",
    "latest",
];

/// What is pushed then.
const NEWER: [&str; 3] = ["1.11.0", "build-11", "main-ddd-1"];

type Case = (&'static str, &'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const CASES: &[Case] = &[
    // policy          spec.policy                        spec.filterTags                                                    picked            after the next pushes
    ("range",          "semver: {range: 1.x}",            "",                                                                "1.10.0",         "1.11.0"),
    ("releases",       "semver: {range: '>=1.0.0'}",      "",                                                                "2.0.0",          "2.0.0"),
    ("candidates",     "semver: {range: '>=1.0.0-0'}",    "",                                                                "2.1.0-rc.1",     "2.1.0-rc.1"),
    ("tilde",          "semver: {range: ~1.9}",           "",                                                                "1.9.0",          "1.9.0"),
    ("number",         "numerical: {order: asc}",         "filterTags: {pattern: '^build-(?P<n>[0-9]+)$', extract: $n}",     "build-10",       "build-11"),
    ("smallest",       "numerical: {order: desc}",        "filterTags: {pattern: '^build-(?P<n>[0-9]+)$', extract: $n}",     "build-9",        "build-9"),
    ("text",           "alphabetical: {order: asc}",      "filterTags: {pattern: '^main-'}",                                 "main-ccc-9",     "main-ddd-1"),
    ("first",          "alphabetical: {order: desc}",     "filterTags: {pattern: '^main-'}",                                 "main-aaa-100",   "main-aaa-100"),
    ("extracted",      "alphabetical: {order: asc}",      "filterTags: {pattern: '^main-[a-z]+-(?P<ts>\\d+)', extract: $ts}","main-bbb-99",    "main-bbb-99"),
    ("any",            "alphabetical: {}",                "filterTags: {pattern: '.*'}",                                     "main-ccc-9",     "main-ddd-1"),
];

async fn orders(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, name) = image_with(&bed, &TAGS).await?;
    let mut yaml = format!(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {{name: web}}\n\
         spec: {{image: '{image}', interval: 10h}}\n"
    );
    for (policy, choice, filter, ..) in CASES {
        let policy = format!(
            "---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\n\
             metadata: {{name: {policy}}}\n\
             spec: {{imageRepositoryRef: {{name: web}}, policy: {{{choice}}}, {filter}}}\n"
        );
        yaml.push_str(&policy);
    }
    let _imagebot = stage.imagebot().await?;
    stage.apply(&yaml).await?;
    for (policy, _, _, picked, _) in CASES {
        let status = stage.picked(policy, picked).await?["status"].clone();
        assert_eq!(status["latestRef"], json!({"name": image, "tag": picked}), "{policy}");
        assert_eq!(status["latestImage"], format!("{image}:{picked}"), "{policy}");
        assert_eq!(status["observedPreviousRef"], Value::Null, "{policy}");
    }
    let scan = stage.succeeded("ImageRepository", "web").await?["status"].clone();
    assert_eq!(scan["lastScanResult"]["tagCount"], TAGS.len() - 1, "a signature is none: {scan}");
    assert_eq!(scan["canonicalImageName"], image);
    for tag in NEWER {
        bed.registry().await?.push(&name, tag).await?;
    }
    stage.request("ImageRepository", "web").await?;
    for (policy, _, _, before, after) in CASES {
        let status = stage.picked(policy, after).await?["status"].clone();
        let previous =
            if before == after { Value::Null } else { json!({"name": image, "tag": before}) };
        assert_eq!(status["observedPreviousRef"], previous, "{policy}");
        let message =
            stage.succeeded("ImagePolicy", policy).await?["status"]["conditions"].to_string();
        let told = format!("Latest image tag for {image} resolved to {after}");
        assert!(message.contains(&told), "{policy}: {message}");
    }
    digests(&stage, &name, &image).await
}

/// A policy that reads digests shows the one that the registry has.
async fn digests(stage: &Stage, name: &str, image: &str) -> Outcome {
    let registry = stage.bed().registry().await?;
    let digest = registry.push(name, "5.0.0").await?;
    stage.request("ImageRepository", "web").await?;
    let yaml = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: pinned}\n\
         spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 5.x}}, digestReflectionPolicy: IfNotPresent}\n";
    stage.apply(yaml).await?;
    let status = stage.picked("pinned", "5.0.0").await?["status"].clone();
    assert_eq!(status["latestRef"], json!({"name": image, "tag": "5.0.0", "digest": digest}));
    assert_eq!(status["latestImage"], format!("{image}:5.0.0@{digest}"));
    Ok(())
}
