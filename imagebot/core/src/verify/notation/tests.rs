//! Tests of `notation`, over envelopes that are made here as notation makes them.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose,
};
use serde_json::json;

use super::*;
use crate::verify::Trust;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const REPOSITORY: &str = "registry.example/team/web";
const NOW: i64 = 1_800_000_000;

struct World {
    authority: rcgen::Certificate,
    leaf: rcgen::Certificate,
    key: EcdsaKeyPair,
}

impl World {
    fn new() -> Self {
        let (ca_key, leaf_key) =
            (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "authority");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = ca.self_signed(&ca_key).unwrap();
        let mut leaf = CertificateParams::default();
        leaf.distinguished_name.push(DnType::CountryName, "US");
        leaf.distinguished_name.push(DnType::OrganizationName, "acme");
        leaf.distinguished_name.push(DnType::CommonName, "release");
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        let leaf = leaf.signed_by(&leaf_key, &Issuer::new(ca, ca_key)).unwrap();
        let der = leaf_key.serialized_der();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).unwrap();
        Self { authority, leaf, key }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }

    fn trust(&self, identity: &str, level: &str) -> Trust {
        let policy = json!({
            "version": "1.0",
            "trustPolicies": [{
                "name": "all", "registryScopes": ["*"],
                "signatureVerification": {"level": level},
                "trustStores": ["ca:acme"], "trustedIdentities": [identity],
            }],
        })
        .to_string();
        let pem = self.authority.pem();
        let certificates = [("ca.crt", pem.as_bytes())];
        Trust::Policy(TrustPolicy::parse(policy.as_bytes(), certificates).unwrap())
    }

    fn payload(digest: &str) -> Vec<u8> {
        json!({"targetArtifact": {"mediaType": "m", "digest": digest, "size": 1}})
            .to_string()
            .into_bytes()
    }

    fn jws(&self, digest: &str, header: &Value) -> Vec<u8> {
        let mut protected = json!({
            "alg": "ES256", "cty": PAYLOAD, "crit": [SCHEME], SCHEME: "notary.x509",
            "io.cncf.notary.signingTime": "2026-01-01T00:00:00Z",
        });
        for (name, value) in header.as_object().unwrap() {
            protected[name] = value.clone();
        }
        let protected = URL_SAFE_NO_PAD.encode(protected.to_string());
        let payload = URL_SAFE_NO_PAD.encode(Self::payload(digest));
        let signature = self.sign(format!("{protected}.{payload}").as_bytes());
        json!({
            "payload": payload, "protected": protected,
            "header": {"x5c": [STANDARD.encode(self.leaf.der()), STANDARD.encode(self.authority.der())]},
            "signature": URL_SAFE_NO_PAD.encode(signature),
        })
        .to_string()
        .into_bytes()
    }

    /// The same in CBOR, written by hand.
    fn cose(&self, digest: &str) -> Vec<u8> {
        fn sized(kind: u8, content: &[u8]) -> Vec<u8> {
            let length = u16::try_from(content.len()).unwrap().to_be_bytes();
            [&[kind << 5 | 0x19][..], &length, content].concat()
        }
        let text = |text: &str| sized(3, text.as_bytes());
        let critical = [vec![0x81], text(SCHEME)].concat();
        let protected = [
            vec![0xa4, 0x01, 0x26, 0x02],
            critical,
            vec![0x03],
            text(PAYLOAD),
            text(SCHEME),
            text("notary.x509"),
        ]
        .concat();
        let payload = Self::payload(digest);
        let signature = self.sign(&cbor::signed(&protected, &payload));
        let chain = [sized(2, self.leaf.der()), sized(2, self.authority.der())].concat();
        [
            vec![0xd2, 0x84],
            sized(2, &protected),
            vec![0xa1, 0x18, 33, 0x82],
            chain,
            sized(2, &payload),
            sized(2, &signature),
        ]
        .concat()
    }
}

fn check(trust: &Trust, media_type: &str, bytes: &[u8]) -> Result<Signer, Rejection> {
    let envelope = Envelope { repository: REPOSITORY, digest: DIGEST, media_type, bytes };
    trust.check_envelope(&envelope, NOW)
}

const JOSE: &str = "application/jose+json";

#[test]
fn both_envelopes_count_when_a_wanted_identity_signed() {
    let world = World::new();
    let trust = world.trust("x509.subject: C=US, O=acme", "strict");
    let jws = check(&trust, JOSE, &world.jws(DIGEST, &json!({})));
    let Ok(Signer::Identity { subject, .. }) = &jws else { panic!("{jws:?}") };
    assert!(subject.contains("O=acme") && subject.contains("CN=release"), "{subject}");
    assert_eq!(check(&trust, "application/cose", &world.cose(DIGEST)), jws);
    let other = world.trust("x509.subject: C=US, O=other", "strict");
    let refused = check(&other, JOSE, &world.jws(DIGEST, &json!({})));
    assert!(matches!(refused, Err(Rejection::Subject { .. })), "{refused:?}");
}

#[test]
fn an_envelope_that_is_not_as_it_should_be_does_not_count() {
    let (world, stranger) = (World::new(), World::new());
    let trust = world.trust("*", "strict");
    let none = json!({});
    let refused = |bytes: &[u8]| check(&trust, JOSE, bytes).unwrap_err();
    assert!(matches!(refused(&world.jws("sha256:beef", &none)), Rejection::Other(_)));
    let foreign = refused(&stranger.jws(DIGEST, &none));
    assert_eq!(foreign, Rejection::Certificate("leads to no given certificate"));
    let demanding = refused(&world.jws(DIGEST, &json!({"crit": [SCHEME, "x"]})));
    assert!(matches!(demanding, Rejection::Unsupported(_)));
    let expired = json!({EXPIRY: "2026-01-02T00:00:00Z"});
    assert!(matches!(refused(&world.jws(DIGEST, &expired)), Rejection::Certificate(_)));
    let lenient = world.trust("*", "permissive");
    assert!(check(&lenient, JOSE, &world.jws(DIGEST, &expired)).is_ok());
    let mut forged: Value = serde_json::from_slice(&world.jws(DIGEST, &none)).unwrap();
    forged["signature"] = json!(URL_SAFE_NO_PAD.encode([7; 64]));
    assert_eq!(refused(forged.to_string().as_bytes()), Rejection::NotByCertificate);
    assert_eq!(refused(b"{}"), Rejection::Malformed("envelope"));
    assert_eq!(check(&trust, "application/cose", &[0x84]), Err(Rejection::Malformed("envelope")));
    assert!(matches!(check(&trust, "text/plain", b""), Err(Rejection::Unsupported(_))));
}

#[test]
fn a_trust_policy_that_trusts_anything_is_refused() {
    let pem = World::new().authority.pem();
    let parse = |level: &str, identity: &str| {
        let policy = json!({"trustPolicies": [{
            "name": "all", "registryScopes": ["*"],
            "signatureVerification": {"level": level}, "trustedIdentities": [identity],
        }]});
        TrustPolicy::parse(policy.to_string().as_bytes(), [("ca.crt", pem.as_bytes())])
    };
    assert!(parse("strict", "*").is_ok());
    assert!(matches!(parse("skip", "*"), Err(Error::Level { .. })));
    assert!(matches!(parse("audit", "*"), Err(Error::Level { .. })));
    assert!(matches!(parse("strict", "acme"), Err(Error::Part { .. })));
    let none = TrustPolicy::parse(br#"{"trustPolicies": []}"#, []);
    assert!(matches!(none, Err(Error::NoCertificates)));
}
