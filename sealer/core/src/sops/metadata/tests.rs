//! Blocks of every kind of key, in every encoding, and blocks that cannot be used.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::*;
use crate::sops::key::Kind;

fn wrapped(key: MasterKey) -> Wrapped {
    let created_at = (key.kind() != Kind::Age).then(|| "2026-01-02T03:04:05Z".to_owned());
    Wrapped { key, enc: "line one\nline two\n".to_owned(), created_at }
}

fn every_kind() -> Group {
    let context = [("app".to_owned(), "a: b".to_owned())].into();
    let keys = [
        MasterKey::aws_kms("arn:aws:kms:x+arn:aws:iam:y", &context, Some("p")),
        MasterKey::aws_kms("arn:aws:kms:z", &BTreeMap::new(), None),
        MasterKey::gcp_kms("projects/p"),
        MasterKey::huawei_kms("eu:1").unwrap(),
        MasterKey::azure_key_vault("https://v/keys/n/1").unwrap(),
        MasterKey::vault("http://h/v1/transit/keys/k").unwrap(),
        MasterKey::pgp("ABCD"),
        MasterKey::age("age1x"),
        MasterKey::age("age1y"),
    ];
    Group(keys.map(wrapped).into())
}

fn metadata(groups: Vec<Group>) -> Metadata {
    Metadata {
        groups,
        threshold: None,
        modified: "2026-01-02T03:04:05Z".to_owned(),
        mac: Some("ENC[AES256_GCM,data:,iv:,tag:,type:str]".to_owned()),
        selector: Selector::default(),
        mac_only_encrypted: false,
        version: Some("3.13.3".to_owned()),
        layout: None,
    }
}

fn read_yaml(block: &str) -> Result<Metadata, Error> {
    let documents = yaml::parse(block).unwrap();
    Metadata::read(&documents[0].root)
}

#[test]
fn every_field_survives_every_encoding() {
    let age = || Group(vec![wrapped(MasterKey::age("age1x"))]);
    let split = Metadata {
        threshold: Some(2),
        mac_only_encrypted: true,
        layout: Some("ENC[AES256_GCM,data:AA==,iv:,tag:,type:bytes]".to_owned()),
        selector: Selector::EncryptedSuffix("true".to_owned()),
        ..metadata(vec![every_kind(), age(), age()])
    };
    for metadata in [metadata(vec![every_kind()]), metadata(vec![age()]), split] {
        let block = metadata.block("  ", "\n");
        assert_eq!(read_yaml(&block).unwrap(), metadata, "{block}");
        assert_eq!(read_yaml(&format!("{{{}}}", metadata.flow())).unwrap(), metadata);
        let pretty = metadata.field().json_text("", Some("\t"));
        let compact: Json = serde_json::from_str(&pretty).unwrap();
        assert_eq!(compact, metadata.field().json());
        let flat = flatten(&metadata.field());
        let pairs = flat.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let read = Metadata::from_field(&unflatten(pairs).unwrap()).unwrap();
        assert_eq!(read, metadata);
    }
}

#[test]
fn one_group_stands_at_the_top_and_several_in_a_list() {
    let one = metadata(vec![Group(vec![wrapped(MasterKey::age("age1x"))])]).field().json();
    assert_eq!(one["age"][0]["recipient"], json!("age1x"));
    let pgp = Group(vec![wrapped(MasterKey::pgp("AB"))]);
    let two = metadata(vec![pgp.clone(), pgp]).field().json();
    assert_eq!(two["age"], Json::Null);
    let group = &two["key_groups"][1];
    assert_eq!(
        (&group["age"], &group["hc_vault"], &group["kms"]),
        (&json!([]), &json!([]), &Json::Null)
    );
}

#[test]
fn files_of_old_versions_are_read() {
    let text = "sops:\n    kms: []\n    gcp_kms: null\n    pgp:\n    -   fp: AB\n        created_at: '2016-01-01T00:00:00Z'\n        enc: |\n            x\n    lastmodified: 2016-01-01T00:00:00Z\n    mac: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]\n    version: 1.6\n";
    let read = read_yaml(text).unwrap();
    assert_eq!(read.key_kinds(), ["pgp"]);
    assert_eq!(read.modified, "2016-01-01T00:00:00Z", "byte for byte");
    assert_eq!(read.version.as_deref(), Some("1.6"));
}

#[test]
fn blocks_that_cannot_be_used_say_why() {
    #[rustfmt::skip]
    let cases = [
        ("a: b",                                                  "sops metadata not found"),
        ("sops: x",                                               "`sops` is not a map"),
        ("sops: {}",                                              "`sops` names no key at all; the file cannot be opened"),
        ("sops: {age: x}",                                        "`sops.age` is not a list"),
        ("sops: {age: [x]}",                                      "`sops.age[0].enc` is not text"),
        ("sops: {pgp: [{enc: x}]}",                               "`sops.pgp[0].fp` is not text"),
        ("sops: {key_groups: [{age: [{enc: x}]}]}",               "`sops.key_groups[0].age[0].recipient` is not text"),
        ("sops: {kms: [{enc: x, arn: y, context: [z]}]}",         "`sops.kms[0].context` is not a map"),
        ("sops: {shamir_threshold: x, age: [{enc: x, recipient: y}]}", "`sops.shamir_threshold` is not a whole number"),
        ("sops: {mac_only_encrypted: 3, age: [{enc: x, recipient: y}]}", "`sops.mac_only_encrypted` is not `true` or `false`"),
        ("sops: {encrypted_regex: (}",                            "the rule in `sops` cannot be used"),
    ];
    for (block, message) in cases {
        assert_eq!(read_yaml(block).unwrap_err().to_string(), message, "{block}");
    }
    for flat in [&["a", "a__map_b"][..], &["a__list_1"], &["a__list_0", "a__map_b"], &["a", "a"]] {
        let unflattened = unflatten(flat.iter().map(|name| (*name, "")));
        assert!(matches!(unflattened, Err(Error::Flat(_))), "{flat:?}");
    }
}
