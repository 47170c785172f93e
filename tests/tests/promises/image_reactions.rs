//! Automations react to what happens around them at once, and to nothing else.

use libtest_mimic::Trial;
use serde_json::json;
use tests::git::Repository;
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually};

use crate::image_stage::{
    App, REQUESTED_AT, SOON, Stage, commits, counted, image_with, marked, says,
};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry, Need::GitHttp];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image_reactions::a_policy_that_comes_is_relabelled_or_goes_is_noticed", NEEDS, policies),
        trial(bed, "image_reactions::a_policy_wakes_those_that_select_it_alone", NEEDS, selected),
        trial(bed, "image_reactions::a_commit_that_source_controller_found_is_looked_at", NEEDS, commits_of_others),
        trial(bed, "image_reactions::a_policy_that_stays_as_it_was_is_told", NEEDS, held),
        trial(bed, "image_reactions::a_push_is_announced_where_the_flag_says_so", NEEDS, announced),
    ];
    trials
}

/// A stage on which `web` has been brought to `1.0.0`, and nobody's interval will pass.
async fn at_rest(bed: &Bed) -> Outcome<(Stage, Repository, String, Daemon)> {
    let stage = Stage::open(bed).await?;
    let (image, _) = image_with(bed, &["1.0.0"]).await?;
    let file = marked(&image, "0.9.0", stage.namespace(), "web");
    let repository = bed.repository("reactions", &[("apps/web.yaml", &file)])?;
    let url = bed.git_http().await?.http_url(&repository);
    stage.apply(&App::new(&image, &url).yaml()).await?;
    let imagebot = stage.imagebot().await?;
    says(&repository, "main", "apps/web.yaml", ":1.0.0 #").await?;
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    Ok((stage, repository, image, imagebot))
}

/// Waits until the automation has observed exactly these policies.
async fn observes(stage: &Stage, name: &str, policies: &[&str]) -> Outcome {
    eventually(SOON, &format!("{name} observes {policies:?}"), async || {
        let status = stage.get("ImageUpdateAutomation", name).await?["status"].clone();
        let observed = &status["observedPolicies"];
        let names: Vec<_> =
            observed.as_object().map(|it| it.keys().cloned().collect()).unwrap_or_default();
        if names == policies { Ok(()) } else { Err(status.to_string().into()) }
    })
    .await
}

async fn policies(bed: Bed) -> Outcome {
    let (stage, _, _, _imagebot) = at_rest(&bed).await?;
    let selector = json!({"spec": {"policySelector": {"matchLabels": {"team": "red"}}}});
    stage.patch("ImageUpdateAutomation", "web", &selector).await?;
    observes(&stage, "web", &[]).await?;
    let label = |team: &str| json!({"metadata": {"labels": {"team": team}}});
    stage.patch("ImagePolicy", "web", &label("red")).await?;
    observes(&stage, "web", &["web"]).await?;
    let other = "
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: other, labels: {team: red}}
spec: {imageRepositoryRef: {name: web}, policy: {alphabetical: {}}}
";
    stage.apply(other).await?;
    observes(&stage, "web", &["other", "web"]).await?;
    stage.patch("ImagePolicy", "other", &label("blue")).await?;
    observes(&stage, "web", &["web"]).await?;
    stage.delete("ImagePolicy", "web").await?;
    observes(&stage, "web", &[]).await?;
    let message = stage.ready("ImageUpdateAutomation", "web").await?.message;
    assert!(message.contains("policy `web` has no image"), "{message}");
    Ok(())
}

async fn selected(bed: Bed) -> Outcome {
    let (stage, _, _, imagebot) = at_rest(&bed).await?;
    let selector = json!({"spec": {"policySelector": {"matchLabels": {"team": "red"}}}});
    stage.patch("ImageUpdateAutomation", "web", &selector).await?;
    observes(&stage, "web", &[]).await?;
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    let series =
        r#"controller_runtime_reconcile_time_seconds_count{controller="imageupdateautomation"}"#;
    let before = counted(&imagebot, series).await?;
    for order in ["asc", "desc"] {
        let policy =
            json!({"spec": {"policy": {"semver": null, "alphabetical": {"order": order}}}});
        stage.patch("ImagePolicy", "web", &policy).await?;
        stage.request("ImagePolicy", "web").await?;
    }
    stage.patch("ImagePolicy", "web", &json!({"metadata": {"labels": {"team": "blue"}}})).await?;
    stage.request("ImagePolicy", "web").await?;
    assert_eq!(counted(&imagebot, series).await?, before, "it is none of its business");
    Ok(())
}

async fn commits_of_others(bed: Bed) -> Outcome {
    let (stage, repository, image, _imagebot) = at_rest(&bed).await?;
    let old = marked(&image, "0.8.0", stage.namespace(), "web");
    let theirs = repository.commit("main", "back", &[("apps/web.yaml", &old)])?;
    let found = json!({"status": {"artifact": {
        "revision": format!("main@sha1:{theirs}"), "path": "a", "url": "http://a", "digest": "sha256:00",
        "lastUpdateTime": "2026-01-01T00:00:00Z",
    }}});
    stage.patch_status("GitRepository", "web", &found).await?;
    says(&repository, "main", "apps/web.yaml", ":1.0.0 #").await?;
    assert_eq!(commits(&repository, "main")?, 4);
    Ok(())
}

async fn held(bed: Bed) -> Outcome {
    let (stage, _, _, _imagebot) = at_rest(&bed).await?;
    let told = async |expected: serde_json::Value| {
        eventually(SOON, &format!("{expected}"), async || {
            let status = stage.get("ImageUpdateAutomation", "web").await?["status"].clone();
            let held = status["heldPolicies"].clone();
            if held == expected { Ok(()) } else { Err(status.to_string().into()) }
        })
        .await
    };
    stage.patch("ImagePolicy", "web", &json!({"spec": {"suspend": true}})).await?;
    told(json!({"web": "Suspended"})).await?;
    let impossible = json!({"spec": {"suspend": false, "policy": {"semver": {"range": "9.x"}}}});
    stage.patch("ImagePolicy", "web", &impossible).await?;
    told(json!({"web": "Failure"})).await?;
    let possible = json!({"spec": {"policy": {"semver": {"range": "1.x"}}}});
    stage.patch("ImagePolicy", "web", &possible).await?;
    told(json!(null)).await
}

async fn announced(bed: Bed) -> Outcome {
    let stage = Stage::open_with(&bed, &["features.annotateSources=true"]).await?;
    let (image, _) = image_with(&bed, &["1.0.0"]).await?;
    let file = marked(&image, "0.9.0", stage.namespace(), "web");
    let repository = bed.repository("announced", &[("apps/web.yaml", &file)])?;
    let url = bed.git_http().await?.http_url(&repository);
    stage.apply(&App::new(&image, &url).yaml()).await?;
    let _imagebot = stage.imagebot_with(&["--annotate-sources"]).await?;
    says(&repository, "main", "apps/web.yaml", ":1.0.0 #").await?;
    eventually(SOON, "the GitRepository is asked to reconcile", async || {
        let object = stage.get("GitRepository", "web").await?;
        let asked = object["metadata"]["annotations"][REQUESTED_AT].is_string();
        if asked { Ok(()) } else { Err(object["metadata"].to_string().into()) }
    })
    .await
}
