//! Tests of `verify`, over signatures that are made here as cosign, Fulcio and Rekor make them.

use ::base64::{Engine as _, engine::general_purpose::STANDARD};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose, SanType,
};
use serde_json::{Value, json};

use super::*;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const ISSUER: &str = "https://token.example.com";
const SUBJECT: &str = "https://github.com/acme/web/.github/workflows/release.yaml@refs/heads/main";
/// Within the validity of rcgen's certificates.
const TIME: i64 = 1_800_000_000;

fn pem(der: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(der);
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n").into_bytes()
}

fn payload(digest: &str) -> Vec<u8> {
    json!({
        "critical": {
            "identity": {"docker-reference": "registry.example/web"},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string()
    .into_bytes()
}

fn p256() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()
}

fn sign(key: &EcdsaKeyPair, message: &[u8]) -> Vec<u8> {
    key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
}

fn spki(key: &EcdsaKeyPair) -> Vec<u8> {
    key.public_key().as_der().unwrap().as_ref().to_vec()
}

fn keys(pems: &[Vec<u8>]) -> Trust {
    Trust::Keys(pems.iter().map(|pem| PublicKey::from_pem(pem).unwrap()).collect())
}

#[test]
fn every_kind_of_key_verifies_what_it_signed() {
    let message = payload(DIGEST);
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
    let ed25519 = Ed25519KeyPair::generate().unwrap();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let mut by_rsa = vec![0; rsa.public_modulus_len()];
    rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &message, &mut by_rsa).unwrap();
    let p256 = p256();
    let made = [
        (spki(&p256), sign(&p256, &message)),
        (spki(&p384), sign(&p384, &message)),
        (
            ed25519.public_key().as_der().unwrap().as_ref().to_vec(),
            ed25519.sign(&message).as_ref().to_vec(),
        ),
        (rsa.public_key().as_der().unwrap().as_ref().to_vec(), by_rsa),
    ];
    let trust = keys(&made.iter().map(|(key, _)| pem(key)).collect::<Vec<_>>());
    for (place, (_, signature)) in made.iter().enumerate() {
        let text = STANDARD.encode(signature);
        let signature = Signature { payload: &message, signature: &text, ..<_>::default() };
        assert_eq!(trust.check_signature(DIGEST, &signature), Ok(Signer::Key(place)));
    }
}

#[test]
fn a_signature_of_another_image_or_another_key_does_not_count() {
    let (key, other) = (p256(), p256());
    let trust = keys(&[pem(&spki(&key))]);
    let check = |payload: &[u8], signer: &EcdsaKeyPair| {
        let text = STANDARD.encode(sign(signer, payload));
        trust.check_signature(DIGEST, &Signature { payload, signature: &text, ..<_>::default() })
    };
    assert_eq!(check(&payload(DIGEST), &key), Ok(Signer::Key(0)));
    assert_eq!(check(&payload(DIGEST), &other), Err(Rejection::Keys));
    assert!(matches!(check(&payload("sha256:beef"), &key), Err(Rejection::Other(_))));
    let attestation = br#"{"critical":{"image":{"docker-manifest-digest":""},"type":"x"}}"#;
    assert!(matches!(check(attestation, &key), Err(Rejection::Other(_))));
    assert_eq!(check(b"{", &key), Err(Rejection::Malformed("payload")));
}

#[test]
fn keys_of_unknown_kinds_are_refused_with_a_word() {
    assert_eq!(PublicKey::from_pem(b"ssh-ed25519 AAAA").unwrap_err(), KeyError::NotPem);
    let private = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert_eq!(PublicKey::from_pem(private).unwrap_err(), KeyError::NotPem);
    assert_eq!(PublicKey::from_pem(&pem(b"abc")).unwrap_err(), KeyError::Kind);
}

fn statement(digest: &str, predicate: &str) -> Vec<u8> {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "", "digest": {"sha256": digest.trim_start_matches("sha256:")}}],
        "predicateType": predicate,
        "predicate": {},
    })
    .to_string()
    .into_bytes()
}

const SIGNS: &str = "https://sigstore.dev/cosign/sign/v1";

/// A bundle by `key`, whose material is `material`.
fn bundle(key: &EcdsaKeyPair, payload: &[u8], material: &Value) -> (Vec<u8>, Vec<u8>) {
    let kind = "application/vnd.in-toto+json";
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    let signature = sign(key, &[head.as_bytes(), payload].concat());
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": material,
        "dsseEnvelope": {
            "payload": STANDARD.encode(payload),
            "payloadType": kind,
            "signatures": [{"sig": STANDARD.encode(&signature)}],
        },
    });
    (bundle.to_string().into_bytes(), signature)
}

#[test]
fn a_bundle_counts_when_it_signs_this_image() {
    let key = p256();
    let trust = keys(&[pem(&spki(&p256())), pem(&spki(&key))]);
    let check = |payload: &[u8]| {
        let (bundle, _) = bundle(&key, payload, &json!({"publicKey": {"hint": "x"}}));
        trust.check_bundle(DIGEST, &bundle)
    };
    assert_eq!(check(&statement(DIGEST, SIGNS)), Ok(Signer::Key(1)));
    assert!(matches!(check(&statement("sha256:beef", SIGNS)), Err(Rejection::Other(_))));
    let bill = "https://spdx.dev/Document";
    assert!(
        matches!(check(&statement(DIGEST, bill)), Err(Rejection::Other(it)) if it.contains(bill))
    );
}

/// An authority, a log, and someone with a certificate of the authority.
struct World {
    root: Value,
    log: EcdsaKeyPair,
    key: EcdsaKeyPair,
    certificate: rcgen::Certificate,
}

impl World {
    fn new() -> Self {
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "authority");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let issuer = Issuer::new(ca, ca_key);
        let leaf_key = rcgen::KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::default();
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        leaf.subject_alt_names = vec![SanType::URI(SUBJECT.try_into().unwrap())];
        let name = [&[0x0c, u8::try_from(ISSUER.len()).unwrap()], ISSUER.as_bytes()].concat();
        let oid = [1, 3, 6, 1, 4, 1, 57264, 1, 8];
        leaf.custom_extensions = vec![CustomExtension::from_oid_content(&oid, name)];
        let certificate = leaf.signed_by(&leaf_key, &issuer).unwrap();
        let log = p256();
        let root = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "certificateAuthorities": [{
                "uri": "https://fulcio.example",
                "certChain": {"certificates": [{"rawBytes": STANDARD.encode(ca_certificate.der())}]},
                "validFor": {"start": "2020-01-01T00:00:00Z"},
            }],
            "tlogs": [{
                "baseUrl": "https://rekor.example",
                "publicKey": {"rawBytes": STANDARD.encode(spki(&log)), "validFor": {"start": "2020-01-01T00:00:00.000Z"}},
                "logId": {"keyId": STANDARD.encode(sha256(&spki(&log)))},
            }],
        });
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, leaf_key.serialized_der());
        Self { root, log, key: key.unwrap(), certificate }
    }

    fn trust(&self, issuer: &str, subject: &str) -> Trust {
        let root = TrustedRoot::parse(self.root.to_string().as_bytes()).unwrap();
        Trust::Identities(root, vec![Identity::parse(issuer, subject).unwrap()])
    }

    fn trusting(&self) -> Trust {
        self.trust("^https://token.example.com$", "^https://github.com/acme/")
    }

    fn certificate_pem(&self) -> String {
        self.certificate.pem()
    }

    /// The annotation that a classic signature has from the log.
    fn entry(&self, payload: &[u8], signature: &[u8], time: i64) -> Value {
        let body = json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hex(&sha256(payload))}},
                "signature": {
                    "content": STANDARD.encode(signature),
                    "publicKey": {"content": STANDARD.encode(self.certificate_pem())},
                },
            },
        });
        let body = STANDARD.encode(body.to_string());
        let id = hex(&sha256(&spki(&self.log)));
        let promised =
            json!({"body": body, "integratedTime": time, "logID": id, "logIndex": 7}).to_string();
        json!({
            "SignedEntryTimestamp": STANDARD.encode(sign(&self.log, promised.as_bytes())),
            "Payload": {"body": body, "integratedTime": time, "logIndex": 7, "logID": id},
        })
    }

    fn check(&self, trust: &Trust, signature: &[u8], entry: &Value) -> Result<Signer, Rejection> {
        let (entry, certificate) = (entry.to_string(), self.certificate_pem());
        let signature = Signature {
            payload: &payload(DIGEST),
            signature: &STANDARD.encode(signature),
            certificate: Some(&certificate),
            log_entry: Some(&entry),
        };
        trust.check_signature(DIGEST, &signature)
    }
}

#[test]
fn an_identity_that_the_log_saw_and_somebody_wants_counts() {
    let world = World::new();
    let payload = payload(DIGEST);
    let signature = sign(&world.key, &payload);
    let entry = world.entry(&payload, &signature, TIME);
    let signer = Signer::Identity { issuer: ISSUER.to_owned(), subject: SUBJECT.to_owned() };
    assert_eq!(world.check(&world.trusting(), &signature, &entry), Ok(signer));
    let stranger = world.check(&world.trust("^https://other", "."), &signature, &entry);
    assert!(matches!(stranger, Err(Rejection::Identity { issuer, .. }) if issuer == ISSUER));
    let keys = keys(&[pem(&spki(&p256()))]);
    assert_eq!(world.check(&keys, &signature, &entry), Err(Rejection::Keys));
}

#[test]
fn nothing_of_a_log_entry_can_be_changed() {
    let (world, other) = (World::new(), World::new());
    let payload = payload(DIGEST);
    let signature = sign(&world.key, &payload);
    let entry = world.entry(&payload, &signature, TIME);
    let check = |change: &dyn Fn(&mut Value)| {
        let mut entry = entry.clone();
        change(&mut entry);
        world.check(&world.trusting(), &signature, &entry).unwrap_err()
    };
    let unsigned = Rejection::Log("is not signed by its log");
    assert_eq!(check(&|it| it["Payload"]["integratedTime"] = json!(TIME + 1)), unsigned);
    assert_eq!(check(&|it| it["Payload"]["logIndex"] = json!(8)), unsigned);
    assert_eq!(check(&|it| it["SignedEntryTimestamp"] = json!("AAAA")), unsigned);
    let unknown = Rejection::Log("is of an unknown log");
    assert_eq!(check(&|it| it["Payload"]["logID"] = json!("00")), unknown);
    let elsewhere = other.entry(&payload, &signature, TIME);
    assert_eq!(check(&|it| *it = elsewhere.clone()), unknown);
    let another = world.entry(b"another", &signature, TIME);
    assert_eq!(check(&|it| *it = another.clone()), Rejection::Log("is about another content"));
    let repeated = world.entry(&payload, &sign(&world.key, &payload), TIME);
    assert_eq!(check(&|it| *it = repeated.clone()), Rejection::Log("is about another signature"));
    let early = world.entry(&payload, &signature, 1_600_000_000 - 1_000_000_000);
    assert_eq!(check(&|it| *it = early.clone()), unknown);
}

#[test]
fn a_certificate_of_another_authority_does_not_count() {
    let (world, other) = (World::new(), World::new());
    let payload = payload(DIGEST);
    let signature = sign(&world.key, &payload);
    let entry = world.entry(&payload, &signature, TIME);
    // The log is trusted, the authority is not.
    let mut root = world.root.clone();
    root["certificateAuthorities"] = other.root["certificateAuthorities"].clone();
    let root = TrustedRoot::parse(root.to_string().as_bytes()).unwrap();
    let trust = Trust::Identities(root, vec![Identity::parse(".", ".").unwrap()]);
    let refused = Rejection::Certificate("leads to no trusted authority");
    assert_eq!(world.check(&trust, &signature, &entry), Err(refused));
    let empty = json!({"certificateAuthorities": [], "tlogs": []}).to_string();
    assert!(matches!(TrustedRoot::parse(empty.as_bytes()), Err(RootError::Lacks(_))));
    assert!(matches!(TrustedRoot::parse(b"{"), Err(RootError::Malformed { .. })));
}

/// The tree of RFC 6962 over these entries: its root, and the path of the entry at `index`.
fn tree(entries: &[Vec<u8>], index: usize) -> ([u8; 32], Vec<[u8; 32]>) {
    if let [only] = entries {
        return (sha256(&[&[0], only.as_slice()].concat()), Vec::new());
    }
    let split = entries.len().next_power_of_two() / 2;
    let (left, right) = entries.split_at(split);
    let ((left, mut path), right) = if index < split {
        let (own, path) = tree(left, index);
        ((own, path), tree(right, 0).0)
    } else {
        let (own, path) = tree(right, index - split);
        ((tree(left, 0).0, path), own)
    };
    path.push(if index < split { right } else { left });
    (sha256(&[&[1][..], &left, &right].concat()), path)
}

/// The body of a log entry about an envelope.
fn logged(world: &World, payload: &[u8], signature: &[u8]) -> Vec<u8> {
    json!({
        "apiVersion": "0.0.1", "kind": "dsse",
        "spec": {
            "payloadHash": {"algorithm": "sha256", "value": hex(&sha256(payload))},
            "signatures": [{
                "signature": STANDARD.encode(signature),
                "verifier": STANDARD.encode(world.certificate_pem()),
            }],
        },
    })
    .to_string()
    .into_bytes()
}

#[test]
fn a_bundle_of_an_identity_brings_its_proof() {
    let world = World::new();
    let payload = statement(DIGEST, SIGNS);
    for (size, index) in [(1, 0), (2, 1), (3, 2), (5, 4), (7, 3), (8, 7), (11, 9)] {
        let certificate = STANDARD.encode(world.certificate.der());
        // The signature is in the entry, so the bundle is made first and completed then.
        let (draft, signature) = bundle(&world.key, &payload, &json!({}));
        let body = logged(&world, &payload, &signature);
        let mut entries: Vec<Vec<u8>> = (0..size).map(|it: usize| it.to_string().into()).collect();
        entries[index].clone_from(&body);
        let (root, path) = tree(&entries, index);
        let note = format!("rekor.example\n{size}\n{}\n", STANDARD.encode(root));
        let mut made = vec![1, 2, 3, 4];
        made.extend(sign(&world.log, note.as_bytes()));
        let checkpoint = format!("{note}\n\u{2014} rekor.example {}\n", STANDARD.encode(made));
        let id = sha256(&spki(&world.log));
        let promised = json!({
            "body": STANDARD.encode(&body), "integratedTime": TIME, "logID": hex(&id), "logIndex": 70,
        });
        let promise = sign(&world.log, promised.to_string().as_bytes());
        let mut bundle: Value = serde_json::from_slice(&draft).unwrap();
        bundle["verificationMaterial"] = json!({
            "certificate": {"rawBytes": certificate},
            "tlogEntries": [{
                "logIndex": "70", "logId": {"keyId": STANDARD.encode(id)},
                "integratedTime": TIME.to_string(),
                "inclusionPromise": {"signedEntryTimestamp": STANDARD.encode(promise)},
                "inclusionProof": {
                    "logIndex": index.to_string(), "rootHash": STANDARD.encode(root),
                    "treeSize": size.to_string(), "hashes": path.iter().map(|it| STANDARD.encode(it)).collect::<Vec<_>>(),
                    "checkpoint": {"envelope": checkpoint},
                },
                "canonicalizedBody": STANDARD.encode(&body),
            }],
        });
        let check =
            |bundle: &Value| world.trusting().check_bundle(DIGEST, bundle.to_string().as_bytes());
        let signer = Signer::Identity { issuer: ISSUER.to_owned(), subject: SUBJECT.to_owned() };
        assert_eq!(check(&bundle), Ok(signer), "{index} of {size}");
        let proof = "/verificationMaterial/tlogEntries/0/inclusionProof";
        for (pointer, value) in [
            ("/rootHash", json!(STANDARD.encode([0; 32]))),
            ("/treeSize", json!((size + 1).to_string())),
            ("/hashes", json!([STANDARD.encode([0; 32]), STANDARD.encode([0; 32])])),
            ("/checkpoint/envelope", json!(checkpoint.replace("rekor.example\n", "other\n"))),
        ] {
            let mut forged = bundle.clone();
            *forged.pointer_mut(&format!("{proof}{pointer}")).unwrap() = value;
            assert!(matches!(check(&forged), Err(Rejection::Log(_))), "{index} of {size}{pointer}");
        }
        let mut timeless = bundle.clone();
        timeless["verificationMaterial"]["tlogEntries"][0]["inclusionPromise"] = Value::Null;
        assert!(matches!(check(&timeless), Err(Rejection::Log(it)) if it.contains("promise")));
    }
}
