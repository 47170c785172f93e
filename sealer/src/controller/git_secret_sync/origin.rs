//! Where the files are, with which credentials, and who decrypts them.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::ResourceExt as _;
use reconcile::request;
use repo::{Reference, Remote};
use sealer_api::git_secret_sync::SourceReference;
use sealer_api::{GitRepository, GitSecretSync, duration};
use sealer_core::plaintext::Plaintext;
use sealer_core::sops::age::Identities;
use source::{Origin, Sources};
use source_api::LocalReference;

use super::Error;
use crate::controller::Context;

/// What a key Secret's entries with age identities end in.
const AGE: &str = ".agekey";

/// What is read, and how.
pub(super) struct Source {
    /// The repository.
    pub(super) remote: Remote,
    /// The revision.
    pub(super) reference: Reference,
}

/// The names of the Secrets that `object` reads, as far as it names them itself.
pub(super) fn secret_names(object: &GitSecretSync) -> Vec<&str> {
    let git = object.spec.git.as_ref().and_then(|git| git.secret_ref.as_ref());
    let keys = object.spec.decryption.secret_ref.as_ref();
    [git, keys].into_iter().flatten().map(|reference| reference.name.as_str()).collect()
}

/// Where the files of `object` are; `None` while the GitRepository is suspended.
pub(super) async fn of(
    context: &Context,
    sources: &Sources,
    object: &GitSecretSync,
) -> Result<Option<Source>, Error> {
    let namespace = object.namespace().unwrap_or_default();
    let spec = &object.spec;
    let repository = match (&spec.git, &spec.source_ref) {
        (None, Some(source)) => Some(repository(context, &namespace, source).await?),
        _ => None,
    };
    let (origin, reference, fallback) = match (&repository, &spec.git) {
        (Some(repository), _) if repository.spec.suspend == Some(true) => return Ok(None),
        (Some(repository), _) => (Origin::of(repository), &repository.spec.reference, "master"),
        (None, Some(git)) => {
            let origin = Origin::inline(&namespace, &git.url, git.secret_ref.as_ref());
            (origin, &git.reference, "main")
        }
        // The rules of the kind ask for one of both.
        (None, None) => return Ok(None),
    };
    let mut remote = sources.remote(&origin).await?;
    remote.timeouts.operation = duration::parse(&spec.timeout).unwrap_or(Duration::from_secs(60));
    let reference = reference.clone().unwrap_or_default();
    let reference = source::reference(&reference, fallback, || origin.field("ref"))?;
    Ok(Some(Source { remote, reference }))
}

/// The age identities of `spec.decryption.secretRef`.
pub(super) async fn identities(
    context: &Context,
    object: &GitSecretSync,
) -> Result<Identities, Error> {
    const FIELD: &str = "spec.decryption.secretRef";
    let mut identities =
        Identities::parse(&Plaintext::new(Vec::new())).expect("nothing holds no bad line");
    let Some(secret) = &object.spec.decryption.secret_ref else { return Ok(identities) };
    let namespace = object.namespace().unwrap_or_default();
    let entries = read(context, &namespace, secret, FIELD).await?;
    for (entry, text) in entries.iter().filter(|(entry, _)| entry.ends_with(AGE)) {
        let name = || secret.name.clone();
        let parsed = Identities::parse(text).map_err(|source| Error::Identity {
            name: name(),
            entry: entry.clone(),
            source,
        })?;
        identities.extend(parsed);
    }
    if identities.is_empty() {
        let problem = "holds no age identity: add one under a key that ends in `.agekey`";
        return Err(Error::Unfit { name: secret.name.clone(), field: FIELD, problem });
    }
    Ok(identities)
}

async fn repository(
    context: &Context,
    namespace: &str,
    source: &SourceReference,
) -> Result<GitRepository, Error> {
    let api: kube::Api<GitRepository> = context.core.namespaced(namespace);
    let found = api.get_opt(&source.name).await.map_err(|error| Error::Read {
        kind: "GitRepository",
        name: source.name.clone(),
        field: "spec.sourceRef",
        source: request::Error::from(error),
    })?;
    found.ok_or_else(|| Error::NoSource { name: source.name.clone() })
}

async fn read(
    context: &Context,
    namespace: &str,
    secret: &LocalReference,
    field: &'static str,
) -> Result<BTreeMap<String, Plaintext>, Error> {
    let name = || secret.name.clone();
    let contents = context.secrets.read(namespace, &secret.name).await;
    let contents =
        contents.map_err(|source| Error::Read { kind: "Secret", name: name(), field, source })?;
    contents.map(|contents| contents.data).ok_or_else(|| Error::Missing { name: name(), field })
}
