//! What became of every master key, told as sops tells it.

use std::fmt;

use crate::sops::key::KeyError;

/// Why a file did not open, group by group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// For each group, nothing if it opened, else what became of its keys in the order tried.
    pub groups: Vec<Result<(), Vec<Failure>>>,
    /// The threshold that the file states; 0 if it states none.
    pub threshold: usize,
}

/// What became of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The key, as reports show it.
    pub key: String,
    /// Why it was of no use.
    pub error: KeyError,
}

/// How wide a reason is.
const REASON: usize = 60;
/// How wide the closing sentence is.
const CLOSING: usize = 75;

impl Report {
    fn closing(&self) -> String {
        let recovered = self.groups.iter().filter(|group| group.is_ok()).count();
        match self.threshold {
            0 => {
                "Recovery failed because no master key was able to decrypt the file. In order for \
                  SOPS to recover the file, at least one key has to be successful, but none were."
                    .to_owned()
            }
            threshold => format!(
                "Recovery failed because the file was encrypted with a Shamir threshold of \
                 {threshold}, but only {recovered} part(s) were successfully recovered, one for \
                 each successful key group. In order for SOPS to recover the file, at least \
                 {threshold} groups have to be successful. In order for a group to be successful, \
                 decryption has to succeed with any of the keys in that key group."
            ),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Failed to get the data key required to decrypt the SOPS file.\n\n")?;
        for (index, group) in self.groups.iter().enumerate() {
            match group {
                Ok(()) => write!(f, "Group {index}: SUCCESS\n\n")?,
                Err(failures) => {
                    let keys: Vec<String> = failures.iter().map(Failure::lines).collect();
                    let keys = indented(&keys.join("\n\n"), "  ");
                    write!(f, "Group {index}: FAILED\n{keys}\n\n")?;
                }
            }
        }
        f.write_str(&wrapped(&self.closing(), CLOSING))
    }
}

impl Failure {
    fn lines(&self) -> String {
        let mut reason = indented(&wrapped(&self.error.to_string(), REASON), "  | ");
        reason.replace_range(..1, "-");
        format!("{}: FAILED\n{}", self.key, indented(&reason, "  "))
    }
}

fn indented(text: &str, with: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| format!("{with}{line}")).collect();
    lines.join("\n")
}

/// Breaks lines at blanks, so that they are no wider than `width` where words allow it.
fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let mut used = 0;
        for word in line.split(' ') {
            let length = word.chars().count();
            if used > 0 && used + 1 + length > width {
                out.push('\n');
                used = 0;
            } else if used > 0 {
                out.push(' ');
                used += 1;
            }
            out.push_str(word);
            used += length;
        }
    }
    out
}
