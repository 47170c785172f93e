//! Ranges of versions: `^1.2 || >=3.0, <4`.
//!
//! A version that leaves numbers out stands for all of them. A prerelease is admitted only by a
//! group that names a prerelease itself.

use super::version::{self, Version};

/// Alternatives of constraints that must all hold.
pub(super) type Range = Vec<Vec<Constraint>>;

/// An operator and the version it compares with.
pub(super) struct Constraint {
    operator: Operator,
    version: Version,
    /// The first number that is left open.
    open: Open,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    Greater,
    Less,
    AtLeast,
    AtMost,
    Tilde,
    Caret,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Patch,
    Minor,
    All,
}

/// The longer spellings first.
const OPERATORS: [(&str, Operator); 12] = [
    ("=>", Operator::AtLeast),
    (">=", Operator::AtLeast),
    ("=<", Operator::AtMost),
    ("<=", Operator::AtMost),
    ("!=", Operator::Unequal),
    ("~>", Operator::Tilde),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("", Operator::Equal),
];

pub(super) fn parse(text: &str) -> Option<Range> {
    text.split("||").map(group).collect()
}

/// Whether any alternative admits `version`.
pub(super) fn admits(range: &Range, version: &Version) -> bool {
    range.iter().any(|group| {
        let prereleases = group.iter().any(|constraint| !constraint.version.prerelease.is_empty());
        (version.prerelease.is_empty() || prereleases)
            && group.iter().all(|constraint| constraint.admits(version))
    })
}

/// Constraints with spaces or commas between them.
fn group(text: &str) -> Option<Vec<Constraint>> {
    let words: Vec<&str> =
        text.split([' ', '\t', '\n', ',']).filter(|word| !word.is_empty()).collect();
    let mut group = Vec::new();
    let mut rest = &words[..];
    while let [first, after @ ..] = rest {
        rest = match after {
            ["-", last, after @ ..] => {
                group.push(Constraint::new(Operator::AtLeast, first)?);
                group.push(Constraint::new(Operator::AtMost, last)?);
                after
            }
            [version, after @ ..]
                if OPERATORS.iter().any(|(written, _)| !written.is_empty() && written == first) =>
            {
                group.push(constraint(&format!("{first}{version}"))?);
                after
            }
            _ => {
                group.push(constraint(first)?);
                after
            }
        };
    }
    if group.is_empty() || text.trim().ends_with(',') { None } else { Some(group) }
}

fn constraint(text: &str) -> Option<Constraint> {
    let (written, operator) = OPERATORS.iter().find(|(written, _)| text.starts_with(written))?;
    Constraint::new(*operator, &text[written.len()..])
}

impl Constraint {
    fn new(operator: Operator, text: &str) -> Option<Self> {
        let (core, prerelease, _) = version::sections(text.strip_prefix('v').unwrap_or(text))?;
        let parts: Vec<&str> = core.split('.').collect();
        if parts.len() > 3 || parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        let is_open = |at: usize| parts.get(at).is_none_or(|part| matches!(*part, "x" | "X" | "*"));
        let (numbers, open) = match (is_open(0), is_open(1), is_open(2)) {
            (true, _, _) => ("0.0.0".to_owned(), Open::All),
            (_, true, _) => (format!("{}.0.0", parts[0]), Open::Minor),
            (_, _, true) => (format!("{}.{}.0", parts[0], parts[1]), Open::Patch),
            _ => (core.to_owned(), Open::Nothing),
        };
        let dash = if prerelease.is_empty() { "" } else { "-" };
        Some(Self {
            operator,
            version: Version::parse(&format!("{numbers}{dash}{prerelease}"))?,
            open,
        })
    }

    fn admits(&self, version: &Version) -> bool {
        let (own, open) = (&self.version, self.open);
        let ordering = version.precedence(own);
        match self.operator {
            Operator::Equal if open == Open::Nothing => ordering.is_eq(),
            Operator::Equal | Operator::Tilde => ordering.is_ge() && self.same_line(version),
            // With all left open, Masterminds compares with 0.0.0 here, and in `^*` below.
            Operator::Unequal if matches!(open, Open::Nothing | Open::All) => ordering.is_ne(),
            Operator::Unequal => !self.same_line(version),
            Operator::Greater => match open {
                Open::Nothing | Open::All => ordering.is_gt(),
                Open::Patch => (version.major, version.minor) > (own.major, own.minor),
                Open::Minor => version.major > own.major,
            },
            Operator::Less => ordering.is_lt(),
            Operator::AtLeast => ordering.is_ge(),
            Operator::AtMost => match open {
                Open::Nothing => ordering.is_le(),
                Open::Patch => (version.major, version.minor) <= (own.major, own.minor),
                Open::Minor => version.major <= own.major,
                Open::All => version.major == 0 && version.minor == 0,
            },
            Operator::Caret => ordering.is_ge() && self.same_caret_line(version),
        }
    }

    /// Whether a version differs only in what is left open, or with `~1.2.3` in the patch.
    fn same_line(&self, version: &Version) -> bool {
        let own = &self.version;
        let zero = (own.major, own.minor, own.patch) == (0, 0, 0) && own.prerelease.is_empty();
        match self.open {
            Open::All => true,
            Open::Minor => version.major == own.major,
            Open::Nothing if zero => true,
            Open::Patch | Open::Nothing => (version.major, version.minor) == (own.major, own.minor),
        }
    }

    /// Whether a version agrees in the first number that is not zero, and in all before it.
    fn same_caret_line(&self, version: &Version) -> bool {
        let own = &self.version;
        let both = (version.major, version.minor) == (own.major, own.minor);
        match self.open {
            Open::Minor => version.major == own.major,
            _ if own.major > 0 => version.major == own.major,
            Open::Patch => both,
            _ if own.minor > 0 => both,
            Open::Nothing | Open::All => both && version.patch == own.patch,
        }
    }
}
