//! Versions and ranges of them, as Masterminds' semver library reads them.
//!
//! Looser than the specification: a leading `v`, missing parts and leading zeros are fine. In
//! one point we keep to the specification: numbers in a pre-release compare as numbers of any
//! length, where the library takes those past 64 bits for text.

use std::{cmp::Ordering, fmt};

mod range;

pub use range::{Error, Range};

/// A version of one to three numbers with an optional pre-release.
///
/// Build metadata never decides an order, nor whether two versions are equal.
#[derive(Debug, Clone)]
pub struct Version {
    /// The first number.
    pub major: u64,
    /// The second number, or 0.
    pub minor: u64,
    /// The third number, or 0.
    pub patch: u64,
    /// The pre-release without its dash, or nothing.
    pub pre: String,
    /// The build metadata without its plus, or nothing.
    pub build: String,
}

impl Version {
    /// Reads a version, or `None` if `text` is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('v').unwrap_or(text);
        let mut numbers = [0; 3];
        for (index, number) in numbers.iter_mut().enumerate() {
            if index > 0 {
                match rest.strip_prefix('.') {
                    Some(after) => rest = after,
                    None => break,
                }
            }
            let length = rest.bytes().take_while(u8::is_ascii_digit).count();
            *number = rest[..length].parse().ok()?;
            rest = &rest[length..];
        }
        let (rest, build) = rest.split_once('+').map_or((rest, None), |(a, b)| (a, Some(b)));
        if !build.is_none_or(|build| build.split('.').all(is_identifier)) {
            return None;
        }
        let pre = match rest.strip_prefix('-') {
            Some(pre) if pre.split('.').all(is_pre_release) => pre,
            None if rest.is_empty() => "",
            _ => return None,
        };
        let [major, minor, patch] = numbers;
        Some(Self {
            major,
            minor,
            patch,
            pre: pre.to_owned(),
            build: build.unwrap_or_default().to_owned(),
        })
    }

    fn numbers(&self) -> (u64, u64, u64) {
        (self.major, self.minor, self.patch)
    }
}

/// Precedence by the specification. Numeric identifiers compare as numbers of any length.
impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = self.numbers().cmp(&other.numbers());
        numbers.then_with(|| compare_pre(&self.pre, &other.pre))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

/// All parts, as `1.2.3-rc.1+build`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.build.is_empty() {
            write!(f, "+{}", self.build)?;
        }
        Ok(())
    }
}

fn compare_pre(left: &str, right: &str) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let ordering = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(left), Some(right)) => compare_identifiers(left, right),
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

fn compare_identifiers(left: &str, right: &str) -> Ordering {
    match (is_number(left), is_number(right)) {
        // Neither has leading zeros, so the longer one is the greater one.
        (true, true) => left.len().cmp(&right.len()).then_with(|| left.cmp(right)),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => left.cmp(right),
    }
}

fn is_number(identifier: &str) -> bool {
    identifier.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_pre_release(text: &str) -> bool {
    let leading_zero = text.len() > 1 && text.starts_with('0') && is_number(text);
    is_identifier(text) && !leading_zero
}

#[cfg(test)]
mod tests;
