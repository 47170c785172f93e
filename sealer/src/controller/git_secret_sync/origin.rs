//! Where the files are, with which credentials, and who decrypts them.

use std::time::Duration;

use futures::{Stream, StreamExt as _, stream};
use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use reconcile::{Object, Watched};
use repo::{Reference, Remote};
use sealer_api::git_secret_sync::SourceReference;
use sealer_api::{GitRepository, GitSecretSync, duration};
use source::{Origin, Sources};
use source_api::LocalReference;

use super::{Error, status};
use crate::controller::Context;
use crate::decryption::{Keys, Own};
use crate::secrets::Contents;

/// What is read, and how.
pub(super) struct Source {
    /// The repository.
    pub(super) remote: Remote,
    /// The revision.
    pub(super) reference: Reference,
}

/// What a GitRepository says that is news to those who read the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    uid: Option<String>,
    generation: Option<i64>,
    requested: Option<String>,
    revision: Option<String>,
}

impl Said {
    pub(super) fn of(repository: &GitRepository) -> Self {
        let artifact = repository.status.as_ref().and_then(|status| status.artifact.as_ref());
        Self {
            uid: repository.uid(),
            generation: repository.metadata.generation,
            requested: repository.annotations().get(status::REQUESTED).cloned(),
            revision: artifact.and_then(|artifact| artifact.revision.clone()),
        }
    }

    /// Whether source-controller has nothing newer than what `object` was last made of.
    pub(super) fn is_known_to(&self, object: &GitSecretSync) -> bool {
        let commit = |revision: &str| revision.rsplit(':').next().map(str::to_owned);
        let status = object.status.as_ref();
        let looked = status.and_then(|status| status.last_attempted_revision.as_deref());
        self.revision.is_none()
            || self.revision.as_deref().and_then(commit) == looked.and_then(commit)
    }
}

/// What an object says about the GitRepository that it is read from.
pub(super) type Refers<K> = fn(&K) -> Option<&SourceReference>;

/// Waits until one of `objects` refers to a GitRepository.
pub(super) async fn is_referred_to<K: Object>(objects: Watched<K>, refers: Refers<K>) {
    let mut changes = std::pin::pin!(objects.changes());
    while let Some(change) = changes.next().await {
        if refers(change.object()).is_some() {
            return;
        }
    }
}

/// The objects whose GitRepository says something else.
pub(super) fn wakes<K: Object>(
    objects: Watched<K>,
    repositories: &Watched<GitRepository>,
    refers: Refers<K>,
) -> impl Stream<Item = ObjectRef<K>> + Send + 'static + use<K> {
    repositories.news(Said::of).flat_map(move |change| {
        let repository = change.object();
        let (namespace, name) = (repository.namespace(), repository.name_any());
        let mut all = objects.all();
        all.retain(|object| {
            object.namespace() == namespace
                && refers(object).is_some_and(|source| source.name == name)
        });
        stream::iter(all.into_iter().map(|object| ObjectRef::from_obj(object.as_ref())))
    })
}

/// The names of the Secrets that `object` reads, with those that `repository` names.
pub(super) fn secret_names(
    object: &GitSecretSync,
    repository: Option<&GitRepository>,
) -> Vec<String> {
    let git = object.spec.git.as_ref().and_then(|git| git.secret_ref.as_ref());
    let keys = object.spec.decryption.secret_ref.as_ref();
    let own = [git, keys].into_iter().flatten().map(|reference| reference.name.clone());
    let theirs = repository.map(Origin::of);
    let theirs = theirs.iter().flat_map(Origin::secret_names).map(str::to_owned);
    own.chain(theirs).collect()
}

/// Where the files of `object` are; `None` while the GitRepository is suspended. `problem` is why no
/// GitRepository is known, if so.
pub(super) async fn of(
    sources: &Sources,
    object: &GitSecretSync,
    repository: Option<&GitRepository>,
    problem: Option<String>,
) -> Result<Option<Source>, Error> {
    let namespace = object.namespace().unwrap_or_default();
    let spec = &object.spec;
    let (origin, reference, fallback) = match (repository, &spec.git, &spec.source_ref) {
        (_, Some(git), _) => {
            let origin = Origin::inline(&namespace, &git.url, git.secret_ref.as_ref());
            (origin, &git.reference, "main")
        }
        (Some(repository), _, _) if repository.spec.suspend == Some(true) => return Ok(None),
        (Some(repository), _, _) => (Origin::of(repository), &repository.spec.reference, "master"),
        (None, None, Some(source)) => {
            return Err(match problem {
                Some(problem) => Error::NoKind { problem },
                None => Error::NoSource { name: source.name.clone() },
            });
        }
        // The rules of the kind ask for one of both.
        (None, None, None) => return Ok(None),
    };
    let mut remote = sources.remote(&origin).await?;
    remote.timeouts.operation = duration::parse(&spec.timeout).unwrap_or(Duration::from_secs(60));
    let reference = reference.clone().unwrap_or_default();
    let reference = source::reference(&reference, fallback, || origin.field("ref"))?;
    Ok(Some(Source { remote, reference }))
}

/// The keys of `spec.decryption.secretRef`; where none is named, those of the daemon.
pub(super) async fn keys(
    context: &Context,
    own: &Own,
    object: &GitSecretSync,
) -> Result<Keys, Error> {
    const FIELD: &str = "spec.decryption.secretRef";
    let Some(secret) = &object.spec.decryption.secret_ref else {
        return Ok(own.keys(&context.secrets).await?);
    };
    let namespace = object.namespace().unwrap_or_default();
    let contents = read(context, &namespace, secret, FIELD).await?;
    let keys = Keys::of(&secret.name, &contents, own)?;
    if keys.is_empty() {
        let problem = "holds no key: add an age identity under a key that ends in `.agekey`, an OpenPGP key under `.asc`, or credentials under `sops.…`";
        return Err(Error::Unfit { name: secret.name.clone(), field: FIELD, problem });
    }
    Ok(keys)
}

async fn read(
    context: &Context,
    namespace: &str,
    secret: &LocalReference,
    field: &'static str,
) -> Result<Contents, Error> {
    let name = || secret.name.clone();
    let contents = context.secrets.read(namespace, &secret.name).await;
    let contents =
        contents.map_err(|source| Error::Read { kind: "Secret", name: name(), field, source })?;
    contents.ok_or_else(|| Error::Missing { name: name(), field })
}
