//! Picks the newest tag of an image.
//!
//! There is nothing to apply: the status is the product. A failure keeps the last pick, which
//! automations go on using.

mod error;
mod report;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use imagebot_api::{
    ImagePolicy, ImagePolicySpec, ImageRepository,
    image_policy::{DigestReflection, Order, Ordered, RULES},
    image_repository::AccessFrom,
    reference::ImageReference,
    rule,
};
use imagebot_core::{
    policy::{Policy, Spec},
    reference::Repository,
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt as _};
use reconcile::{Core, Reconciler, Report, Watched};
use tokio::{task::spawn_blocking, time::timeout};

use super::access;
use crate::{registry::Registry, tags::Tags};

pub use error::Error;

/// How long a digest may take where the ImageRepository does not say.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The controller of `ImagePolicy`.
pub struct ImagePolicies {
    /// What every controller is given.
    pub core: Core,
    /// Where scans are kept.
    pub tags: Arc<Tags>,
    /// Where digests are read.
    pub registry: Registry,
    /// The images that policies refer to.
    pub repositories: Watched<ImageRepository>,
    /// Whether no object may refer to one of another namespace.
    pub no_cross_namespace: bool,
}

/// A spec that makes sense.
pub struct Valid {
    policy: Policy,
}

/// What a policy chooses from.
pub enum Observed {
    /// The tags of the repository.
    Tags(Arc<ImageRepository>, Vec<String>),
    /// Its tags are not on this disk: its first scan is under way, or the disk is new. What was
    /// picked stays in force until the scan wakes this policy.
    Pending,
}

/// What was picked.
pub enum Picked {
    /// This image.
    Image(ImageReference),
    /// What was picked before.
    Same,
}

impl ImagePolicies {
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
        let limit = repository.spec.timeout.as_ref().unwrap_or(&repository.spec.interval);
        let limit = limit.parse().unwrap_or(TIMEOUT).max(Duration::from_secs(1));
        let reference = format!("{}:{tag}", repository.spec.image);
        let fetch = async {
            let access = access::of(&self.core, repository).await.map_err(Error::Access)?;
            let digest = self.registry.digest(&image, tag, &access).await;
            digest.map_err(|source| Error::Digest { reference: reference.clone(), source })
        };
        timeout(limit, fetch).await.unwrap_or(Err(Error::TooSlow { reference: reference.clone() }))
    }
}

impl Reconciler for ImagePolicies {
    type Object = ImagePolicy;
    type Valid = Valid;
    type Observed = Observed;
    type Plan = Option<(Arc<ImageRepository>, ImageReference)>;
    type Applied = Picked;
    type Error = Error;

    const NAME: &'static str = "imagepolicy";

    fn suspended(&self, object: &ImagePolicy) -> bool {
        object.spec.suspend
    }

    fn validate(&self, object: &ImagePolicy) -> Result<Valid, Error> {
        let spec = &object.spec;
        rule::check(RULES, spec).map_err(Error::Interval)?;
        let policy = policy(spec)?;
        let interval = spec.interval.as_ref().map(imagebot_api::Duration::parse).transpose();
        interval.map_err(Error::Duration)?;
        Ok(Valid { policy })
    }

    async fn observe(&self, object: &ImagePolicy, _: &Valid) -> Result<Observed, Error> {
        let repository = self.repository(object).await?;
        let tags = Arc::clone(&self.tags);
        let key =
            format!("{}/{}", repository.namespace().unwrap_or_default(), repository.name_any());
        // It waits for the disk, and a long list takes a while to unpack.
        let listed = spawn_blocking(move || tags.list(&key)).await.map_err(Error::Interrupted)?;
        let listed = listed.map_err(Error::Tags)?;
        // The tags of another object, or of what this one named before, are no choice.
        let image = Repository::parse(&repository.spec.image).map(|image| image.to_string());
        let listed = listed.filter(|(scan, _)| {
            Some(&scan.uid) == repository.metadata.uid.as_ref() && Ok(&scan.image) == image.as_ref()
        });
        match listed {
            Some((_, tags)) => Ok(Observed::Tags(repository, tags)),
            None if settled(object, &repository) => Ok(Observed::Pending),
            None if !has_failed(&repository) => Ok(Observed::Pending),
            None => Err(Error::NoTags { name: repository.name_any() }),
        }
    }

    fn decide(
        &self,
        object: &ImagePolicy,
        valid: &Valid,
        observed: Observed,
    ) -> Result<Self::Plan, Error> {
        let Observed::Tags(repository, tags) = observed else { return Ok(None) };
        let tag = valid
            .policy
            .select(tags.iter().map(String::as_str))
            .map_err(Error::NoMatch)?
            .to_owned();
        let name = repository.spec.image.clone();
        let latest = object.status.as_ref().and_then(|status| status.latest_ref.as_ref());
        let kept = latest.filter(|latest| latest.name == name && latest.tag == tag);
        let digest = match object.spec.digest_reflection_policy {
            DigestReflection::IfNotPresent => kept.and_then(|latest| latest.digest.clone()),
            DigestReflection::Always | DigestReflection::Never => None,
        };
        Ok(Some((repository, ImageReference { name, tag, digest })))
    }

    async fn apply(
        &self,
        object: &ImagePolicy,
        _: &Valid,
        plan: Self::Plan,
    ) -> Result<Picked, Error> {
        let Some((repository, mut image)) = plan else { return Ok(Picked::Same) };
        let wanted = object.spec.digest_reflection_policy != DigestReflection::Never;
        if wanted && image.digest.is_none() {
            image.digest = Some(self.digest(&repository, &image.tag).await?);
        }
        Ok(Picked::Image(image))
    }

    fn report(
        &self,
        object: &ImagePolicy,
        outcome: Result<&Picked, &Error>,
        now: Timestamp,
    ) -> Report {
        report::report(object, outcome, now)
    }
}

/// The policy in the words of the core.
pub(crate) fn policy(spec: &ImagePolicySpec) -> Result<Policy, Error> {
    let order = |it: &Ordered| match it.order {
        Order::Asc => "asc",
        Order::Desc => "desc",
    };
    let filter = spec.filter_tags.as_ref();
    let spec = Spec {
        semver: spec.policy.semver.as_ref().map(|it| it.range.as_str()),
        alphabetical: spec.policy.alphabetical.as_ref().map(order),
        numerical: spec.policy.numerical.as_ref().map(order),
        pattern: filter.map_or("", |filter| &filter.pattern),
        extract: filter.map_or("", |filter| &filter.extract),
    };
    Policy::parse(&spec).map_err(Error::Policy)
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
