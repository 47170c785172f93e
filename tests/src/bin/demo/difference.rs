//! The diff of a commit, and the proof that it touches nothing but the tag.

use tests::Outcome;

use crate::stage::{DEPLOYMENT, Stage};

/// The diff from `old` to `new`, indented for the screen.
///
/// An error unless the file is, byte for byte, the old one with the one tag replaced.
pub(crate) fn only_the_tag(
    stage: &Stage,
    old: &str,
    new: &str,
    (from, to): (&str, &str),
) -> Outcome<String> {
    let expected = stage.show(old, DEPLOYMENT)?.replace(from, to);
    if stage.show(new, DEPLOYMENT)? != expected {
        return Err(format!("commit {new} changes more than the tag of {DEPLOYMENT}").into());
    }
    let changed = stage.git(&["diff", "--name-only", old, new])?;
    if changed.trim() != DEPLOYMENT {
        return Err(format!("commit {new} changes other files: {changed}").into());
    }
    let diff = stage.git(&["diff", "--unified=1", old, new])?;
    let lines =
        diff.lines().filter(|line| !line.starts_with("index ") && !line.starts_with("diff "));
    Ok(lines.fold(String::new(), |screen, line| format!("{screen}    {line}\n")))
}
