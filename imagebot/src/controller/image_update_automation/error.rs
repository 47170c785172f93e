//! Why nothing could be committed.

use std::time::Duration;

use imagebot_api::{duration, rule};
use imagebot_core::{message, plan::cron};
use kube::core::ParseExpressionError;
use reconcile::{Class, Classify, secret};
use tokio::task::JoinError;

use super::signing;
use crate::{forge, markerless};

/// Why nothing could be committed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `spec.git` is not there.
    #[error(
        "invalid source configuration: `spec.git` is required; give it at least `commit.author.email`"
    )]
    NoGit,
    /// Fields contradict each other.
    #[error("invalid source configuration")]
    Rule(#[source] rule::Broken),
    /// A length of time is not one.
    #[error("`spec.interval` is not valid")]
    Interval(#[source] duration::Invalid),
    /// The interval is too short.
    #[error("`spec.interval` is shorter than `1s`")]
    TooShort,
    /// The selector is not one.
    #[error("`spec.policySelector` is not a label selector")]
    Selector(#[source] ParseExpressionError),
    /// The path leaves the repository.
    #[error("`spec.update.path: {0}` leaves the repository")]
    Path(String),
    /// What should be set without markers does not make sense.
    #[error("invalid update strategy")]
    Markerless(#[source] markerless::Error),
    /// Nothing is at the path.
    #[error("nothing is at `spec.update.path: {path}` in {revision}")]
    NoPath {
        /// The path.
        path: String,
        /// Where it was looked for.
        revision: String,
    },
    /// A template cannot be parsed.
    #[error("unable to create commit message template from spec")]
    Template(#[source] message::Error),
    /// A template cannot be filled in.
    #[error("failed to render the commit message")]
    Render(#[source] message::Error),
    /// The key of a trailer is none.
    #[error("`spec.git.commit.trailers` has the key `{0}`, which is not letters, digits and `-`")]
    Trailer(String),
    /// An annotation of ours makes no sense.
    #[error("the annotation `{0}: {1}` is not understood")]
    Annotation(&'static str, String),
    /// A length of time of the batch is not one.
    #[error("`spec.batch` is not valid")]
    Batch(#[source] duration::Invalid),
    /// A window does not begin.
    #[error("`spec.schedule.windows[].start` is no line of cron")]
    Cron(#[source] cron::Error),
    /// A window does not end.
    #[error("`spec.schedule.windows[].duration` is not valid")]
    Window(#[source] duration::Invalid),
    /// A window is too short or too long.
    #[error("`spec.schedule.windows[].duration: {0}` is not between nothing and 31 days")]
    WindowLength(String),
    /// The time zone is not known.
    #[error("`spec.schedule.timeZone: {0}` is no time zone that this machine knows")]
    Zone(String, #[source] jiff::Error),
    /// The Secret of the signing key cannot be used.
    #[error("failed configuring source manager: the signing key cannot be had")]
    SigningSecret(#[source] secret::Error),
    /// The signing key cannot be used.
    #[error("failed configuring source manager: the key of the Secret `{name}` does not sign")]
    SigningKey {
        /// The Secret.
        name: String,
        /// Why.
        #[source]
        problem: signing::Problem,
    },
    /// The field is understood by a later version.
    #[error("`{field}` is not supported yet")]
    NotSupported {
        /// The field.
        field: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
    /// The GitRepository is in another namespace, and this daemon allows no such thing.
    #[error(
        "can't access 'GitRepository/{namespace}/{name}', cross-namespace references have been blocked"
    )]
    CrossNamespace {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The cluster does not know the kind.
    #[error(
        "failed configuring source manager: GitRepositories (source.toolkit.fluxcd.io/v1) cannot be read: {problem}"
    )]
    NoKind {
        /// What the watch says.
        problem: String,
    },
    /// There is no such GitRepository.
    #[error(
        "failed configuring source manager: the GitRepository '{namespace}/{name}' does not exist"
    )]
    NoSource {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The GitRepository does not lead to a remote.
    #[error("failed configuring source manager")]
    Source(#[source] source::Error),
    /// No branch is named anywhere.
    #[error(
        "push spec not provided, and cannot be inferred from .spec.git.checkout.ref or GitRepository .spec.ref"
    )]
    NoBranch,
    /// A pull request from a branch into itself.
    #[error("a pull request from `{0}` into itself is none")]
    SameBranch(String),
    /// Nothing is at the path that a refspec names.
    #[error("`spec.git.push.refspec: {0}` cannot be pushed")]
    Refspec(String),
    /// The remote could not be read.
    #[error("failed to checkout source")]
    Look(#[source] repo::Error),
    /// The remote could not be written.
    #[error("failed to update source")]
    Push(#[source] repo::Error),
    /// The remote refused.
    #[error("failed to update source: the server refused `{reference}`: {reason}{words}")]
    Rejected {
        /// What was to be written.
        reference: String,
        /// Git's reason.
        reason: String,
        /// What the server said beside it.
        words: String,
    },
    /// Others were faster, again and again.
    #[error("failed to update source: `{branch}` was moved by others {times} times in a row")]
    Raced {
        /// The branch.
        branch: String,
        /// How often.
        times: usize,
    },
    /// Somebody else commits to the branch of our pull request.
    #[error("the branch `{branch}` has a commit by {author}, which is not overwritten")]
    BranchModified {
        /// The branch.
        branch: String,
        /// Who.
        author: String,
    },
    /// Somebody else proposes from the branch of our pull request.
    #[error("pull request #{number} from the branch `{branch}` is not this automation's")]
    Foreign {
        /// The branch.
        branch: String,
        /// The pull request.
        number: i64,
    },
    /// Nothing gives a token for the forge.
    #[error("nothing gives a token for the API of the Git host")]
    NoToken,
    /// The token of the forge cannot be had.
    #[error("failed to configure the pull request")]
    Token(#[source] secret::Error),
    /// The forge's API cannot be used.
    #[error("failed to propose the change")]
    Forge(#[source] forge::Error),
    /// The process is ending.
    #[error("the process is ending")]
    Interrupted(#[source] JoinError),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::NoGit | Self::Rule(_) | Self::Interval(_) | Self::TooShort => Class::Stalled,
            Self::Selector(_) | Self::Path(_) | Self::Template(_) => Class::Stalled,
            Self::Markerless(_) => Class::Stalled,
            Self::Render(_) | Self::NotSupported { .. } => Class::Stalled,
            Self::Trailer(_) | Self::Annotation(..) | Self::Batch(_) => Class::Stalled,
            Self::Cron(_) | Self::Window(_) | Self::WindowLength(_) => Class::Stalled,
            Self::Zone(..) | Self::CrossNamespace { .. } | Self::NoBranch => Class::Stalled,
            Self::SameBranch(_) | Self::Refspec(_) => Class::Stalled,
            Self::NoPath { .. } | Self::NoKind { .. } | Self::NoSource { .. } => Class::Waiting,
            Self::Rejected { .. } | Self::BranchModified { .. } => Class::Waiting,
            Self::Foreign { .. } | Self::NoToken => Class::Waiting,
            Self::Source(error) => error.class(),
            Self::Look(error) | Self::Push(error) => class_of(error),
            Self::SigningKey { .. } => Class::Waiting,
            Self::Token(error) | Self::SigningSecret(error) => error.class(),
            Self::Forge(error) => error.class(),
            Self::Raced { .. } | Self::Interrupted(_) => Class::Transient,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NoGit | Self::Rule(_) | Self::NotSupported { .. } => "InvalidSourceConfiguration",
            Self::NoBranch | Self::SameBranch(_) => "InvalidSourceConfiguration",
            Self::Refspec(_) | Self::Trailer(_) => "InvalidSourceConfiguration",
            Self::Annotation(..) => "AnnotationInvalid",
            Self::Batch(_) => "BatchInvalid",
            Self::Cron(_) | Self::Window(_) | Self::WindowLength(_) => "ScheduleInvalid",
            Self::Zone(..) => "ScheduleInvalid",
            Self::Template(message::Error::Removed { .. }) => "RemovedTemplateField",
            Self::SigningSecret(_) | Self::SigningKey { .. } => "SourceManagerFailed",
            Self::Interval(_) | Self::TooShort => "IntervalInvalid",
            Self::Selector(_) => "InvalidPolicySelector",
            Self::Markerless(_) => "InvalidUpdateStrategy",
            Self::Path(_) | Self::NoPath { .. } => "UpdateFailed",
            Self::CrossNamespace { .. } => "AccessDenied",
            Self::NoKind { .. } | Self::NoSource { .. } | Self::Source(_) => "SourceManagerFailed",
            Self::Template(_) | Self::Render(_) => "GitOperationFailed",
            Self::Look(_) | Self::Push(_) | Self::Raced { .. } => "GitOperationFailed",
            Self::Rejected { .. } => "GitOperationFailed",
            Self::BranchModified { .. } | Self::Foreign { .. } => "BranchModified",
            Self::NoToken | Self::Token(_) | Self::Forge(_) => "PullRequestFailed",
            Self::Interrupted(_) => "Failed",
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Look(error) | Self::Push(error) => error.retry_after(),
            Self::Source(error) => error.retry_after(),
            Self::Forge(error) => error.retry_after(),
            _ => None,
        }
    }

    fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::NoKind { .. } => {
                "install the definition of GitRepository, which comes with Flux or with the chart (`gitRepositoryCrd: true`)"
            }
            Self::NoSource { .. } => "create it, or correct `spec.sourceRef`",
            Self::NoBranch => "set `spec.git.checkout.ref.branch` or `spec.git.push.branch`",
            Self::SameBranch(_) => "set `spec.git.pullRequest.branch` to a branch of its own",
            Self::Refspec(_) => {
                "write `HEAD:<full name>` or `refs/heads/<the branch that is pushed>:<full name>`"
            }
            Self::NoPath { .. } => "correct `spec.update.path`",
            Self::Path(_) => "write a path below the root of the repository",
            Self::TooShort => "set it to `1s` or more",
            Self::NotSupported { remedy, .. } => remedy,
            Self::Rejected { .. } => {
                "allow the push on the server, or set `spec.git.push.branch` or `spec.git.pullRequest`"
            }
            Self::NoToken => {
                "set `spec.git.pullRequest.secretRef` to a Secret with the key `token`"
            }
            Self::Zone(..) => "write a name of the tz database, such as `Europe/Berlin`",
            Self::Cron(_) => "write five fields, such as `0 9 * * 1-5`",
            Self::Annotation("signet.dev/schedule", _) => {
                "write five fields of cron and a duration, such as `0 9 * * 1-5 8h`"
            }
            Self::Annotation(..) => "write `automation` or `branch`",
            Self::SigningKey { problem, .. } => return problem.remedy().map(str::to_owned),
            Self::Foreign { .. } => "close it, or set another `spec.git.pullRequest.branch`",
            Self::BranchModified { .. } => {
                "merge or delete the branch, or set another `spec.git.pullRequest.branch`"
            }
            Self::Source(error) => return error.remedy(),
            Self::Forge(error) => return error.remedy(),
            _ => return None,
        };
        Some(text.to_owned())
    }
}

/// Who can fix what the Git remote answered.
fn class_of(error: &repo::Error) -> Class {
    match error.class() {
        repo::Class::Transient => Class::Transient,
        // The URL and the login are in other objects, whose watch wakes us.
        repo::Class::Waiting | repo::Class::Stalled => Class::Waiting,
    }
}
