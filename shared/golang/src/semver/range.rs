//! Ranges of versions in Masterminds' grammar, with its exact meaning.
//!
//! ```text
//! range      = group { "||" group }
//! group      = comparator { ( blanks | "," ) comparator }  |  partial " - " partial
//! comparator = [ "=" "!=" ">" "<" ">=" "=>" "<=" "=<" "~" "~>" "^" ] partial
//! partial    = [ "v" ] part [ "." part [ "." part ] ] [ "-" pre ] [ "+" build ]
//! part       = number | "x" | "X" | "*"
//! ```
//!
//! A part that is missing or a wildcard makes the comparator *loose*: `>1` skips all of 1, `=1.2`
//! is any 1.2. Pre-releases are admitted only by a group that names one (`>=1.0.0-0`). Where the
//! library's answer surprises (`^*` admits only 0.0.0), its answer is ours: manifests rely on it.

use super::Version;

/// A set of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    groups: Vec<Group>,
}

/// Why a text is not a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A part of the text is not a comparator.
    #[error("`{0}` is not a version constraint; write for example `1.2.x`, `^1.2` or `>=1.0 <2.0`")]
    Comparator(String),
    /// The text, or a side of `||`, is empty.
    #[error("an empty version constraint; write `*` for any release")]
    Empty,
}

/// Comparators that must all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    comparators: Vec<Comparator>,
    admits_pre: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparator {
    operator: Operator,
    version: Version,
    loose: Loose,
}

/// Which part of a comparator is missing or a wildcard; those behind it do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loose {
    None,
    Patch,
    Minor,
    Major,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

/// Longest first, so that none hides another.
const OPERATORS: [(&str, Operator); 11] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterOrEqual),
    ("=>", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("=<", Operator::LessOrEqual),
    ("~>", Operator::Tilde),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

impl Range {
    /// Reads a range.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let groups = text.split("||").map(Group::parse).collect::<Result<_, _>>()?;
        Ok(Self { groups })
    }

    /// Whether `version` lies in the range.
    pub fn matches(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| group.matches(version, group.admits_pre))
    }

    /// Whether `version` is left out only because no group that it fits names a pre-release.
    pub fn refuses_pre(&self, version: &Version) -> bool {
        !self.matches(version) && self.groups.iter().any(|group| group.matches(version, true))
    }
}

impl Group {
    fn parse(text: &str) -> Result<Self, Error> {
        let mut comparators = Vec::new();
        let mut rest = text.trim_ascii_start();
        if rest.is_empty() {
            return Err(Error::Empty);
        }
        loop {
            let (comparator, after) = Comparator::parse(rest)?;
            rest = match hyphen(after) {
                Some(upper) if comparator.operator == Operator::Equal && plain(rest) => {
                    let (upper, after) = Partial::parse(upper)?;
                    comparators
                        .push(Comparator { operator: Operator::GreaterOrEqual, ..comparator });
                    comparators.push(upper.with(Operator::LessOrEqual)?);
                    after
                }
                _ => {
                    comparators.push(comparator);
                    after
                }
            };
            let after = rest.trim_ascii_start();
            if after.is_empty() {
                break;
            }
            let separated = after.len() < rest.len();
            rest = match after.strip_prefix(',') {
                Some(after) => after.trim_ascii_start(),
                None if separated => after,
                None => return Err(Error::Comparator(text.trim().to_owned())),
            };
        }
        let admits_pre = comparators.iter().any(|comparator| !comparator.version.pre.is_empty());
        Ok(Self { comparators, admits_pre })
    }

    fn matches(&self, version: &Version, admits_pre: bool) -> bool {
        (admits_pre || version.pre.is_empty())
            && self.comparators.iter().all(|comparator| comparator.matches(version))
    }
}

/// What follows `" - "`, the blanks included.
fn hyphen(rest: &str) -> Option<&str> {
    let after = rest.trim_ascii_start();
    let upper = after.strip_prefix('-').filter(|_| after.len() < rest.len())?;
    let trimmed = upper.trim_ascii_start();
    (trimmed.len() < upper.len()).then_some(trimmed)
}

/// Whether no operator is written.
fn plain(text: &str) -> bool {
    !OPERATORS.iter().any(|(name, _)| text.starts_with(name))
}

impl Comparator {
    fn parse(text: &str) -> Result<(Self, &str), Error> {
        let written = OPERATORS.iter().find_map(|(name, operator)| {
            text.strip_prefix(name).map(|rest| (*operator, rest.trim_ascii_start()))
        });
        let (operator, rest) = written.unwrap_or((Operator::Equal, text));
        let (partial, rest) = Partial::parse(rest)?;
        Ok((partial.with(operator)?, rest))
    }

    /// Pre-releases aside, which the group decides.
    fn matches(&self, version: &Version) -> bool {
        let own = &self.version;
        match self.operator {
            Operator::Equal if self.loose == Loose::None => version == own,
            Operator::Equal | Operator::Tilde => self.tilde(version),
            Operator::NotEqual => self.differs(version),
            Operator::Greater => match self.loose {
                Loose::Minor => version.major > own.major,
                Loose::Patch => (version.major, version.minor) > (own.major, own.minor),
                Loose::None | Loose::Major => version > own,
            },
            Operator::Less => version < own,
            Operator::GreaterOrEqual => version >= own,
            Operator::LessOrEqual => match self.loose {
                Loose::None => version <= own,
                Loose::Minor => version.major <= own.major,
                Loose::Patch | Loose::Major => {
                    (version.major, version.minor) <= (own.major, own.minor)
                }
            },
            Operator::Caret => self.caret(version),
        }
    }

    fn tilde(&self, version: &Version) -> bool {
        let own = &self.version;
        if version < own {
            return false;
        }
        // `~0.0.0` and every bare wildcard are any version.
        if own.numbers() == (0, 0, 0) && matches!(self.loose, Loose::None | Loose::Major) {
            return true;
        }
        version.major == own.major && (version.minor == own.minor || self.loose == Loose::Minor)
    }

    fn caret(&self, version: &Version) -> bool {
        let own = &self.version;
        if version < own {
            return false;
        }
        if own.major > 0 || self.loose == Loose::Minor {
            version.major == own.major
        } else if own.minor > 0 || self.loose == Loose::Patch {
            version.major == 0 && version.minor == own.minor
        } else {
            version.numbers() == own.numbers()
        }
    }

    fn differs(&self, version: &Version) -> bool {
        let own = &self.version;
        match self.loose {
            Loose::None => version != own,
            Loose::Minor => version.major != own.major,
            Loose::Patch if (version.major, version.minor) == (own.major, own.minor) => {
                version.pre != own.pre
            }
            Loose::Patch => true,
            Loose::Major => version.numbers() != own.numbers(),
        }
    }
}

/// A version of which parts may be missing or wildcards, as written.
struct Partial<'t> {
    text: &'t str,
    parts: [&'t str; 3],
    pre: &'t str,
}

impl<'t> Partial<'t> {
    /// The longest partial version at the start of `text`, and what follows it.
    fn parse(text: &'t str) -> Result<(Self, &'t str), Error> {
        let mut rest = text.strip_prefix('v').unwrap_or(text);
        let mut parts = [""; 3];
        for (index, part) in parts.iter_mut().enumerate() {
            let from = if index == 0 { Some(rest) } else { rest.strip_prefix('.') };
            let Some(from) = from else { break };
            let length = from
                .bytes()
                .take_while(|byte| matches!(byte, b'0'..=b'9' | b'x' | b'X' | b'*'))
                .count();
            if length == 0 && index == 0 {
                return Err(Error::Comparator(text.trim().to_owned()));
            } else if length == 0 {
                break;
            }
            (*part, rest) = from.split_at(length);
        }
        let (pre, rest) = suffix(rest, '-');
        let (_, rest) = suffix(rest, '+');
        Ok((Self { text: &text[..text.len() - rest.len()], parts, pre }, rest))
    }

    fn with(&self, operator: Operator) -> Result<Comparator, Error> {
        let wild = |part: &str| matches!(part, "" | "x" | "X" | "*");
        let (loose, kept) = match self.parts {
            [major, ..] if wild(major) => (Loose::Major, String::from("0.0.0")),
            [major, minor, _] if wild(minor) => (Loose::Minor, format!("{major}.0.0")),
            [major, minor, patch] if wild(patch) => (Loose::Patch, format!("{major}.{minor}.0")),
            [major, minor, patch] => (Loose::None, format!("{major}.{minor}.{patch}")),
        };
        let version = Version::parse(&format!("{kept}{}", self.pre))
            .ok_or_else(|| Error::Comparator(self.text.trim().to_owned()))?;
        Ok(Comparator { operator, version, loose })
    }
}

/// `mark` and the identifiers after it, or nothing when there is none.
fn suffix(text: &str, mark: char) -> (&str, &str) {
    let Some(after) = text.strip_prefix(mark) else { return ("", text) };
    let body = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let length = after.bytes().take_while(body).count();
    let length = after[..length].trim_end_matches('.').len();
    if length == 0 { ("", text) } else { text.split_at(length + 1) }
}
