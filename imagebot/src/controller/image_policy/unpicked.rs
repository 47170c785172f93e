//! Why nothing is picked although tags qualify by name.

use std::time::Duration;

use super::extras::Extras;

/// Nothing is picked, and what is in force stays so.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Unpicked {
    /// What stood in the way.
    pub why: Why,
    /// The tags, and what is wrong with them.
    pub message: String,
    /// What the status keeps.
    pub extras: Extras,
    /// When something may have changed.
    pub next: Option<Duration>,
}

/// What stood in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It would be a step down that nobody asked for.
    Downgrade,
    /// No signature counts.
    Signature,
    /// A platform is missing.
    Platforms,
    /// Nothing is old enough.
    Age,
    /// The times of images are still being read.
    Times,
    /// No image has the time by which tags are ordered.
    Untold,
    /// The pinned tag is not there.
    Pin,
}

impl Why {
    /// The reason of conditions, events and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Downgrade => "DowngradeRefused",
            Self::Signature => "SignatureVerificationFailed",
            Self::Platforms => "PlatformsMissing",
            Self::Age => "MinAgeNotReached",
            Self::Times => "ReadingTimes",
            Self::Untold => "TimesUnknown",
            Self::Pin => "PinNotFound",
        }
    }

    /// What the reader can do about it.
    pub fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Signature => Some("sign the image, or correct `spec.verify`"),
            Self::Platforms => Some("push the image for these platforms too"),
            Self::Untold => Some("order by `Created`, which images say themselves"),
            Self::Pin => Some("push the tag, or correct `spec.pin`"),
            // The message says how; or time helps.
            Self::Downgrade | Self::Age | Self::Times => None,
        }
    }
}
