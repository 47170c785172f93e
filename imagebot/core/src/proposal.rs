//! The pull request that carries a change: what it says, and whether to open, edit or close it.
//!
//! Nothing is stored. The branch is the pull request's identity, and a hidden comment at the end of
//! its text says what we wrote:
//!
//! ```text
//! <!-- imagebot:{"automation":"namespace/name","change":"…","hash":"…","v":1} -->
//! ```
//!
//! `hash` is of title and text, so that a text that people improved is left alone until ours
//! changes. `change` is of what is proposed, so that a request that people closed is not opened
//! again until something newer is proposed.

use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::setter::change::Changes;

mod body;

/// A pull request as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// One line.
    pub title: String,
    /// Markdown, with the hidden comment at its end.
    pub body: String,
    marker: Marker,
}

/// What a pull request says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Marker {
    v: u32,
    hash: String,
    change: String,
    automation: String,
}

/// What goes into a pull request.
#[derive(Debug, Clone, Copy)]
pub struct Content<'c> {
    /// The automation's namespace.
    pub namespace: &'c str,
    /// The automation's name.
    pub name: &'c str,
    /// The title; only its first line counts.
    pub title: &'c str,
    /// The text above the table of changes.
    pub text: &'c str,
    /// What is proposed.
    pub changes: &'c Changes,
}

/// A pull request as the forge shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Its number.
    pub number: i64,
    /// What became of it.
    pub state: State,
    /// Its text.
    pub body: String,
    /// Whether it merges without conflict, where the forge says.
    pub mergeable: Option<bool>,
}

/// What became of a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits.
    Open,
    /// It was closed and not merged.
    Closed,
    /// It was merged.
    Merged,
}

/// What to do with the pull request of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Open one.
    Create,
    /// Give this one the title and text.
    Update(i64),
    /// Close this one, which has nothing left to change, and delete its branch.
    Close(i64),
    /// Do nothing.
    Leave(Left),
}

/// Why nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// This one is open and says what it should.
    Unchanged(i64),
    /// Nothing is proposed and nothing is open.
    Unwanted,
    /// People closed this one, which proposed the same.
    Declined(i64),
    /// This one is open from the same branch, and is not this automation's.
    Foreign(i64),
    /// Other people's commits are on the branch.
    BranchModified,
}

/// The longest title that every forge takes.
const TITLE_MAX: usize = 255;
/// The longest name of a branch.
const BRANCH_MAX: usize = 100;

/// The branch of an automation that names none: always the same one, for it is the identity of
/// the pull request. A long name is cut, and its hash keeps it distinct.
pub fn branch(namespace: &str, name: &str) -> String {
    let branch = format!("imagebot/{namespace}-{name}");
    if branch.len() <= BRANCH_MAX {
        return branch;
    }
    let hash = &hex(Sha256::digest(format!("{namespace}/{name}")).as_slice())[..10];
    let kept = cut(&branch, BRANCH_MAX - hash.len() - 1);
    format!("{}-{hash}", kept.trim_end_matches(['-', '.']))
}

impl Proposal {
    /// The pull request for `content`.
    pub fn new(content: &Content<'_>) -> Self {
        let title = content.title.lines().next().unwrap_or_default().trim();
        let title = cut(title, TITLE_MAX).to_owned();
        let text = body::write(content.text, content.changes);
        let marker = Marker {
            v: 1,
            hash: hex(Sha256::digest(format!("{title}\0{text}")).as_slice()),
            change: change(content.changes),
            automation: format!("{}/{}", content.namespace, content.name),
        };
        let Marker { v, hash, change, automation } = &marker;
        let json = json!({ "v": v, "hash": hash, "change": change, "automation": automation });
        Self { title, body: format!("{text}\n{OPEN}{json}{CLOSE}\n"), marker }
    }

    /// Whether `pull` proposes the same change, whatever its text says.
    pub fn is_in(&self, pull: &Pull) -> bool {
        Marker::find(&pull.body).is_some_and(|found| found.change == self.marker.change)
    }
}

/// What to do, given what is wanted and the pull requests of its branch, newest first.
///
/// `automation` is `namespace/name`. `modified` says that other people's commits are on the branch.
pub fn decide(
    wanted: Option<&Proposal>,
    automation: &str,
    pulls: &[Pull],
    modified: bool,
) -> Decision {
    let ours =
        |pull: &Pull| Marker::find(&pull.body).filter(|marker| marker.automation == automation);
    let open = pulls.iter().find(|pull| pull.state == State::Open);
    let Some(wanted) = wanted else {
        return match open {
            Some(pull) if ours(pull).is_none() => Decision::Leave(Left::Foreign(pull.number)),
            Some(_) if modified => Decision::Leave(Left::BranchModified),
            Some(pull) => Decision::Close(pull.number),
            None => Decision::Leave(Left::Unwanted),
        };
    };
    if let Some(pull) = open {
        return match ours(pull) {
            None => Decision::Leave(Left::Foreign(pull.number)),
            Some(_) if modified => Decision::Leave(Left::BranchModified),
            Some(marker) if marker.hash == wanted.marker.hash => {
                Decision::Leave(Left::Unchanged(pull.number))
            }
            Some(_) => Decision::Update(pull.number),
        };
    }
    // Only the last one counts: what was declined once may have been merged since.
    match pulls.iter().find(|pull| ours(pull).is_some()) {
        Some(pull) if pull.state == State::Closed && wanted.is_in(pull) => {
            Decision::Leave(Left::Declined(pull.number))
        }
        _ if modified => Decision::Leave(Left::BranchModified),
        _ => Decision::Create,
    }
}

/// The text of a pull request that we close ourselves: without its marker, for nobody declined what
/// it proposed, and the same may be needed again.
pub fn withdrawn(body: &str) -> String {
    match body.rsplit_once(OPEN) {
        Some((before, rest)) => {
            let after = rest.split_once("-->").map_or("", |(_, after)| after);
            format!("{}{after}", before.trim_end())
        }
        None => body.to_owned(),
    }
}

const OPEN: &str = "<!-- imagebot:";
const CLOSE: &str = " -->";

impl Marker {
    /// The last marker of a text. Forges change line ends, so only the comment itself counts.
    fn find(body: &str) -> Option<Self> {
        let (_, rest) = body.rsplit_once(OPEN)?;
        let (json, _) = rest.split_once("-->")?;
        serde_json::from_str(json.trim()).ok().filter(|marker: &Self| marker.v == 1)
    }
}

/// What is proposed, in one word: which setters want which values where.
fn change(changes: &Changes) -> String {
    let mut hash = Sha256::new();
    for (file, object, change) in changes.each() {
        for part in
            [file, &object.kind, &object.namespace, &object.name, &change.setter, &change.new]
        {
            hash.update(part);
            hash.update([0]);
        }
    }
    hex(hash.finalize().as_slice())
}

/// The longest start of `text` of at most `most` bytes.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests;
