//! One version, loosely read: `v1.2` is 1.2.0.

use std::{cmp::Ordering, fmt};

/// A version.
#[derive(Clone)]
pub(super) struct Version {
    pub(super) major: u64,
    pub(super) minor: u64,
    pub(super) patch: u64,
    pub(super) prerelease: String,
    pub(super) metadata: String,
    pub(super) original: String,
}

impl Version {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (core, prerelease, metadata) = sections(text.strip_prefix('v').unwrap_or(text))?;
        let mut numbers = core.split('.').map(number);
        let (major, minor, patch) = (numbers.next()??, numbers.next(), numbers.next());
        if numbers.next().is_some() {
            return None;
        }
        Some(Self {
            major,
            minor: minor.unwrap_or(Some(0))?,
            patch: patch.unwrap_or(Some(0))?,
            prerelease: prerelease.into(),
            metadata: metadata.into(),
            original: text.into(),
        })
    }

    /// The order of versions; metadata has no part in it.
    pub(super) fn precedence(&self, other: &Self) -> Ordering {
        let core = |version: &Self| (version.major, version.minor, version.patch);
        core(self)
            .cmp(&core(other))
            .then_with(|| prerelease_order(&self.prerelease, &other.prerelease))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(f, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

/// The numbers, the prerelease and the metadata, the last two empty if not there.
pub(super) fn sections(text: &str) -> Option<(&str, &str, &str)> {
    let (rest, metadata) = cut(text, '+')?;
    let (core, prerelease) = cut(rest, '-')?;
    let identifiers = |text: &str, numeric_zero: bool| {
        text.is_empty()
            || text.split('.').all(|part| {
                let word = !part.is_empty()
                    && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                let padded = part.len() > 1
                    && part.starts_with('0')
                    && part.bytes().all(|byte| byte.is_ascii_digit());
                word && (numeric_zero || !padded)
            })
    };
    (identifiers(prerelease, false) && identifiers(metadata, true))
        .then_some((core, prerelease, metadata))
}

/// What is before and after a mark; a mark with nothing after it is a mistake.
fn cut(text: &str, mark: char) -> Option<(&str, &str)> {
    match text.split_once(mark) {
        None => Some((text, "")),
        Some((_, "")) => None,
        some => some,
    }
}

fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

fn prerelease_order(one: &str, two: &str) -> Ordering {
    if one.is_empty() || two.is_empty() {
        return one.is_empty().cmp(&two.is_empty());
    }
    let (mut left, mut right) = (one.split('.'), two.split('.'));
    loop {
        let ordering = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(two)) => match (one.parse::<u64>(), two.parse::<u64>()) {
                (Ok(one), Ok(two)) => one.cmp(&two),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => one.cmp(two),
            },
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}
