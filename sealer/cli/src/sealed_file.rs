//! SealedSecrets in files that people keep: only the sealed values change.

use std::path::{Path, PathBuf};

use sealer_core::sealed::scope::{Label, Scope};
use serde_json::Value;
use yaml::{Schema, edit::Edit};

/// Why a file cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not read `{}`", .path.display())]
    Parse { path: PathBuf, source: yaml::Error },
    #[error("could not change `{}`", .path.display())]
    Edit { path: PathBuf, source: yaml::edit::Error },
    #[error("`{}` holds no SealedSecret", .path.display())]
    None { path: PathBuf },
    #[error("`{}` holds SealedSecrets in a list, which is not changed in place", .path.display())]
    List { path: PathBuf },
}

/// A change of `spec.encryptedData`: a key, and its value or nothing.
pub(crate) type Change = (String, Option<String>);

/// Whether a text may hold a SealedSecret at all.
pub(crate) fn may_hold(text: &str) -> bool {
    text.contains("SealedSecret")
}

/// The SealedSecrets of a text.
pub(crate) fn objects(path: &Path, text: &str) -> Result<Vec<Value>, Error> {
    let parse = |source| Error::Parse { path: path.to_owned(), source };
    let all = crate::manifests::parse(text, Schema::Kubernetes).map_err(parse)?;
    Ok(all.into_iter().filter(is_sealed).collect())
}

/// `text` after the changes that `change` wants in each SealedSecret. No other byte differs.
pub(crate) fn rewrite<E: From<Error>>(
    path: &Path,
    text: &str,
    mut change: impl FnMut(&Value) -> Result<Vec<Change>, E>,
) -> Result<String, E> {
    let parse = |source| Error::Parse { path: path.to_owned(), source };
    let failed = |source| Error::Edit { path: path.to_owned(), source };
    let objects = yaml::json::documents(text, Schema::Kubernetes).map_err(parse)?;
    let documents = yaml::parse(text).map_err(parse)?;
    let full = documents.iter().filter(|document| !document.is_empty());
    let mut edits: Vec<Edit> = Vec::new();
    for (object, document) in objects.iter().filter(|object| !object.is_null()).zip(full) {
        if !is_sealed(object) {
            if object["items"].as_array().is_some_and(|items| items.iter().any(is_sealed)) {
                return Err(Error::List { path: path.to_owned() }.into());
            }
            continue;
        }
        for (key, value) in change(object)? {
            let place = ["spec", "encryptedData", &key];
            match value {
                Some(value) => {
                    let edit = yaml::edit::put(text, &document.root, &place, &value);
                    edits.push(edit.map_err(failed)?);
                }
                None => edits.extend(yaml::edit::remove(text, &document.root, &place)),
            }
        }
    }
    Ok(yaml::edit::apply(text, &edits).map_err(failed)?)
}

fn is_sealed(object: &Value) -> bool {
    object["kind"] == "SealedSecret" && object["apiVersion"] == "bitnami.com/v1alpha1"
}

/// The sealed values of an object.
pub(crate) fn values(object: &Value) -> impl Iterator<Item = (&String, &str)> {
    let values = object["spec"]["encryptedData"].as_object().into_iter().flatten();
    values.filter_map(|(key, value)| Some((key, value.as_str()?)))
}

/// The scope and the label of an object, by its own metadata.
pub(crate) fn label(object: &Value) -> (Scope, Label) {
    let metadata = &object["metadata"];
    let annotations = metadata["annotations"].as_object().into_iter().flatten();
    let texts = annotations.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.into())));
    let scope = Scope::of(&texts.collect());
    let text = |field: &str| metadata[field].as_str().unwrap_or_default();
    (scope, scope.label(text("namespace"), text("name")))
}

/// Namespace and name, as people write them.
pub(crate) fn place(object: &Value) -> String {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    match (text("namespace"), text("name")) {
        ("", name) => name.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    }
}

/// The files below paths that may hold manifests, hidden ones aside, each once and in order.
pub(crate) fn below(paths: &[PathBuf]) -> Result<Vec<PathBuf>, crate::file::Error> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            collect(path, 0, &mut files)?;
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn collect(
    folder: &Path,
    depth: usize,
    files: &mut Vec<PathBuf>,
) -> Result<(), crate::file::Error> {
    /// Deeper than anybody nests manifests; a loop of links ends here.
    const DEPTH: usize = 32;
    let failed = |source| crate::file::Error::Read { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // Links are not followed: what they lead to is found where it is.
        let kind = entry.file_type().map_err(failed)?;
        let named = path.extension().is_some_and(|it| it == "yaml" || it == "yml" || it == "json");
        if kind.is_dir() && depth < DEPTH {
            collect(&path, depth + 1, files)?;
        } else if kind.is_file() && named {
            files.push(path);
        }
    }
    Ok(())
}
