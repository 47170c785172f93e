//! Which digest a policy shows, from one spec and one push to the next.

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::trial::trial;
use tests::{Bed, Need, Outcome};

use crate::image_stage::{Stage, image_with};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image_digests::a_digest_follows_its_policy_over_two_pushes", NEEDS, transitions),
        trial(bed, "image_digests::an_interval_goes_with_always_alone", NEEDS, intervals),
    ];
    trials
}

const TAGS: [&str; 4] = ["1.0.0", "1.1.0", "1.1.1", "2.0.0"];

/// Which digest is shown: none, that of the first push, or that of the second.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shown {
    None,
    First,
    Second,
}
use Shown::{First, None as Nothing, Second};

type Case =
    (&'static str, (&'static str, &'static str), Shown, (&'static str, &'static str), Shown);

#[rustfmt::skip]
const CASES: [Case; 11] = [
    // name               at first                 digest    then                      digest
    ("unset",             ("1.x", ""),             Nothing,  ("1.x", ""),              Nothing),
    ("never",             ("1.x", "Never"),        Nothing,  ("1.x", "Never"),         Nothing),
    ("first",             ("1.x", "Never"),        Nothing,  ("1.x", "IfNotPresent"),  Second),
    ("kept",              ("1.x", "IfNotPresent"), First,    ("1.x", "IfNotPresent"),  First),
    ("next",              ("1.x", "IfNotPresent"), First,    ("2.x", "IfNotPresent"),  Second),
    ("dropped",           ("1.x", "IfNotPresent"), First,    ("1.x", "Never"),         Nothing),
    ("follow",            ("1.x", "IfNotPresent"), First,    ("1.x", "Always"),        Second),
    ("always",            ("1.x", "Always"),       First,    ("1.x", "Always"),        Second),
    ("always-next",       ("1.x", "Always"),       First,    ("2.x", "Always"),        Second),
    ("settle",            ("1.x", "Always"),       First,    ("1.x", "IfNotPresent"),  First),
    ("stop",              ("1.x", "Always"),       First,    ("1.x", "Never"),         Nothing),
];

fn fields((range, reflection): (&str, &str)) -> Value {
    let (reflection, interval) = match reflection {
        "" => (Value::Null, Value::Null),
        "Always" => (json!("Always"), json!("10h")),
        other => (json!(other), Value::Null),
    };
    json!({"policy": {"semver": {"range": range}}, "digestReflectionPolicy": reflection, "interval": interval})
}

async fn transitions(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, name) = image_with(&bed, &TAGS).await?;
    let registry = bed.registry().await?;
    stage
        .apply(&format!(
            "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {{name: web}}\n\
             spec: {{image: '{image}', interval: 10h}}\n"
        ))
        .await?;
    for (policy, spec, ..) in CASES {
        let mut spec = fields(spec);
        spec["imageRepositoryRef"] = json!({"name": "web"});
        if let Some(fields) = spec.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        let policy = json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImagePolicy",
            "metadata": {"name": policy}, "spec": spec,
        });
        stage.apply(&policy.to_string()).await?;
    }
    let _imagebot = stage.imagebot().await?;
    let mut before = Vec::new();
    for (policy, ..) in CASES {
        before.push(stage.succeeded("ImagePolicy", policy).await?["status"]["latestRef"].clone());
    }
    let mut digests = Vec::new();
    for tag in TAGS {
        let first = registry.push(&name, tag).await?;
        let second = registry.push_created(&name, tag, "2026-03-03T00:00:00Z").await?;
        digests.push((tag, first, second));
    }
    let digest = |tag: &Value, shown| {
        let (_, first, second) = digests.iter().find(|(it, ..)| tag == it).expect("a tag of ours");
        match shown {
            Nothing => Value::Null,
            First => json!(first),
            Second => json!(second),
        }
    };
    for ((policy, _, shown, ..), latest) in CASES.iter().zip(&before) {
        assert_eq!(latest["tag"], "1.1.1", "{policy}");
        assert_eq!(latest["digest"], digest(&latest["tag"], *shown), "{policy}: {latest}");
    }
    for (policy, _, _, then, _) in CASES {
        stage.patch("ImagePolicy", policy, &json!({"spec": fields(then)})).await?;
    }
    for ((policy, _, _, then, shown), before) in CASES.iter().zip(&before) {
        stage.request("ImagePolicy", policy).await?;
        let status = stage.succeeded("ImagePolicy", policy).await?["status"].clone();
        let latest = &status["latestRef"];
        assert_eq!(latest["tag"], if then.0 == "2.x" { "2.0.0" } else { "1.1.1" }, "{policy}");
        assert_eq!(latest["digest"], digest(&latest["tag"], *shown), "{policy}: {status}");
        let previous = if latest == before { &Value::Null } else { before };
        assert_eq!(&status["observedPreviousRef"], previous, "{policy}: {status}");
    }
    Ok(())
}

/// The API server refuses what does not fit, in Flux's words.
async fn intervals(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let policy = |fields: &str| {
        format!(
            "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {{name: web}}\n\
             spec: {{imageRepositoryRef: {{name: web}}, policy: {{semver: {{range: 1.x}}}}, {fields}}}\n"
        )
    };
    #[rustfmt::skip]
    let cases = [
        ("interval: 1m", "spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'"),
        ("interval: 1m, digestReflectionPolicy: IfNotPresent", "spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'"),
        ("digestReflectionPolicy: Always", "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'"),
        ("exclude: [{tag: a, range: 1.x}]", "each entry of spec.exclude must set exactly one of tag, pattern and range"),
        ("verify: {}", "spec.verify must set exactly one of secretRef and trustedRootSecretRef"),
        ("verify: {trustedRootSecretRef: {name: root}}", "spec.verify.matchOIDCIdentity must be set when spec.verify.trustedRootSecretRef is"),
    ];
    for (fields, says) in cases {
        let refused = stage.apply(&policy(fields)).await.err().map(|err| err.to_string());
        let refused = refused.unwrap_or_default();
        assert!(refused.contains(says), "{fields}: {refused}");
    }
    stage.apply(&policy("digestReflectionPolicy: Always, interval: 1m")).await
}
