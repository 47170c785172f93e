//! What policies select: what `--set` says, or what their registries have.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use futures::{StreamExt as _, stream};
use imagebot_api::{ImagePolicy, ImageRepository, image_policy::DigestReflection};
use imagebot_core::{
    policy::{NoMatch, Policy},
    reference::{self, Reference},
    setter::Image,
};

use super::{
    known::{Key, Known},
    reach::{self, Reach, Registries},
    terminal::{Report, Streams},
};
use crate::controller::image_policy::{self, rules::Rules};

/// How many repositories are read at once.
const AT_ONCE: usize = 8;

/// `NAMESPACE:POLICY=IMAGE:TAG[@DIGEST]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) key: Key,
    pub(crate) image: Image,
}

/// Why a text is no such thing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetError {
    #[error("write `NAMESPACE:POLICY=IMAGE:TAG`, with `@DIGEST` if it has one")]
    Form,
    #[error(transparent)]
    Image(#[from] reference::Error),
}

impl FromStr for Set {
    type Err = SetError;

    fn from_str(text: &str) -> Result<Self, SetError> {
        let (policy, image) = text.split_once('=').ok_or(SetError::Form)?;
        let (namespace, name) = policy.split_once(':').ok_or(SetError::Form)?;
        if namespace.is_empty() || name.is_empty() || name.contains(':') {
            return Err(SetError::Form);
        }
        let parsed = Reference::parse(image)?;
        let tag = parsed.tag.ok_or(SetError::Form)?;
        let written = image.split('@').next().unwrap_or(image);
        let written = &written[..written.len() - tag.len() - 1];
        let image = Image { name: written.to_owned(), tag, digest: parsed.digest };
        Ok(Self { key: (namespace.to_owned(), name.to_owned()), image })
    }
}

/// Why nothing is selected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Registry(#[from] reach::Error),
    #[error("ImagePolicy `{name}` cannot be used")]
    Policy { name: String, source: Box<image_policy::Error> },
    #[error("ImagePolicy `{policy}` names the ImageRepository `{repository}`, which is not there")]
    NoRepository { policy: String, repository: String },
    #[error("ImagePolicy `{policy}` sets `{field}`, which the daemon alone looks at")]
    LooksInside { policy: String, field: &'static str },
    #[error("ImagePolicy `{policy}` selects nothing")]
    NoMatch { policy: String, source: NoMatch },
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoRepository { .. } => Some(
                "point `--manifests` at the directory that has it, or give values with `--set`"
                    .into(),
            ),
            Self::LooksInside { .. } => Some("give its value with `--set`".into()),
            Self::Registry(error) => error.hint(),
            Self::Policy { .. } | Self::NoMatch { .. } => None,
        }
    }
}

/// The policy in the words of the core.
pub(crate) fn understood(policy: &ImagePolicy) -> Result<Policy, Error> {
    let name = policy.metadata.name.clone().unwrap_or_default();
    let rules = Rules::read(policy);
    let rules = rules.map_err(|source| Error::Policy { name, source: Box::new(source) })?;
    Ok(rules.policy)
}

/// The tag that a policy selects where names alone decide; what else a policy may ask for is the
/// daemon's to find out, and nothing is selected without it.
fn by_name(policy: &ImagePolicy, tags: &[String]) -> Result<String, Error> {
    let name = || {
        let metadata = &policy.metadata;
        let namespace = metadata.namespace.clone().unwrap_or_default();
        format!("{namespace}/{}", metadata.name.clone().unwrap_or_default())
    };
    let rules = Rules::read(policy);
    let rules = rules.map_err(|source| Error::Policy { name: name(), source: Box::new(source) })?;
    if let Some(field) = rules.looks_inside() {
        return Err(Error::LooksInside { policy: name(), field });
    }
    if let Some(pin) = rules.pin.filter(|pin| tags.contains(pin)) {
        return Ok(pin);
    }
    let selected = rules.policy.select(tags.iter().map(String::as_str)).map(str::to_owned);
    selected.map_err(|source| Error::NoMatch { policy: name(), source })
}

/// The image that each of `wanted` selects, and why those do not that do not.
///
/// Policies that the manifests do not have are left out: their markers say so.
pub(crate) fn scan(
    known: &Known,
    wanted: &BTreeSet<Key>,
    registries: &Registries,
    streams: &Streams<'_>,
) -> Result<(BTreeMap<Key, Image>, Vec<Error>), Error> {
    let mut by_repository: BTreeMap<Key, Vec<&ImagePolicy>> = BTreeMap::new();
    let mut failures = Vec::new();
    for key in wanted {
        let Some((policy, _)) = known.policies.get(key) else { continue };
        match known.repository_of(policy) {
            (repository, Some(_)) => by_repository.entry(repository).or_default().push(policy),
            ((namespace, name), None) => failures.push(Error::NoRepository {
                policy: format!("{}/{}", key.0, key.1),
                repository: format!("{namespace}/{name}"),
            }),
        }
    }
    if by_repository.is_empty() {
        return Ok((BTreeMap::new(), failures));
    }
    let reach = registries.open()?;
    let bar = streams.progress(by_repository.len(), "scanning");
    let work = by_repository.into_iter().map(|(key, policies)| {
        let (reach, bar) = (&reach, &bar);
        async move {
            let repository = &known.repositories[&key].0;
            bar.set_message(repository.spec.image.clone());
            let selected = select(reach, repository, &policies).await;
            bar.inc(1);
            selected
        }
    });
    let done = stream::iter(work).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
    let done = super::runtime().block_on(done);
    bar.finish_and_clear();
    let mut images = BTreeMap::new();
    for result in done.into_iter().flatten() {
        match result {
            Ok((key, image)) => drop(images.insert(key, image)),
            Err(error) => failures.push(error),
        }
    }
    Ok((images, failures))
}

/// What the policies of one repository select.
async fn select(
    reach: &Reach,
    repository: &ImageRepository,
    policies: &[&ImagePolicy],
) -> Vec<Result<(Key, Image), Error>> {
    let tags = match reach.listed(repository).await {
        Ok(tags) => tags,
        Err(error) => return vec![Err(error.into())],
    };
    let mut selected = Vec::new();
    for policy in policies {
        selected.push(pick(reach, repository, policy, &tags).await);
    }
    selected
}

async fn pick(
    reach: &Reach,
    repository: &ImageRepository,
    policy: &ImagePolicy,
    tags: &[String],
) -> Result<(Key, Image), Error> {
    let metadata = &policy.metadata;
    let key =
        (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default());
    let tag = by_name(policy, tags)?;
    let name = repository.spec.image.clone();
    let digest = if policy.spec.digest_reflection_policy == DigestReflection::Never {
        None
    } else {
        Some(reach.digest((&name, &tag), Some(repository), repository.spec.insecure).await?)
    };
    Ok((key, Image { name, tag, digest }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_given_as_people_write_images() {
        let image =
            |name: &str, tag: &str| Image { name: name.into(), tag: tag.into(), digest: None };
        #[rustfmt::skip]
        let cases = [
            ("flux-system:web=ghcr.io/acme/web:1.2.3",  Some(image("ghcr.io/acme/web", "1.2.3"))),
            ("n:p=localhost:5000/a:1",                  Some(image("localhost:5000/a", "1"))),
            ("n:p=alpine:3",                            Some(image("alpine", "3"))),
            ("n:p=alpine", None), ("n:p=a b:1", None), ("p=a:1", None), ("n:p", None), ("n:p:tag=a:1", None), (":p=a:1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Set>().ok().map(|set| set.image), expected, "{text}");
        }
        let digest = format!("sha256:{}", "0".repeat(64));
        let set: Set = format!("n:p=a:1@{digest}").parse().unwrap();
        assert_eq!((set.image.name.as_str(), set.image.digest), ("a", Some(digest)));
    }
}
