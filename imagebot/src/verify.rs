//! Looking for signatures of an image in its registry.
//!
//! Everything is read by way of the image's digest, never of its tag: what is verified is what is
//! picked. What counts as signed is `imagebot_core::verify`'s to say.

use imagebot_api::image_policy::{Signer as Provider, Verify};
use imagebot_core::{
    reference::Repository,
    verify::{
        Envelope, Identity, IdentityError, KeyError, PublicKey, Rejection, RootError, Signature,
        Signer, Trust, TrustPolicy, TrustPolicyError, TrustedRoot,
    },
};
use jiff::Timestamp;
use reconcile::{
    Class, Core,
    secret::{self, Secret},
};

use crate::registry::{self, Access, Descriptor, Registry};

/// How many signatures of one form are looked at.
const SIGNATURES: usize = 20;
/// How long a signed payload may be, and a bundle.
const LONGEST_PAYLOAD: usize = 64 << 10;
const LONGEST_BUNDLE: usize = 1 << 20;

const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const NOTATION: &str = "application/vnd.cncf.notary.signature";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const LOG_ENTRY: &str = "dev.sigstore.cosign/bundle";

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Notation has a trust policy, and no root of Sigstore.
    #[error("`spec.verify.provider: notation` needs `secretRef`, and no `trustedRootSecretRef`")]
    Notation,
    /// A trust policy is none.
    #[error("the Secret `{name}` of `spec.verify.secretRef` cannot be used")]
    Policy {
        /// The Secret.
        name: String,
        /// Why.
        source: TrustPolicyError,
    },
    /// A Secret cannot be read.
    #[error(transparent)]
    Secret(#[from] secret::Error),
    /// A Secret has no keys.
    #[error("the Secret `{name}` of `spec.verify.secretRef` has no key that ends in `.pub`")]
    NoKeys {
        /// The Secret.
        name: String,
    },
    /// A public key is none.
    #[error("`{key}` of the Secret `{name}` of `spec.verify.secretRef` cannot be used")]
    Key {
        /// The Secret.
        name: String,
        /// The key in it.
        key: String,
        /// Why.
        source: KeyError,
    },
    /// A trusted root is none.
    #[error(
        "`trusted_root.json` of the Secret `{name}` of `spec.verify.trustedRootSecretRef` cannot be used"
    )]
    Root {
        /// The Secret.
        name: String,
        /// Why.
        source: RootError,
    },
    /// An identity cannot be looked for.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl Error {
    /// Who can fix it.
    pub fn class(&self) -> Class {
        match self {
            Self::Notation | Self::Identity(_) => Class::Stalled,
            Self::Secret(error) => error.class(),
            Self::NoKeys { .. } | Self::Key { .. } | Self::Root { .. } | Self::Policy { .. } => {
                Class::Waiting
            }
        }
    }

    /// What the reader can do about it.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Notation | Self::Policy { .. } => Some(
                "put `trustpolicy.json` and the certificates, as `*.crt`, into one Secret"
                    .to_owned(),
            ),
            Self::NoKeys { .. } | Self::Key { .. } => {
                Some("put the public key there, as `cosign.pub`, in PEM".to_owned())
            }
            Self::Root { .. } => Some("write it with `cosign trusted-root create`".to_owned()),
            Self::Secret(_) => Some("create it, or correct the reference".to_owned()),
            Self::Identity(_) => None,
        }
    }
}

/// Checks what can be checked without a request.
pub fn check(verify: &Verify) -> Result<(), Error> {
    if verify.provider == Provider::Notation && verify.secret_ref.is_none() {
        return Err(Error::Notation);
    }
    identities(verify).map(drop)
}

fn identities(verify: &Verify) -> Result<Vec<Identity>, Error> {
    let wanted = verify.match_oidc_identity.iter();
    Ok(wanted.map(|it| Identity::parse(&it.issuer, &it.subject)).collect::<Result<_, _>>()?)
}

/// Whom `verify`, of an object in `namespace`, trusts.
pub async fn trust(core: &Core, namespace: &str, verify: &Verify) -> Result<Trust, Error> {
    check(verify)?;
    if let Some(reference) = &verify.secret_ref {
        let field = "spec.verify.secretRef";
        let secret = Secret::read(core, field, namespace, &reference.name).await?;
        return match verify.provider {
            Provider::Cosign => keys(&secret),
            Provider::Notation => policy(&secret),
        };
    }
    let name = verify.trusted_root_secret_ref.as_ref().map_or("", |reference| &reference.name);
    let field = "spec.verify.trustedRootSecretRef";
    let secret = Secret::read(core, field, namespace, name).await?;
    let root = TrustedRoot::parse(secret.required("trusted_root.json")?)
        .map_err(|source| Error::Root { name: name.to_owned(), source })?;
    Ok(Trust::Identities(root, identities(verify)?))
}

fn keys(secret: &Secret) -> Result<Trust, Error> {
    let name = || secret.name().to_owned();
    let mut keys = Vec::new();
    for key in secret.keys().filter(|key| ends_in(key, &["pub"])) {
        let parsed = PublicKey::from_pem(secret.bytes(key).unwrap_or_default());
        let unusable = |source| Error::Key { name: name(), key: key.to_owned(), source };
        keys.push(parsed.map_err(unusable)?);
    }
    if keys.is_empty() { Err(Error::NoKeys { name: name() }) } else { Ok(Trust::Keys(keys)) }
}

fn ends_in(key: &str, endings: &[&str]) -> bool {
    key.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending))
}

fn policy(secret: &Secret) -> Result<Trust, Error> {
    let json = secret.required("trustpolicy.json")?;
    let stores = secret.keys().filter(|key| ends_in(key, &["crt", "pem"]));
    let stores = stores.map(|key| (key, secret.bytes(key).unwrap_or_default()));
    let policy = TrustPolicy::parse(json, stores);
    let unusable = |source| Error::Policy { name: secret.name().to_owned(), source };
    policy.map(Trust::Policy).map_err(unusable)
}

/// Looks for a signature of the image `digest` that counts; says who made it, or why none does.
pub async fn verify(
    registry: &Registry,
    repository: &Repository,
    digest: &str,
    access: &Access,
    (trust, now): (&Trust, Timestamp),
) -> Result<Result<String, String>, registry::Error> {
    let mut rejected: Vec<Rejection> = Vec::new();
    let kind = if matches!(trust, Trust::Policy(_)) { NOTATION } else { BUNDLE };
    for (media_type, bytes) in referring(registry, repository, digest, kind, access).await? {
        let name = format!("{}/{}", repository.registry(), repository.path());
        let (repository, media_type) = (name.as_str(), media_type.as_str());
        let checked = match trust {
            Trust::Policy(_) => {
                let envelope = Envelope { repository, digest, media_type, bytes: &bytes };
                trust.check_envelope(&envelope, now.as_second())
            }
            Trust::Keys(_) | Trust::Identities(..) => trust.check_bundle(digest, &bytes),
        };
        match checked {
            Ok(signer) => return Ok(Ok(named(&signer))),
            Err(why) => rejected.push(why),
        }
    }
    if kind == NOTATION {
        return Ok(Err(unsigned(&rejected)));
    }
    for (layer, payload) in signatures(registry, repository, digest, access).await? {
        let note = |name: &str| layer.annotations.get(name).map(String::as_str);
        let signature = Signature {
            payload: &payload,
            signature: note(SIGNATURE).unwrap_or_default(),
            certificate: note(CERTIFICATE),
            log_entry: note(LOG_ENTRY),
        };
        match trust.check_signature(digest, &signature) {
            Ok(signer) => return Ok(Ok(named(&signer))),
            Err(why) => rejected.push(why),
        }
    }
    Ok(Err(unsigned(&rejected)))
}

fn unsigned(rejected: &[Rejection]) -> String {
    match rejected.last() {
        None => "has no signature".to_owned(),
        Some(last) => format!("has no signature that counts, of {}: {last}", rejected.len()),
    }
}

fn named(signer: &Signer) -> String {
    match signer {
        Signer::Key(place) => format!("key {}", place + 1),
        Signer::Identity { issuer, subject } => format!("`{subject}` of `{issuer}`"),
    }
}

/// What refers to the image as a signature of this kind: the type and the content of each.
async fn referring(
    registry: &Registry,
    repository: &Repository,
    digest: &str,
    kind: &'static str,
    access: &Access,
) -> Result<Vec<(String, Vec<u8>)>, registry::Error> {
    let referrers = registry.referrers(repository, digest, access).await?;
    let mut found = Vec::new();
    let of_kind = |it: &&Descriptor| it.artifact_type.starts_with(kind);
    for referrer in referrers.iter().filter(of_kind).take(SIGNATURES) {
        let content = registry.manifest(repository, &referrer.digest, access).await?;
        let layers = content.map(|content| content.manifest.layers).unwrap_or_default();
        if let Some(layer) = layers.into_iter().next() {
            let blob = registry.blob(repository, &layer.digest, LONGEST_BUNDLE, access).await?;
            found.push((layer.media_type, blob));
        }
    }
    Ok(found)
}

/// The signatures beside the image, each with what was signed.
async fn signatures(
    registry: &Registry,
    repository: &Repository,
    digest: &str,
    access: &Access,
) -> Result<Vec<(Descriptor, Vec<u8>)>, registry::Error> {
    let tag = format!("{}.sig", digest.replacen(':', "-", 1));
    let content = registry.manifest(repository, &tag, access).await?;
    let layers = content.map(|content| content.manifest.layers).unwrap_or_default();
    let mut signatures = Vec::new();
    for layer in layers.into_iter().filter(|it| it.media_type == PAYLOAD).take(SIGNATURES) {
        let payload = registry.blob(repository, &layer.digest, LONGEST_PAYLOAD, access).await?;
        signatures.push((layer, payload));
    }
    Ok(signatures)
}
