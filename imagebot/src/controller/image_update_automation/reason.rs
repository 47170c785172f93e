//! Whether there is a reason to look at a remote, and none to wait.

use std::sync::Arc;

use imagebot_api::{GitRepository, ImagePolicy, ImageUpdateAutomation};
use jiff::Timestamp;
use kube::ResourceExt as _;

use super::{
    Held, ImageUpdateAutomations, Observed, Picks, Valid, group, memo, picks, report::Waiting,
};
use crate::controller::due::{is_due, open_request};

impl ImageUpdateAutomations {
    /// Whether there is a reason to ask the remote.
    pub(super) fn wants_a_look(
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
        !is_current(object)
            || status.pending_since.is_some()
            || status.observed_policies != picks(policies)
            || self.has_moved(object, status.observed_source_revision.as_deref(), source)
    }

    /// Whether source-controller fetched another commit than the one that was read last.
    fn has_moved(
        &self,
        object: &ImageUpdateAutomation,
        read: Option<&str>,
        source: &GitRepository,
    ) -> bool {
        let Some(artifact) = memo::artifact(source) else { return false };
        group::reads_the_same(object, source)
            && !read.is_some_and(|read| read.ends_with(artifact))
            && self.memos.is_news(object, artifact)
    }

    /// What to do instead of a look, while none may be taken.
    pub(super) fn waits(
        &self,
        object: &ImageUpdateAutomation,
        valid: &Valid,
        picks: &Picks,
    ) -> Option<Observed> {
        let now = self.core.clock.now();
        let status = object.status.clone().unwrap_or_default();
        let first = status.pending_since.as_ref().map(|since| since.0);
        let since = first.unwrap_or(now);
        if let Some(until) = valid.gates.closed(now) {
            let waiting = Waiting { since, until, why: "`spec.schedule`" };
            let pending = status.observed_policies != *picks || !is_current(object);
            let pending = pending || status.pending_since.is_some();
            return Some(if pending { Observed::Waiting(waiting) } else { Observed::Settled });
        }
        let requested = open_request(object, status.last_handled_reconcile_at.as_ref()).is_some();
        let batch = valid.gates.batch;
        if batch.quiet == 0 || requested || status.observed_policies == *picks {
            return None;
        }
        let last = self.memos.pending(object, picks, (first, now));
        let until = batch.until(since.as_second(), last.as_second(), now.as_second())?;
        let until = Timestamp::from_second(until).unwrap_or(Timestamp::MAX);
        Some(Observed::Waiting(Waiting { since, until, why: "`spec.batch`" }))
    }
}

/// Those of `policies` that are applied although they do not pick any more.
pub(super) fn held(policies: &[Arc<ImagePolicy>]) -> Held {
    let held = policies.iter().filter_map(|policy| {
        let status = policy.status.as_ref()?;
        status.latest_ref.as_ref()?;
        let failed =
            || status.conditions.iter().find(|it| it.type_ == "Ready" && it.status == "False");
        let why =
            if policy.spec.suspend { "Suspended".to_owned() } else { failed()?.reason.clone() };
        Some((policy.name_any(), why))
    });
    held.collect()
}

/// Whether the status speaks of the spec as it is, and well.
pub(super) fn is_current(object: &ImageUpdateAutomation) -> bool {
    object.status.as_ref().is_some_and(|status| {
        status.observed_generation == object.metadata.generation
            && status.conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True")
    })
}

/// Whether a policy is still on its way to its first word.
pub(super) fn is_undecided(policy: &ImagePolicy) -> bool {
    !policy.spec.suspend
        && policy.status.as_ref().is_none_or(|status| {
            status.latest_ref.is_none() && !status.conditions.iter().any(|it| it.type_ == "Ready")
        })
}
