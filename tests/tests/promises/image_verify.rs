//! An image is picked when it is signed, and then by its digest.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use libtest_mimic::Trial;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType, SigningKey as _,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tests::registry::Registry;
use tests::trial::trial;
use tests::{Bed, Need, Outcome};

use crate::image_choice::{judged, manifests, refused};
use crate::image_stage::{Stage, image_with};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image_verify::what_a_given_key_signed_is_picked_by_its_digest", NEEDS, keyed),
        trial(bed, "image_verify::a_bundle_that_refers_to_an_image_counts", NEEDS, bundled),
        trial(bed, "image_verify::an_identity_counts_when_the_trusted_root_vouches_for_it", NEEDS, keyless),
        trial(bed, "image_verify::an_envelope_of_notation_counts_by_its_trust_policy", NEEDS, notation),
        trial(bed, "image_verify::what_cannot_verify_says_why", NEEDS, unfit),
    ];
    trials
}

const RANGE: &str = "policy: {semver: {range: '>=1.0.0'}}";
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const ISSUER: &str = "https://token.bed.example";
const SUBJECT: &str = "https://forge.bed.example/team/web/release.yaml@refs/heads/main";
/// Within the validity of the certificates that are made here.
const TIME: i64 = 1_800_000_000;

fn payload(digest: &str) -> String {
    json!({
        "critical": {
            "identity": {"docker-reference": ""},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": {},
    })
    .to_string()
}

fn sign(key: &KeyPair, message: &[u8]) -> Outcome<String> {
    Ok(STANDARD.encode(key.sign(message)?))
}

/// Signs an image as cosign does with a key.
async fn sign_image(registry: &Registry, name: &str, digest: &str, key: &KeyPair) -> Outcome {
    let payload = payload(digest);
    let notes = json!({SIGNATURE: sign(key, payload.as_bytes())?});
    let tag = format!("{}.sig", digest.replace(':', "-"));
    registry.push_layer(name, &tag, (PAYLOAD, &payload), &notes).await.map(drop)
}

fn secret(name: &str, key: &str, text: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {key: text},
    })
    .to_string()
}

async fn keyed(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, name) = image_with(&bed, &["1.0.0", "1.1.0", "1.2.0"]).await?;
    let registry = bed.registry().await?;
    let (key, other) = (KeyPair::generate()?, KeyPair::generate()?);
    let digest = async |tag: &str| registry.push(&name, tag).await;
    let first = digest("1.0.0").await?;
    sign_image(registry, &name, &first, &key).await?;
    sign_image(registry, &name, &digest("1.1.0").await?, &other).await?;
    stage.apply(&secret("keys", "cosign.pub", &key.public_key_pem())).await?;
    let _imagebot = stage.imagebot().await?;
    let policy = format!("{RANGE}, verify: {{secretRef: {{name: keys}}}}");
    stage.apply(&manifests(&image, &policy)).await?;
    let object = stage.picked("web", "1.0.0").await?;
    assert_eq!(object["status"]["latestRef"]["digest"], first, "a verified tag is pinned");
    judged(&stage, "1.2.0", "has no signature").await?;
    judged(&stage, "1.1.0", "none of the given keys made it").await?;
    stage.event("Warning SignatureVerificationFailed ImagePolicy/web", "1.2.0").await?;
    // The signature comes after the image, as it always does; somebody asks, and nobody need wait.
    let third = digest("1.2.0").await?;
    sign_image(registry, &name, &third, &key).await?;
    stage.request("ImagePolicy", "web").await?;
    let object = stage.picked("web", "1.2.0").await?;
    assert_eq!(object["status"]["latestRef"]["digest"], third);
    // Nothing that is not signed takes its place, not even under its own name.
    registry.push_created(&name, "1.2.0", "2026-05-05T00:00:00Z").await?;
    registry.push(&name, "1.3.0").await?;
    stage.request("ImageRepository", "web").await?;
    let object = judged(&stage, "1.3.0", "has no signature").await?;
    assert_eq!(object["status"]["latestRef"]["digest"], third);
    Ok(())
}

fn statement(digest: &str) -> String {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": digest.trim_start_matches("sha256:")}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1", "predicate": {},
    })
    .to_string()
}

async fn bundled(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, name) = image_with(&bed, &["1.0.0", "1.1.0"]).await?;
    let registry = bed.registry().await?;
    let key = KeyPair::generate()?;
    let digest = registry.push(&name, "1.0.0").await?;
    let (kind, payload) = ("application/vnd.in-toto+json", statement(&digest));
    let message = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
    let bundle = json!({
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": ""}},
        "dsseEnvelope": {
            "payload": STANDARD.encode(&payload), "payloadType": kind,
            "signatures": [{"sig": sign(&key, message.as_bytes())?}],
        },
    });
    let bundle = bundle.to_string();
    let artifact = registry.push_layer(&name, "bundle", (BUNDLE, &bundle), &json!({})).await?;
    registry.push_referrers(&name, &digest, &[(&artifact, BUNDLE)]).await?;
    stage.apply(&secret("keys", "release.pub", &key.public_key_pem())).await?;
    let _imagebot = stage.imagebot().await?;
    let policy = format!("{RANGE}, verify: {{provider: cosign, secretRef: {{name: keys}}}}");
    stage.apply(&manifests(&image, &policy)).await?;
    let object = stage.picked("web", "1.0.0").await?;
    assert_eq!(object["status"]["latestRef"]["digest"], digest);
    judged(&stage, "1.1.0", "has no signature").await.map(drop)
}

/// An authority, a log, and somebody with a certificate.
struct Sigstore {
    root: Value,
    log: KeyPair,
    key: KeyPair,
    certificate: rcgen::Certificate,
}

impl Sigstore {
    fn new() -> Outcome<Self> {
        let (ca_key, key, log) = (KeyPair::generate()?, KeyPair::generate()?, KeyPair::generate()?);
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "authority of the bed");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = ca.self_signed(&ca_key)?;
        let mut leaf = CertificateParams::default();
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        leaf.subject_alt_names = vec![SanType::URI(SUBJECT.try_into()?)];
        let issuer = [&[0x0c, u8::try_from(ISSUER.len())?], ISSUER.as_bytes()].concat();
        let oid = [1, 3, 6, 1, 4, 1, 57264, 1, 8];
        leaf.custom_extensions = vec![CustomExtension::from_oid_content(&oid, issuer)];
        let certificate = leaf.signed_by(&key, &Issuer::new(ca, ca_key))?;
        let id = Sha256::digest(log.subject_public_key_info());
        let root = json!({
            "certificateAuthorities": [{
                "certChain": {"certificates": [{"rawBytes": STANDARD.encode(authority.der())}]},
                "validFor": {"start": "2020-01-01T00:00:00Z"},
            }],
            "tlogs": [{
                "publicKey": {"rawBytes": STANDARD.encode(log.subject_public_key_info())},
                "logId": {"keyId": STANDARD.encode(id)},
            }],
        });
        Ok(Self { root, log, key, certificate })
    }

    /// Signs an image as cosign does without a key.
    async fn sign(&self, registry: &Registry, name: &str, digest: &str) -> Outcome {
        let payload = payload(digest);
        let signature = sign(&self.key, payload.as_bytes())?;
        let certificate = self.certificate.pem();
        let hash = hex(&Sha256::digest(&payload));
        let body = json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hash}},
                "signature": {
                    "content": signature,
                    "publicKey": {"content": STANDARD.encode(&certificate)},
                },
            },
        });
        let body = STANDARD.encode(body.to_string());
        let id = hex(&Sha256::digest(self.log.subject_public_key_info()));
        let entry = json!({"body": body, "integratedTime": TIME, "logID": id, "logIndex": 1});
        let promise = sign(&self.log, entry.to_string().as_bytes())?;
        let notes = json!({
            SIGNATURE: signature,
            "dev.sigstore.cosign/certificate": certificate,
            "dev.sigstore.cosign/bundle":
                json!({"SignedEntryTimestamp": promise, "Payload": entry}).to_string(),
        });
        let tag = format!("{}.sig", digest.replace(':', "-"));
        registry.push_layer(name, &tag, (PAYLOAD, &payload), &notes).await.map(drop)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

async fn keyless(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, name) = image_with(&bed, &["1.0.0", "1.1.0"]).await?;
    let registry = bed.registry().await?;
    let (ours, theirs) = (Sigstore::new()?, Sigstore::new()?);
    let digest = registry.push(&name, "1.0.0").await?;
    ours.sign(registry, &name, &digest).await?;
    theirs.sign(registry, &name, &registry.push(&name, "1.1.0").await?).await?;
    stage.apply(&secret("root", "trusted_root.json", &ours.root.to_string())).await?;
    let _imagebot = stage.imagebot().await?;
    let verify = |subject: &str| {
        format!(
            "verify: {{trustedRootSecretRef: {{name: root}}, matchOIDCIdentity: \
             [{{issuer: '^https://token.bed.example$', subject: '{subject}'}}]}}"
        )
    };
    let policy = format!("{RANGE}, {}", verify("^https://forge.bed.example/team/other/"));
    stage.apply(&manifests(&image, &policy)).await?;
    refused(&stage, "SignatureVerificationFailed").await?;
    judged(&stage, "1.0.0", "matchOIDCIdentity` does not match").await?;
    judged(&stage, "1.1.0", "its log entry is of an unknown log").await?;
    let policy = format!("{RANGE}, {}", verify("^https://forge.bed.example/team/web/"));
    stage.apply(&manifests(&image, &policy)).await?;
    let object = stage.picked("web", "1.0.0").await?;
    assert_eq!(object["status"]["latestRef"]["digest"], digest);
    Ok(())
}

/// The two numbers of a signature, 32 bytes each, out of their encoding in DER.
fn fixed(der: &[u8]) -> Outcome<Vec<u8>> {
    let mut rest = der.get(2..).ok_or("a signature is a sequence")?;
    let mut numbers = Vec::new();
    while let [2, length, more @ ..] = rest {
        let (number, after) = more.split_at_checked(usize::from(*length)).ok_or("a number")?;
        let number: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
        numbers.extend(vec![0; 32 - number.len()]);
        numbers.extend(number);
        rest = after;
    }
    Ok(numbers)
}

async fn notation(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, name) = image_with(&bed, &["1.0.0", "1.1.0"]).await?;
    let registry = bed.registry().await?;
    let digest = registry.push(&name, "1.0.0").await?;
    let (ca_key, key) = (KeyPair::generate()?, KeyPair::generate()?);
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "authority of the bed");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = ca.self_signed(&ca_key)?;
    let mut leaf = CertificateParams::default();
    leaf.distinguished_name.push(DnType::OrganizationName, "acme");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key))?;
    let protected = json!({
        "alg": "ES256", "cty": "application/vnd.cncf.notary.payload.v1+json",
        "crit": ["io.cncf.notary.signingScheme"], "io.cncf.notary.signingScheme": "notary.x509",
    });
    let payload = json!({"targetArtifact": {"mediaType": "", "digest": digest, "size": 1}});
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&protected), encode(&payload));
    let envelope = json!({
        "payload": encode(&payload), "protected": encode(&protected),
        "header": {"x5c": [STANDARD.encode(leaf.der()), STANDARD.encode(authority.der())]},
        "signature": URL_SAFE_NO_PAD.encode(fixed(&key.sign(message.as_bytes())?)?),
    });
    let layer = ("application/jose+json", envelope.to_string());
    let kind = "application/vnd.cncf.notary.signature";
    let artifact = registry.push_layer(&name, "envelope", (layer.0, &layer.1), &json!({})).await?;
    registry.push_referrers(&name, &digest, &[(&artifact, kind)]).await?;
    let policy = json!({"version": "1.0", "trustPolicies": [{
        "name": "ours", "registryScopes": [image], "signatureVerification": {"level": "strict"},
        "trustStores": ["ca:acme"], "trustedIdentities": ["x509.subject: O=acme"],
    }]});
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "trust"},
        "stringData": {"trustpolicy.json": policy.to_string(), "acme.crt": authority.pem()},
    });
    stage.apply(&secret.to_string()).await?;
    let _imagebot = stage.imagebot().await?;
    let policy = format!("{RANGE}, verify: {{provider: notation, secretRef: {{name: trust}}}}");
    stage.apply(&manifests(&image, &policy)).await?;
    let object = stage.picked("web", "1.0.0").await?;
    assert_eq!(object["status"]["latestRef"]["digest"], digest);
    judged(&stage, "1.1.0", "has no signature").await.map(drop)
}

async fn unfit(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, _) = image_with(&bed, &["1.0.0"]).await?;
    let _imagebot = stage.imagebot().await?;
    let policy = |verify: &str| manifests(&image, &format!("{RANGE}, verify: {{{verify}}}"));
    let identity = "matchOIDCIdentity: [{issuer: '(', subject: '.'}]";
    stage.apply(&policy(&format!("trustedRootSecretRef: {{name: root}}, {identity}"))).await?;
    refused(&stage, "InvalidPolicy").await?;
    let message = stage.ready("ImagePolicy", "web").await?.message;
    assert!(message.contains("`spec.verify.matchOIDCIdentity[].issuer`"), "{message}");
    let keyed = json!({"provider": "cosign", "secretRef": {"name": "keys"}, "trustedRootSecretRef": null, "matchOIDCIdentity": null});
    stage.patch("ImagePolicy", "web", &json!({"spec": {"verify": keyed}})).await?;
    refused(&stage, "VerificationNotConfigured").await?;
    stage.apply(&secret("keys", "cosign.pub", "no key")).await?;
    stage.request("ImagePolicy", "web").await?;
    let message = stage.ready("ImagePolicy", "web").await?.message;
    assert!(message.contains("`cosign.pub` of the Secret `keys`"), "{message}");
    Ok(())
}
