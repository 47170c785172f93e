//! The automations whose changes go into one commit.

use imagebot_api::{GitRepository, ImageUpdateAutomation, image_update_automation::Per};
use kube::ResourceExt as _;

use super::{
    ImageUpdateAutomations, Picks, Valid, look::Part, picks, reason::is_undecided, validate,
};

/// An automation with a part in a commit.
pub(super) struct Member {
    /// Its name.
    pub(super) name: String,
    /// What it edits.
    pub(super) part: Part,
    /// What its policies have picked.
    pub(super) picks: Picks,
}

impl ImageUpdateAutomations {
    /// `object` with `own` picks, and where it commits together with others those others, by name.
    pub(super) fn members(
        &self,
        object: &ImageUpdateAutomation,
        valid: &Valid,
        own: &Picks,
    ) -> Vec<Member> {
        let (name, part) = (object.name_any(), valid.part.clone());
        let mut members = vec![Member { name, part, picks: own.clone() }];
        if valid.per == Per::Automation {
            return members;
        }
        let mut others = self.automations.all();
        others.retain(|other| is_alike(object, other));
        others.sort_by_key(|other| other.name_any());
        for other in others {
            // One that makes no sense says so itself.
            let Ok(valid) = validate::validate(&other) else { continue };
            let policies = self.applied(&other, &valid);
            if valid.per == Per::Branch && !policies.iter().any(|it| is_undecided(it)) {
                let picks = picks(&policies);
                members.push(Member { name: other.name_any(), part: valid.part, picks });
            }
        }
        members
    }
}

/// Whether another automation commits to the same place in the same way at the same time.
fn is_alike(object: &ImageUpdateAutomation, other: &ImageUpdateAutomation) -> bool {
    let (one, two) = (&object.spec, &other.spec);
    let source = |of: &ImageUpdateAutomation| {
        let reference = &of.spec.source_ref;
        (reference.name.clone(), reference.namespace.clone().or_else(|| of.namespace()))
    };
    object.namespace() == other.namespace()
        && object.name_any() != other.name_any()
        && !two.suspend
        && other.metadata.deletion_timestamp.is_none()
        && source(object) == source(other)
        && (&one.git, &one.batch, &one.schedule) == (&two.git, &two.batch, &two.schedule)
}

/// Whether `object` reads what source-controller fetches for `source`.
pub(super) fn reads_the_same(object: &ImageUpdateAutomation, source: &GitRepository) -> bool {
    let checkout = object.spec.git.as_ref().and_then(|git| git.checkout.as_ref());
    checkout.is_none_or(|checkout| {
        source.spec.reference.as_ref().is_some_and(|reference| *reference == checkout.reference)
    })
}
