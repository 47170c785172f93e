//! What an automation's status says. Pure.

use std::{collections::BTreeMap, time::Duration};

use imagebot_api::{
    ImageUpdateAutomation, ImageUpdateAutomationStatus, image_update_automation::PullRequestStatus,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use reconcile::{Report, condition, error::Failure, event::Event};

use super::{Error, Picks, memo::Pushed};
use crate::controller::due::{requested_at, stamp, until_due};

/// What came of a reconcile.
pub struct Applied {
    /// Policies that are applied as they were last, and why.
    pub(super) held: BTreeMap<String, String>,
    /// What was done.
    pub(super) what: What,
}

/// What was done.
pub enum What {
    /// Nothing: nothing can have changed.
    Settled,
    /// Nothing yet.
    Waiting(Waiting),
    /// The repository has no commit on which one could build.
    Empty,
    /// It was done, or found to be done already.
    Done(Box<Done>),
}

/// Changes that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Since when.
    pub(super) since: Timestamp,
    /// Until when.
    pub(super) until: Timestamp,
    /// What for.
    pub(super) why: &'static str,
}

/// What was done, or found to be done already.
pub struct Done {
    /// What the policies had picked.
    pub(super) picks: Picks,
    /// The commit that was read, or that the branch has now.
    pub(super) revision: String,
    /// What was pushed just now: the commit, where to, and its message.
    pub(super) told: Option<String>,
    /// The pull request that carries the change, if there is one.
    pub(super) pull_request: Option<PullRequestStatus>,
    /// What happened to the pull request just now.
    pub(super) proposed: Option<String>,
    /// What was wrong with the local copy of the repository, if anything was.
    pub(super) rebuilt: Option<String>,
    /// What was left undone and why, one line each.
    pub(super) notes: Vec<String>,
}

/// The status after `outcome`; `pushed` is the last push of this process.
pub(super) fn report(
    object: &ImageUpdateAutomation,
    outcome: Result<&Applied, &Error>,
    pushed: Option<Pushed>,
    now: Timestamp,
) -> Report {
    let old = object.status.clone().unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let interval = object.spec.interval.parse().unwrap_or(Duration::from_secs(60));
    let mut status = old.clone();
    status.last_handled_reconcile_at =
        requested_at(object).or_else(|| old.last_handled_reconcile_at.clone());
    if let Some(pushed) = pushed {
        if status.last_push_commit.as_ref() != Some(&pushed.commit) {
            status.last_push_time = Some(Time(whole_seconds(pushed.at)));
        }
        status.last_push_commit = Some(pushed.commit);
    }
    let applied = match outcome {
        Ok(applied) => applied,
        Err(error) => {
            status.observed_generation = Some(generation);
            status.conditions =
                condition::failed(old.conditions.clone(), &Failure::of(error), generation, now);
            return Report::status(&stamped(status, &old, interval, now));
        }
    };
    status.held_policies.clone_from(&applied.held);
    let due = until_due(object, interval, now);
    let message = match &applied.what {
        What::Settled => return Report::status(&status).again_in(due),
        What::Waiting(waiting) => waiting.message(),
        What::Empty => "the repository has no commit yet".to_owned(),
        What::Done(done) => message(&done.notes),
    };
    status.observed_generation = Some(generation);
    status.conditions =
        condition::ready(old.conditions.clone(), "Succeeded", &message, generation, now);
    match &applied.what {
        What::Waiting(waiting) => {
            status.pending_since = Some(Time(whole_seconds(waiting.since)));
            let pause = Duration::try_from(waiting.until.duration_since(now)).unwrap_or_default();
            // Clocks are set, and time zones change their rules.
            let pause = pause.clamp(Duration::from_millis(1), LONGEST_PAUSE);
            return Report::status(&status).again_in(pause);
        }
        What::Settled | What::Empty | What::Done(_) => status.pending_since = None,
    }
    if let What::Done(done) = &applied.what {
        status.observed_policies.clone_from(&done.picks);
        status.observed_source_revision = Some(done.revision.clone());
        status.pull_request.clone_from(&done.pull_request);
    }
    let report = Report::status(&stamped(status, &old, interval, now)).again_in(due);
    let news = !old.conditions.iter().any(|it| it.type_ == "Ready" && it.message == message);
    match &applied.what {
        What::Done(done) => tell(report, done, news.then_some(message)),
        _ => report,
    }
}

/// No pause is longer, whatever the calendar says.
const LONGEST_PAUSE: Duration = Duration::from_secs(86_400);

/// `report` with what happened; `message` is the condition's, where it is new.
fn tell(mut report: Report, done: &Done, message: Option<String>) -> Report {
    for told in done.told.iter().chain(&done.proposed) {
        report = report.telling(Event::normal("Succeeded", told));
    }
    if let Some(rebuilt) = &done.rebuilt {
        report = report.telling(Event::warning("MirrorRebuilt", rebuilt));
    }
    match message.filter(|_| !done.notes.is_empty()) {
        Some(message) => report.telling(Event::warning("NotAllUpdated", message)),
        None => report,
    }
}

impl Waiting {
    fn message(&self) -> String {
        if self.until == Timestamp::MAX {
            return format!("changes wait for {}, which never comes", self.why);
        }
        format!("changes wait until {} for {}", whole_seconds(self.until), self.why)
    }
}

/// `status` with the time of this run, if that is worth a write.
fn stamped(
    mut status: ImageUpdateAutomationStatus,
    old: &ImageUpdateAutomationStatus,
    interval: Duration,
    now: Timestamp,
) -> ImageUpdateAutomationStatus {
    let told = status != *old;
    status.last_automation_run_time =
        stamp(old.last_automation_run_time.as_ref(), now, interval, told);
    status
}

/// What the condition says of a repository that is as it should be, but for `notes`.
fn message(notes: &[String]) -> String {
    /// More would hide the first.
    const TOLD: usize = 5;
    let mut message = "repository up-to-date".to_owned();
    for note in notes.iter().take(TOLD) {
        message.push_str("; ");
        message.push_str(note);
    }
    if notes.len() > TOLD {
        use std::fmt::Write as _;
        // Writing to a string cannot fail.
        let _ = write!(message, "; and {} more", notes.len() - TOLD);
    }
    message
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
