//! What of a Secret reaches the `SealedSecret`, and what must not.

use std::sync::Arc;

use super::*;
use crate::sealed::{
    key::SealingKey,
    keyring::{Keyring, Order},
};

fn keyring() -> Keyring {
    let private = include_bytes!("../../../fixtures/sealed/k2048.pem").to_vec();
    let certificate = include_bytes!("../../../fixtures/sealed/k2048.crt");
    let created = jiff::Timestamp::UNIX_EPOCH;
    let key = SealingKey::parse(&Plaintext::new(private), certificate, created).unwrap();
    Keyring::new([Arc::new(key)], Order::CertNotBefore)
}

fn sealed(secret: &Value, options: Options) -> Result<Value, Error> {
    seal(secret, options, keyring().newest().unwrap().certificate(), &mut rand::rng())
}

fn opened(sealed: &Value, scope: Scope, key: &str) -> Vec<u8> {
    let value = sealed["spec"]["encryptedData"][key].as_str().unwrap();
    keyring().unseal(&scope.label("ns", "n"), value).unwrap().value.expose().to_vec()
}

#[test]
fn string_data_wins_and_server_fields_stay_behind() {
    let sealed = sealed(
        &json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": true,
            "metadata": {
                "name": "n", "namespace": "ns", "uid": "u", "resourceVersion": "1",
                "creationTimestamp": null, "ownerReferences": [], "labels": {"a": "b"},
                "annotations": {"keep": "me", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
            },
            "data": {"a": "aGVsbG8=", "c": "AAEC", "n": null},
            "stringData": {"a": "wins"},
        }),
        Options::default(),
    )
    .unwrap();
    assert_eq!(opened(&sealed, Scope::Strict, "a"), b"wins");
    assert_eq!(opened(&sealed, Scope::Strict, "c"), [0, 1, 2]);
    assert_eq!(opened(&sealed, Scope::Strict, "n"), b"");
    assert_eq!(sealed["metadata"], json!({"name": "n", "namespace": "ns"}));
    assert_eq!(
        sealed["spec"]["template"],
        json!({
            "metadata": {"name": "n", "namespace": "ns", "labels": {"a": "b"}, "annotations": {"keep": "me"}},
            "type": "Opaque", "immutable": true,
        })
    );
}

#[test]
fn the_scope_is_annotated_on_the_object_and_its_template() {
    let secret = |annotations: Value| {
        json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "x"},
               "metadata": {"name": "n", "namespace": "ns", "annotations": annotations}})
    };
    #[rustfmt::skip]
    let cases = [
        // asked for             annotations of the Secret         scope
        (Scope::Strict,          json!({}),                        Scope::Strict),
        (Scope::NamespaceWide,   json!({}),                        Scope::NamespaceWide),
        (Scope::Strict,          json!({ CLUSTER_WIDE: "true" }),  Scope::ClusterWide),
        (Scope::NamespaceWide,   json!({ CLUSTER_WIDE: "true" }),  Scope::NamespaceWide),
    ];
    for (asked, annotations, scope) in cases {
        let options = Options { scope: asked, ..Options::default() };
        let sealed = sealed(&secret(annotations), options).unwrap();
        let expected = scope.annotation().map_or(json!(null), |key| json!({ key: "true" }));
        assert_eq!(sealed["metadata"].get("annotations").unwrap_or(&json!(null)), &expected);
        let template = &sealed["spec"]["template"]["metadata"];
        assert_eq!(template.get("annotations").unwrap_or(&json!(null)), &expected);
        assert_eq!(opened(&sealed, scope, "a"), b"x");
    }
}

#[test]
fn manifests_that_cannot_be_sealed_say_why() {
    let named = json!({"name": "n", "namespace": "ns"});
    let secret = |body: Value| {
        let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": named});
        secret.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        secret
    };
    #[rustfmt::skip]
    let cases = [
        (json!({"apiVersion": "v1", "kind": "ConfigMap"}),           "expected a v1 Secret but found `v1` `ConfigMap`"),
        (json!({}),                                                  "expected a v1 Secret but found an object without `apiVersion` and `kind`"),
        (secret(json!({"metadata": {}})),                            "missing metadata.name in input Secret"),
        (secret(json!({"metadata": {"name": "n"}})),                 "the Secret has no namespace, so it cannot be sealed with scope `strict`"),
        (secret(json!({})),                                          "secret.data is empty in input Secret, assuming this is an error and aborting"),
        (secret(json!({"data": {"k": "p4ss!"}})),                    "`data.k` is not base64 text"),
        (secret(json!({"stringData": {"k": 5}})),                    "`stringData.k` is not text; put it in quotes"),
        (secret(json!({"data": "x"})),                               "`data` is not a map"),
    ];
    for (secret, message) in cases {
        let error = sealed(&secret, Options::default()).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let empty = Options { empty_allowed: true, ..Options::default() };
    assert_eq!(sealed(&secret(json!({})), empty).unwrap()["spec"]["encryptedData"], json!({}));
}
