//! Bad input is told by a condition, an event and a metric, and costs nothing but itself.

use std::sync::atomic::{AtomicBool, Ordering};

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::git::{GitHttp, Repository};
use tests::registry::{PASSWORD, USER, docker_config};
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually, port};

use crate::image_liar::Liar;
use crate::image_relay::Relay;
use crate::image_stage::{App, SOON, Stage, commits, counted, marked, says};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry, Need::GitHttp];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image_faults::what_is_wrong_with_images_and_policies_is_told_while_others_go_on", NEEDS, images),
        trial(bed, "image_faults::what_is_wrong_with_repositories_is_told_while_others_go_on", NEEDS, remotes),
        trial(bed, "image_faults::a_hundred_thousand_tags_are_read", NEEDS, many_tags),
        trial(bed, "image_faults::no_good_state_is_lost_while_a_registry_is_down", NEEDS, down),
        trial(bed, "image_faults::good_files_are_updated_beside_bad_ones", NEEDS, bad_files),
        trial(bed, "image_faults::a_refusal_of_the_server_is_told_in_its_words", NEEDS, refused),
        trial(bed, "image_faults::who_was_faster_keeps_their_commit", NEEDS, outrun),
        trial(bed, "image_faults::who_is_faster_during_the_push_keeps_their_commit", NEEDS, overtaken),
    ];
    trials
}

/// One bad object: its kind and name, what it should say, and what it is.
struct Row {
    kind: &'static str,
    name: &'static str,
    verdict: &'static str,
    /// Every one of these is in the message: the object or field, and the remedy.
    says: &'static [&'static str],
    spec: &'static str,
}

const fn row(
    kind: &'static str,
    name: &'static str,
    verdict: &'static str,
    says: &'static [&'static str],
    spec: &'static str,
) -> Row {
    Row { kind, name, verdict, says, spec }
}

/// LIAR and BUSY are registries that lie, DEAD a port on which nobody listens.
#[rustfmt::skip]
const IMAGES: &[Row] = &[
    //  kind               name          verdict                       what it says                                                                 spec
    row("ImageRepository", "dead",       "False/ReadOperationFailed",  &["could not reach `DEAD`", "check the network"],                             "image: DEAD/a, interval: 1h"),
    row("ImageRepository", "broken",     "False/ReadOperationFailed",  &["`LIAR` answered 500", "disk on fire"],                                      "image: LIAR/broken, interval: 1h"),
    row("ImageRepository", "busy",       "False/ReadOperationFailed",  &["`BUSY` answered 429", "raise `spec.interval`"],                             "image: BUSY/busy, interval: 1h"),
    row("ImageRepository", "page",       "False/ReadOperationFailed",  &["`LIAR` answered with a web page", "check that `spec.image` names"],          "image: LIAR/page, interval: 1h"),
    row("ImageRepository", "garbled",    "False/ReadOperationFailed",  &["`LIAR` is not what a registry answers", "`spec.image`"],                     "image: LIAR/garbled, interval: 1h"),
    row("ImageRepository", "cut",        "False/ReadOperationFailed",  &["`LIAR` is not what a registry answers", "`spec.image`"],                     "image: LIAR/cut, interval: 1h"),
    row("ImageRepository", "circle",     "False/ReadOperationFailed",  &["`LIAR` lead in a circle after 2 pages and 2 tags", "pagination mended"],      "image: LIAR/circle, interval: 1h"),
    row("ImageRepository", "endless",    "False/ReadOperationFailed",  &["`LIAR` lists more than 500000 tags", "old tags removed"],                    "image: LIAR/endless, interval: 1h, timeout: 60s"),
    row("ImageRepository", "astray",     "False/ReadOperationFailed",  &["`LIAR` points to `http://127.0.0.2:9`", "not followed"],                     "image: LIAR/astray, interval: 1h"),
    row("ImageRepository", "slow",       "False/ReadOperationFailed",  &["took longer than 1s", "raise `spec.timeout`"],                               "image: LIAR/slow, interval: 1h, timeout: 1s"),
    row("ImageRepository", "unknown",    "False/ReadOperationFailed",  &["`LIAR` knows no", "check `spec.image`"],                                     "image: LIAR/unknown, interval: 1h"),
    row("ImageRepository", "closed",     "False/ReadOperationFailed",  &["`LIAR` answered 401", "check the Secret of `spec.secretRef`"],               "image: LIAR/echo, interval: 1h"),
    row("ImageRepository", "echo",       "False/ReadOperationFailed",  &["`LIAR` answered 403", "DENIED: you sent"],                                   "image: LIAR/echo, interval: 1h, secretRef: {name: login}"),
    row("ImageRepository", "keyless",    "False/AuthenticationFailed", &["the Secret `NS/gone` of `spec.secretRef` does not exist", "create it"],      "image: LIAR/many, interval: 1h, secretRef: {name: gone}"),
    row("ImageRepository", "ajar",       "False/AuthenticationFailed", &["the Secret `torn` of `spec.secretRef`", "line 1", "docker-registry"],        "image: LIAR/many, interval: 1h, secretRef: {name: torn}"),
    row("ImageRepository", "half",       "False/AuthenticationFailed", &["`halved` of `spec.certSecretRef` has a `tls.crt` without a `tls.key`"],      "image: LIAR/many, interval: 1h, certSecretRef: {name: halved}"),
    row("ImageRepository", "scheme",     "False/ImageURLInvalid",      &["`spec.image`", "should not include URL scheme; remove 'https://'"],          "image: 'https://LIAR/many', interval: 1h"),
    row("ImageRepository", "exclusion",  "False/ExclusionListInvalid", &["`spec.exclusionList[1]`"],                                                   "image: LIAR/many, interval: 1h, exclusionList: [ok, '(']"),
    row("ImageRepository", "cloud",      "False/ReadOperationFailed",  &["`LIAR` is no registry of Amazon ECR", "correct `spec.provider`"],            "image: LIAR/cloud, interval: 1h, provider: aws"),
    row("ImageRepository", "gate",       "False/FeatureGateDisabled",  &["`spec.serviceAccountName`", "remove `spec.serviceAccountName`"],             "image: LIAR/cloud, interval: 1h, provider: aws, serviceAccountName: default"),
    row("ImagePolicy",     "range",      "False/InvalidPolicy",        &["`spec.policy.semver.range`"],                                                "imageRepositoryRef: {name: web}, policy: {semver: {range: '>= soon'}}"),
    row("ImagePolicy",     "pattern",    "False/InvalidPolicy",        &["`spec.filterTags.pattern`"],                                                 "imageRepositoryRef: {name: web}, policy: {alphabetical: {}}, filterTags: {pattern: '(?P<a'}"),
    row("ImagePolicy",     "nothing",    "False/InvalidPolicy",        &["sets none of `semver`, `alphabetical`, `numerical` and `newest`; set one"],            "imageRepositoryRef: {name: web}, policy: {}"),
    row("ImagePolicy",     "future",     "False/Failure",              &["none of", "is a version in the range", "check `spec.policy`"],               "imageRepositoryRef: {name: web}, policy: {semver: {range: 9.x}}"),
    row("ImagePolicy",     "number",     "False/Failure",              &["invalid numeric value '1.0.0'", "`spec.filterTags`"],                        "imageRepositoryRef: {name: web}, policy: {numerical: {}}"),
    row("ImagePolicy",     "orphan",     "False/DependencyNotReady",   &["'NS/gone' does not exist", "`spec.imageRepositoryRef`"],                     "imageRepositoryRef: {name: gone}, policy: {alphabetical: {}}"),
    row("ImagePolicy",     "waiting",    "False/DependencyNotReady",   &["'dead' has no tags", "see the ImageRepository's own conditions"],             "imageRepositoryRef: {name: dead}, policy: {alphabetical: {}}"),
    row("ImagePolicy",     "foreign",    "False/AccessDenied",         &["'kube-system/web' is not open to the namespace 'NS'", "`spec.accessFrom"],   "imageRepositoryRef: {name: web, namespace: kube-system}, policy: {alphabetical: {}}"),
    row("RegistryReceiver","deaf",       "False/TokenNotFound",        &["the Secret `NS/gone` of `spec.secretRef` does not exist", "`token`"],        "type: distribution, secretRef: {name: gone}"),
];

/// The bad object in a manifest; `fill` knows what the words in capitals stand for.
fn manifest(row: &Row, fill: impl Fn(&str) -> String) -> String {
    let group = match row.kind {
        "RegistryReceiver" => "signet.dev/v1alpha1",
        "GitRepository" => "source.toolkit.fluxcd.io/v1",
        _ => "image.toolkit.fluxcd.io/v1",
    };
    let Row { kind, name, spec, .. } = row;
    let spec = fill(spec);
    format!(
        "---\napiVersion: {group}\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
    )
}

/// Waits until each row says what it should, by condition, event and metric.
async fn told(
    stage: &Stage,
    imagebot: &Daemon,
    rows: &[Row],
    fill: impl Fn(&str) -> String,
) -> Outcome {
    for row in rows {
        let Row { kind, name, verdict, says, .. } = row;
        eventually(SOON, &format!("{kind}/{name} is {verdict}"), async || {
            let is = stage.ready(kind, name).await?;
            let missing =
                says.iter().map(|part| fill(part)).find(|part| !is.message.contains(part));
            match missing {
                None if is.verdict() == *verdict => Ok(()),
                missing => Err(format!("it is {is:?}, without {missing:?}").into()),
            }
        })
        .await?;
        let (_, reason) = verdict.split_once('/').unwrap_or_default();
        stage.event(&format!("Warning {reason} {kind}/{name}:"), &fill(says[0])).await?;
        let metrics = imagebot.get("/metrics").await?.text();
        let (controller, reason) = (kind.to_lowercase(), format!(r#"reason="{reason}""#));
        let series =
            format!(r#"signet_reconcile_failures_total{{controller="{controller}",{reason}"#);
        assert!(metrics.contains(&series), "{series} in {metrics}");
    }
    Ok(())
}

/// An application that has nothing to do with what is wrong.
async fn healthy(stage: &Stage) -> Outcome<(Repository, String)> {
    let (bed, name) = (stage.bed(), stage.bed().unique("team/web"));
    let registry = bed.registry().await?;
    registry.push(&name, "1.0.0").await?;
    let image = format!("{}/{name}", registry.host());
    let file = marked(&image, "0.9.0", stage.namespace(), "web");
    let repository = bed.repository("healthy", &[("apps/web.yaml", &file)])?;
    let url = bed.git_http().await?.http_url(&repository);
    stage.apply(&App::new(&image, &url).yaml()).await?;
    Ok((repository, name))
}

/// The healthy application takes a new tag all the way.
async fn goes_on(stage: &Stage, (repository, name): &(Repository, String)) -> Outcome {
    stage.bed().registry().await?.push(name, "1.1.0").await?;
    stage.request("ImageRepository", "web").await?;
    says(repository, "main", "apps/web.yaml", ":1.1.0 #").await
}

async fn images(bed: Bed) -> Outcome {
    let (stage, liar) = (Stage::open(&bed).await?, Liar::open().await?);
    // What it wants holds for all images of one registry, so it is one of its own.
    let busy = Liar::open().await?;
    let dead = format!("127.0.0.1:{}", port::free());
    let fill = |text: &str| {
        let text = text.replace("LIAR", liar.host()).replace("BUSY", busy.host());
        text.replace("DEAD", &dead).replace("NS", stage.namespace())
    };
    let torn = r#"{"auths": {"a": {"username": "robot", "password": "in-a-torn-file"#;
    let secret = |name: &str, data: Value| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data});
    let login = docker_config(liar.host(), USER, PASSWORD);
    let mut yaml = [
        secret("login", json!({".dockerconfigjson": login})),
        secret("torn", json!({".dockerconfigjson": torn})),
        secret("halved", json!({"tls.crt": bed.authority().pem()?})),
    ]
    .map(|secret| format!("---\n{secret}\n"))
    .concat();
    yaml.extend(IMAGES.iter().map(|row| manifest(row, fill)));
    stage.apply(&yaml).await?;
    let imagebot = stage.imagebot().await?;
    let healthy = healthy(&stage).await?;
    told(&stage, &imagebot, IMAGES, fill).await?;
    goes_on(&stage, &healthy).await?;
    assert_eq!(busy.lists("busy"), 1, "it asked for an hour");
    assert_eq!(liar.lists("scheme") + liar.lists("cloud"), 0, "a bad spec costs no request");
    stage.is_silent_about(&[&imagebot], &[PASSWORD, "robot:correct horse", "in-a-torn-file"]).await
}

/// GIT is a Git server, LIAR and DEAD as above; SOURCE stands for a reference to a GitRepository of
/// the row's name, and COMMIT for a commit that could be made.
#[rustfmt::skip]
const AUTOMATIONS: &[Row] = &[
    //  kind                     name        verdict                             what it says                                                                    spec
    row("ImageUpdateAutomation", "dead",     "False/GitOperationFailed",         &["failed to checkout source", "cannot reach `http://DEAD/a.git`"],              "SOURCE, git: {COMMIT}"),
    row("ImageUpdateAutomation", "denied",   "False/GitOperationFailed",         &["REPO` answered 401", "credentials are missing, wrong or not enough"],         "SOURCE, git: {COMMIT}"),
    row("ImageUpdateAutomation", "absent",   "False/GitOperationFailed",         &["there is no repository at `GIT/absent.git`"],                                 "SOURCE, git: {COMMIT}"),
    row("ImageUpdateAutomation", "page",     "False/GitOperationFailed",         &["`http://LIAR/a.git` is not a Git repository"],                                "SOURCE, git: {COMMIT}"),
    row("ImageUpdateAutomation", "branch",   "False/GitOperationFailed",         &["branch `gone`", "GIT/REPO"],                                                   "SOURCE, git: {COMMIT, checkout: {ref: {branch: gone}}}"),
    row("ImageUpdateAutomation", "keyless",  "False/SourceManagerFailed",        &["the Secret `NS/gone` of `spec.secretRef of GitRepository NS/keyless` does not exist"],"SOURCE, git: {COMMIT}"),
    row("ImageUpdateAutomation", "half",     "False/SourceManagerFailed",        &["the Secret `halved` has a `password` without a `username`", "add `username`"],"SOURCE, git: {COMMIT}"),
    row("ImageUpdateAutomation", "file",     "False/SourceManagerFailed",        &["`spec.url of GitRepository NS/file` is a file URL"],                              "SOURCE, git: {COMMIT}"),
    row("ImageUpdateAutomation", "scheme",   "False/SourceManagerFailed",        &["`spec.url of GitRepository NS/scheme` is an ssh URL", "names no Secret; name a Secret with `identity`"],"SOURCE, git: {COMMIT}"),
    row("ImageUpdateAutomation", "orphan",   "False/SourceManagerFailed",        &["'NS/gone' does not exist", "`spec.sourceRef`"],                               "sourceRef: {name: gone}, git: {COMMIT}"),
    row("ImageUpdateAutomation", "gitless",  "False/InvalidSourceConfiguration", &["`spec.git` is required", "commit.author.email"],                              "sourceRef: {name: good}"),
    row("ImageUpdateAutomation", "signed",   "False/SourceManagerFailed",        &["the Secret `NS/key` of `spec.git.commit.signingKey.secretRef` does not exist"],"sourceRef: {name: good}, git: {commit: {author: {email: a@b.example}, signingKey: {secretRef: {name: key}}}}"),
    row("ImageUpdateAutomation", "outside",  "False/UpdateFailed",               &["`spec.update.path: ../..` leaves the repository"],                            "sourceRef: {name: good}, git: {COMMIT}, update: {path: ../..}"),
    row("ImageUpdateAutomation", "nowhere",  "False/UpdateFailed",               &["nothing is at `spec.update.path: gone`", "correct `spec.update.path`"],       "sourceRef: {name: good}, git: {COMMIT}, update: {path: ./gone}"),
    row("ImageUpdateAutomation", "template", "False/GitOperationFailed",         &["`spec.git.commit.messageTemplate` is not a Go template"],                     "sourceRef: {name: good}, git: {commit: {author: {email: a@b.example}, messageTemplate: '{{ .Changed'}}"),
    row("ImageUpdateAutomation", "field",    "False/GitOperationFailed",         &["`spec.git.commit.messageTemplate` cannot be rendered"],                       "sourceRef: {name: good}, git: {commit: {author: {email: a@b.example}, messageTemplate: '{{ .Nope }}'}, push: {branch: never}}"),
    row("ImageUpdateAutomation", "interval", "False/IntervalInvalid",            &["`spec.interval`", "`1s`"],                                                    "interval: 10ms, sourceRef: {name: good}, git: {COMMIT}"),
];

/// The `GitRepository` objects to which the automations refer, by name.
const SOURCES: &[(&str, &str)] = &[
    ("good", "url: GIT/REPO, ref: {branch: main}, secretRef: {name: web-git}"),
    ("dead", "url: 'http://robot:in-the-url@DEAD/a.git'"),
    ("denied", "url: GIT/REPO, secretRef: {name: wrong}"),
    ("absent", "url: GIT/absent.git, secretRef: {name: web-git}"),
    ("page", "url: 'http://LIAR/a.git'"),
    ("branch", "url: GIT/REPO, secretRef: {name: web-git}"),
    ("keyless", "url: GIT/REPO, secretRef: {name: gone}"),
    ("half", "url: GIT/REPO, secretRef: {name: halved}"),
    ("file", "url: 'file:///etc'"),
    ("scheme", "url: 'ssh://git@127.0.0.1/a'"),
];

async fn remotes(bed: Bed) -> Outcome {
    let (stage, liar) = (Stage::open(&bed).await?, Liar::open().await?);
    let healthy = healthy(&stage).await?;
    let file = marked("example/web", "0.1.0", stage.namespace(), "web");
    let repository = bed.repository("faulty", &[("apps/web.yaml", &file)])?;
    let url = bed.git_http().await?.http_url(&repository);
    let (git, repo) = url.rsplit_once('/').ok_or("a URL has a path")?;
    let dead = format!("127.0.0.1:{}", port::free());
    let with = |text: &str| {
        text.replace("LIAR", liar.host())
            .replace("DEAD", &dead)
            .replace("GIT/", &format!("{git}/"))
            .replace("REPO", repo)
            .replace("NS", stage.namespace())
    };
    let mut yaml = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: wrong}}\nstringData: {{username: {}, password: a-wrong-one}}\n\
         ---\napiVersion: v1\nkind: Secret\nmetadata: {{name: halved}}\nstringData: {{password: robot}}\n",
        GitHttp::USER,
    );
    for (name, spec) in SOURCES {
        let (name, kind) = (*name, "GitRepository");
        let source = Row { kind, name, verdict: "", says: &[], spec };
        yaml += &manifest(&source, |spec| format!("interval: 1h, {}", with(spec)));
    }
    for row in AUTOMATIONS {
        yaml += &manifest(row, |spec| {
            let spec = spec.replace("SOURCE", &format!("sourceRef: {{name: {}}}", row.name));
            let spec = spec.replace("COMMIT", "commit: {author: {email: a@b.example}}");
            let interval = if spec.contains("interval:") { "" } else { "interval: 1h, " };
            format!("{interval}{}", with(&spec))
        });
    }
    stage.apply(&yaml).await?;
    let imagebot = stage.imagebot().await?;
    told(&stage, &imagebot, AUTOMATIONS, with).await?;
    goes_on(&stage, &healthy).await?;
    assert_eq!(commits(&repository, "main")?, 1);
    let words = [GitHttp::PASSWORD, "a-wrong-one", "in-the-url", "robot:correct horse"];
    stage.is_silent_about(&[&imagebot], &words).await
}

async fn many_tags(bed: Bed) -> Outcome {
    let (stage, liar) = (Stage::open(&bed).await?, Liar::open().await?);
    let mut yaml = String::new();
    for name in ["many", "pages"] {
        let image = format!("{}/{name}", liar.host());
        let all = App { name, ..App::new(&image, "unused") }.yaml();
        for part in all.split("---").skip(2).take(2) {
            yaml.push_str("---");
            yaml.push_str(part);
        }
    }
    stage.apply(&yaml).await?;
    let imagebot = stage.imagebot().await?;
    for name in ["many", "pages"] {
        let picked = stage.picked(name, "1.99999.0").await?;
        assert_eq!(picked["status"]["latestRef"]["tag"], "1.99999.0");
        let status = stage.succeeded("ImageRepository", name).await?["status"].clone();
        assert_eq!(status["lastScanResult"]["tagCount"], 100_000, "{name}");
        assert_eq!(status["lastScanResult"]["latestTags"].as_array().map(Vec::len), Some(10));
    }
    assert!(liar.lists("pages") >= 100, "page by page");
    let used = imagebot.usage()?.peak_kib / 1024;
    assert!(used < 400, "{used} MiB, unoptimised");
    Ok(())
}

async fn down(bed: Bed) -> Outcome {
    let (stage, liar) = (Stage::open(&bed).await?, Liar::open().await?);
    liar.mood(None, &["1.0.0", "1.1.0"]);
    let image = format!("{}/moody", liar.host());
    let file = marked(&image, "1.0.0", stage.namespace(), "web");
    let repository = bed.repository("down", &[("apps/web.yaml", &file)])?;
    let url = bed.git_http().await?.http_url(&repository);
    stage.apply(&App::new(&image, &url).yaml()).await?;
    let imagebot = stage.imagebot().await?;
    says(&repository, "main", "apps/web.yaml", ":1.1.0 #").await?;
    let before = stage.succeeded("ImageRepository", "web").await?["status"].clone();
    let policy = stage.succeeded("ImagePolicy", "web").await?["status"].clone();

    liar.mood(Some(503), &[]);
    let after = stage.request("ImageRepository", "web").await?["status"].clone();
    for field in ["revision", "tagCount", "latestTags", "scanTime"] {
        assert_eq!(after["lastScanResult"][field], before["lastScanResult"][field], "{field}");
    }
    let is = stage.ready("ImageRepository", "web").await?;
    assert_eq!(is.verdict(), "False/ReadOperationFailed", "{is:?}");
    // Policies and automations go on with what is known, also in a process that begins now.
    imagebot.terminate().await?;
    let imagebot = stage.imagebot().await?;
    repository.commit("main", "back", &[("apps/web.yaml", &file)])?;
    stage.request("ImageUpdateAutomation", "web").await?;
    assert!(repository.show("main", "apps/web.yaml")?.contains(":1.1.0 #"));
    let still = stage.succeeded("ImagePolicy", "web").await?["status"].clone();
    assert_eq!(still["latestRef"], policy["latestRef"]);
    // And a list that is empty all of a sudden is not used.
    liar.mood(None, &[]);
    stage.request("ImageRepository", "web").await?;
    let is = stage.ready("ImageRepository", "web").await?;
    assert_eq!(is.verdict(), "False/TagsLost", "{is:?}");
    let still = stage.succeeded("ImagePolicy", "web").await?["status"].clone();
    assert_eq!(still["latestRef"], policy["latestRef"]);
    // It comes back by itself.
    liar.mood(Some(503), &[]);
    stage.request("ImageRepository", "web").await?;
    liar.mood(None, &["1.1.0", "1.2.0"]);
    says(&repository, "main", "apps/web.yaml", ":1.2.0 #").await?;
    stage.succeeded("ImageRepository", "web").await?;
    stage.is_silent_about(&[&imagebot], &[GitHttp::PASSWORD]).await
}

async fn bad_files(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (registry, name) = (bed.registry().await?, bed.unique("team/web"));
    registry.push(&name, "1.1.0").await?;
    let image = format!("{}/{name}", registry.host());
    let good = marked(&image, "1.0.0", stage.namespace(), "web");
    let orphan = marked(&image, "1.0.0", stage.namespace(), "gone");
    let template = format!("{{{{ if .Values.on }}}}\n{good}{{{{ end }}}}\n");
    let torn = format!("a: [\n{good}");
    let part = good.replace(":web\"}", ":web:sha\"}");
    let files = [
        ("apps/good.yaml", good.as_str()),
        ("apps/template.yaml", template.as_str()),
        ("apps/web.yaml", good.as_str()),
        ("apps/orphan.yaml", orphan.as_str()),
        ("apps/part.yaml", part.as_str()),
        ("apps/torn.yaml", torn.as_str()),
    ];
    let bad = &files[3..];
    let repository = bed.repository("files", &files)?;
    let url = bed.git_http().await?.http_url(&repository);
    stage.apply(&App::new(&image, &url).yaml()).await?;
    let imagebot = stage.imagebot().await?;
    for good in ["apps/good.yaml", "apps/template.yaml", "apps/web.yaml"] {
        says(&repository, "main", good, ":1.1.0 #").await?;
    }
    for (path, content) in bad {
        assert_eq!(repository.show("main", path)?, *content, "{path}");
    }
    assert_eq!(commits(&repository, "main")?, 2);
    let object = stage.succeeded("ImageUpdateAutomation", "web").await?;
    let message = stage.ready("ImageUpdateAutomation", "web").await?.message;
    #[rustfmt::skip]
    let told = [
        "file `apps/orphan.yaml`, line 5: policy `gone` has no image; create the ImagePolicy",
        "file `apps/part.yaml`, line 5: the marker wants part `sha`; write `tag`, `name` or `digest`",
        "file `apps/torn.yaml` has markers and cannot be read; correct it or remove the markers: line ",
    ];
    for part in told {
        assert!(message.contains(part), "{part} in {message}");
    }
    stage.event("Warning NotAllUpdated ImageUpdateAutomation/web:", told[0]).await?;
    let namespace = stage.namespace();
    let metric = format!(r#"imagebot_markers_not_applied{{namespace="{namespace}",name="web"}}"#);
    assert_eq!(counted(&imagebot, &metric).await?, 3);
    assert_eq!(object["status"]["observedPolicies"]["web"]["tag"], "1.1.0");
    // Mended files are updated, and the complaint ends.
    let mended: Vec<_> = bad.iter().map(|(path, _)| (*path, good.as_str())).collect();
    repository.commit("main", "mended", &mended)?;
    stage.request("ImageUpdateAutomation", "web").await?;
    says(&repository, "main", "apps/torn.yaml", ":1.1.0 #").await?;
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    let message = stage.ready("ImageUpdateAutomation", "web").await?.message;
    assert_eq!(message, "repository up-to-date");
    assert_eq!(counted(&imagebot, &metric).await?, 0);
    Ok(())
}

async fn refused(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (repository, _) = healthy(&stage).await?;
    let words = "GH006: the branch is frozen until Monday";
    // A hook may be talkative: our own login is in its environment.
    repository.hook("pre-receive", &format!("#!/bin/sh\necho '{words}' >&2\nenv >&2\nexit 1\n"))?;
    let imagebot = stage.imagebot().await?;
    let told = eventually(SOON, "the word of the automation", async || {
        let is = stage.ready("ImageUpdateAutomation", "web").await?;
        if is.verdict() == "False/GitOperationFailed" {
            Ok(is)
        } else {
            Err(format!("{is:?}").into())
        }
    });
    let told = told.await?;
    for part in [
        words,
        "HTTP_AUTHORIZATION=Basic ***",
        "refs/heads/main",
        "pre-receive hook declined",
        "set `spec.git.push.branch`",
    ] {
        assert!(told.message.contains(part), "{part} in {told:?}");
    }
    stage.event("Warning GitOperationFailed ImageUpdateAutomation/web:", words).await?;
    assert_eq!(counted(&imagebot, r#"imagebot_pushes_total{result="rejected"}"#).await?, 1);
    assert_eq!(commits(&repository, "main")?, 1);
    assert_eq!(stage.succeeded("ImagePolicy", "web").await?["status"]["latestRef"]["tag"], "1.0.0");
    std::fs::remove_file(repository.path().join("hooks/pre-receive"))?;
    stage.request("ImageUpdateAutomation", "web").await?;
    assert!(repository.show("main", "apps/web.yaml")?.contains(":1.0.0 #"));
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    stage.is_silent_about(&[&imagebot], &[GitHttp::PASSWORD]).await
}

/// Both commits are on the branch, in the order in which they came.
async fn both_are_there(stage: &Stage, repository: &Repository, imagebot: &Daemon) -> Outcome {
    says(repository, "main", "apps/web.yaml", ":1.0.0 #").await?;
    assert_eq!(repository.show("main", "theirs.txt")?, "by a person\n");
    assert_eq!(commits(repository, "main")?, 3);
    assert_eq!(repository.messages("main")?[1], "theirs");
    stage.succeeded("ImageUpdateAutomation", "web").await?;
    let count = async |result: &str| {
        counted(imagebot, &format!(r#"imagebot_pushes_total{{result="{result}"}}"#)).await
    };
    assert_eq!(count("stale").await?, 1);
    assert_eq!(count("pushed").await?, 1);
    Ok(())
}

/// Somebody pushes between our fetch and our push.
async fn outrun(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (repository, _) = healthy(&stage).await?;
    let url = bed.git_http().await?.http_url(&repository);
    let (server, path) = url.rsplit_once('/').ok_or("a URL has a path")?;
    let relay = Relay::open(&bed, server).await?;
    let (theirs, done) = (repository.clone(), AtomicBool::new(false));
    relay.before(move |request| {
        if request.contains("git-receive-pack") && !done.swap(true, Ordering::SeqCst) {
            let pushed = theirs.commit("main", "theirs", &[("theirs.txt", "by a person\n")]);
            pushed.expect("nobody else is at work");
        }
    });
    let through = format!("{}/{path}", relay.url());
    stage.patch("GitRepository", "web", &json!({"spec": {"url": through}})).await?;
    let imagebot = stage.imagebot().await?;
    both_are_there(&stage, &repository, &imagebot).await
}

/// Somebody's push is accepted while the server looks at ours.
async fn overtaken(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (repository, _) = healthy(&stage).await?;
    let theirs = repository.commit("theirs", "theirs", &[("theirs.txt", "by a person\n")])?;
    // Inside of a push no reference may move; theirs is another push, so it is not inside of ours.
    let hook = format!(
        "#!/bin/sh\n[ -e raced ] && exit 0\ntouch raced\n\
         unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n\
         exec git update-ref refs/heads/main {theirs}\n"
    );
    repository.hook("pre-receive", &hook)?;
    let imagebot = stage.imagebot().await?;
    both_are_there(&stage, &repository, &imagebot).await
}
