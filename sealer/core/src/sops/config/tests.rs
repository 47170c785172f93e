//! Which rule is for a file, and for whom each kind of rule encrypts.

use super::*;

const A: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
const B: &str = "age1tgyuvdlmpejqsdf847hevurz9szk7vf3j7ytfyqecgzvphvu2d8qrtaxl6";

fn creation(config: &str, path: &str) -> Result<Creation, Error> {
    Config::parse(config)?.creation(path)
}

#[test]
fn the_first_rule_whose_path_matches_counts() {
    let config = format!(
        "creation_rules:\n- path_regex: .*/production/.*\\.yaml\n  encrypted_regex: ^(data|stringData)$\n  age: >-\n    {A},\n    {B},\n- path_regex: ^dev/\n  age:\n  - {A}\n  - {B}\n  mac_only_encrypted: true\n- age: {A}\n"
    );
    #[rustfmt::skip]
    let cases = [
        // path                     recipients  rule                  MAC over encrypted only
        ("apps/production/a.yaml",  2,          "encrypted_regex",    false),
        ("dev/a.yaml",              2,          "unencrypted_suffix", true),
        ("other.yaml",              1,          "unencrypted_suffix", false),
    ];
    for (path, recipients, selector, mac_only_encrypted) in cases {
        let creation = creation(&config, path).unwrap();
        assert_eq!(creation.recipients.len(), recipients, "{path}");
        assert_eq!(creation.selector.field().0, selector, "{path}");
        assert_eq!(creation.mac_only_encrypted, mac_only_encrypted, "{path}");
    }
}

#[test]
fn rules_that_cannot_be_used_say_which_and_why() {
    #[rustfmt::skip]
    let cases = [
        ("creation_rules: []",                              "error loading config: no matching creation rules found"),
        ("creation_rules:\n- path_regex: ^b",               "error loading config: no matching creation rules found"),
        ("creation_rules: {}",                              "`creation_rules` is not a list"),
        ("creation_rules: [x]",                             "`creation_rules[0]` is not a map"),
        ("creation_rules:\n- path_regex: (",                "`creation_rules[0].path_regex` cannot be used"),
        ("creation_rules:\n- pgp: AB",                      "`creation_rules[0].pgp` is not supported; encrypt for `age` recipients"),
        ("creation_rules:\n- age: nobody",                  "`creation_rules[0].age` cannot be used"),
        ("creation_rules:\n- age: {}",                      "`creation_rules[0].age` is not text"),
        ("creation_rules:\n- encrypted_regex: (",           "`creation_rules[0]` cannot be used"),
        ("creation_rules:\n- path_regex: ^b\n  pgp: AB\n- kms: x", "`creation_rules[1].kms` is not supported; encrypt for `age` recipients"),
    ];
    for (config, message) in cases {
        assert_eq!(creation(config, "a.yaml").unwrap_err().to_string(), message, "{config}");
    }
}

const CONTEXT: BTreeMap<String, String> = BTreeMap::new();

#[test]
fn keys_of_every_kind_and_in_every_spelling() {
    let config = format!(
        "keys:
- &a {A}
creation_rules:
- path_regex: ^flat/
  age: [*a, '{B},']
  pgp: |-
    AB CD,
    EF,
  kms: arn:aws:kms:x+arn:aws:iam:y
  aws_profile: p
  gcp_kms: projects/p
  hckms: [eu:1]
  azure_keyvault: https://v/keys/n/1
  hc_vault_transit_uri: http://h:8200/v1/transit/keys/k
- path_regex: ^groups/
  shamir_threshold: 2
  key_groups:
  - merge:
    - pgp: [AB]
      merge:
      - age: [*a]
    age: [*a, {B}]
  - kms: [{{arn: a, role: r, context: {{x: y}}, aws_profile: p}}]
    gcp_kms: [{{resource_id: g}}]
    hckms: [{{key_id: 'eu:2'}}]
    azure_keyvault: [{{vaultUrl: https://v, key: n, version: '2'}}]
    hc_vault: ['http://h/v1/e/keys/k']
- path_regex: ^empty
  key_groups: []
"
    );
    let config = Config::parse(&config).unwrap();
    let shown = |path: &str, context: &BTreeMap<String, String>| {
        let groups = config.rule(path, context).unwrap().groups;
        let shown = |keys: &Vec<MasterKey>| keys.iter().map(MasterKey::to_string).collect();
        groups.iter().map(shown).collect::<Vec<Vec<String>>>()
    };
    let context = [("c".to_owned(), "d".to_owned())].into();
    let flat = shown("flat/x", &context);
    let aws = "arn:aws:kms:x+arn:aws:iam:y|c:d|p";
    let vault = "http://h:8200/v1/transit/keys/k";
    let expected = [A, B, "ABCD", "EF", aws, "projects/p", "eu:1", "https://v/keys/n/1", vault];
    assert_eq!(flat, [expected.map(str::to_owned).to_vec()]);
    let groups = shown("groups/x", &context);
    assert_eq!(groups[0], [A, "AB", B], "merged, and nobody twice");
    assert_eq!(groups[1], ["a+r|x:y|p", "g", "eu:2", "https://v/keys/n/2", "http://h/v1/e/keys/k"]);
    assert_eq!(config.rule("groups/x", &CONTEXT).unwrap().threshold, Some(2));
    assert_eq!(shown("empty", &CONTEXT), [Vec::<String>::new()]);
}

#[test]
fn destinations_and_layout() {
    let config = "destination_rules:
- {path_regex: ^s3/, s3_bucket: b, s3_prefix: p/, omit_extensions: true}
- {path_regex: ^gcs/, gcs_bucket: b, recreation_rule: {pgp: AB}}
- {path_regex: ^two/, gcs_bucket: b, vault_path: p}
- {path_regex: ^none/}
- {path_regex: ^v/, vault_path: p, vault_kv_version: 1}
stores: {yaml: {indent: 2}, json: {indent: -1}}
";
    let config = Config::parse(config).unwrap();
    assert!(config.is_empty());
    let s3 = config.destination("s3/x").unwrap();
    assert_eq!(s3.target, Target::S3 { bucket: "b".into(), prefix: "p/".into() });
    assert!(s3.omit_extensions && s3.recreation.is_none());
    let recreation = config.destination("gcs/x").unwrap().recreation.unwrap();
    assert_eq!(recreation.groups, [[MasterKey::pgp("AB")]]);
    let (address, path, mount) = (String::new(), "p".to_owned(), "secret/".to_owned());
    let vault = Target::Vault { address, path, mount, version: 1 };
    assert_eq!(config.destination("v/x").unwrap().target, vault);
    assert_eq!(config.destination("two/x").unwrap_err(), Error::TwoTargets);
    assert_eq!(config.destination("none/x").unwrap_err(), Error::NoTarget { rule: 3 });
    assert_eq!(config.destination("x").unwrap_err(), Error::NoDestination);
    let stores = Stores { yaml_indent: Some(2), json_indent: Some(-1), json_binary_indent: None };
    assert_eq!(config.stores(), &stores);
}

#[test]
fn keys_that_cannot_be_used_say_which() {
    #[rustfmt::skip]
    let cases = [
        ("encrypted_regex: a\n  encrypted_suffix: b",  Error::TwoSelectors.to_string()),
        ("azure_keyvault: x",                          "`creation_rules[0].azure_keyvault` cannot be used".to_owned()),
        ("hc_vault_transit_uri: [x]",                  "`creation_rules[0].hc_vault_transit_uri` cannot be used".to_owned()),
        ("key_groups: [{kms: [{role: x}]}]",           "`creation_rules[0].key_groups[0].kms[0].arn` is not text".to_owned()),
        ("key_groups: [{age: [x]}]",                   "`creation_rules[0].key_groups[0].age` cannot be used".to_owned()),
        ("shamir_threshold: x",                        "`creation_rules[0].shamir_threshold` is not a whole number".to_owned()),
        ("pgp: [1]",                                   "`creation_rules[0].pgp` is not text".to_owned()),
    ];
    for (rule, message) in cases {
        let config = Config::parse(&format!("creation_rules:\n- {rule}\n")).unwrap();
        assert_eq!(config.rule("x", &CONTEXT).unwrap_err().to_string(), message, "{rule}");
    }
}
