//! Where the state of a directory goes, and where it must not go.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

/// Why a place for the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be made, or closed to others.
    #[error("could not make the state directory `{}`", path.display())]
    Make {
        /// The place.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What lies there would be committed.
    #[error(
        "the state directory `{}` is inside the Git work tree `{}` and not ignored there: it \
         holds Secrets; name another place, or add it to `.gitignore`",
        path.display(), tree.display()
    )]
    InWorkTree {
        /// The place.
        path: PathBuf,
        /// The work tree.
        tree: PathBuf,
    },
}

/// The place for the state of the manifests in `directory`: below `state_home`, which is
/// `$XDG_STATE_HOME` or `~/.local/state`, under the hash of the directory's path.
pub fn state_directory(state_home: &Path, directory: &Path) -> PathBuf {
    let resolved = resolve(directory);
    let hash = Sha256::digest(resolved.as_os_str().as_encoded_bytes());
    let name = hash.iter().take(8).fold(0_u64, |name, byte| name << 8 | u64::from(*byte));
    state_home.join("signet").join(format!("{name:016x}"))
}

/// Makes a place that only this user can enter, unless Git would pick it up.
pub(crate) fn prepare(path: &Path) -> Result<(), Error> {
    let resolved = resolve(path);
    if let Some(tree) = work_tree(&resolved)
        && !is_ignored(&tree, &resolved)
    {
        return Err(Error::InWorkTree { path: path.to_owned(), tree });
    }
    make_private(path).map_err(|source| Error::Make { path: path.to_owned(), source })
}

/// Makes a directory with mode 0700, and takes the rights of others away from one that is there.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// The path without links, as far as it is there.
pub(crate) fn resolve(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for ancestor in path.ancestors() {
        if let Ok(resolved) = ancestor.canonicalize() {
            let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
            return resolved.join(rest);
        }
    }
    path
}

/// The Git work tree around a path; what lies inside `.git` is in none.
fn work_tree(path: &Path) -> Option<PathBuf> {
    if path.components().any(|part| part.as_os_str() == ".git") {
        return None;
    }
    path.ancestors().find(|ancestor| ancestor.join(".git").exists()).map(Path::to_owned)
}

/// Whether the ignore files of a work tree name `path` or a directory around it.
///
/// Only plain patterns count. One that cannot be read with certainty ignores nothing, and one that
/// takes something back (`!`) makes the answer no: to refuse a safe place costs a flag, to accept
/// an unsafe one a secret.
fn is_ignored(tree: &Path, path: &Path) -> bool {
    let Ok(inside) = path.strip_prefix(tree) else { return false };
    let parts: Vec<&str> = inside.iter().filter_map(|part| part.to_str()).collect();
    let mut ignored = false;
    let exclude = tree.join(".git/info/exclude");
    for depth in 0..parts.len() {
        let mut folder = tree.to_owned();
        folder.extend(&parts[..depth]);
        let mut texts = vec![fs::read_to_string(folder.join(".gitignore")).unwrap_or_default()];
        if depth == 0 {
            texts.push(fs::read_to_string(&exclude).unwrap_or_default());
        }
        for line in texts.iter().flat_map(|text| text.lines()) {
            match line.trim_end().strip_prefix('!') {
                Some(taken_back) if names(taken_back, &parts[depth..]) => return false,
                Some(_) => {}
                None => ignored |= names(line.trim_end(), &parts[depth..]),
            }
        }
    }
    ignored
}

/// Whether a pattern names the path of these parts, or a directory around it.
fn names(pattern: &str, parts: &[&str]) -> bool {
    let pattern = pattern.trim_end_matches('/');
    if pattern.is_empty() || pattern.starts_with('#') || pattern.contains(['[', '\\']) {
        return false;
    }
    let pattern = pattern.strip_prefix("**/").unwrap_or(pattern);
    if pattern.contains("**") {
        return false;
    }
    if !pattern.contains('/') {
        return parts.iter().any(|part| fits(pattern, part));
    }
    let steps: Vec<&str> = pattern.trim_start_matches('/').split('/').collect();
    steps.len() <= parts.len() && steps.iter().zip(parts).all(|(step, part)| fits(step, part))
}

/// Whether a name fits a pattern of `*` and `?`.
fn fits(pattern: &str, name: &str) -> bool {
    match (pattern.chars().next(), name.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            fits(&pattern[1..], name)
                || name.chars().next().is_some_and(|c| fits(pattern, &name[c.len_utf8()..]))
        }
        (Some('?'), Some(c)) => fits(&pattern[1..], &name[c.len_utf8()..]),
        (Some(p), Some(c)) if p == c => fits(&pattern[p.len_utf8()..], &name[c.len_utf8()..]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_patterns_name_what_git_ignores() {
        #[rustfmt::skip]
        let cases = [
            // pattern        path               named
            ("state",         "a/state/x",       true),
            ("state/",        "state",           true),
            ("/state",        "a/state",         false),
            ("a/state",       "a/state/deep",    true),
            ("*.local",       "a/my.local",      true),
            ("**/state",      "a/b/state",       true),
            ("st?te",         "state",           true),
            ("s[t]ate",       "state",           false),
            ("# state",       "state",           false),
            ("",              "state",           false),
            ("state/keys",    "state",           false),
        ];
        for (pattern, path, named) in cases {
            let parts: Vec<&str> = path.split('/').collect();
            assert_eq!(names(pattern, &parts), named, "`{pattern}` on `{path}`");
        }
    }

    #[test]
    fn a_place_in_a_work_tree_must_be_ignored() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir(tree.path().join(".git")).unwrap();
        let place = tree.path().join("state/keys");
        assert!(matches!(prepare(&place), Err(Error::InWorkTree { .. })));
        fs::write(tree.path().join(".gitignore"), "/state\n").unwrap();
        prepare(&place).unwrap();
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(tree.path().join(".gitignore"), "/state\n!state\n").unwrap();
        assert!(prepare(&place).is_err());
        prepare(&tree.path().join(".git/signet")).unwrap();
    }
}
