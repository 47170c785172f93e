//! `sealctl reseal`: sealed values in files, sealed again for the newest key.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use sealer_core::sealed::{
    keyring::{self, Keyring},
    native,
    scope::Label,
};
use serde_json::Value;

use crate::{
    cluster,
    controller::{self, Controller},
    file, recovery,
    sealed_file::{self, Change},
    terminal::{Report, Streams},
};

/// Seals values in files again, for the newest key.
///
/// With `--key` it needs no cluster, and leaves alone what is under the newest key already.
/// Otherwise the cluster's controller does it, as `kubeseal --re-encrypt`. Formats, comments and
/// everything but the values stay as they are; each file is replaced in one step.
///
/// Example: `sealctl reseal --key backup.age --identity me.txt clusters/`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files, or folders that are searched for manifests.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Says what would be done, and changes nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,

    #[command(flatten)]
    keys: recovery::Sources,

    #[command(flatten)]
    cluster: cluster::Target,
}

/// Why values were not sealed again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] file::Error),
    #[error(transparent)]
    Keys(#[from] recovery::Error),
    #[error(transparent)]
    Controller(#[from] controller::Error),
    #[error("{failed} of {of} files could not be sealed again")]
    Some { failed: usize, of: usize },
}

/// Why one file was not.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    File(#[from] file::Error),
    #[error(transparent)]
    Sealed(#[from] sealed_file::Error),
    #[error("`{object}`, key `{key}`")]
    Value { object: String, key: String, source: keyring::Error },
    #[error("`{object}`")]
    Controller { object: String, source: controller::Error },
    #[error("`{object}`: the controller's answer has no value for `{key}`")]
    Incomplete { object: String, key: String },
    #[error("`{object}` has the form of 2017, one value for all: seal its Secret again")]
    Old { object: String },
}

/// Who seals.
enum Sealer {
    Keys(Box<Keyring>),
    Controller(Box<Controller>),
}

/// How many values of a file were sealed again.
#[derive(Default)]
struct Done {
    sealed: usize,
    of: usize,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<(), Error> {
    let sealer = if args.keys.are_given() {
        Sealer::Keys(Box::new(args.keys.keyring(streams)?))
    } else {
        Sealer::Controller(Box::new(args.cluster.controller()?))
    };
    let files = sealed_file::below(&args.paths)?;
    let results = match &sealer {
        Sealer::Keys(_) => parallel(&files, |path| one(path, &sealer, args.dry_run)),
        // A controller limits its callers, so nothing is gained by asking at once.
        Sealer::Controller(_) => {
            files.iter().map(|path| one(path, &sealer, args.dry_run)).collect()
        }
    };
    report(&files, &results, args.dry_run, streams)
}

fn report(
    files: &[PathBuf],
    results: &[Result<Done, Failure>],
    dry_run: bool,
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    let (mut total, mut failed, mut text) = (Done::default(), 0, String::new());
    for (path, result) in files.iter().zip(results) {
        match result {
            Ok(done) => {
                (total.sealed, total.of) = (total.sealed + done.sealed, total.of + done.of);
                if done.sealed > 0 {
                    let path = path.display();
                    // Writing to a string cannot fail.
                    let _ = writeln!(text, "{path}: {} of {} values", done.sealed, done.of);
                }
            }
            Err(failure) => {
                failed += 1;
                let told = match failure {
                    Failure::File(_) | Failure::Sealed(_) => chain(failure),
                    other => format!("`{}`: {}", path.display(), chain(other)),
                };
                let _ = writeln!(streams.messages, "sealctl: error: {told}");
            }
        }
    }
    let what = if dry_run { "would be sealed again" } else { "sealed again" };
    let _ = writeln!(text, "{} of {} values {what}", total.sealed, total.of);
    file::write(None, text.as_bytes(), file::Readers::AsBefore, streams)?;
    if failed > 0 { Err(Error::Some { failed, of: files.len() }) } else { Ok(()) }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Does the work for every file, on all processors; results are in the order of the files.
fn parallel<T: Send>(files: &[PathBuf], work: impl Fn(&Path) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<T>>> = files.iter().map(|_| Mutex::new(None)).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(files.len());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = files.get(at) else { return };
                    let done = work(path);
                    *results[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
                }
            });
        }
    });
    let done = |cell: Mutex<Option<T>>| cell.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().filter_map(done).collect()
}

/// Seals the values of one file again.
fn one(path: &Path, sealer: &Sealer, dry_run: bool) -> Result<Done, Failure> {
    let read = |source| file::Error::Read { path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(read)?;
    let text = match String::from_utf8(bytes) {
        Ok(text) if sealed_file::may_hold(&text) => text,
        _ => return Ok(Done::default()),
    };
    let mut done = Done::default();
    let rewritten = sealed_file::rewrite(path, &text, |object| {
        if object["spec"]["data"].is_string() {
            return Err(Failure::Old { object: sealed_file::place(object) });
        }
        let changes = match sealer {
            Sealer::Keys(keyring) => offline(object, keyring)?,
            Sealer::Controller(controller) => online(object, controller)?,
        };
        done.sealed += changes.len();
        done.of += sealed_file::values(object).count();
        Ok(changes)
    })?;
    if !dry_run && rewritten != text {
        file::replace(path, rewritten.as_bytes(), file::Readers::AsBefore)?;
    }
    Ok(done)
}

fn offline(object: &Value, keyring: &Keyring) -> Result<Vec<Change>, Failure> {
    let (_, label) = sealed_file::label(object);
    let mut changes = Vec::new();
    for (key, value) in sealed_file::values(object) {
        let failed = |source| Failure::Value {
            object: sealed_file::place(object),
            key: key.clone(),
            source,
        };
        let label = label.of(key);
        if !is_newest(keyring, &label, value).map_err(failed)? {
            let sealed = keyring.reseal(&label, value, &mut rand::rng()).map_err(failed)?;
            changes.push((key.clone(), Some(sealed)));
        }
    }
    Ok(changes)
}

/// Whether a value is under the newest key of its kind; one that nothing opens is an error.
fn is_newest(keyring: &Keyring, label: &Label, value: &str) -> Result<bool, keyring::Error> {
    let opened = keyring.unseal(label, value)?.key_id;
    if native::Value::is(value) {
        let mut all = native::Suite::ALL.iter().filter_map(|suite| keyring.newest_native(*suite));
        return Ok(all.any(|key| key.id() == opened));
    }
    Ok(keyring.newest().is_some_and(|key| *key.id() == opened))
}

fn online(object: &Value, controller: &Controller) -> Result<Vec<Change>, Failure> {
    let place = || sealed_file::place(object);
    let answer = controller.rotate_values(object);
    let answer = answer.map_err(|source| Failure::Controller { object: place(), source })?;
    sealed_file::values(object)
        .map(|(key, _)| match answer[key].as_str() {
            Some(sealed) => Ok((key.clone(), Some(sealed.to_owned()))),
            None => Err(Failure::Incomplete { object: place(), key: key.clone() }),
        })
        .collect()
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Keys(error) => error.hint(),
            Self::Controller(error) => error.hint(),
            Self::File(_) | Self::Some { .. } => None,
        }
    }
}
