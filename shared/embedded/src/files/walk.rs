//! The manifests below a directory, and how to see that one was changed.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// What changes when a file does, also when an editor puts a new file in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The files and the directories that could not be read.
#[derive(Default)]
pub(super) struct Found {
    pub files: Vec<(PathBuf, Stamp)>,
    pub unread: Vec<(PathBuf, std::io::Error)>,
}

/// All manifests below `root` in order of their paths, without hidden ones and those in `except`.
pub(super) fn manifests(root: &Path, except: &Path) -> Found {
    let mut found = Found::default();
    visit(root, except, &mut found);
    found.files.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn visit(folder: &Path, except: &Path, found: &mut Found) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(err) => return found.unread.push((folder.to_owned(), err)),
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let linked = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        // A link to a file is a file, as in a mounted ConfigMap; one to a directory could lead in
        // a circle.
        let Ok(meta) = fs::metadata(&path) else { continue };
        if meta.is_dir() && !linked {
            if path.canonicalize().is_ok_and(|real| real == except) {
                continue;
            }
            visit(&path, except, found);
        } else if meta.is_file() && is_manifest(&path) {
            let stamp = Stamp {
                inode: meta.ino(),
                size: meta.size(),
                modified: (meta.mtime(), meta.mtime_nsec()),
                changed: (meta.ctime(), meta.ctime_nsec()),
            };
            found.files.push((path, stamp));
        }
    }
}

fn is_manifest(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|known| ending == *known))
}
