//! `sealctl seal` and `sealctl cert`.

use sealer_core::{
    plaintext::Plaintext,
    sealed::{
        key::SealingKey,
        keyring::{Keyring, Order},
        scope::Scope,
    },
};
use serde_json::Value;

use super::*;

const SECRET: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: n, namespace: ns}\nstringData: {k: v}\n";

fn cert() -> String {
    fixture("sealed/k2048.crt")
}

fn keyring() -> Keyring {
    let read = |name| fs::read(fixture(name)).unwrap();
    let private = Plaintext::new(read("sealed/k2048.pem"));
    let created = jiff::Timestamp::UNIX_EPOCH;
    let key = SealingKey::parse(&private, &read("sealed/k2048.crt"), created).unwrap();
    Keyring::new([key.into()], Order::CertNotBefore)
}

fn opened(scope: Scope, value: &str) -> String {
    let unsealed = keyring().unseal(&scope.label("ns", "n"), value).unwrap();
    String::from_utf8(unsealed.value.expose().to_vec()).unwrap()
}

fn parsed(text: &str) -> Vec<Value> {
    yaml::json::documents(text, yaml::Schema::GoYaml3).unwrap()
}

#[test]
fn a_secret_is_sealed_in_the_format_in_which_it_came() {
    let yaml = sealctl(&format!("seal --cert {}", cert()), SECRET).product();
    assert!(
        yaml.starts_with("---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n"),
        "{yaml}"
    );
    let value = parsed(&yaml)[0]["spec"]["encryptedData"]["k"].as_str().unwrap().to_owned();
    assert_eq!(opened(Scope::Strict, &value), "v");

    let json = serde_json::to_string(&parsed(SECRET)[0]).unwrap();
    for input in [
        json.clone(),
        format!("{json}\n{json}"),
        format!(r#"{{"kind":"SecretList","items":[{json},{json}]}}"#),
    ] {
        let sealed = sealctl(&format!("seal --cert {}", cert()), &input).product();
        let objects: Vec<Value> = serde_json::Deserializer::from_str(&sealed)
            .into_iter()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(objects.len(), 1 + usize::from(input != json));
        assert_eq!(objects[0]["kind"], "SealedSecret");
    }
    let forced = sealctl(&format!("seal -o yaml --cert {}", cert()), &json).product();
    assert!(forced.starts_with("---\n"));
}

#[test]
fn every_document_of_a_stream_is_sealed() {
    let two = format!("{SECRET}---\n# nothing\n---\n{}", SECRET.replace("name: n,", "name: m,"));
    let sealed = parsed(&sealctl(&format!("seal --cert {}", cert()), &two).product());
    let names: Vec<&str> =
        sealed.iter().map(|object| object["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["n", "m"]);
}

#[test]
fn flags_say_where_a_secret_will_be() {
    let nowhere = SECRET.replace(", namespace: ns", "");
    #[rustfmt::skip]
    let cases = [
        // flags                                       input      scope
        ("--namespace ns",                             &nowhere,  Scope::Strict),
        ("--namespace ns --name n",                    &nowhere,  Scope::Strict),
        ("--namespace ns --scope namespace-wide",      &nowhere,  Scope::NamespaceWide),
        ("--scope cluster-wide",                       &nowhere,  Scope::ClusterWide),
    ];
    for (flags, input, scope) in cases {
        let sealed = sealctl(&format!("seal --cert {} {flags}", cert()), input).product();
        let value = parsed(&sealed)[0]["spec"]["encryptedData"]["k"].as_str().unwrap().to_owned();
        assert_eq!(opened(scope, &value), "v", "{flags}");
    }
}

#[test]
fn a_bare_value_is_sealed_with_its_line_break() {
    let folder = folder();
    let file = write(&folder, "a=b", "s3cret\n");
    let seal = format!("seal --raw --cert {} --namespace ns --name n", cert());
    assert_eq!(opened(Scope::Strict, &sealctl(&seal, "s3cret\n").product()), "s3cret\n");
    let from = format!("{seal} --from-file {}", file.display());
    assert_eq!(opened(Scope::Strict, &sealctl(&from, "").product()), "s3cret\n");
    let plain = write(&folder, "plain", "x");
    let from = format!("{seal} --from-file key={}", plain.display());
    assert_eq!(opened(Scope::Strict, &sealctl(&from, "").product()), "x");
}

#[test]
fn a_failure_leaves_the_output_file_alone() {
    let folder = folder();
    let out = write(&folder, "out.yml", "old");
    let seal = format!("seal --cert {} -w {}", cert(), out.display());
    sealctl(&seal, "kind: ConfigMap").failure();
    assert_eq!(fs::read_to_string(&out).unwrap(), "old");
    let json = serde_json::to_string(&parsed(SECRET)[0]).unwrap();
    sealctl(&seal, &json).product();
    assert!(fs::read_to_string(&out).unwrap().starts_with("---\n"), "the name asks for YAML");
}

#[test]
fn failures_explain_themselves() {
    let seal = |flags: &str, input: &str| {
        sealctl(&format!("seal --cert {} {flags}", cert()), input).failure()
    };
    let unnamed = SECRET.replace("name: n, ", "");
    insta::assert_snapshot!(seal("", &SECRET.replace(", namespace: ns", "")), @r"
    sealctl: error: the Secret has no namespace, so it cannot be sealed with scope `strict`
    sealctl: hint: set `metadata.namespace`, pass `--namespace`, or pass `--scope cluster-wide` if you mean it
    ");
    insta::assert_snapshot!(seal("", &unnamed), @r"
    sealctl: error: missing metadata.name in input Secret
    sealctl: hint: set `metadata.name`, or pass `--name`
    ");
    insta::assert_snapshot!(seal("", ""), @"sealctl: error: no secrets found. Ensure the input is valid and UTF-8 encoded");
    insta::assert_snapshot!(seal("", "kind: Pod\napiVersion: v1"), @"sealctl: error: expected a v1 Secret but found `v1` `Pod`");
    insta::assert_snapshot!(seal("", "a: [b"), @"sealctl: error: could not read standard input: line 1, column 4: not YAML: unclosed bracket '['");
    insta::assert_snapshot!(seal("", &SECRET.replace("{k: v}", "{}")), @r"
    sealctl: error: secret.data is empty in input Secret, assuming this is an error and aborting
    sealctl: hint: to work with empty data, --allow-empty-data can be used
    ");
    insta::assert_snapshot!(seal("--namespace other", SECRET), @r#"sealctl: error: namespace mismatch: input secret is in namespace "ns" but "other" was specified"#);
    insta::assert_snapshot!(seal("--raw --namespace ns", "x"), @"sealctl: error: must provide the --name flag with --raw and --scope strict");
}

#[test]
fn certificates_that_cannot_be_used_say_why() {
    let folder = folder();
    let garbage = write(&folder, "garbage.pem", "hello");
    let with = |path: &str| {
        let shown = sealctl(&format!("seal --cert {path}"), SECRET).failure();
        shown.replace(path, "FILE")
    };
    insta::assert_snapshot!(with(garbage.to_str().unwrap()), @"sealctl: error: could not use the certificate in `FILE`: there is no PEM block `CERTIFICATE`");
    insta::assert_snapshot!(with(&fixture("sealed/ec.crt")), @"sealctl: error: could not use the certificate in `FILE`: expected an RSA public key of 2048 to 8192 bits but found an EC key");
    insta::assert_snapshot!(with("/nonexistent"), @"sealctl: error: could not read `FILE`: No such file or directory (os error 2)");

    let past = "2020-01-01T00:00:00Z".parse().unwrap();
    let made = sealer_core::sealed::certificate::generate(
        "",
        past,
        jiff::SignedDuration::from_hours(1),
        &mut rand::rng(),
    );
    let expired = write(&folder, "expired.pem", &made.unwrap().certificate);
    insta::assert_snapshot!(with(expired.to_str().unwrap()), @r"
    sealctl: error: failed to encrypt: the certificate expired on January 1, 2020
    sealctl: hint: fetch the newest one with `sealctl cert`
    ");
}

#[test]
fn the_key_of_a_local_directory_is_found_in_its_state() {
    let (manifests, state) = (folder(), folder());
    let cert = format!(
        "cert --local {} --state-dir {}",
        manifests.path().display(),
        state.path().display()
    );
    let missing = sealctl(&cert, "").failure();
    let missing = missing.replace(manifests.path().to_str().unwrap(), "DIR");
    let missing = missing.replace(state.path().to_str().unwrap(), "STATE");
    insta::assert_snapshot!(missing, @r"
    sealctl: error: there is no sealing key for `DIR`
    sealctl: hint: start `sealer --local DIR` once, which makes a key below `STATE`; if its state is elsewhere, pass `--state-dir`
    ");

    let pem = fs::read_to_string(fixture("sealed/k2048.crt")).unwrap();
    let encoded = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &pem);
    let key = |label: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: k\n  labels:\n    sealedsecrets.bitnami.com/sealed-secrets-key: {label}\ndata:\n  tls.crt: {encoded}\n"
        )
    };
    write(&state, "sealer/secrets/kube-system/k.yaml", &key("compromised"));
    sealctl(&cert, "").failure();
    write(&state, "sealer/secrets/kube-system/k.yaml", &key("active"));
    assert_eq!(sealctl(&cert, "").product(), pem);
}
