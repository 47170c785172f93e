//! What the definitions and the seed manifests must keep true.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use super::*;
use crate::external_secret::ExternalSecretSpec;
use crate::git_secret_sync::GitSecretSyncSpec;
use crate::sealed_secret::SealedSecretSpec;
use crate::secret_store::SecretStoreSpec;

#[test]
fn the_definitions_are_what_is_installed() {
    for crd in crds() {
        insta::assert_yaml_snapshot!(crd.spec.names.kind.to_lowercase(), crd);
    }
}

#[test]
fn both_versions_of_an_external_kind_are_served_and_v1_is_stored() {
    for crd in crds().iter().filter(|crd| crd.spec.group == "external-secrets.io") {
        let versions: Vec<_> = crd
            .spec
            .versions
            .iter()
            .map(|version| (version.name.as_str(), version.served, version.storage))
            .collect();
        assert_eq!(versions, [("v1", true, true), ("v1beta1", true, false)]);
    }
}

#[test]
fn every_field_is_explained() {
    for crd in crds() {
        let schema = schema(&crd);
        let mut silent = Vec::new();
        unexplained(&schema, &mut vec![crd.spec.names.kind.clone()], &mut silent);
        assert!(silent.is_empty(), "no description: {silent:?}");
    }
}

/// Collects the paths below `schema` whose properties have no description.
fn unexplained(schema: &Value, path: &mut Vec<String>, silent: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        path.push(name.clone());
        let server_owned =
            path.len() == 2 && ["apiVersion", "kind", "metadata"].contains(&name.as_str());
        if property["description"].is_null() && !server_owned {
            silent.push(path.join("."));
        }
        unexplained(property, path, silent);
        unexplained(&property["items"], path, silent);
        path.pop();
    }
}

fn schema(crd: &CustomResourceDefinition) -> Value {
    let version = &crd.spec.versions[0];
    serde_json::to_value(
        version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()),
    )
    .expect("a schema is JSON")
}

#[test]
fn one_table_holds_the_rules_of_the_schema_and_their_twins() {
    #[rustfmt::skip]
    let rules = [
        // kind              rule                                              breaks it
        ("GitSecretSync",    "has(self.sourceRef) != has(self.git)",           json!({"decryption": {}})),
        ("GitSecretSync",    "has(self.sourceRef) != has(self.git)",           json!({"decryption": {}, "git": {"url": "https://a"}, "sourceRef": {"name": "a"}})),
        ("ExternalSecret",   "size(self.data) > 0",                            json!({"secretStoreRef": {"name": "a"}})),
        ("ExternalSecret",   "has(self.extract) ? !has(self.find)",                           json!({"secretStoreRef": {"name": "a"}, "dataFrom": [{}]})),
        ("ExternalSecret",   "has(self.extract) ? !has(self.find)",                           json!({"secretStoreRef": {"name": "a"}, "dataFrom": [{"extract": {"key": "a"}, "find": {}}]})),
        ("SecretStore",      "maxProperties",                                  json!({"provider": {"aws": {}, "vault": {"server": "https://a"}}})),
        ("SecretStore",      "minProperties",                                  json!({"provider": {}})),
    ];
    for (kind, rule, spec) in rules {
        let crd =
            crds().into_iter().find(|crd| crd.spec.names.kind == kind).expect("the kind is served");
        assert!(schema(&crd).to_string().contains(rule), "{kind} has no rule `{rule}`");
        assert_eq!(violations(kind, spec.clone()).len(), 1, "{kind} {spec}");
    }
}

fn violations(kind: &str, spec: Value) -> Vec<Violation> {
    fn read<T: serde::de::DeserializeOwned>(spec: Value) -> T {
        serde_json::from_value(spec).expect("every spec decodes")
    }
    match kind {
        "SealedSecret" => read::<SealedSecretSpec>(spec).violations(true),
        "GitSecretSync" => read::<GitSecretSyncSpec>(spec).violations("apps"),
        "SecretStore" => read::<SecretStoreSpec>(spec).violations("apps"),
        "ExternalSecret" => read::<ExternalSecretSpec>(spec).violations(),
        other => panic!("no kind {other}"),
    }
}

#[test]
fn a_violation_names_the_field_and_the_remedy() {
    #[rustfmt::skip]
    let cases = [
        ("SealedSecret",   json!({"encryptedData": {"a": 1}}),                      "`spec.encryptedData.a` is not a string"),
        ("SealedSecret",   json!({"encryptedData": {"a": "AgB"}, "data": "AgB"}),   "`spec.data` is too much: cannot use the field 'encryptedData' and"),
        ("GitSecretSync",  json!({"git": {"url": "u"}, "decryption": {"provider": "x"}}),                    "`spec.decryption.provider` must be `sops`"),
        ("GitSecretSync",  json!({"git": {"url": "u"}, "decryption": {}, "targetNamespace": "other"}),       "`spec.targetNamespace` is another namespace"),
        ("GitSecretSync",  json!({"git": {"url": "u"}, "decryption": {}, "interval": "5"}),                  "`spec.interval` must be a positive duration"),
        ("GitSecretSync",  json!({"git": {"url": "u"}, "decryption": {}, "path": "../x"}),                   "`spec.path` must stay inside"),
        ("GitSecretSync",  json!({"git": {"url": "u"}, "decryption": {"serviceAccountName": "x"}}),          "`spec.decryption.serviceAccountName` is not supported yet"),
        ("GitSecretSync",  json!({"git": {"url": "u"}, "decryption": {}, "kinds": ["ConfigMap"]}),           "`spec.kinds` asks for ConfigMap"),
        ("GitSecretSync",  json!({"sourceRef": {"kind": "Bucket", "name": "b"}, "decryption": {}}),          "`spec.sourceRef.kind` must be `GitRepository`"),
        ("SecretStore",    json!({"provider": {"aws": {"region": "x"}}}),           "`spec.provider.aws` is a provider that is not supported yet"),
        ("SecretStore",    json!({"provider": {"vault": {"server": "u"}}}),         "`spec.provider.vault.auth` is missing"),
        ("SecretStore",    json!({"provider": {"vault": {"server": "u", "auth": {"appRole": {}}}}}),         "`spec.provider.vault.auth.appRole` is a login method"),
        ("SecretStore",    json!({"provider": {"vault": {"server": "u", "version": "v1", "auth": {"tokenSecretRef": {"name": "t", "key": "k"}}}}}), "`spec.provider.vault.version` is `v1`"),
        ("ExternalSecret", json!({"secretStoreRef": {"name": "s"}, "data": [{"secretKey": "a b", "remoteRef": {"key": "k"}}]}), "`spec.data[0].secretKey` must be"),
        ("ExternalSecret", json!({"secretStoreRef": {"name": "s"}, "refreshInterval": "x", "data": [{"secretKey": "a", "remoteRef": {"key": "k"}}]}), "`spec.refreshInterval` must be a duration"),
        ("ExternalSecret", json!({"secretStoreRef": {"name": "s"}, "target": {"template": {}}, "data": [{"secretKey": "a", "remoteRef": {"key": "k"}}]}), "`spec.target.template` is not supported yet"),
    ];
    for (kind, spec, expected) in cases {
        let said: Vec<_> = violations(kind, spec.clone()).iter().map(ToString::to_string).collect();
        assert!(matches!(&said[..], [one] if one.starts_with(expected)), "{kind} {spec}: {said:?}");
    }
}

#[test]
fn the_format_of_2017_can_be_turned_off() {
    let old: SealedSecretSpec = serde_json::from_value(json!({"data": "AgB"})).expect("it decodes");
    assert_eq!(old.violations(true), []);
    assert!(old.violations(false)[0].to_string().starts_with("`spec.data` is the format of 2017"));
}

#[test]
fn the_defaults_are_those_that_the_descriptions_state() {
    let sync: GitSecretSyncSpec =
        serde_json::from_value(json!({"git": {"url": "https://a"}})).expect("it decodes");
    assert_eq!((sync.path.as_str(), sync.interval.as_str(), sync.prune), ("./", "10m", true));
    assert_eq!(sync.kinds, [git_secret_sync::Kind::Secret]);
    assert_eq!(sync.violations("apps"), []);
    let external: ExternalSecretSpec = serde_json::from_value(json!({})).expect("it decodes");
    assert_eq!(external.refresh_interval, "1h0m0s");
}

#[test]
fn the_seed_manifests_decode_as_written() {
    let seeds = include_str!("tests/seeds.yaml");
    let documents =
        yaml::json::documents(seeds, yaml::Schema::Kubernetes).expect("the seeds are YAML");
    let mut said = Vec::new();
    for document in &documents {
        let kind = document["kind"].as_str().expect("a kind");
        // Kustomization is Flux's own.
        if kind != "Kustomization" {
            let broken = violations(kind, document["spec"].clone());
            said.push((kind, broken.iter().map(ToString::to_string).collect::<Vec<_>>()));
        }
    }
    insta::assert_debug_snapshot!(said);
}
