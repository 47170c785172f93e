//! Tests of `rule` and `chart`.

use super::*;
use crate::setter::{Outcome, update};

const DIGEST: &str = "sha256:0f3b1e2c4d5a69788796a5b4c3d2e1f00f3b1e2c4d5a69788796a5b4c3d2e1f0";

fn scope(kind: Kind, files: Files) -> Scope {
    let image = |name: &str, tag: &str, digest: Option<&str>| Image {
        name: name.into(),
        tag: tag.into(),
        digest: digest.map(str::to_owned),
    };
    let images = [
        ("web", image("ghcr.io/acme/web", "1.5.0", None)),
        ("pin", image("ghcr.io/acme/web", "1.5.0", Some(DIGEST))),
        ("chart", image("ghcr.io/acme/charts/web", "1.5.0_b2", None)),
    ];
    let policy = match kind {
        Kind::Chart { .. } => "chart",
        _ => "web",
    };
    let rule = Rule { namespace: "ns".into(), policy: policy.into(), files, kind };
    let images = images.into_iter().map(|(name, image)| (name.to_owned(), image));
    Scope::of("ns", images).with(vec![rule])
}

#[track_caller]
fn check(scope: &Scope, file: &str, before: &str, after: &str) -> Outcome {
    let outcome = update(file, before.as_bytes(), scope).unwrap();
    assert_eq!(outcome.content.as_deref().unwrap_or(before), after);
    let again = update(file, after.as_bytes(), scope).unwrap();
    assert_eq!((again.content, again.problems), (None, outcome.problems.clone()));
    outcome
}

#[test]
fn kustomize_entries_are_set_by_their_image() {
    let scope = scope(Kind::Kustomize { image: None }, Files::kustomizations(""));
    #[rustfmt::skip]
    let cases = [
        ("images:\n- name: ghcr.io/acme/web\n  newTag: 1.0.0 # c\n",          "images:\n- name: ghcr.io/acme/web\n  newTag: 1.5.0 # c\n"),
        ("images:\n  - newTag: '1'\n    newName: ghcr.io/acme/web\n    name: web\n", "images:\n  - newTag: '1.5.0'\n    newName: ghcr.io/acme/web\n    name: web\n"),
        ("images: [{name: ghcr.io/acme/web, newTag: v1}, {name: x, newTag: v1}]\n", "images: [{name: ghcr.io/acme/web, newTag: 1.5.0}, {name: x, newTag: v1}]\n"),
        ("images:\n- name: ghcr.io/acme/web # c\n- name: b\n",                "images:\n- name: ghcr.io/acme/web # c\n  newTag: 1.5.0\n- name: b\n"),
        ("images:\r\n  -   name: ghcr.io/acme/web\r\n",                       "images:\r\n  -   name: ghcr.io/acme/web\r\n      newTag: 1.5.0\r\n"),
        ("images: [{name: ghcr.io/acme/web}]",                                "images: [{name: ghcr.io/acme/web, newTag: 1.5.0}]"),
        ("images:\n- name: ghcr.io/acme/web\n  newName: ghcr.io/acme/fork\n", "images:\n- name: ghcr.io/acme/web\n  newName: ghcr.io/acme/fork\n"),
        ("resources: [images.yaml]\n",                                        "resources: [images.yaml]\n"),
    ];
    for (before, after) in cases {
        let outcome = check(&scope, "apps/a/kustomization.yaml", before, after);
        assert_eq!(outcome.problems, [], "{before}");
        assert_eq!(update("apps/other.yaml", before.as_bytes(), &scope), Ok(Outcome::default()));
    }
}

#[test]
fn a_kustomize_rule_may_name_its_entries() {
    let kind = Kind::Kustomize { image: Some("web".into()) };
    let mut scope = scope(kind, Files::new("", ["apps/**/kustomization.yaml"]));
    let before = "images:\n- name: web\n  newName: old/web\n  newTag: \"1\"\n  digest: x\n";
    let after = before.replace("old/web", "ghcr.io/acme/web").replace("\"1\"", "\"1.5.0\"");
    let outcome = check(&scope, "apps/kustomization.yaml", before, &after);
    assert_eq!(
        outcome.problems[0].to_string(),
        "line 5: policy `web` has no digest; set its `spec.digestReflectionPolicy`"
    );
    let setters: Vec<_> = outcome.changes.iter().map(|(_, it)| it.setter.as_str()).collect();
    assert_eq!(setters, ["ns:web:name", "ns:web:tag"]);
    let rules = vec![Rule { policy: "pin".into(), ..scope_rule(&scope) }];
    scope = scope.with(rules);
    check(
        &scope,
        "apps/a/b/kustomization.yaml",
        before,
        &after.replace("digest: x", &format!("digest: {DIGEST}")),
    );
}

fn scope_rule(scope: &Scope) -> Rule {
    scope.rules("apps/kustomization.yaml").next().unwrap().clone()
}

#[test]
fn helm_values_are_set_by_their_keys() {
    let keys = |keys: &[(Part, &str)]| {
        keys.iter().map(|(part, key)| (*part, Key::parse(key).unwrap())).collect::<Vec<_>>()
    };
    let kind = Kind::Helm {
        keys: keys(&[
            (Part::Name, "image.repository"),
            (Part::Tag, "image.tag"),
            (Part::Digest, "image.digest"),
            (Part::Image, "sidecars[1].image"),
        ]),
    };
    let scope = scope(kind, Files::new("clusters", ["**"]));
    let values = "image:\n  repository: x\n  tag: 1.0   # by hand\nsidecars:\n- image: a:1\n- {image: \"b:1\"}\n";
    let after = "image:\n  repository: ghcr.io/acme/web\n  tag: 1.5.0   # by hand\nsidecars:\n- image: a:1\n- {image: \"ghcr.io/acme/web:1.5.0\"}\n";
    check(&scope, "clusters/a/values.yaml", values, after);
    let nested = |values: &str| {
        let values = values.replace('\n', "\n    ");
        format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec:\n  values:\n    {}\n---\nkind: Other\napiVersion: v1\nimage: {{tag: 1}}\n",
            values.trim_end()
        )
    };
    check(&scope, "clusters/release.yaml", &nested(values), &nested(after));
    let outcome = check(
        &scope,
        "clusters/b.yaml",
        "image: {tag: 1, repository: x}\n",
        "image: {tag: 1.5.0, repository: ghcr.io/acme/web}\n",
    );
    assert_eq!(
        outcome.problems[0].to_string(),
        "line 1: there is no `sidecars[1].image`; write it with the value of today, or correct the rule"
    );
    assert_eq!(update("elsewhere/values.yaml", values.as_bytes(), &scope), Ok(Outcome::default()));
}

#[test]
fn keys_are_read_as_helm_reads_them() {
    for key in ["a", "a.b", "a[0]", "a[0].b", "a[0][1]", r"a\.b.c", "[2].a"] {
        assert_eq!(Key::parse(key).map(|key| key.to_string()), Ok(key.to_owned()));
    }
    for key in ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[0]b", "a\\", "a[-1]"] {
        assert!(Key::parse(key).is_err(), "{key}");
    }
}

#[test]
fn charts_are_found_wherever_they_are_used() {
    let mut scope = scope(Kind::Chart { url: None }, Files::yaml(""));
    scope.learn(b"kind: HelmRepository\nmetadata: {name: acme, namespace: flux-system}\nspec: {type: oci, url: 'oci://ghcr.io/acme/charts/'}\n---\nkind: HelmRepository\nmetadata: {name: old, namespace: flux-system}\nspec: {url: https://charts.example.com}\n");
    let release = |source: &str, version: &str| {
        format!(
            "kind: HelmRelease\nmetadata: {{name: web, namespace: apps}}\nspec:\n  chart:\n    spec:\n      chart: web\n      version: {version}\n      sourceRef: {{kind: HelmRepository, name: {source}, namespace: flux-system}}\n"
        )
    };
    #[rustfmt::skip]
    let cases = [
        (release("acme", "1.0.0 # c"), release("acme", "1.5.0+b2 # c")),
        (release("old", "1.0.0"), release("old", "1.0.0")),
        ("kind: OCIRepository\nspec: {url: oci://ghcr.io/acme/charts/web, ref: {tag: 1.0.0}}\n".into(),
         "kind: OCIRepository\nspec: {url: oci://ghcr.io/acme/charts/web, ref: {tag: 1.5.0_b2}}\n".into()),
        ("kind: OCIRepository\nspec: {url: oci://ghcr.io/acme/charts/webs, ref: {tag: 1.0.0}}\n".into(),
         "kind: OCIRepository\nspec: {url: oci://ghcr.io/acme/charts/webs, ref: {tag: 1.0.0}}\n".into()),
        ("kind: Application\nspec:\n  sources:\n  - repoURL: ghcr.io/acme/charts\n    chart: web\n    targetRevision: 1.0.0\n  - repoURL: https://git.example.com/acme/charts/web\n    targetRevision: main\n".into(),
         "kind: Application\nspec:\n  sources:\n  - repoURL: ghcr.io/acme/charts\n    chart: web\n    targetRevision: 1.5.0+b2\n  - repoURL: https://git.example.com/acme/charts/web\n    targetRevision: main\n".into()),
        ("kind: ApplicationSet\nspec: {template: {spec: {source: {repoURL: 'oci://ghcr.io/acme/charts/web', targetRevision: 1.0.0}}}}\n".into(),
         "kind: ApplicationSet\nspec: {template: {spec: {source: {repoURL: 'oci://ghcr.io/acme/charts/web', targetRevision: 1.5.0+b2}}}}\n".into()),
        ("apiVersion: v2\nname: app\ndependencies:\n- name: web\n  version: \"1.0.0\"\n  repository: oci://ghcr.io/acme/charts\n- name: web\n  version: 1.0.0\n  repository: https://ghcr.io/acme/charts\n".into(),
         "apiVersion: v2\nname: app\ndependencies:\n- name: web\n  version: \"1.5.0+b2\"\n  repository: oci://ghcr.io/acme/charts\n- name: web\n  version: 1.0.0\n  repository: https://ghcr.io/acme/charts\n".into()),
        ("helmCharts:\n- {name: web, repo: oci://ghcr.io/acme/charts, version: v1.0.0}\n".into(),
         "helmCharts:\n- {name: web, repo: oci://ghcr.io/acme/charts, version: 1.5.0+b2}\n".into()),
    ];
    for (before, after) in cases {
        let outcome = check(&scope, "a/b.yaml", &before, &after);
        assert_eq!(outcome.problems, [], "{before}");
    }
    let ranged = check(&scope, "a.yaml", &release("acme", "1.x"), &release("acme", "1.x"));
    assert_eq!(
        ranged.problems[0].to_string(),
        "line 7: `1.x` is a range, which follows new charts by itself; write one version"
    );
}

#[test]
fn a_marker_goes_before_a_rule() {
    let scope = scope(Kind::Kustomize { image: None }, Files::kustomizations(""));
    let before =
        "images:\n- name: ghcr.io/acme/web\n  newTag: 1.0.0 # {\"$imagepolicy\": \"ns:web:tag\"}\n";
    let outcome = check(&scope, "kustomization.yaml", before, &before.replace("1.0.0", "1.5.0"));
    assert_eq!(outcome.changes.len(), 1);
}

#[test]
fn files_are_matched_by_patterns() {
    #[rustfmt::skip]
    let cases = [
        ("", "**/values.yaml",       "values.yaml", true),   ("", "**/values.yaml", "a/b/values.yaml", true),
        ("", "*/values.yaml",        "values.yaml", false),  ("", "./a/*.yaml", "a/x.yaml", true),
        ("", "a/*.yaml",             "a/b/x.yaml", false),   ("", "a/**", "a/b/x.yaml", true),
        ("apps", "**/*.yaml",        "apps/a.yaml", true),   ("apps", "**/*.yaml", "apps2/a.yaml", false),
        ("/apps/", "apps/*/v?.yaml", "apps/x/v1.yaml", true), ("", "a*b*c", "aXXbYYc", true),
        ("", "a*b*c",                "aXXbYY", false),
    ];
    for (below, pattern, path, expected) in cases {
        let files = Files::new(below, [pattern]);
        assert_eq!(files.matches(path), expected, "{pattern} below `{below}` and {path}");
        assert!(!expected || files.matches_name(path), "{pattern} {path}");
    }
}

#[test]
fn other_rules_have_another_fingerprint() {
    let rules = |image: &str| {
        let kind = Kind::Kustomize { image: Some(image.into()) };
        vec![Rule { namespace: "n".into(), policy: "p".into(), files: Files::yaml(""), kind }]
    };
    assert_eq!(fingerprint(&rules("a")), fingerprint(&rules("a")));
    assert_ne!(fingerprint(&rules("a")), fingerprint(&rules("b")));
    assert_ne!(fingerprint(&rules("a")), fingerprint(&[]));
}
