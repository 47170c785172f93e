//! Versions and their ranges, and which tags are versions.

pub use golang::semver::{Error, Range, Version};

/// Reads a tag as Flux does: only with two dots or more, so `1` and `1.2` are no versions, but
/// `1.2-rc.1` is one.
pub fn of_tag(tag: &str) -> Option<Version> {
    if tag.bytes().filter(|byte| *byte == b'.').count() < 2 { None } else { Version::parse(tag) }
}
