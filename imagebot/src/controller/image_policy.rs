//! Picks the newest tag of an image.
//!
//! There is nothing to apply: the status is the product. A failure keeps the last pick, which
//! automations go on using.
//!
//! ```text
//! rules (spec + annotations) ─▶ list (shared) ─▶ ranking ─▶ choose: age, platforms, signature ─▶ step
//! ```

mod ask;
pub mod choose;
mod error;
pub mod extras;
mod facts;
mod kept;
mod lists;
mod report;
pub mod rules;
mod step;
pub mod unpicked;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use imagebot_api::{
    ImagePolicy, ImageRepository, image_repository::AccessFrom, reference::ImageReference,
};
use imagebot_core::reference::Repository;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt as _};
use reconcile::{Core, Reconciler, Report, Watched};
use tokio::time::timeout;

use self::{
    choose::{Choice, Look},
    extras::Keeping,
    facts::Facts,
    kept::Kept,
    lists::{Listed, Lists},
    rules::{Held, Rules},
};
use super::access::{self, Workloads};
use crate::{registry::Registry, tags::Tags};

pub use error::Error;

/// How long the registry may take where the ImageRepository does not say.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The controller of `ImagePolicy`.
pub struct ImagePolicies {
    core: Core,
    lists: Lists,
    registry: Registry,
    workloads: Workloads,
    repositories: Watched<ImageRepository>,
    no_cross_namespace: bool,
    facts: Facts,
    kept: Kept,
    keeping: Keeping,
}

/// What a policy chooses from.
pub enum Observed {
    /// The tags of the repository, and what is chosen of them.
    Chosen(Choice),
    /// The author holds what is in force.
    Held(ImageReference, Held),
    /// Its tags are not on this disk: its first scan is under way, or the disk is new. What was
    /// picked stays in force until the scan wakes this policy.
    Pending,
    /// Tags qualify by name, and nothing is picked.
    Unpicked(Error),
}

/// What was picked.
pub enum Picked {
    /// This image.
    Image(Box<Choice>),
    /// What is in force, until then.
    Held(ImageReference, Held),
    /// What was picked before.
    Same,
}

impl ImagePolicies {
    /// The controller of the policies that refer to `repositories`, whose scans are in `tags`; where
    /// `no_cross_namespace` is set, no object may refer to one of another namespace.
    pub fn new(
        core: Core,
        tags: Arc<Tags>,
        (registry, workloads): (Registry, Workloads),
        repositories: Watched<ImageRepository>,
        no_cross_namespace: bool,
    ) -> Self {
        let (facts, keeping) = (Facts::default(), Keeping::default());
        let (lists, kept) = (Lists::new(Arc::clone(&tags)), Kept::new(tags));
        Self {
            core,
            lists,
            registry,
            workloads,
            repositories,
            no_cross_namespace,
            facts,
            kept,
            keeping,
        }
    }

    /// The ImageRepository that `object` refers to, if it may.
    async fn repository(&self, object: &ImagePolicy) -> Result<Arc<ImageRepository>, Error> {
        let own = object.namespace().unwrap_or_default();
        let reference = &object.spec.image_repository_ref;
        let namespace = reference.namespace.clone().unwrap_or_else(|| own.clone());
        let name = reference.name.clone();
        let foreign = namespace != own;
        if foreign && self.no_cross_namespace {
            return Err(Error::CrossNamespace { namespace, name });
        }
        let found = self.repositories.get(Some(&namespace), &name);
        if foreign {
            // Whether it exists is told only to those who may know.
            let from = found.as_ref().and_then(|found| found.spec.access_from.as_ref());
            if !self.lets_in(from, &own).await? {
                return Err(Error::AccessDenied { namespace, name, own });
            }
        }
        found.ok_or(Error::NoRepository { namespace, name })
    }

    /// The hold, if there is one now.
    fn held(&self, rules: &Rules) -> Option<Held> {
        rules.hold.filter(|hold| match hold {
            Held::Open => true,
            Held::Until(end) => self.core.clock.now() < *end,
        })
    }

    async fn lets_in(&self, from: Option<&AccessFrom>, own: &str) -> Result<bool, Error> {
        let Some(from) = from.filter(|from| !from.namespace_selectors.is_empty()) else {
            return Ok(false);
        };
        if from.namespace_selectors.iter().any(|it| it.match_labels.is_empty()) {
            return Ok(true);
        }
        let api: Api<Namespace> = Api::all(self.core.client.clone());
        let namespace = api.get_metadata(own).await;
        let namespace = namespace.map_err(|source| Error::Namespace(Box::new(source)))?;
        let labels = namespace.metadata.labels.unwrap_or_default();
        Ok(from.namespace_selectors.iter().any(|it| matches(&it.match_labels, &labels)))
    }

    /// The digest that `tag` names now.
    async fn digest(&self, repository: &ImageRepository, tag: &str) -> Result<String, Error> {
        let image = Repository::parse(&repository.spec.image).map_err(Error::Image)?;
        let access =
            access::of(&self.core, self.workloads, repository).await.map_err(Error::Access)?;
        let digest = self.registry.digest(&image, tag, &access).await;
        let reference = format!("{}:{tag}", repository.spec.image);
        digest.map_err(|source| Error::Digest { reference, source })
    }

    /// The tags of `repository`, unless they are those of another object, or of what this one named
    /// before.
    async fn listed(&self, repository: &ImageRepository) -> Result<Option<Arc<Listed>>, Error> {
        let listed = self.lists.get(&key(repository)).await?;
        let image = Repository::parse(&repository.spec.image).map(|image| image.to_string());
        Ok(listed.filter(|listed| {
            Some(&listed.scan.uid) == repository.metadata.uid.as_ref()
                && Ok(&listed.scan.image) == image.as_ref()
        }))
    }

    /// Chooses, within the time that the ImageRepository gives its registry.
    async fn choose(
        &self,
        object: &ImagePolicy,
        rules: &Rules,
        repository: &ImageRepository,
        listed: &Listed,
    ) -> Result<Choice, Error> {
        let limit = repository.spec.timeout.as_ref().unwrap_or(&repository.spec.interval);
        let limit = limit.parse().unwrap_or(TIMEOUT).max(Duration::from_secs(1));
        let look = Look::new(self, object, rules, repository, listed)?;
        let reference = repository.spec.image.clone();
        let chosen = timeout(limit, look.choose()).await;
        // What was learned on the way is not learned again, whatever came of it.
        self.kept.flush(&key(repository)).await?;
        chosen.unwrap_or(Err(Error::TooSlow { reference }))
    }
}

/// The key of an ImageRepository in the tag database.
fn key(repository: &ImageRepository) -> String {
    format!("{}/{}", repository.namespace().unwrap_or_default(), repository.name_any())
}

impl Reconciler for ImagePolicies {
    type Object = ImagePolicy;
    type Valid = Rules;
    type Observed = Observed;
    type Plan = Observed;
    type Applied = Picked;
    type Error = Error;

    const NAME: &'static str = "imagepolicy";

    fn suspended(&self, object: &ImagePolicy) -> bool {
        object.spec.suspend
    }

    fn validate(&self, object: &ImagePolicy) -> Result<Rules, Error> {
        self.keeping.look(object);
        Rules::read(object)
    }

    async fn observe(&self, object: &ImagePolicy, rules: &Rules) -> Result<Observed, Error> {
        let repository = self.repository(object).await?;
        let status = object.status.as_ref();
        let latest = status.and_then(|status| status.latest_ref.as_ref());
        let latest = latest.filter(|latest| latest.name == repository.spec.image);
        if let (Some(latest), Some(held)) = (latest, self.held(rules)) {
            return Ok(Observed::Held(latest.clone(), held));
        }
        match self.listed(&repository).await? {
            Some(listed) => match self.choose(object, rules, &repository, &listed).await {
                Ok(choice) => Ok(Observed::Chosen(choice)),
                Err(error @ Error::Unpicked(_)) => Ok(Observed::Unpicked(error)),
                Err(error) => Err(error),
            },
            None if settled(object, &repository) => Ok(Observed::Pending),
            None if !has_failed(&repository) => Ok(Observed::Pending),
            None => Err(Error::NoTags { name: repository.name_any() }),
        }
    }

    fn decide(&self, _: &ImagePolicy, _: &Rules, observed: Observed) -> Result<Self::Plan, Error> {
        // What there is to decide was decided in the core, question by question.
        Ok(observed)
    }

    async fn apply(
        &self,
        object: &ImagePolicy,
        _: &Rules,
        plan: Observed,
    ) -> Result<Picked, Error> {
        let kept = match &plan {
            Observed::Chosen(choice) => Some(&choice.extras),
            Observed::Unpicked(Error::Unpicked(it)) => Some(&it.extras),
            Observed::Unpicked(_) | Observed::Held(..) | Observed::Pending => None,
        };
        if let Some(extras) = kept {
            let annotated = self.keeping.annotate(&self.core, object, extras).await;
            annotated.map_err(|source| Error::Annotate(Box::new(source)))?;
        }
        match plan {
            Observed::Chosen(choice) => Ok(Picked::Image(Box::new(choice))),
            Observed::Held(image, hold) => Ok(Picked::Held(image, hold)),
            Observed::Pending => Ok(Picked::Same),
            Observed::Unpicked(error) => Err(error),
        }
    }

    fn report(
        &self,
        object: &ImagePolicy,
        outcome: Result<&Picked, &Error>,
        now: Timestamp,
    ) -> Report {
        let Some((mut status, report)) = report::report(object, outcome, now) else {
            return Report::default();
        };
        self.keeping.prepare(object, &mut status);
        Report { status: Report::status(&status).status, ..report }
    }
}

/// Whether the policy has picked something of `repository` for the spec as it is.
fn settled(object: &ImagePolicy, repository: &ImageRepository) -> bool {
    object.status.as_ref().is_some_and(|status| {
        let latest = status.latest_ref.as_ref();
        latest.is_some_and(|latest| latest.name == repository.spec.image)
            && status.observed_generation == object.metadata.generation
            && status.conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True")
    })
}

/// Whether the last look at the image ended in a failure.
fn has_failed(repository: &ImageRepository) -> bool {
    repository.status.as_ref().is_some_and(|status| {
        status.conditions.iter().any(|it| it.type_ == "Ready" && it.status == "False")
    })
}

fn matches(wanted: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}
