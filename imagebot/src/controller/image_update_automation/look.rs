//! What a repository holds: its tips, and the files that have markers. Blocking.

use imagebot_core::setter::{
    has_markers, may_have_markers,
    rule::{self, Rule},
};
use repo::{Commit, Error, Mirror, ObjectId, Rebuilt, Reference};

/// Bump it when [`has_markers`] or [`may_have_markers`] changes: it is what the memory of files
/// without markers stands for.
const MEMORY: &str = "markers-2";

/// Where to look.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// What is read.
    pub(super) checkout: Reference,
    /// The branch that is pushed to, where it is not what is read.
    pub(super) branch: Option<String>,
    /// Whether the edits are made on what was read whatever the branch has, as for a proposal.
    pub(super) afresh: bool,
    /// What is edited, for one member of the commit after the other.
    pub(super) parts: Vec<Part>,
}

/// What an automation edits.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// The directory or file, from the root.
    pub(super) below: String,
    /// What is set without markers.
    pub(super) rules: Vec<Rule>,
}

/// What was found.
pub(super) struct Look {
    /// What was read.
    pub(super) base: Commit,
    /// The full name of the reference that led there, if one did.
    name: Option<String>,
    /// The tip of the branch that is pushed to, where it is not what was read and exists.
    pub(super) tip: Option<Commit>,
    /// Whether the edits are made on that tip.
    pub(super) on_tip: bool,
    /// What each directory or file holds.
    pub(super) places: Vec<Place>,
    /// Why the mirror was made anew, if it was.
    pub(super) rebuilt: Option<Rebuilt>,
}

/// What a directory or file holds.
#[derive(Default)]
pub(super) struct Place {
    /// The files with markers, by path.
    pub(super) files: Vec<Marked>,
    /// Files that were passed over, and why.
    pub(super) passed_over: Vec<(String, &'static str)>,
    /// Whether the directory or file is there at all.
    pub(super) found: bool,
}

/// A file that has a marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marked {
    /// Its path from the root of the repository.
    pub(super) path: String,
    /// Its bytes.
    pub(super) content: Vec<u8>,
}

impl Look {
    /// The commit on which the edits are made.
    pub(super) fn on(&self) -> &Commit {
        self.tip.as_ref().filter(|_| self.on_tip).unwrap_or(&self.base)
    }

    /// A commit as status shows it, under the name of what was read.
    pub(super) fn revision(&self, id: ObjectId) -> String {
        repo::revision(self.name.as_deref(), id)
    }

    /// Whether a commit on top of this look has `id` below it, as far as was fetched.
    pub(super) fn knows(&self, id: ObjectId) -> bool {
        let on = self.on();
        on.id == id || on.parents.contains(&id) || self.base.id == id
    }
}

/// Fetches what `wanted` names and reads the files that have markers.
pub(super) fn look(mirror: &Mirror, wanted: &Wanted) -> Result<Look, Error> {
    let fetched = mirror.fetch(&wanted.checkout)?;
    let tip = match &wanted.branch {
        Some(branch) => tip(mirror, branch)?,
        None => None,
    };
    let (base, name) = (fetched.commit, fetched.name);
    // A branch that was merged as it was is begun anew: what it had is below what was read.
    let merged = tip.as_ref().is_some_and(|tip| {
        tip.id == base.id || tip.tree == base.tree || base.parents.contains(&tip.id)
    });
    let on_tip = tip.is_some() && !merged && !wanted.afresh;
    let (places, rebuilt) = (Vec::new(), fetched.rebuilt);
    let mut look = Look { base, name, tip, on_tip, places, rebuilt };
    for part in &wanted.parts {
        look.places.push(read(mirror, part, &look)?);
    }
    Ok(look)
}

fn tip(mirror: &Mirror, branch: &str) -> Result<Option<Commit>, Error> {
    match mirror.fetch(&Reference::Branch(branch.to_owned())) {
        Ok(fetched) => Ok(Some(fetched.commit)),
        Err(Error::NoSuchReference { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(mirror: &Mirror, part: &Part, look: &Look) -> Result<Place, Error> {
    let Part { below, rules } = part;
    let tree = look.on().files();
    let mut memory = match rules.as_slice() {
        [] => mirror.memory(MEMORY)?,
        rules => mirror.memory(&format!("{MEMORY}-{}", rule::fingerprint(rules)))?,
    };
    let mut files = Vec::new();
    let named = |path: &str| may_have_markers(path) || rule::may_concern_name(rules, path);
    let scan = tree.scan(below, &mut memory, named, |file, content| {
        let marked = may_have_markers(&file.path) && has_markers(content)
            || rule::may_concern(rules, &file.path, content);
        if marked {
            files.push(Marked { path: file.path.clone(), content: content.to_vec() });
        }
        marked
    })?;
    memory.save()?;
    files.sort_by(|left, right| left.path.cmp(&right.path));
    let found = scan.read + scan.skipped > 0 || !tree.list(below)?.is_empty();
    let unnameable = scan.unnameable.into_iter().filter(|path| may_have_markers(path));
    let passed_over = unnameable
        .map(|path| (path, "its name is not UTF-8"))
        .chain(scan.too_large.into_iter().map(|path| (path, "it is larger than 16 MiB")))
        .collect();
    Ok(Place { files, passed_over, found })
}

/// `path` as a list of names below the root, unless it leaves the root.
pub(super) fn below(path: &str) -> Option<String> {
    let names: Vec<_> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    (!names.contains(&"..")).then(|| names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_inside_the_repository() {
        #[rustfmt::skip]
        let cases = [
            ("./apps/production", Some("apps/production")), ("/", Some("")), (".", Some("")),
            ("apps//web/", Some("apps/web")), ("../x", None), ("a/../..", None), ("a..b", Some("a..b")),
        ];
        for (path, expected) in cases {
            assert_eq!(below(path).as_deref(), expected, "{path}");
        }
    }
}
