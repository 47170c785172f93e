//! Secrets as files, for people and for the other daemon.
//!
//! Every Secret that was written through the API is `secrets/NAMESPACE/NAME.yaml` below the place
//! of its owner, with mode 0600. The store is the truth; the files follow it. Only into a store
//! that is new, as after a damage, they are read back, so that keys survive it.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::{
    api::Api,
    failure::Failure,
    log::{Change, Event},
    object::{self, Object},
    place,
    store::{self, Store},
};

/// The name of the directory below the place of an owner.
pub(crate) const FOLDER: &str = "secrets";
/// The prefix of the keys of Secrets.
pub(crate) const STORED: &str = "secrets./";

/// Fields of metadata that mean something outside the store. The uid is kept to tell a person
/// which object it was; nothing reads it back.
const FIELDS: [&str; 7] =
    ["annotations", "creationTimestamp", "labels", "name", "namespace", "ownerReferences", "uid"];

/// The directory of exported Secrets.
pub(crate) struct Exporter {
    folder: PathBuf,
}

impl Exporter {
    pub(crate) fn new(place: &Path) -> Self {
        Self { folder: place.join(FOLDER) }
    }

    /// Follows what was written. A file that cannot be written is reported and tried again at the
    /// next start: the Secret itself is safe in the store.
    pub(crate) fn follow(&self, events: &[std::sync::Arc<Event>]) {
        let secrets = events.iter().filter(|event| event.stored == STORED && !event.from_file);
        for event in secrets {
            let Some(facets) = event.after.as_ref().or(event.before.as_ref()) else { continue };
            let path = self.path(object::namespace(facets), object::name(facets));
            let done = match event.change {
                Change::Deleted => remove(&path),
                Change::Added | Change::Modified => match object::parse(&event.object) {
                    Ok(secret) => write(&path, &secret),
                    Err(err) => Err(err.into()),
                },
            };
            if let Err(err) = done {
                tracing::error!(file = %path.display(), error = %err, "could not export a Secret");
            }
        }
    }

    /// Brings the directory in line with the store; `kept` files are left for a person to repair.
    pub(crate) fn synchronize(&self, store: &Store, kept: &[PathBuf]) -> Result<(), store::Error> {
        let snapshot = store.snapshot()?;
        let from_files: BTreeSet<String> =
            snapshot.files()?.into_iter().map(|(key, _)| key).collect();
        let mut wanted: BTreeSet<PathBuf> = kept.iter().cloned().collect();
        snapshot.scan(STORED, "", |key, bytes| {
            if from_files.contains(key) {
                return Ok(true);
            }
            let secret = store::parse(key, bytes)?;
            let path = self.path(object::namespace(&secret), object::name(&secret));
            if let Err(err) = write(&path, &secret) {
                tracing::error!(file = %path.display(), error = %err, "could not export a Secret");
            }
            wanted.insert(path);
            Ok(true)
        })?;
        for path in files(&self.folder).into_iter().filter(|path| !wanted.contains(path)) {
            if let Err(err) = remove(&path) {
                tracing::error!(file = %path.display(), error = %err, "could not remove a Secret");
            }
        }
        Ok(())
    }

    /// Reads the files back into a store that is new. Gives the files that could not be read.
    pub(crate) fn restore(&self, api: &Api) -> Result<Vec<PathBuf>, Failure> {
        let mut unread = Vec::new();
        api.write(false, |writer| {
            for path in files(&self.folder) {
                let kind = api.kinds.by_kind("v1", "Secret").expect("it is built in");
                let parsed = fs::read_to_string(&path).ok().and_then(|text| {
                    yaml::json::documents(&text, yaml::Schema::Kubernetes).ok()?.pop()
                });
                let Some(Value::Object(mut secret)) = parsed else {
                    unread.push(path);
                    continue;
                };
                secret.remove("apiVersion");
                secret.remove("kind");
                let namespace = object::namespace(&secret).to_owned();
                let target = crate::route::Target::new(kind, "v1", &namespace, "");
                let mut target = target.expect("it has this one version");
                if api.insert(writer, &mut target, secret).is_err() {
                    unread.push(path);
                }
            }
            Ok(unread)
        })
    }

    fn path(&self, namespace: &str, name: &str) -> PathBuf {
        self.folder.join(namespace).join(format!("{name}.yaml"))
    }
}

/// All exported files.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten();
    let namespaces = entries(folder).map(|entry| entry.path());
    let files = namespaces.flat_map(|namespace| entries(&namespace).map(|entry| entry.path()));
    files.filter(|path| path.extension().is_some_and(|ending| ending == "yaml")).collect()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => Err(err),
        _ => Ok(()),
    }
}

/// Writes through a temporary file, so that a reader sees the old or the new Secret.
fn write(path: &Path, secret: &Object) -> io::Result<()> {
    let text = manifest(secret);
    if fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    place::make_private(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.tmp"));
    remove(&temporary)?;
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    drop(file);
    fs::rename(&temporary, path)
}

/// The Secret as a manifest.
fn manifest(secret: &Object) -> String {
    let meta = object::meta(secret);
    let kept =
        FIELDS.iter().filter_map(|field| Some(((*field).to_owned(), meta.get(*field)?.clone())));
    let mut whole = secret.clone();
    whole.insert("metadata".to_owned(), Value::Object(kept.collect()));
    let mut text = "apiVersion: v1\nkind: Secret\n".to_owned();
    emit(&whole, 0, &mut text);
    text
}

/// Maps as blocks, everything else as JSON, which is YAML too.
fn emit(map: &Map<String, Value>, indent: usize, text: &mut String) {
    for (key, value) in map {
        let key =
            if yaml::edit::is_plain(key) { key.clone() } else { yaml::edit::double_quoted(key) };
        let written = match value {
            Value::Object(map) if !map.is_empty() => {
                let written = writeln!(text, "{:indent$}{key}:", "");
                emit(map, indent + 2, text);
                written
            }
            other => writeln!(text, "{:indent$}{key}: {other}", ""),
        };
        written.expect("a string takes every character");
    }
}
