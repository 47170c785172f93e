//! What the definitions promise.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;

use super::*;

#[test]
fn every_image_kind_is_served_in_three_versions_of_one_schema() {
    for crd in &crds()[..3] {
        let names: Vec<_> = crd.spec.versions.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, IMAGE_VERSIONS);
        let stored: Vec<_> = crd.spec.versions.iter().filter(|it| it.storage).collect();
        assert_eq!(stored.len(), 1);
        assert_eq!(stored[0].name, "v1");
        assert!(crd.spec.versions.iter().all(|it| it.schema == crd.spec.versions[0].schema));
        assert!(crd.spec.versions.iter().all(|it| it.subresources.is_some()));
    }
}

#[test]
fn definitions_are_as_pinned() {
    let mut all = crds();
    all.push(git_repository_crd());
    for mut crd in all {
        let name = crd.spec.names.kind.clone();
        // The versions share one schema, which the test above holds; one is enough to read.
        crd.spec.versions.truncate(1);
        insta::assert_json_snapshot!(name, crd);
    }
}

#[test]
fn every_field_explains_itself() {
    let mut all = crds();
    all.push(git_repository_crd());
    for crd in all {
        let root = crd.spec.versions[0].schema.clone().and_then(|it| it.open_api_v3_schema);
        let mut silent = Vec::new();
        for part in ["spec", "status"] {
            let schema = root.as_ref().and_then(|it| it.properties.as_ref()?.get(part));
            explain(schema.expect("both parts are there"), part, &mut silent);
        }
        assert_eq!(silent, Vec::<String>::new(), "of {}", crd.spec.names.kind);
    }
}

/// Collects the paths below `schema` that `kubectl explain` would have nothing to say about.
fn explain(schema: &JSONSchemaProps, path: &str, silent: &mut Vec<String>) {
    if schema.description.is_none() {
        silent.push(path.to_owned());
    }
    for (name, child) in schema.properties.iter().flatten() {
        explain(child, &format!("{path}.{name}"), silent);
    }
}

#[test]
fn a_rule_says_the_same_in_rust_as_its_message() {
    let policy =
        |yaml: &str| -> ImagePolicySpec { serde_json::from_str(yaml).expect("the case is a spec") };
    #[rustfmt::skip]
    let cases = [
        (r#"{"imageRepositoryRef":{"name":"a"},"policy":{}}"#, None),
        (r#"{"imageRepositoryRef":{"name":"a"},"policy":{},"interval":"1m"}"#, Some(image_policy::RULES[0].message)),
        (r#"{"imageRepositoryRef":{"name":"a"},"policy":{},"digestReflectionPolicy":"IfNotPresent","interval":"1m"}"#, Some(image_policy::RULES[0].message)),
        (r#"{"imageRepositoryRef":{"name":"a"},"policy":{},"digestReflectionPolicy":"Always"}"#, Some(image_policy::RULES[1].message)),
        (r#"{"imageRepositoryRef":{"name":"a"},"policy":{},"digestReflectionPolicy":"Always","interval":"1m"}"#, None),
        (r#"{"imageRepositoryRef":{"name":"a"},"policy":{},"exclude":[{"tag":"a"},{"range":"1.x"}]}"#, None),
        (r#"{"imageRepositoryRef":{"name":"a"},"policy":{},"exclude":[{}]}"#, Some(image_policy::RULES[2].message)),
        (r#"{"imageRepositoryRef":{"name":"a"},"policy":{},"exclude":[{"tag":"a","range":"1.x"}]}"#, Some(image_policy::RULES[2].message)),
        (r#"{"imageRepositoryRef":{"name":"a"},"policy":{},"verify":{"secretRef":{"name":"k"}}}"#, None),
        (r#"{"imageRepositoryRef":{"name":"a"},"policy":{},"verify":{}}"#, Some(image_policy::RULES[3].message)),
        (r#"{"imageRepositoryRef":{"name":"a"},"policy":{},"verify":{"trustedRootSecretRef":{"name":"k"}}}"#, Some(image_policy::RULES[4].message)),
    ];
    for (spec, message) in cases {
        let broken = rule::check(image_policy::RULES, &policy(spec)).err();
        assert_eq!(broken.map(|it| it.0), message, "{spec}");
    }
}

#[test]
fn a_pull_request_excludes_what_contradicts_it() {
    let automation = |git: &str| -> ImageUpdateAutomationSpec {
        let spec = format!(
            r#"{{"interval":"1m","sourceRef":{{"name":"a"}},"git":{{"commit":{{"author":{{"email":"a@b"}}}},{git}}}}}"#
        );
        serde_json::from_str(&spec).expect("the case is a spec")
    };
    #[rustfmt::skip]
    let cases = [
        (r#""push":{"refspec":"a:b"}"#, None),
        (r#""pullRequest":{"provider":"gitea"}"#, None),
        (r#""pullRequest":{"provider":"gitea"},"push":{"refspec":"a:b"}"#, Some(image_update_automation::RULES[0].message)),
        (r#""pullRequest":{"provider":"github","branch":"b","baseBranch":"b"}"#, Some(image_update_automation::RULES[1].message)),
        (r#""pullRequest":{"provider":"github","branch":"b","baseBranch":"c"}"#, None),
    ];
    for (git, message) in cases {
        let broken = rule::check(image_update_automation::RULES, &automation(git)).err();
        assert_eq!(broken.map(|it| it.0), message, "{git}");
    }
}
