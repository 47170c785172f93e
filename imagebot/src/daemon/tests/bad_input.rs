//! Bad input gives a condition, an event and a metric that name the object and the remedy; other
//! objects go on, and no earlier good state is lost.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{is_pushed, succeeded, until, web, world::World};

/// Waits until `kind`/`name` says `ready` and a message that contains `says`, which an event and
/// a metric repeat.
async fn expect(world: &World, run: &super::world::Run, case: &Case) {
    let Case { kind, name, ready, says } = case;
    until!(
        format!(
            "{kind}/{name} to say `{ready}: {says}`, but it says {:?}",
            world.ready(kind, name).await
        ),
        {
            world
                .ready(kind, name)
                .await
                .is_some_and(|(is, message)| is == *ready && message.contains(says))
        }
    );
    let (_, reason) = ready.split_once('/').unwrap();
    // Repeats of a reason are one series, whose note is that of the first.
    until!(format!("an event `{reason}` among {:?}", world.events().await), {
        world.events().await.iter().any(|event| event.starts_with(reason))
    });
    let label = format!(r#"reason="{reason}""#);
    until!(format!("a metric with {label}"), run.metrics().contains(&label));
}

struct Case {
    kind: &'static str,
    name: &'static str,
    ready: &'static str,
    says: &'static str,
}

#[tokio::test]
async fn a_bad_spec_is_told_and_others_go_on() {
    #[rustfmt::skip]
    let cases = [
        // kind                     patch of the spec                                                   reason                               what it says
        ("ImageRepository",         json!({"image": "https://registry/team/web"}),                      "False/ImageURLInvalid",             "should not include URL scheme; remove 'https://'"),
        ("ImageRepository",         json!({"image": "registry/team/web:1.0"}),                          "False/ImageURLInvalid",             "should not include a tag; remove ':1.0'"),
        ("ImageRepository",         json!({"exclusionList": ["ok", "("]}),                              "False/ExclusionListInvalid",        "`spec.exclusionList[1]`"),
        ("ImageRepository",         json!({"interval": "0s"}),                                          "False/IntervalInvalid",             "set `spec.interval` to `1s` or more"),
        ("ImageRepository",         json!({"secretRef": {"name": "gone"}}),                             "False/AuthenticationFailed",        "the Secret `apps/gone`"),
        ("ImageRepository",         json!({"provider": "aws"}),                                         "False/ReadOperationFailed",         "correct `spec.provider` or `spec.image`"),
        ("ImageRepository",         json!({"provider": "gcp", "serviceAccountName": "web"}),            "False/FeatureGateDisabled",         "remove `spec.serviceAccountName`"),
        ("ImagePolicy",             json!({"policy": {"semver": {"range": "not a range"}}}),            "False/InvalidPolicy",               "`spec.policy.semver.range`"),
        ("ImagePolicy",             json!({"policy": {"semver": null}}),                                "False/InvalidPolicy",               "sets none of `semver`"),
        ("ImagePolicy",             json!({"filterTags": {"pattern": "("}}),                            "False/InvalidPolicy",               "`spec.filterTags.pattern`"),
        ("ImagePolicy",             json!({"policy": {"semver": {"range": "9.x"}}}),                    "False/Failure",                     "check `spec.policy`"),
        ("ImagePolicy",             json!({"imageRepositoryRef": {"name": "gone"}}),                    "False/DependencyNotReady",          "'apps/gone' does not exist"),
        ("ImagePolicy",             json!({"imageRepositoryRef": {"name": "web", "namespace": "b"}}),   "False/AccessDenied",                "'b/web' is not open"),
        ("ImageUpdateAutomation",   json!({"git": null}),                                               "False/InvalidSourceConfiguration",  "`spec.git` is required"),
        ("ImageUpdateAutomation",   json!({"sourceRef": {"name": "gone"}}),                             "False/SourceManagerFailed",         "'apps/gone' does not exist"),
        ("ImageUpdateAutomation",   json!({"update": {"path": "../.."}}),                               "False/UpdateFailed",                "leaves the repository"),
        ("ImageUpdateAutomation",   json!({"update": {"path": "./gone"}}),                              "False/UpdateFailed",                "correct `spec.update.path`"),
        ("ImageUpdateAutomation",   json!({"git": {"commit": {"messageTemplate": "{{ .Nope"}}}),        "False/GitOperationFailed",          "`spec.git.commit.messageTemplate`"),
        ("ImageUpdateAutomation",   json!({"git": {"checkout": {"ref": {"branch": "gone"}}}}),          "False/GitOperationFailed",          "branch `gone`"),
    ];
    let (world, repository) = web("").await;
    let run = world.run();
    until!("the push", is_pushed(&world).await);
    for (kind, patch, ready, says) in cases {
        let spec = world.get(kind, "web").await["spec"].clone();
        let picked = world.get("ImagePolicy", "web").await["status"]["latestRef"].clone();
        world.patch(kind, "web", json!({ "spec": patch })).await;
        expect(&world, &run, &Case { kind, name: "web", ready, says }).await;
        let still = world.get("ImagePolicy", "web").await["status"]["latestRef"].clone();
        assert_eq!(still, picked, "{says}: what was picked stays in force");
        world.patch(kind, "web", undo(&spec, &patch)).await;
        until!(format!("recovery from `{says}`"), succeeded(world.ready(kind, "web").await));
    }
    assert_eq!(repository.git(&["rev-list", "--count", "main"]).trim(), "2");
}

/// The patch that gives back what `patch` changed in `spec`.
fn undo(spec: &Value, patch: &Value) -> Value {
    fn back(old: &Value, patch: &Value) -> Value {
        match patch {
            Value::Object(fields) if old.is_object() => fields
                .iter()
                .map(|(key, change)| (key.clone(), back(&old[key], change)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            _ => old.clone(),
        }
    }
    json!({ "spec": back(spec, patch) })
}

#[tokio::test]
async fn a_registry_that_fails_costs_no_state() {
    let (world, _repository) = web("").await;
    let run = world.run();
    until!("the push", is_pushed(&world).await);
    let good = world.get("ImageRepository", "web").await["status"]["lastScanResult"].clone();
    for (at, status) in [("1", 500), ("2", 429), ("3", 403)] {
        world.registry.fail(Some(StatusCode::from_u16(status).unwrap()));
        world.request("ImageRepository", "web", at).await;
        let ready = "False/ReadOperationFailed";
        expect(
            &world,
            &run,
            &Case { kind: "ImageRepository", name: "web", ready, says: "scan failed" },
        )
        .await;
        let object = world.get("ImageRepository", "web").await;
        assert_eq!(object["status"]["lastScanResult"]["revision"], good["revision"]);
        assert!(succeeded(world.ready("ImagePolicy", "web").await), "after {status}");
        world.registry.fail(None);
        world.request("ImageRepository", "web", &format!("{at} again")).await;
        until!("recovery", succeeded(world.ready("ImageRepository", "web").await));
    }
}

#[tokio::test]
async fn a_marker_that_names_nothing_and_a_broken_file_are_told_while_good_ones_are_updated() {
    let (world, repository) = web("").await;
    let marker = |policy: &str| format!("image: x:1 # {{\"$imagepolicy\": \"{policy}\"}}\n");
    repository.commit(
        "main",
        &[
            ("apps/gone.yaml", &format!("kind: A\n{}", marker("apps:gone"))),
            ("apps/broken.yaml", &format!("a: [\n{}", marker("apps:web"))),
            ("apps/good.yaml", &marker("apps:web")),
        ],
    );
    let run = world.run();
    until!("the push", is_pushed(&world).await);
    let image = world.registry.image("team/web:1.1.0");
    assert!(
        repository.git(&["show", "main:apps/good.yaml"]).starts_with(&format!("image: {image} "))
    );
    let (kind, name, ready) = ("ImageUpdateAutomation", "web", "True/Succeeded");
    until!("word", world.ready(kind, name).await.is_some_and(|(is, _)| is == ready));
    let message = world.ready(kind, name).await.unwrap().1;
    for part in
        ["file `apps/gone.yaml`, line 2: policy `gone`", "file `apps/broken.yaml` has markers"]
    {
        assert!(message.contains(part), "{part} in {message}");
    }
    until!("the event", {
        world
            .events()
            .await
            .iter()
            .any(|event| event.starts_with("NotAllUpdated: ") && event.contains("apps/gone.yaml"))
    });
    let metric = r#"imagebot_markers_not_applied{namespace="apps",name="web"} 2"#;
    assert!(run.metrics().contains(metric));
}

#[tokio::test]
async fn a_refused_push_tells_the_servers_words() {
    let (world, repository) = web("").await;
    repository.refuse("the branch is frozen until Monday");
    let run = world.run();
    let case = Case {
        kind: "ImageUpdateAutomation",
        name: "web",
        ready: "False/GitOperationFailed",
        says: "the branch is frozen until Monday",
    };
    expect(&world, &run, &case).await;
    assert!(run.metrics().contains(r#"imagebot_pushes_total{result="rejected"} 1"#));
    assert!(succeeded(world.ready("ImagePolicy", "web").await));
}

#[tokio::test]
async fn a_damaged_tag_database_costs_a_scan() {
    let (world, repository) = web("").await;
    let run = world.run();
    until!("the push", is_pushed(&world).await);
    until!("ready", succeeded(world.ready("ImageUpdateAutomation", "web").await));
    run.end().await;
    world.damage_tags();
    let lists = world.registry.lists();
    let _run = world.run();
    until!("the scan", world.registry.lists() > lists);
    until!("the event", {
        world.events().await.iter().any(|event| event.starts_with("TagDatabaseReset: "))
    });
    assert!(succeeded(world.ready("ImagePolicy", "web").await));
    assert_eq!(repository.git(&["rev-list", "--count", "main"]).trim(), "2");
}
