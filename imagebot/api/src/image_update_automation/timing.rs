//! When an automation commits. All of it is ours.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;

/// How long changes are collected before they are committed. A request by
/// `reconcile.fluxcd.io/requestedAt` ends the collecting.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// Time for which no policy must pick anything new, such as `2m`. Also read from the
    /// annotation `signet.dev/quiet-period`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_period: Option<Duration>,

    /// Time after which the first change is committed whatever else comes, such as `15m`. Defaults
    /// to ten times `quietPeriod`. Also read from the annotation `signet.dev/max-wait`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wait: Option<Duration>,
}

/// When changes are committed. Nothing is read or committed while no window is open, whoever asks.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// Time zone of the windows by its name, such as `Europe/Berlin`. Defaults to `UTC`. Also read
    /// from the annotation `signet.dev/time-zone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,

    /// The windows; one that is open is enough. Also read from the annotation
    /// `signet.dev/schedule`, as `0 9 * * 1-5 8h; 0 22 * * 6 4h`.
    #[schemars(length(min = 1, max = 25))]
    pub windows: Vec<Window>,
}

/// A time in which changes are committed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// When it opens, in the five fields of cron: minute, hour, day, month and weekday, such as
    /// `0 9 * * 1-5`.
    pub start: String,

    /// How long it stays open, such as `8h`. At most 31 days.
    pub duration: Duration,
}
