//! May we write a Secret that exists already?
//!
//! The daemon can write any Secret in the cluster; the person creating a `SealedSecret` usually
//! cannot. Without this check, naming a resource `kube-root-ca.crt` would be enough to overwrite
//! it. Ownership is an `ownerReference` with our uid; labels and annotations never prove it. An
//! annotation on the Secret is an *invitation* by whoever may write that Secret, which counts
//! only while nobody else controls it.

use std::collections::BTreeMap;

/// Lets a `SealedSecret` take over a Secret that nobody controls.
pub const SEALED_MANAGED: &str = "sealedsecrets.bitnami.com/managed";
/// Lets a `SealedSecret` merge its keys into a Secret and remove none.
pub const SEALED_PATCH: &str = "sealedsecrets.bitnami.com/patch";
/// Lets a `SopsSecret` take over a Secret that nobody controls.
pub const SOPS_MANAGED: &str = "sopssecret/managed";
/// Lets any of our own kinds take over a Secret that nobody controls.
pub const ADOPT: &str = "signet.dev/adopt";

/// Whose invitations count. Each kind keeps the annotations that its users already have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// `SealedSecret`: `sealedsecrets.bitnami.com/managed`, `…/patch` and `signet.dev/adopt`.
    Sealed,
    /// `SopsSecret`: `sopssecret/managed` and `signet.dev/adopt`.
    SopsSecret,
    /// `ExternalSecret` with `creationPolicy: Owner`, and `GitSecretSync`: `signet.dev/adopt`.
    Owner,
}

/// The Secret found under the name we want, as far as this decision needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// The owner reference with `controller: true`, if any.
    pub controller: Option<Controller>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
}

/// Who controls a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    /// The kind, for the message.
    pub kind: String,
    /// The name, for the message.
    pub name: String,
    /// The uid, which alone decides.
    pub uid: String,
}

/// The version of an object that was judged; a write carries it as its precondition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
}

/// What to do about the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The name is free: POST; a 409 means observe again.
    Create,
    /// The Secret is ours: replace data, labels and annotations.
    Update(Judged),
    /// The Secret is nobody's and its author invited us: replace, and become its controller.
    Adopt(Judged),
    /// Its author wants our keys beside the others: set ours, remove none.
    Merge {
        /// The version that was judged.
        judged: Judged,
        /// Whether we are to be its controller afterwards.
        controlled: bool,
    },
    /// The Secret is someone else's; leave it alone.
    Refuse(Refusal),
}

/// Why a Secret must not be touched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another object controls it.
    #[error("the Secret is controlled by {kind} `{name}`")]
    Controlled {
        /// The controller's kind.
        kind: String,
        /// The controller's name.
        name: String,
    },
    /// Nobody controls it, and nobody invited us.
    #[error(
        "the Secret exists already and is not ours; annotate it `{annotation}: \"true\"` to hand it over"
    )]
    Uninvited {
        /// The annotation that would hand it over.
        annotation: &'static str,
    },
}

/// Whether a Secret that we no longer want may be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// It is gone already.
    Gone,
    /// It is ours: DELETE with these preconditions.
    Delete(Judged),
    /// It is not ours; leave it alone.
    Leave,
}

/// Decides what the object with uid `us` may do about the Secret's name.
pub fn claim(rules: Rules, us: &str, existing: Option<&Existing>) -> Claim {
    let Some(secret) = existing else { return Claim::Create };
    let judged = secret.judged();
    let ours = secret.controlled_by(us);
    let free = secret.controller.is_none();
    let adoptable = free && secret.invites_adoption(rules);
    if rules == Rules::Sealed && secret.says(SEALED_PATCH) {
        return Claim::Merge { judged, controlled: ours || adoptable };
    }
    match &secret.controller {
        Some(_) if ours => Claim::Update(judged),
        None if adoptable => Claim::Adopt(judged),
        Some(Controller { kind, name, .. }) => {
            Claim::Refuse(Refusal::Controlled { kind: kind.clone(), name: name.clone() })
        }
        None => Claim::Refuse(Refusal::Uninvited { annotation: rules.invitation() }),
    }
}

/// Decides whether the object with uid `us` may delete the Secret.
pub fn release(us: &str, existing: Option<&Existing>) -> Release {
    match existing {
        None => Release::Gone,
        Some(secret) if secret.controlled_by(us) => Release::Delete(secret.judged()),
        Some(_) => Release::Leave,
    }
}

impl Rules {
    fn invitation(self) -> &'static str {
        match self {
            Self::Sealed => SEALED_MANAGED,
            Self::SopsSecret => SOPS_MANAGED,
            Self::Owner => ADOPT,
        }
    }
}

impl Existing {
    fn judged(&self) -> Judged {
        Judged { uid: self.uid.clone(), resource_version: self.resource_version.clone() }
    }

    fn controlled_by(&self, us: &str) -> bool {
        // An empty uid would make two objects that were never stored owners of each other.
        !us.is_empty() && self.controller.as_ref().is_some_and(|owner| owner.uid == us)
    }

    fn invites_adoption(&self, rules: Rules) -> bool {
        self.says(ADOPT) || (rules != Rules::Owner && self.says(rules.invitation()))
    }

    fn says(&self, annotation: &str) -> bool {
        self.annotations.get(annotation).is_some_and(|value| value == "true")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(controller: Option<&str>, annotations: &[&str]) -> Existing {
        Existing {
            uid: "s".into(),
            resource_version: "7".into(),
            controller: controller.map(|uid| Controller {
                kind: "SealedSecret".into(),
                name: "other".into(),
                uid: uid.into(),
            }),
            annotations: annotations.iter().map(|key| ((*key).into(), "true".into())).collect(),
        }
    }

    fn word(claim: &Claim) -> &'static str {
        match claim {
            Claim::Create => "create",
            Claim::Update(_) => "update",
            Claim::Adopt(_) => "adopt",
            Claim::Merge { controlled: true, .. } => "merge and control",
            Claim::Merge { controlled: false, .. } => "merge",
            Claim::Refuse(_) => "refuse",
        }
    }

    #[test]
    fn only_our_own_or_offered_secrets_are_written() {
        const BOTH: &[&str] = &[SEALED_MANAGED, SEALED_PATCH];
        #[rustfmt::skip]
        let cases = [
            // existing                                        sealed               owner
            (None,                                             "create",            "create"),
            (Some(secret(None, &[SOPS_MANAGED])),              "refuse",            "refuse"),
            (Some(secret(Some("us"), &[])),                    "update",            "update"),
            (Some(secret(None, &[])),                          "refuse",            "refuse"),
            (Some(secret(None, &[SEALED_MANAGED])),            "adopt",             "refuse"),
            (Some(secret(None, &[ADOPT])),                     "adopt",             "adopt"),
            (Some(secret(Some("them"), &[])),                  "refuse",            "refuse"),
            // An invitation is not ours to accept while another object controls the Secret.
            (Some(secret(Some("them"), &[SEALED_MANAGED])),    "refuse",            "refuse"),
            (Some(secret(Some("them"), &[ADOPT])),             "refuse",            "refuse"),
            (Some(secret(None, &[SEALED_PATCH])),              "merge",             "refuse"),
            (Some(secret(None, BOTH)),                         "merge and control", "refuse"),
            (Some(secret(Some("us"), &[SEALED_PATCH])),        "merge and control", "update"),
            (Some(secret(Some("them"), BOTH)),                 "merge",             "refuse"),
        ];
        for (existing, sealed, owner) in cases {
            let by = |rules| word(&claim(rules, "us", existing.as_ref()));
            assert_eq!((by(Rules::Sealed), by(Rules::Owner)), (sealed, owner), "{existing:?}");
        }
    }

    #[test]
    fn an_invitation_is_for_one_kind() {
        #[rustfmt::skip]
        let cases = [
            (secret(None, &[SOPS_MANAGED]),            "adopt"),
            (secret(None, &[SEALED_MANAGED]),          "refuse"),
            (secret(None, &[SEALED_PATCH]),            "refuse"),
            (secret(None, &[ADOPT]),                   "adopt"),
            (secret(Some("them"), &[SOPS_MANAGED]),    "refuse"),
        ];
        for (existing, expected) in cases {
            let judged = claim(Rules::SopsSecret, "us", Some(&existing));
            assert_eq!(word(&judged), expected, "{existing:?}");
        }
    }

    #[test]
    fn a_plan_carries_the_version_that_was_judged() {
        let judged = Judged { uid: "s".into(), resource_version: "7".into() };
        let ours = secret(Some("us"), &[]);
        assert_eq!(claim(Rules::Sealed, "us", Some(&ours)), Claim::Update(judged.clone()));
        assert_eq!(release("us", Some(&ours)), Release::Delete(judged));
    }

    #[test]
    fn only_what_we_control_is_deleted() {
        assert_eq!(release("us", None), Release::Gone);
        assert_eq!(release("us", Some(&secret(Some("them"), &[]))), Release::Leave);
        assert_eq!(release("us", Some(&secret(None, &[SEALED_MANAGED]))), Release::Leave);
        assert_eq!(release("", Some(&secret(Some(""), &[]))), Release::Leave);
    }

    #[test]
    fn an_annotation_counts_only_when_it_is_exactly_true() {
        let mut offered = secret(None, &[SEALED_MANAGED]);
        offered.annotations.insert(SEALED_MANAGED.into(), "True".into());
        assert_eq!(word(&claim(Rules::Sealed, "us", Some(&offered))), "refuse");
    }
}
