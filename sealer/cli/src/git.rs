//! `sealctl git`: what Git shows of encrypted files, and how it merges them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use jiff::Timestamp;
use sealer_core::sops::{
    cipher::DataKey,
    datakey::{self, DEFAULT_ORDER, Readers, RecoverError, WrapError},
    key::MasterKey,
    store::{self, File, Format, MacCheck, Plain},
};

use crate::{
    file, identities,
    keychain::Keychain,
    persona::Environment,
    scratch::Scratch,
    terminal::{Report, Streams, warn},
};

/// Lets Git show and merge encrypted files by what they hold.
///
/// Example: `sealctl git install && echo '*.enc.yaml diff=sops merge=sops' >> .gitattributes`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Tells a repository of both drivers; `.gitattributes` says for which files.
    Install {
        /// The repository.
        #[arg(long, value_name = "DIR", default_value = ".")]
        repository: PathBuf,
    },
    /// Prints a file in clear text, or as it is if no key opens it: for `git diff`.
    Textconv {
        /// The file.
        file: PathBuf,

        #[command(flatten)]
        identities: identities::Sources,
    },
    /// Merges three encrypted versions of a file into the second: for `git merge`.
    ///
    /// Values that one side left alone keep their ciphertext, and the file gets a MAC of its own.
    /// Where both sides changed the same lines, the second version stays as it is and the exit code
    /// is 1.
    MergeDriver {
        /// The common ancestor: `%O`.
        base: PathBuf,
        /// The version of this branch, which the result replaces: `%A`.
        ours: PathBuf,
        /// The version of the other branch: `%B`.
        theirs: PathBuf,
        /// The path in the repository, which says the format: `%P`.
        path: PathBuf,

        #[command(flatten)]
        identities: identities::Sources,
    },
}

/// Why Git cannot be helped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not read `{}`", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not use {version} of `{}`", .path.display())]
    Version { version: &'static str, path: PathBuf, source: store::Error },
    #[error("no key opens {version} of `{}`", .path.display())]
    Closed { version: &'static str, path: PathBuf, source: RecoverError },
    #[error("both branches changed the same lines of `{}`", .path.display())]
    Conflict { path: PathBuf },
    #[error("both branches changed for whom `{}` is", .path.display())]
    Readers { path: PathBuf },
    #[error("could not wrap the data key for the keys of the other branch")]
    Wrap(#[source] WrapError),
    #[error("could not make a private folder")]
    Scratch(#[source] io::Error),
    #[error("could not run `git {verb}`")]
    Git { verb: &'static str, source: io::Error },
    #[error("`git {verb}` failed: {message}")]
    Refused { verb: &'static str, message: String },
    #[error(transparent)]
    File(#[from] file::Error),
}

impl Report for Error {
    fn is_finding(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Readers { .. })
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Conflict { path } => Some(format!(
                "the file is that of this branch; take the values of the other with `sealctl sops edit {}`, then `git add` it",
                path.display()
            )),
            Self::Readers { .. } => {
                Some("run `sealctl sops updatekeys` on it, then `git add` it".to_owned())
            }
            _ => None,
        }
    }
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<(), Error> {
    let environment = Environment::of_process();
    let keychain =
        |sources: &identities::Sources| Keychain::new(sources.places(&environment), &environment);
    match &args.verb {
        Verb::Install { repository } => install(repository),
        Verb::Textconv { file, identities } => {
            let bytes = read(file)?;
            let format = Format::of(&file.to_string_lossy());
            match open(format, bytes.clone(), ("this version", file), &keychain(identities)) {
                Ok((.., plain)) => {
                    Ok(file::write(None, plain.expose(), file::Readers::Owner, streams)?)
                }
                Err(error) => {
                    warn(streams, &format!("{error}; it is shown as it is"));
                    Ok(file::write(None, &bytes, file::Readers::AsBefore, streams)?)
                }
            }
        }
        Verb::MergeDriver { base, ours, theirs, path, identities } => {
            let merged = merge([base, ours, theirs], path, &keychain(identities))?;
            Ok(file::replace(ours, &merged, file::Readers::AsBefore)?)
        }
    }
}

/// The two drivers, in the configuration of a repository.
fn install(repository: &Path) -> Result<(), Error> {
    let settings = [
        ("diff.sops.textconv", "sealctl git textconv"),
        ("diff.sops.cachetextconv", "false"),
        ("merge.sops.name", "values of SOPS files"),
        ("merge.sops.driver", "sealctl git merge-driver %O %A %B %P"),
    ];
    for (name, value) in settings {
        configure(repository, name, value)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

/// An encrypted file, its data key, and what it holds.
fn open(
    format: Format,
    bytes: Vec<u8>,
    (version, path): (&'static str, &Path),
    keychain: &Keychain,
) -> Result<(File, DataKey, Plain), Error> {
    let failed = |source| Error::Version { version, path: path.to_owned(), source };
    let file = File::read(format, bytes).map_err(failed)?;
    let key = datakey::recover(file.metadata(), &DEFAULT_ORDER, keychain)
        .map_err(|source| Error::Closed { version, path: path.to_owned(), source })?;
    let opened = file.decrypt(&key, MacCheck::Enforced).map_err(failed)?;
    Ok((file, key, opened.plain))
}

/// The second version with what the third one changed since the first.
#[expect(clippy::disallowed_methods, reason = "a command runs once, and now is when")]
fn merge(versions: [&Path; 3], path: &Path, keychain: &Keychain) -> Result<Vec<u8>, Error> {
    let format = Format::of(&path.to_string_lossy());
    let [base, ours, theirs] = versions;
    let base_bytes = read(base)?;
    // A file that both branches added has no ancestor.
    let base = if base_bytes.is_empty() {
        None
    } else {
        Some(open(format, base_bytes, ("the common ancestor", path), keychain)?)
    };
    let (file, key, mine) = open(format, read(ours)?, ("our version", path), keychain)?;
    let (other, _, yours) = open(format, read(theirs)?, ("their version", path), keychain)?;
    let ancestor = base.as_ref().map(|(.., plain)| plain.expose()).unwrap_or_default();
    let text = merged_text([mine.expose(), ancestor, yours.expose()], path)?;
    let failed = |source| Error::Version { version: "the merge", path: path.to_owned(), source };
    let plain = Plain::new(format, text);
    let edited = file
        .edit(&key, &plain, (MacCheck::Enforced, Timestamp::now()), &mut rand::rng())
        .map_err(failed)?
        .unwrap_or_else(|| file.clone());
    let before = base.as_ref().map(|(file, ..)| readers(file)).unwrap_or_default();
    let (own, others) = (readers(&file), readers(&other));
    if others == own || others == before {
        return Ok(edited.bytes().to_vec());
    }
    if own != before {
        return Err(Error::Readers { path: path.to_owned() });
    }
    let groups = datakey::wrap(&key, &others, Timestamp::now(), keychain, &mut rand::rng());
    let groups = groups.map_err(Error::Wrap)?;
    Ok(edited.with_keys(groups, others.threshold).map_err(failed)?.bytes().to_vec())
}

fn readers(file: &File) -> Readers {
    let metadata = file.metadata();
    let keys = |group: &sealer_core::sops::key::Group| -> Vec<MasterKey> {
        group.0.iter().map(|wrapped| wrapped.key.clone()).collect()
    };
    Readers { groups: metadata.groups.iter().map(keys).collect(), threshold: metadata.threshold }
}

/// What Git makes of the texts of this branch, the ancestor and the other branch.
fn merged_text(texts: [&[u8]; 3], path: &Path) -> Result<Vec<u8>, Error> {
    let scratch = Scratch::new().map_err(Error::Scratch)?;
    let mut files = Vec::new();
    for (name, text) in ["ours", "base", "theirs"].into_iter().zip(texts) {
        files.push(scratch.write(name, text).map_err(Error::Scratch)?);
    }
    let output = Command::new("git").args(["merge-file", "-p", "-q"]).args(files).output();
    let output = output.map_err(|source| Error::Git { verb: "merge-file", source })?;
    match output.status.code() {
        Some(0) => Ok(output.stdout),
        // The number of conflicts, as far as it fits.
        Some(1..=127) => Err(Error::Conflict { path: path.to_owned() }),
        _ => {
            let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Error::Refused { verb: "merge-file", message })
        }
    }
}

fn configure(repository: &Path, name: &str, value: &str) -> Result<(), Error> {
    let verb = "config";
    let mut command = Command::new("git");
    command.arg("-C").arg(repository).args([verb, "--local", name, value]);
    let output = command.output().map_err(|source| Error::Git { verb, source })?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Refused { verb, message })
}
