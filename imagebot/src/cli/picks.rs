//! What policies select: what `--set` says, or what their registries have.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    str::FromStr,
};

use futures::{StreamExt as _, stream};
use imagebot_api::{ImagePolicy, ImageRepository, image_policy::DigestReflection};
use imagebot_core::{
    policy::{NoMatch, Policy},
    reference::{self, Reference, Repository},
    setter::Image,
    tags::{self, Exclusions},
};

use super::{
    known::{Key, Known},
    terminal::{Report, Streams},
};
use crate::{
    controller::image_policy::{self, rules::Rules},
    registry::{self, Access, Keychain, Registry},
};

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

/// How registries are reached.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Registries {
    /// Credentials, as Docker keeps them [default: `config.json` of `$DOCKER_CONFIG` or `~/.docker`]
    #[arg(long, env = "SIGNET_REGISTRY_CONFIG", value_name = "FILE")]
    registry_config: Option<PathBuf>,

    /// Where Docker keeps its configuration.
    #[arg(long, env = "DOCKER_CONFIG", hide = true)]
    docker_config: Option<PathBuf>,

    /// The user's home.
    #[arg(long = "docker-home", env = "HOME", hide = true)]
    home: Option<PathBuf>,
}

/// Why nothing is selected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not read the credentials `{}`", .path.display())]
    Credentials { path: PathBuf, source: std::io::Error },
    #[error("could not use the credentials `{}`", .path.display())]
    Keychain { path: PathBuf, source: registry::Error },
    #[error("could not set up the registry client")]
    Client(#[source] registry::Error),
    #[error("`{image}` cannot be scanned")]
    Image { image: String, source: reference::Error },
    #[error("could not list the tags of `{image}`")]
    Scan { image: String, source: registry::Error },
    #[error("could not read the digest of `{image}`")]
    Digest { image: String, source: registry::Error },
    #[error("ImageRepository `{0}` cannot be used")]
    Exclusions(String, #[source] tags::Error),
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
            Self::Scan { .. } => {
                Some("give credentials with `--registry-config`, or values with `--set`".into())
            }
            _ => None,
        }
    }
}

impl Registries {
    /// The credentials that the flags or Docker name.
    fn keychain(&self) -> Result<Keychain, Error> {
        let docker = || Some(self.docker_config.clone()?.join("config.json"));
        let home = || Some(self.home.clone()?.join(".docker/config.json"));
        let usual = docker().or_else(home).filter(|path| path.is_file());
        let Some(path) = self.registry_config.clone().or_else(|| usual.clone()) else {
            return Ok(Keychain::default());
        };
        let bytes = fs::read(&path);
        let bytes = bytes.map_err(|source| Error::Credentials { path: path.clone(), source })?;
        match Keychain::parse(&bytes) {
            Ok(keychain) => Ok(keychain),
            // A helper of this machine is not run; public images need none.
            Err(_) if self.registry_config.is_none() => Ok(Keychain::default()),
            Err(source) => Err(Error::Keychain { path, source }),
        }
    }

    /// How a registry is reached.
    pub(crate) fn access(&self, insecure: bool) -> Result<Access, Error> {
        Ok(Access::default().insecure(insecure).keychain(self.keychain()?))
    }
}

/// The tags of an image, as the daemon keeps them.
pub(crate) async fn tags(
    registry: &Registry,
    registries: &Registries,
    image: &str,
    insecure: bool,
) -> Result<Vec<String>, Error> {
    let repository = Repository::parse(image)
        .map_err(|source| Error::Image { image: image.to_owned(), source })?;
    let listed = registry.tags(&repository, &registries.access(insecure)?).await;
    let mut listed = listed.map_err(|source| Error::Scan { image: image.to_owned(), source })?;
    tags::sort(&mut listed);
    listed.dedup();
    Ok(listed)
}

/// The tags of an ImageRepository, without those that it excludes.
pub(crate) async fn listed(
    registry: &Registry,
    registries: &Registries,
    repository: &ImageRepository,
) -> Result<Vec<String>, Error> {
    let spec = &repository.spec;
    let name = || repository.metadata.name.clone().unwrap_or_default();
    let exclusions = Exclusions::parse(&spec.exclusion_list)
        .map_err(|source| Error::Exclusions(name(), source))?;
    let mut tags = tags(registry, registries, &spec.image, spec.insecure).await?;
    tags.retain(|tag| exclusions.admits(tag));
    Ok(tags)
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
    let registry = Registry::new().map_err(Error::Client)?;
    let bar = streams.progress(by_repository.len(), "scanning");
    let work = by_repository.into_iter().map(|(key, policies)| {
        let (registry, bar) = (&registry, &bar);
        async move {
            let repository = &known.repositories[&key].0;
            bar.set_message(repository.spec.image.clone());
            let selected = select(registry, registries, repository, &policies).await;
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
    registry: &Registry,
    registries: &Registries,
    repository: &ImageRepository,
    policies: &[&ImagePolicy],
) -> Vec<Result<(Key, Image), Error>> {
    let tags = match listed(registry, registries, repository).await {
        Ok(tags) => tags,
        Err(error) => return vec![Err(error)],
    };
    let mut selected = Vec::new();
    for policy in policies {
        selected.push(pick(registry, registries, repository, policy, &tags).await);
    }
    selected
}

async fn pick(
    registry: &Registry,
    registries: &Registries,
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
        Some(digest(registry, registries, (&name, &tag), repository.spec.insecure).await?)
    };
    Ok((key, Image { name, tag, digest }))
}

/// The digest that a tag names now.
pub(crate) async fn digest(
    registry: &Registry,
    registries: &Registries,
    (image, tag): (&str, &str),
    insecure: bool,
) -> Result<String, Error> {
    let repository = Repository::parse(image)
        .map_err(|source| Error::Image { image: image.to_owned(), source })?;
    let digest = registry.digest(&repository, tag, &registries.access(insecure)?).await;
    digest.map_err(|source| Error::Digest { image: format!("{image}:{tag}"), source })
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
