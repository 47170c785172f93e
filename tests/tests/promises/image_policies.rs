//! Which tag is picked out of many, and what the status says about it.

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually};

use crate::charts::render;
use crate::image_stage::{App, SOON, Stage, image_with, says};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry];
const WITH_GIT: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry, Need::GitHttp];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image_policies::versions_numbers_and_text_are_ordered", NEEDS, orders),
        trial(bed, "image_policies::a_digest_that_moves_under_its_tag_is_committed", WITH_GIT, moving),
        trial(bed, "image_policies::another_namespace_is_let_in_by_its_labels_alone", NEEDS, foreign),
    ];
    trials
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

async fn moving(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, name) = image_with(&bed, &["next", "stable"]).await?;
    let registry = bed.registry().await?;
    let first = registry.push(&name, "next").await?;
    registry.tag(&name, "next", "stable").await?;
    let manifest = |digest: &str| {
        let marker =
            |part: &str| format!("{{\"$imagepolicy\": \"{}:web{part}\"}}", stage.namespace());
        format!(
            "image: {image}:stable@{digest} # {}\ntag: stable # {}\ndigest: {digest} # {}\nname: \"{image}\" # {}\n",
            marker(""),
            marker(":tag"),
            marker(":digest"),
            marker(":name"),
        )
    };
    let repository = bed.repository("digest", &[("apps/web.yaml", &manifest("none"))])?;
    let url = bed.git_http().await?.http_url(&repository);
    let app = App::new(&image, &url).yaml();
    let policy = "policy: {alphabetical: {}}, filterTags: {pattern: '^stable$'}, digestReflectionPolicy: Always, interval: 1s";
    stage.apply(&app.replace("policy: {semver: {range: '>=1.0.0'}}", policy)).await?;
    let imagebot = stage.imagebot().await?;
    says(&repository, "main", "apps/web.yaml", &first).await?;
    assert_eq!(repository.show("main", "apps/web.yaml")?, manifest(&first));
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    // The same tag, so the scan that nobody makes would find nothing new.
    let second = registry.push_created(&name, "next", "2026-02-02T00:00:00Z").await?;
    registry.tag(&name, "next", "stable").await?;
    says(&repository, "main", "apps/web.yaml", &second).await?;
    assert_eq!(repository.show("main", "apps/web.yaml")?, manifest(&second));
    let status = stage.succeeded("ImagePolicy", "web").await?["status"].clone();
    assert_eq!(status["latestRef"]["digest"], second);
    assert_eq!(status["observedPreviousRef"]["digest"], first);
    assert!(imagebot.log().contains("changed"));
    Ok(())
}

/// The chart for the whole cluster, and a shard of it: other tests have objects there, too.
async fn foreign(bed: Bed) -> Outcome {
    let (kubernetes, stage) = (bed.kubernetes().await?, Stage::open(&bed).await?);
    let home = stage.namespace();
    kubernetes.apply(home, &render(&bed, "imagebot", home, &[])?).await?;
    let selector = format!("--watch-label-selector=bed.test/home={home}");
    let cache = bed.folder("imagebot-cache")?.display().to_string();
    let flags = ["--leader-election-namespace", home, "--cache-dir", &cache, &selector];
    let imagebot = Daemon::start(&bed, "imagebot", Some(stage.kubeconfig()), &flags).await?;
    let (image, _) = image_with(&bed, &["1.0.0"]).await?;
    let (friend, stranger) = (bed.unique("friend"), bed.unique("stranger"));
    let labels = format!("labels: {{bed.test/home: {home}}}");
    let policy = |namespace: &str| {
        format!(
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}, labels: {{team: {namespace}}}}}\n\
             ---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\n\
             metadata: {{name: web, namespace: {namespace}, {labels}}}\n\
             spec: {{imageRepositoryRef: {{name: web, namespace: {home}}}, policy: {{semver: {{range: 1.x}}}}}}\n"
        )
    };
    let yaml = format!(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {{name: web, {labels}}}\n\
         spec: {{image: '{image}', interval: 10h, accessFrom: {{namespaceSelectors: [{{matchLabels: {{team: {friend}}}}}]}}}}\n{}{}",
        policy(&friend),
        policy(&stranger),
    );
    stage.apply(&yaml).await?;
    let status = async |namespace: &str| {
        let path =
            format!("/apis/image.toolkit.fluxcd.io/v1/namespaces/{namespace}/imagepolicies/web");
        Outcome::Ok(stage.read(&path).await?["status"].clone())
    };
    eventually(SOON, "the friend is let in", async || {
        let status = status(&friend).await?;
        if status["latestRef"]["tag"] == "1.0.0" { Ok(()) } else { Err(status.to_string().into()) }
    })
    .await?;
    let refused = eventually(SOON, "the stranger is told", async || {
        let status = status(&stranger).await?;
        let told = status["conditions"].to_string();
        if told.contains("AccessDenied") { Ok(status) } else { Err(told.into()) }
    })
    .await?;
    assert_eq!(refused["latestRef"], Value::Null);
    let told = refused["conditions"].to_string();
    assert!(told.contains("spec.accessFrom.namespaceSelectors"), "{told}");
    assert!(imagebot.log().contains("AccessDenied"));
    Ok(())
}
