//! Commits what policies pick, and pushes or proposes it.
//!
//! ```text
//! policies ─┐
//! remote ───┴▶ look (fetch, files with markers) ─▶ edits ─▶ commit ─▶ push ─▶ pull request
//!                     ▲                                                │
//!                     └────────────── somebody was faster ─────────────┘
//! ```
//!
//! Nothing is asked of a remote while no policy has picked anything new, source-controller has seen
//! nothing new, nobody asks and the interval has not passed.

mod announce;
mod apply;
mod edits;
mod error;
mod gate;
mod group;
mod look;
mod memo;
mod propose;
mod reason;
mod report;
mod signing;
mod target;
mod telemetry;
mod validate;

use std::{collections::BTreeMap, sync::Arc};

use imagebot_api::{GitRepository, ImagePolicy, ImageUpdateAutomation, reference::ImageReference};
use jiff::Timestamp;
use kube::{ResourceExt as _, core::SelectorExt as _};
use reconcile::{Core, Reconciler, Report, Watched};
use repo::{Cache, Mirror, SafeUrl};
use source::{Origin, Sources};
use tokio::task::spawn_blocking;

use super::lanes::Lanes;
use crate::{
    daemon::Settings,
    forge::Forges,
    turn::{Turn, Turns},
};

pub use error::Error;
use group::Member;
use look::{Look, look};
use memo::Memos;
use propose::Desk;
use reason::{held, is_current};
use report::{Applied, Waiting, What};
use target::Target;
use telemetry::Telemetry;
pub use validate::Valid;

/// What each policy has picked, by name.
pub(crate) type Picks = BTreeMap<String, ImageReference>;

/// Policies whose last pick stays in force, by name, and why they pick nothing new.
type Held = BTreeMap<String, String>;

/// The controller of `ImageUpdateAutomation`.
pub struct ImageUpdateAutomations {
    core: Core,
    cache: Cache,
    automations: Watched<ImageUpdateAutomation>,
    policies: Watched<ImagePolicy>,
    sources: Watched<GitRepository>,
    remotes: Sources,
    settings: Settings,
    forges: Forges,
    turns: Turns<String>,
    lanes: Lanes,
    memos: Memos,
    telemetry: Telemetry,
}

/// What was read.
pub enum Observed {
    /// Nothing: nothing can have changed.
    Settled,
    /// Nothing: what has changed waits.
    Waiting(Waiting),
    /// A remote without commits.
    Empty,
    /// The remote.
    Found(Box<Found>),
}

/// What to do.
pub enum Plan {
    /// Nothing, for a reason.
    Rest(What),
    /// Make the remote have the edits.
    Edit(Box<Found>, edits::Edits),
}

/// A remote, what it holds and what belongs in it.
pub struct Found {
    /// Nobody else works on this remote meanwhile.
    _turn: Turn,
    mirror: Arc<Mirror>,
    target: Target,
    /// The automation itself, and those that commit together with it.
    members: Vec<Member>,
    look: Arc<Look>,
    /// Where changes are proposed, if they are.
    desk: Option<Desk>,
}

impl ImageUpdateAutomations {
    /// The controller.
    pub fn new(
        core: Core,
        cache: Cache,
        (automations, policies, sources): (
            Watched<ImageUpdateAutomation>,
            Watched<ImagePolicy>,
            Watched<GitRepository>,
        ),
        settings: &Settings,
    ) -> Self {
        let telemetry = Telemetry::register(&core.metrics);
        let memos = Memos::new(core.clock.now());
        let remotes = Sources::new(core.clone(), settings.local)
            .with_azure(settings.azure.clone())
            .with_ssh(settings.ssh.clone());
        let lanes = Lanes::new(core.concurrency, &core.metrics);
        let (settings, forges, turns) = (settings.clone(), Forges::default(), <_>::default());
        Self {
            core,
            cache,
            automations,
            policies,
            sources,
            remotes,
            settings,
            forges,
            turns,
            lanes,
            memos,
            telemetry,
        }
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

    /// Does `work`, which blocks, in its lane.
    async fn blocking<T: Send + 'static>(
        &self,
        url: &SafeUrl,
        work: impl FnOnce() -> Result<T, repo::Error> + Send + 'static,
    ) -> Result<Result<T, repo::Error>, Error> {
        let at_fault = |done: &Result<Result<T, repo::Error>, _>| matches!(done, Ok(Err(error)) if error.class() == repo::Class::Transient);
        let done = self.lanes.run(host(url.as_str()), || spawn_blocking(work), at_fault).await;
        done.map_err(Error::Interrupted)
    }
}

impl Reconciler for ImageUpdateAutomations {
    type Object = ImageUpdateAutomation;
    type Valid = Valid;
    type Observed = (Held, Observed);
    type Plan = (Held, Plan);
    type Applied = Applied;
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
    ) -> Result<(Held, Observed), Error> {
        let source = self.source(object)?;
        let policies = self.applied(object, valid);
        let (held, picks) = (held(&policies), picks(&policies));
        if !self.wants_a_look(object, valid, &policies, &source) {
            return Ok((held, Observed::Settled));
        }
        if let Some(instead) = self.waits(object, valid, &picks) {
            return Ok((held, instead));
        }
        if !is_current(object) {
            // Who has just named a key should hear at once that it does not sign.
            self.key(object, valid).await?;
        }
        let members = self.members(object, valid, &picks);
        let parts = members.iter().map(|member| member.part.clone()).collect();
        let begin = self.core.clock.now();
        let target = target::of(&valid.git, &source, parts, || branch(object))?;
        let remote = self.remotes.remote(&Origin::of(&source)).await.map_err(Error::Source)?;
        let turn = self.turns.take(remote.url.as_str().to_owned()).await;
        let mirror = Arc::new(self.cache.mirror(remote).map_err(Error::Look)?);
        let (reader, wanted) = (Arc::clone(&mirror), target.wanted.clone());
        let look = self.blocking(mirror.url(), move || look(&reader, &wanted)).await?;
        let look = match look {
            Err(repo::Error::NoSuchReference { empty: true, .. }) => {
                self.memos.looked(object, &source, begin);
                return Ok((held, Observed::Empty));
            }
            look => look.map_err(Error::Look)?,
        };
        self.memos.looked(object, &source, begin);
        if !look.places[0].found {
            let revision = look.revision(look.on().id);
            return Err(Error::NoPath { path: valid.part.below.clone(), revision });
        }
        let request = valid.git.pull_request.as_ref();
        let desk = self.desk(object, request, (&source, mirror.url()), &target).await?;
        let look = Arc::new(look);
        let found = Found { _turn: turn, mirror, target, members, look, desk };
        Ok((held, Observed::Found(Box::new(found))))
    }

    fn decide(
        &self,
        object: &ImageUpdateAutomation,
        valid: &Valid,
        (held, observed): (Held, Observed),
    ) -> Result<Self::Plan, Error> {
        let plan = match observed {
            Observed::Settled => Plan::Rest(What::Settled),
            Observed::Waiting(waiting) => Plan::Rest(What::Waiting(waiting)),
            Observed::Empty => Plan::Rest(What::Empty),
            Observed::Found(found) => {
                let edits = edits::of(object, valid, &found)?;
                Plan::Edit(found, edits)
            }
        };
        Ok((held, plan))
    }

    async fn apply(
        &self,
        object: &ImageUpdateAutomation,
        valid: &Valid,
        (held, plan): Self::Plan,
    ) -> Result<Applied, Error> {
        let what = match plan {
            Plan::Rest(what) => what,
            Plan::Edit(found, edits) => {
                What::Done(Box::new(self.carry_out(object, valid, found, edits).await?))
            }
        };
        Ok(Applied { held, what })
    }

    fn report(
        &self,
        object: &ImageUpdateAutomation,
        outcome: Result<&Applied, &Error>,
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

/// The host of a URL, with its port; what fails there fails for all of its repositories.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// The branch of an automation that proposes, where nobody names one.
fn branch(object: &ImageUpdateAutomation) -> String {
    imagebot_core::proposal::branch(&object.namespace().unwrap_or_default(), &object.name_any())
}
