//! A private folder for what other programs must read in clear text.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// A folder that only the user may enter. On drop its files are overwritten and it is removed.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    /// An empty one, in the folder for temporary files.
    pub(crate) fn new() -> io::Result<Self> {
        let mode = fs::Permissions::from_mode(0o700);
        tempfile::Builder::new().prefix(".sops").permissions(mode).tempdir().map(Self)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// A new file in it, which only the user may read.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<PathBuf> {
        let path = self.path().join(name);
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(content)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        wipe(self.path());
    }
}

/// Overwrites every file below a folder. A file system may have kept copies: this is the best that
/// can be done from here, and removing the folder comes next.
fn wipe(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            wipe(&entry.path());
        } else if metadata.is_file() {
            let Ok(mut file) = fs::OpenOptions::new().write(true).open(entry.path()) else {
                continue;
            };
            let blank = vec![0; 64 << 10];
            let mut left = metadata.len();
            while left > 0 {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(blank.len());
                if file.write_all(&blank[..length]).is_err() {
                    break;
                }
                left -= length as u64;
            }
            let _ = file.sync_data();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_private_and_leaves_nothing() {
        let scratch = Scratch::new().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let path = scratch.write("a", b"hunter2").unwrap();
        assert_eq!((mode(scratch.path()), mode(&path)), (0o700, 0o600));
        // Another name of the same content shows that it was overwritten, not only unlinked.
        let elsewhere = tempfile::tempdir().unwrap();
        let link = elsewhere.path().join("b");
        fs::hard_link(&path, &link).unwrap();
        let folder = scratch.path().to_owned();
        drop(scratch);
        assert!(!folder.exists());
        assert_eq!(fs::read(link).unwrap(), [0; 7]);
    }
}
