//! Registries as a person reaches them: with the credentials that Docker has.
//!
//! A credential comes from the program that Docker's configuration names for the host, else from
//! the configuration itself; where it has none, an ImageRepository with a cloud's `provider` is
//! logged in to as the environment says. Nothing is asked for a host that no question is about, and
//! each host's program runs once.

use std::{collections::HashMap, fs, io, path::PathBuf};

use imagebot_api::ImageRepository;
use imagebot_core::{
    reference::{self, Repository},
    tags::{self, Exclusions},
};
use tokio::{sync::Mutex, task::spawn_blocking};

use super::{helper, terminal::Report};
use crate::{
    args,
    controller::access,
    registry::{self, Access, Helpers, Keychain, Pace, Registry},
};

/// How registries are reached.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Registries {
    /// Credentials, as Docker keeps them [default: `config.json` of `$DOCKER_CONFIG` or `~/.docker`]
    #[arg(long, env = "SIGNET_REGISTRY_CONFIG", value_name = "FILE")]
    registry_config: Option<PathBuf>,

    /// Certificates to trust besides the system's, in PEM
    #[arg(long, env = "SIGNET_REGISTRY_CA", value_name = "FILE")]
    registry_ca: Option<PathBuf>,

    /// Where Docker keeps its configuration.
    #[arg(long, env = "DOCKER_CONFIG", hide = true)]
    docker_config: Option<PathBuf>,

    /// The user's home.
    #[arg(long = "docker-home", env = "HOME", hide = true)]
    home: Option<PathBuf>,
}

/// Why a registry gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not read `{}`", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not use the credentials `{}`", .path.display())]
    Keychain { path: PathBuf, source: Box<registry::Error> },
    #[error("could not log in to `{host}`")]
    Helper { host: String, source: Box<helper::Error> },
    #[error("could not set up the registry client")]
    Client(#[source] Box<registry::Error>),
    #[error("`{image}` cannot be scanned")]
    Image { image: String, source: reference::Error },
    #[error("could not list the tags of `{image}`")]
    Scan { image: String, source: Box<registry::Error> },
    #[error("could not read the digest of `{image}`")]
    Digest { image: String, source: Box<registry::Error> },
    #[error("ImageRepository `{0}` cannot be used")]
    Exclusions(String, #[source] tags::Error),
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Keychain { .. } => "mend it, or name another file with `--registry-config`",
            Self::Helper { .. } => {
                "Docker's configuration names this program; install it, log in anew, or name \
                 another file with `--registry-config`"
            }
            Self::Scan { source, .. } if matches!(**source, registry::Error::Denied { .. }) => {
                "log in with `docker login`, or give credentials with `--registry-config`"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// The registries, and who we are to them.
pub(crate) struct Reach {
    registry: Registry,
    keychain: Keychain,
    helpers: Helpers,
    /// What the programs said, by host.
    helped: Mutex<HashMap<String, Keychain>>,
    ca: Option<Vec<u8>>,
}

impl Registries {
    /// Reads what says who we are. Nobody is asked yet.
    pub(crate) fn open(&self) -> Result<Reach, Error> {
        let clouds = args::Args::clouds();
        let registry = Registry::with(Pace::default(), clouds);
        let registry = registry.map_err(|source| Error::Client(Box::new(source)))?;
        let (keychain, helpers) = self.keychain()?;
        let ca = self.registry_ca.clone().map(read).transpose()?.map(|(_, pem)| pem);
        Ok(Reach { registry, keychain, helpers, helped: Mutex::default(), ca })
    }

    /// The credentials that the flags or Docker name.
    fn keychain(&self) -> Result<(Keychain, Helpers), Error> {
        let docker = || Some(self.docker_config.clone()?.join("config.json"));
        let home = || Some(self.home.clone()?.join(".docker/config.json"));
        let usual = || docker().or_else(home).filter(|path| path.is_file());
        let Some(path) = self.registry_config.clone().or_else(usual) else {
            return Ok(<_>::default());
        };
        let (path, bytes) = read(path)?;
        let read = Keychain::parse_with_helpers(&bytes);
        read.map_err(|source| Error::Keychain { path, source: Box::new(source) })
    }
}

fn read(path: PathBuf) -> Result<(PathBuf, Vec<u8>), Error> {
    match fs::read(&path) {
        Ok(bytes) => Ok((path, bytes)),
        Err(source) => Err(Error::Read { path, source }),
    }
}

impl Reach {
    /// The tags of an image, as the daemon keeps them.
    pub(crate) async fn tags(&self, image: &str, insecure: bool) -> Result<Vec<String>, Error> {
        let repository = parse(image)?;
        let access = self.access(&repository, None, insecure).await?;
        self.list(image, &repository, &access).await
    }

    /// The tags of an ImageRepository, without those that it excludes.
    pub(crate) async fn listed(&self, object: &ImageRepository) -> Result<Vec<String>, Error> {
        let spec = &object.spec;
        let name = || object.metadata.name.clone().unwrap_or_default();
        let exclusions = Exclusions::parse(&spec.exclusion_list);
        let exclusions = exclusions.map_err(|source| Error::Exclusions(name(), source))?;
        let repository = parse(&spec.image)?;
        let access = self.access(&repository, Some(object), spec.insecure).await?;
        let mut tags = self.list(&spec.image, &repository, &access).await?;
        tags.retain(|tag| exclusions.admits(tag));
        Ok(tags)
    }

    /// The digest that a tag names now.
    pub(crate) async fn digest(
        &self,
        (image, tag): (&str, &str),
        object: Option<&ImageRepository>,
        insecure: bool,
    ) -> Result<String, Error> {
        let repository = parse(image)?;
        let access = self.access(&repository, object, insecure).await?;
        let digest = self.registry.digest(&repository, tag, &access).await;
        digest.map_err(|source| {
            let image = format!("{image}:{tag}");
            Error::Digest { image, source: Box::new(source) }
        })
    }

    async fn list(
        &self,
        image: &str,
        repository: &Repository,
        access: &Access,
    ) -> Result<Vec<String>, Error> {
        let listed = self.registry.tags(repository, access).await;
        let mut listed = listed
            .map_err(|source| Error::Scan { image: image.to_owned(), source: Box::new(source) })?;
        tags::sort(&mut listed);
        listed.dedup();
        Ok(listed)
    }

    /// How a registry is reached, and as whom.
    async fn access(
        &self,
        repository: &Repository,
        object: Option<&ImageRepository>,
        insecure: bool,
    ) -> Result<Access, Error> {
        let keychain = self.helped(repository.registry()).await?.or(self.keychain.share());
        let cloud = object.and_then(|object| access::cloud(object.spec.provider));
        let access = match cloud.filter(|_| !keychain.has(repository)) {
            Some(cloud) => Access::default().cloud(cloud),
            None => Access::default().keychain(keychain),
        };
        let access = access.insecure(insecure);
        Ok(match &self.ca {
            Some(pem) => access.trusting(pem),
            None => access,
        })
    }

    /// What the program for `host` has, if there is one.
    async fn helped(&self, host: &str) -> Result<Keychain, Error> {
        let Some(name) = self.helpers.of(host) else { return Ok(Keychain::default()) };
        // Held while it runs: it is asked once for a host, and two programs do not ask a person
        // for two passwords at the same time.
        let mut helped = self.helped.lock().await;
        if let Some(found) = helped.get(host) {
            return Ok(found.share());
        }
        let (program, server) = (name.to_owned(), host.to_owned());
        let asked = spawn_blocking(move || helper::ask(&program, &server)).await;
        let asked = asked.expect("a program that is asked does not panic");
        let found = asked
            .map_err(|source| Error::Helper { host: host.to_owned(), source: Box::new(source) })?;
        let found = found.unwrap_or_default();
        helped.insert(host.to_owned(), found.share());
        Ok(found)
    }
}

fn parse(image: &str) -> Result<Repository, Error> {
    Repository::parse(image).map_err(|source| Error::Image { image: image.to_owned(), source })
}
