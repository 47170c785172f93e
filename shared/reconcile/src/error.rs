//! What a failure means: who can fix it, and what to call it.

use std::{error::Error, iter, time::Duration};

/// Who can make a failed reconcile succeed. Everything else follows from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Time will: a timeout, a 5xx, a lost race. Retried with jittered, growing pauses.
    Transient,
    /// Someone else must change something first: a missing Secret, a denied login, a rejected push.
    /// Retried slowly, and at once when a watched object changes.
    Waiting,
    /// The author of this object must change it. Not retried until they do.
    Stalled,
}

impl Class {
    /// The metric label of the class.
    pub fn label(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Waiting => "waiting",
            Self::Stalled => "stalled",
        }
    }
}

/// An error that knows what it means for the object that met it.
///
/// Implementations match exhaustively, without a `_` arm: a new variant must answer who can fix it.
pub trait Classify: Error + Send + Sync + 'static {
    /// Who can fix it.
    fn class(&self) -> Class;

    /// One CamelCase constant: condition reason, event reason and metric label.
    fn reason(&self) -> &'static str;

    /// When the other side said to come back, e.g. in `Retry-After`.
    fn retry_after(&self) -> Option<Duration> {
        None
    }

    /// What the reader can do about it, as one clause.
    fn remedy(&self) -> Option<String> {
        None
    }
}

/// The whole story of an error on one line: its causes, and its remedy if it has one.
pub fn describe(error: &impl Classify) -> String {
    let causes = iter::successors(Some(error as &dyn Error), |&err| err.source());
    let chain: Vec<String> = causes.map(ToString::to_string).collect();
    let mut story = chain.join(": ");
    if let Some(remedy) = error.remedy() {
        story.push_str("; ");
        story.push_str(&remedy);
    }
    story
}

/// A failure as the driver sees it, with the type of the error erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Who can fix it.
    pub class: Class,
    /// The CamelCase constant of [`Classify::reason`].
    pub reason: &'static str,
    /// The line of [`describe`].
    pub message: String,
    /// See [`Classify::retry_after`].
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// What `error` means.
    pub fn of(error: &impl Classify) -> Self {
        Self {
            class: error.class(),
            reason: error.reason(),
            message: describe(error),
            retry_after: error.retry_after(),
        }
    }

    /// A reconcile that panicked: retried like anything that time may cure.
    pub(crate) fn panicked() -> Self {
        Self {
            class: Class::Transient,
            reason: "Panicked",
            message: "the controller panicked on this object; its log has the place".to_owned(),
            retry_after: None,
        }
    }
}

/// What an error of the Kubernetes API means for the object that met it.
///
/// A refusal by RBAC waits for an administrator; an object that fails validation is for its author;
/// everything else heals with time.
pub fn class_of_api_error(error: &kube::Error) -> Class {
    match error {
        kube::Error::Api(status) => match status.code {
            401 | 403 => Class::Waiting,
            400 | 422 => Class::Stalled,
            _ => Class::Transient,
        },
        _ => Class::Transient,
    }
}

/// At most `max` bytes of `text`, with `mark` where something was cut off.
pub(crate) fn bounded(text: &str, max: usize, mark: &str) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let cut = (0..=max).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    format!("{}{mark}", &text[..cut])
}
