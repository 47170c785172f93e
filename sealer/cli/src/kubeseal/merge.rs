//! `--merge-into`: sealed values added to a SealedSecret file.
//!
//! The file fixes namespace, name and scope, and its own format is kept unless `--format` asks for
//! the other. Of YAML nothing but the pairs concerned changes.

use std::{collections::BTreeMap, path::Path};

use sealer_core::{
    plaintext::wipe,
    sealed::{
        certificate::Certificate,
        scope::{CLUSTER_WIDE, NAMESPACE_WIDE, Scope},
    },
};
use serde_json::{Map, Value};
use yaml::Schema;

use super::{
    Error, Flags, Format,
    seal::{one, read},
    shape,
};
use crate::{file, manifests, terminal::Streams};

/// The parts of a SealedSecret that a merge fills.
const FILLED: [&[&str]; 3] = [
    &["spec", "encryptedData"],
    &["spec", "template", "metadata", "annotations"],
    &["spec", "template", "metadata", "labels"],
];

/// Merges the Secrets of the input into the file.
pub(super) fn run(
    flags: &Flags,
    certificate: &Certificate,
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    let path = flags.text("merge-into");
    let open = |why| Error::Open { path: path.to_owned(), why };
    let text = std::fs::read_to_string(path).map_err(open)?;
    let file = sealed(&text, path)?;
    let scope = scope_of(&file);
    if let Some(asked) = flags.filled("scope").filter(|asked| *asked != scope.as_str()) {
        let (path, file, asked) = (path.to_owned(), scope.to_string(), asked.to_owned());
        return Err(Error::OtherScope { path, file, asked });
    }
    let mut secrets = read(flags, streams)?;
    let updates = secrets.iter_mut().map(|secret| {
        adopt(secret, &file);
        one(secret, flags, scope, certificate)
    });
    let updates: Result<Vec<Value>, Error> = updates.collect();
    secrets.iter_mut().for_each(wipe);
    let text = merged(text, file, &updates?, flags)?;
    let readers = file::Readers::AsBefore;
    Ok(file::write(Some(Path::new(path)), text.as_bytes(), readers, streams)?)
}

/// The one SealedSecret of a file.
fn sealed(text: &str, path: &str) -> Result<Value, Error> {
    let objects = manifests::parse(text, Schema::Kubernetes).map_err(Error::Yaml)?;
    let single = <[Value; 1]>::try_from(objects).ok().map(|[object]| object);
    let single = single.filter(|object| object["kind"] == "SealedSecret");
    single.ok_or_else(|| Error::NotSealed { path: path.to_owned() })
}

fn scope_of(sealed: &Value) -> Scope {
    let annotations = sealed["metadata"]["annotations"].as_object().into_iter().flatten();
    let texts = annotations.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.into())));
    Scope::of(&texts.collect::<BTreeMap<_, String>>())
}

/// Gives the Secret the place of the file, and no scope of its own.
fn adopt(secret: &mut Value, file: &Value) {
    for field in ["name", "namespace"] {
        if let Some(text) = file["metadata"][field].as_str() {
            secret["metadata"][field] = text.into();
        }
    }
    if let Some(annotations) = secret["metadata"]["annotations"].as_object_mut() {
        annotations.remove(CLUSTER_WIDE);
        annotations.remove(NAMESPACE_WIDE);
    }
}

/// The file's text with the updates.
fn merged(
    text: String,
    mut file: Value,
    updates: &[Value],
    flags: &Flags,
) -> Result<String, Error> {
    let is_json = manifests::concatenated(&text).is_some();
    let own = if is_json { Format::Json } else { Format::Yaml };
    let wanted = flags.filled("format").map_or(Ok(own), Format::named)?;
    let additions = FILLED.iter().flat_map(|path| {
        let of = |update| path.iter().fold(update, |value: &Value, key| &value[*key]).as_object();
        let pairs = updates.iter().filter_map(of).flatten();
        pairs.filter_map(|(key, value)| Some((*path, key.as_str(), value.as_str()?)))
    });
    if wanted == Format::Yaml && own == Format::Yaml {
        return additions.into_iter().try_fold(text, |text, (parents, key, value)| {
            let path = [parents, &[key]].concat();
            let documents = yaml::parse(&text).map_err(Error::Yaml)?;
            let root = documents.iter().find(|document| !document.is_empty());
            let root = &root.expect("an object was read from it").root;
            let put = yaml::edit::put(&text, root, &path, value);
            put.and_then(|edit| yaml::edit::apply(&text, &[edit]))
                .map_err(|source| Error::Edit { path: flags.text("merge-into").to_owned(), source })
        });
    }
    for (parents, key, value) in additions {
        let parent = parents.iter().fold(&mut file, |value, key| &mut value[*key]);
        if parent.is_null() {
            *parent = Map::new().into();
        }
        parent[key] = value.into();
    }
    Ok(wanted.print(&mut file, &shape::SEALED_SECRET).to_string())
}
