//! What every command asks of its surroundings.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sealer_core::sops::key::Kind;
use zeroize::Zeroizing;

use super::{
    Done,
    failure::{Code, Failure},
    grammar::{Flags, Parsed},
    log,
};
use crate::{
    file::{self, Readers},
    persona::{Call, Environment},
    terminal::Streams,
};

/// A command's words and surroundings.
pub(super) struct Context<'c, 's> {
    /// The flags in front of the command.
    pub(super) global: &'c Flags,
    pub(super) flags: &'c Flags,
    pub(super) arguments: &'c [String],
    pub(super) environment: &'c Environment,
    pub(super) streams: &'c mut Streams<'s>,
    warned: bool,
}

/// A file as a command names it.
pub(super) struct Named {
    /// Where it is; nothing for standard input.
    pub(super) path: Option<PathBuf>,
    /// The name by which rules and formats are found.
    pub(super) name: PathBuf,
}

impl Named {
    /// A file under its own name.
    pub(super) fn plainly(file: &str) -> Self {
        Self { path: Some(file.into()), name: file.into() }
    }
}

impl<'c, 's> Context<'c, 's> {
    pub(super) fn new(call: &'c mut Call<'_, 's>, global: &'c Parsed, own: &'c Parsed) -> Self {
        Self {
            global: &global.flags,
            flags: &own.flags,
            arguments: &own.arguments,
            environment: call.environment,
            streams: call.streams,
            warned: false,
        }
    }

    /// The first argument as an absolute path.
    pub(super) fn first(&self) -> Result<PathBuf, Failure> {
        let first = self.arguments.first();
        absolute(first.ok_or_else(|| Failure::new(Code::NoFile, "Error: no file specified"))?)
    }

    /// The file of the first argument, under its own name or that of `--filename-override`.
    pub(super) fn named(&self, path: Option<PathBuf>) -> Result<Named, Failure> {
        let name = match self.flags.some("filename-override") {
            Some(name) => absolute(name)?,
            None => path.clone().unwrap_or_default(),
        };
        Ok(Named { path, name })
    }

    /// Says that arguments behind the first are ignored.
    pub(super) fn warn_of_more(&mut self) {
        let Some((_, more @ [_, ..])) = self.arguments.split_first() else { return };
        self.warn("More than one positional argument provided. Only the first one will be used!");
        if let Some(flag) = more.iter().rev().find(|word| word.starts_with('-')) {
            self.warn(&format!(
                "Note that one of the ignored positional argument is {flag:?}, which looks like a flag. Flags must always be provided before the first positional argument!"
            ));
        }
    }

    pub(super) fn warn(&mut self, message: &str) {
        log::line(self.streams, log::Level::Warning, message);
    }

    /// Says something that is the same for every file, once.
    pub(super) fn warn_once(&mut self, message: &str) {
        if !self.warned {
            self.warned = true;
            self.warn(message);
        }
    }

    /// Says something that only `--verbose` wants to know.
    pub(super) fn inform(&mut self, message: &str) {
        if self.flags.switch("verbose") || self.global.switch("verbose") {
            log::line(self.streams, log::Level::Info, message);
        }
    }

    /// The kinds of keys that are tried first. Names that no kind has are passed over, as by sops.
    pub(super) fn order(&self) -> Result<Vec<Kind>, Failure> {
        let Some(text) = self.flags.some("decryption-order") else {
            return Ok(sealer_core::sops::datakey::DEFAULT_ORDER.to_vec());
        };
        let names: Vec<&str> = text.split(',').collect();
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                let message = format!("Duplicate decryption key type: {name}");
                return Err(Failure::new(Code::DuplicateKeyType, message));
            }
        }
        Ok(names.into_iter().filter_map(Kind::named).collect())
    }

    /// The bytes of a file, or of standard input.
    pub(super) fn read(&mut self, path: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, Failure> {
        if let Some(path) = path {
            return read(path);
        }
        let mut bytes = Zeroizing::new(Vec::new());
        let read = self.streams.input.read_to_end(&mut bytes);
        read.map_err(|err| {
            Failure::new(Code::CannotRead, format!("Error reading from stdin: {}", said(&err)))
        })?;
        Ok(bytes)
    }

    /// Refuses flags that contradict each other.
    pub(super) fn one_target(&self) -> Done {
        if self.flags.switch("in-place") && self.flags.some("output").is_some() {
            let message = "Error: cannot operate on both --output and --in-place";
            return Err(Failure::new(Code::Conflict, message));
        }
        Ok(())
    }

    /// Writes a result where the flags say: back into `path`, into another file, or out.
    pub(super) fn deliver(&mut self, path: Option<&Path>, result: &[u8]) -> Done {
        if self.flags.switch("in-place") {
            return match path {
                Some(path) => self.replace(path, result),
                None => self.print(result),
            };
        }
        match self.flags.some("output") {
            None => self.print(result),
            Some(output) => file::exchange(Path::new(output), result, Readers::AsBefore)
                .map_err(|err| cannot_write("output file", Path::new(output), &err)),
        }
    }

    /// Writes a result into a file, in one step.
    pub(super) fn replace(&mut self, path: &Path, result: &[u8]) -> Done {
        file::exchange(path, result, Readers::AsBefore)
            .map_err(|err| cannot_write("in-place file", path, &err))?;
        self.inform("File written successfully");
        Ok(())
    }

    pub(super) fn print(&mut self, bytes: &[u8]) -> Done {
        print(self.streams, bytes)
    }

    /// Asks until the answer is `y` or `n`.
    pub(super) fn agreed(&mut self, question: &str) -> Result<bool, Failure> {
        loop {
            self.print(question.as_bytes())?;
            let mut line = Vec::new();
            let mut byte = [0];
            while self.streams.input.read(&mut byte).is_ok_and(|count| count == 1)
                && byte[0] != b'\n'
            {
                line.push(byte[0]);
            }
            match line.trim_ascii() {
                b"y" => return Ok(true),
                b"n" => return Ok(false),
                b"" => return Err(Failure::generic("unexpected newline")),
                _ => {}
            }
        }
    }
}

/// Prints to standard output.
pub(super) fn print(streams: &mut Streams<'_>, bytes: &[u8]) -> Done {
    let printed = streams.output.write_all(bytes).and_then(|()| streams.output.flush());
    printed.map_err(|err| Failure::generic(format!("could not write stdout: {}", said(&err))))
}

/// The bytes of a file.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    fs::read(path).map(Zeroizing::new).map_err(|err| {
        let message = format!("Error reading file: open {}: {}", path.display(), said(&err));
        Failure::new(Code::CannotRead, message)
    })
}

/// Refuses a file that is not there.
pub(super) fn existing(path: &Path) -> Done {
    if is_missing(path) {
        let message = format!("Error: cannot operate on non-existent file \"{}\"", path.display());
        return Err(Failure::new(Code::NoFile, message));
    }
    Ok(())
}

/// Whether nothing has this name. What cannot be looked at is there.
pub(super) fn is_missing(path: &Path) -> bool {
    fs::metadata(path).is_err_and(|err| err.kind() == io::ErrorKind::NotFound)
}

/// A path from the root, without `.` and `..`.
pub(super) fn absolute(path: impl AsRef<Path>) -> Result<PathBuf, Failure> {
    let path = std::path::absolute(path).map_err(|err| Failure::generic(said(&err)))?;
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            std::path::Component::ParentDir => {
                clean.pop();
            }
            component => clean.push(component),
        }
    }
    Ok(clean)
}

/// A failure of the system, worded as Go words it.
pub(super) fn said(err: &io::Error) -> String {
    let text = err.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn cannot_write(what: &str, path: &Path, err: &io::Error) -> Failure {
    let message =
        format!("Could not open {what} for writing: open {}: {}", path.display(), said(err));
    Failure::new(Code::CannotWrite, message)
}
