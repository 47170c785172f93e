//! Commits what policies pick, and pushes or proposes it.
//!
//! ```text
//! policies ─┐
//! remote ───┴▶ look (fetch, files with markers) ─▶ edits ─▶ commit ─▶ push ─▶ pull request
//!                     ▲                                                │
//!                     └────────────── somebody was faster ─────────────┘
//! ```
//!
//! Nothing is asked of a remote while no policy has picked anything new, nobody asks and the
//! interval has not passed.

mod apply;
mod edits;
mod error;
mod look;
mod memo;
mod propose;
mod report;
mod target;
mod telemetry;
mod validate;

use std::{collections::BTreeMap, sync::Arc};

use imagebot_api::{GitRepository, ImagePolicy, ImageUpdateAutomation, reference::ImageReference};
use jiff::Timestamp;
use kube::{ResourceExt as _, core::SelectorExt as _};
use reconcile::{Core, Reconciler, Report, Watched};
use repo::{Cache, Mirror};
use source::{Origin, Sources};
use tokio::task::spawn_blocking;

use super::{
    due::{is_due, open_request},
    turn::{Turn, Turns},
};
use crate::{daemon::Settings, forge::Forges};

pub use error::Error;
use look::{Look, look};
use memo::Memos;
use propose::Desk;
use report::Done;
use target::Target;
use telemetry::Telemetry;
pub use validate::Valid;

/// What each policy has picked, by name.
pub(crate) type Picks = BTreeMap<String, ImageReference>;

/// The controller of `ImageUpdateAutomation`.
pub struct ImageUpdateAutomations {
    core: Core,
    cache: Cache,
    policies: Watched<ImagePolicy>,
    sources: Watched<GitRepository>,
    remotes: Sources,
    settings: Settings,
    forges: Forges,
    turns: Turns,
    memos: Memos,
    telemetry: Telemetry,
}

/// What was read.
pub enum Observed {
    /// Nothing: nothing can have changed.
    Settled,
    /// The remote.
    Found(Box<Found>),
}

/// A remote, what it holds and what belongs in it.
pub struct Found {
    /// Nobody else works on this remote meanwhile.
    _turn: Turn,
    mirror: Arc<Mirror>,
    target: Target,
    picks: Picks,
    look: Arc<Look>,
    /// Where changes are proposed, if they are.
    desk: Option<Desk>,
}

impl ImageUpdateAutomations {
    /// The controller.
    pub fn new(
        core: Core,
        cache: Cache,
        policies: Watched<ImagePolicy>,
        sources: Watched<GitRepository>,
        settings: &Settings,
    ) -> Self {
        let telemetry = Telemetry::register(&core.metrics);
        let memos = Memos::new(core.clock.now());
        let remotes = Sources::new(core.clone(), settings.local).with_azure(settings.azure.clone());
        let (settings, forges, turns) = (settings.clone(), Forges::default(), <_>::default());
        Self { core, cache, policies, sources, remotes, settings, forges, turns, memos, telemetry }
    }

    /// The policies that `object` applies.
    fn applied(&self, object: &ImageUpdateAutomation, valid: &Valid) -> Vec<Arc<ImagePolicy>> {
        let mut policies = self.policies.all();
        policies.retain(|policy| {
            policy.namespace() == object.namespace() && valid.selector.matches(policy.labels())
        });
        policies
    }

    /// The GitRepository that `object` refers to, if it may.
    fn source(&self, object: &ImageUpdateAutomation) -> Result<Arc<GitRepository>, Error> {
        let own = object.namespace().unwrap_or_default();
        let reference = &object.spec.source_ref;
        let namespace = reference.namespace.clone().unwrap_or_else(|| own.clone());
        let name = reference.name.clone();
        if namespace != own && self.settings.no_cross_namespace {
            return Err(Error::CrossNamespace { namespace, name });
        }
        let found = self.sources.get(Some(&namespace), &name);
        found.ok_or_else(|| match self.sources.problem() {
            Some(problem) => Error::NoKind { problem },
            None => Error::NoSource { namespace, name },
        })
    }

    /// Whether there is a reason to ask the remote.
    fn wants_a_look(
        &self,
        object: &ImageUpdateAutomation,
        valid: &Valid,
        policies: &[Arc<ImagePolicy>],
        source: &GitRepository,
    ) -> bool {
        let status = object.status.clone().unwrap_or_default();
        let requested = open_request(object, status.last_handled_reconcile_at.as_ref()).is_some();
        let last = self.memos.last(object, source);
        if requested || is_due(object, valid.interval, last, self.core.clock.now()) {
            return true;
        }
        if policies.iter().any(|policy| is_undecided(policy)) {
            // Its word wakes us; until then its markers would only seem to name nothing.
            return false;
        }
        let ready = status.conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True");
        !ready
            || status.observed_generation != object.metadata.generation
            || status.observed_policies != picks(policies)
    }
}

impl Reconciler for ImageUpdateAutomations {
    type Object = ImageUpdateAutomation;
    type Valid = Valid;
    type Observed = Observed;
    type Plan = Option<(Box<Found>, edits::Edits)>;
    type Applied = Option<Done>;
    type Error = Error;

    const NAME: &'static str = "imageupdateautomation";

    fn suspended(&self, object: &ImageUpdateAutomation) -> bool {
        object.spec.suspend
    }

    fn validate(&self, object: &ImageUpdateAutomation) -> Result<Valid, Error> {
        validate::validate(object)
    }

    async fn observe(
        &self,
        object: &ImageUpdateAutomation,
        valid: &Valid,
    ) -> Result<Observed, Error> {
        let source = self.source(object)?;
        let policies = self.applied(object, valid);
        if !self.wants_a_look(object, valid, &policies, &source) {
            return Ok(Observed::Settled);
        }
        let picks = picks(&policies);
        let begin = self.core.clock.now();
        let mut target = target::of(&valid.git, &source, &valid.below, || branch(object))?;
        target.wanted.rules.clone_from(&valid.rules);
        let remote = self.remotes.remote(&Origin::of(&source)).await.map_err(Error::Source)?;
        let turn = self.turns.take(remote.url.as_str()).await;
        let mirror = Arc::new(self.cache.mirror(remote).map_err(Error::Look)?);
        let (reader, wanted) = (Arc::clone(&mirror), target.wanted.clone());
        let look = spawn_blocking(move || look(&reader, &wanted)).await;
        let look = look.map_err(Error::Interrupted)?.map_err(Error::Look)?;
        self.memos.looked(object, &source, begin);
        if !look.found {
            let revision = target::revision(&target.wanted.checkout, look.on().id);
            return Err(Error::NoPath { path: valid.below.clone(), revision });
        }
        let request = valid.git.pull_request.as_ref();
        let desk = self.desk(object, request, (&source, mirror.url()), &target).await?;
        let look = Arc::new(look);
        let found = Found { _turn: turn, mirror, target, picks, look, desk };
        Ok(Observed::Found(Box::new(found)))
    }

    fn decide(
        &self,
        object: &ImageUpdateAutomation,
        valid: &Valid,
        observed: Observed,
    ) -> Result<Self::Plan, Error> {
        let Observed::Found(found) = observed else { return Ok(None) };
        let edits = edits::of(object, valid, &found)?;
        Ok(Some((found, edits)))
    }

    async fn apply(
        &self,
        object: &ImageUpdateAutomation,
        valid: &Valid,
        plan: Self::Plan,
    ) -> Result<Option<Done>, Error> {
        let Some((found, edits)) = plan else { return Ok(None) };
        self.carry_out(object, valid, found, edits).await.map(Some)
    }

    fn report(
        &self,
        object: &ImageUpdateAutomation,
        outcome: Result<&Option<Done>, &Error>,
        now: Timestamp,
    ) -> Report {
        report::report(object, outcome, self.memos.pushed(object), now)
    }

    fn forget(&self, namespace: Option<&str>, name: &str) {
        self.memos.forget(namespace.unwrap_or_default(), name);
        self.telemetry.forget(namespace.unwrap_or_default(), name);
    }
}

/// What `policies` have picked.
fn picks(policies: &[Arc<ImagePolicy>]) -> Picks {
    let picked = policies.iter().filter_map(|policy| {
        let latest = policy.status.as_ref()?.latest_ref.clone()?;
        Some((policy.name_any(), latest))
    });
    picked.collect()
}

/// Whether a policy is still on its way to its first word.
fn is_undecided(policy: &ImagePolicy) -> bool {
    !policy.spec.suspend
        && policy.status.as_ref().is_none_or(|status| {
            status.latest_ref.is_none() && !status.conditions.iter().any(|it| it.type_ == "Ready")
        })
}

/// The branch of an automation that proposes, where nobody names one.
fn branch(object: &ImageUpdateAutomation) -> String {
    imagebot_core::proposal::branch(&object.namespace().unwrap_or_default(), &object.name_any())
}
