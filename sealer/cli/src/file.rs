//! Files: read whole, written whole or not at all.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::terminal::{Report, Streams};

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not read `{}`", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not read standard input")]
    Input(#[source] io::Error),
    #[error("could not write `{}`", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("could not write standard output")]
    Output(#[source] io::Error),
    #[error("`{name}` is not UTF-8")]
    Encoding { name: String },
}

impl Report for Error {}

/// The bytes of `path`, or of standard input if there is none or it is `-`.
pub(crate) fn read_bytes(
    path: Option<&Path>,
    streams: &mut Streams<'_>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if let Some(path) = named(path) {
        let failed = |source| Error::Read { path: path.to_owned(), source };
        return fs::read(path).map(Zeroizing::new).map_err(failed);
    }
    let mut bytes = Zeroizing::new(Vec::new());
    streams.input.read_to_end(&mut bytes).map_err(Error::Input)?;
    Ok(bytes)
}

/// The text of `path`, or of standard input if there is none or it is `-`.
pub(crate) fn read(
    path: Option<&Path>,
    streams: &mut Streams<'_>,
) -> Result<Zeroizing<String>, Error> {
    let mut bytes = read_bytes(path, streams)?;
    let name =
        || named(path).map_or("standard input".to_owned(), |path| path.display().to_string());
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(Error::Encoding { name: name() })
        }
    }
}

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Only the user, whatever the file's permissions were: it holds secrets in clear text.
    Owner,
    /// Whoever could read it before; only the user if it is new.
    AsBefore,
}

/// Writes `text` to `path`, or to standard output if there is none.
///
/// A file is replaced in one step: until then a temporary file beside it, which only the user
/// may read, holds the text. A link is followed.
pub(crate) fn write(
    path: Option<&Path>,
    text: &[u8],
    readers: Readers,
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    let Some(path) = named(path) else {
        let written = streams.output.write_all(text).and_then(|()| streams.output.flush());
        return written.map_err(Error::Output);
    };
    replace(path, text, readers)
}

/// Replaces a file in one step, as [`write`] does.
pub(crate) fn replace(path: &Path, text: &[u8], readers: Readers) -> Result<(), Error> {
    exchange(path, text, readers).map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// As [`replace`], with the system's own error.
///
/// What is no regular file, such as a pipe or a terminal, is written to as it is.
pub(crate) fn exchange(path: &Path, text: &[u8], readers: Readers) -> io::Result<()> {
    let existing = fs::metadata(path).ok();
    if existing.as_ref().is_some_and(|existing| !existing.is_file()) {
        return fs::OpenOptions::new().write(true).open(path)?.write_all(text);
    }
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text)?;
    if let Some(existing) = existing {
        keep_owner(file.as_file(), &existing);
        if readers == Readers::AsBefore {
            file.as_file().set_permissions(existing.permissions())?;
        }
    }
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

/// Gives a new file to the owner of the old one, which only root can; others keep it.
fn keep_owner(file: &fs::File, existing: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let _ = fchown(file, Some(existing.uid()), Some(existing.gid()));
}

fn named(path: Option<&Path>) -> Option<&Path> {
    path.filter(|path| *path != Path::new("-"))
}
