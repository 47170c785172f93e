//! Which files a `kustomization.yaml` names, and what it does to every object in them.
//!
//! Only what decides which Secrets there are is followed: `resources`, `bases` and `components` within
//! the repository, and names, namespaces, labels and annotations that hold for all objects. Generators
//! and patches are kustomize's business.

use std::collections::{BTreeMap, BTreeSet};

use repo::ObjectId;
use sealer_core::sops::store::Format;
use serde::Serialize;
use serde_json::Value;

use crate::secrets::Desired;

/// The names under which kustomize looks for its file.
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// How deeply one may refer to another.
const DEEPEST: usize = 32;

/// What is done to every object of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(in crate::controller) struct Dress {
    /// Where it goes.
    pub(in crate::controller) namespace: Option<String>,
    /// What its name begins with.
    pub(in crate::controller) prefix: String,
    /// What its name ends in.
    pub(in crate::controller) suffix: String,
    /// Labels of it.
    pub(in crate::controller) labels: BTreeMap<String, String>,
    /// Annotations of it.
    pub(in crate::controller) annotations: BTreeMap<String, String>,
}

/// Why the files are not known.
#[derive(Debug, thiserror::Error)]
pub(in crate::controller) enum Error {
    /// A file could not be read.
    #[error(transparent)]
    Repository(#[from] repo::Error),
    /// A file is no kustomization.
    #[error("`{file}` is not a kustomization: it is no YAML map")]
    Malformed {
        /// The file.
        file: String,
    },
    /// An entry leads out of the repository, or in a circle.
    #[error("`{file}` refers to `{entry}`, which {problem}")]
    Entry {
        /// The file.
        file: String,
        /// The entry.
        entry: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Dress {
    /// What comes of an object that `inner` was done to, and then this.
    fn over(&self, inner: &Self) -> Self {
        let both = |inner: &BTreeMap<String, String>, outer: &BTreeMap<String, String>| {
            inner.clone().into_iter().chain(outer.clone()).collect()
        };
        Self {
            namespace: self.namespace.clone().or_else(|| inner.namespace.clone()),
            prefix: format!("{}{}", self.prefix, inner.prefix),
            suffix: format!("{}{}", inner.suffix, self.suffix),
            labels: both(&inner.labels, &self.labels),
            annotations: both(&inner.annotations, &self.annotations),
        }
    }

    /// What a kustomization does to all objects.
    fn of(kustomization: &Value) -> Self {
        let text = |field: &str| kustomization[field].as_str().map(str::to_owned);
        let mut labels = strings(&kustomization["commonLabels"]);
        for set in kustomization["labels"].as_array().into_iter().flatten() {
            labels.extend(strings(&set["pairs"]));
        }
        Self {
            namespace: text("namespace").filter(|namespace| !namespace.is_empty()),
            prefix: text("namePrefix").unwrap_or_default(),
            suffix: text("nameSuffix").unwrap_or_default(),
            labels,
            annotations: strings(&kustomization["commonAnnotations"]),
        }
    }

    /// Does it to a Secret, all but the namespace.
    pub(super) fn put_on(&self, secret: &mut Desired) {
        let metadata = &mut secret.metadata;
        let name = metadata.name.take().unwrap_or_default();
        metadata.name = Some(format!("{}{name}{}", self.prefix, self.suffix));
        if !self.labels.is_empty() {
            metadata.labels.get_or_insert_default().extend(self.labels.clone());
        }
        if !self.annotations.is_empty() {
            metadata.annotations.get_or_insert_default().extend(self.annotations.clone());
        }
    }
}

fn strings(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// Follows kustomizations through a commit.
pub(super) struct Walk<'w> {
    files: &'w BTreeMap<String, ObjectId>,
    read: &'w dyn Fn(ObjectId) -> Result<Vec<u8>, repo::Error>,
    found: BTreeMap<String, Dress>,
}

impl<'w> Walk<'w> {
    /// A walk through `files`, whose contents `read` answers.
    pub(super) fn new(
        files: &'w BTreeMap<String, ObjectId>,
        read: &'w dyn Fn(ObjectId) -> Result<Vec<u8>, repo::Error>,
    ) -> Self {
        Self { files, read, found: BTreeMap::new() }
    }

    /// The YAML files that belong to the folder `below`, each with what is done to its objects, of
    /// which `dress` is done last. A file that is named twice counts where it was named first.
    pub(super) fn from(
        mut self,
        below: &str,
        dress: &Dress,
    ) -> Result<BTreeMap<String, Dress>, Error> {
        self.folder(below, dress, &mut Vec::new())?;
        Ok(self.found)
    }

    fn folder(
        &mut self,
        folder: &str,
        dress: &Dress,
        above: &mut Vec<String>,
    ) -> Result<(), Error> {
        let Some(file) = self.kustomization(folder) else {
            return self.everything(folder, dress, above);
        };
        let bytes = (self.read)(self.files[&file])?;
        let malformed = || Error::Malformed { file: file.clone() };
        let text = std::str::from_utf8(&bytes).map_err(|_| malformed())?;
        let documents = yaml::json::documents(text, yaml::Schema::Kubernetes);
        let documents = documents.map_err(|_| malformed())?;
        let kustomization = documents.first().filter(|first| first.is_object());
        let kustomization = kustomization.ok_or_else(malformed)?;
        let dress = dress.over(&Dress::of(kustomization));
        above.push(folder.to_owned());
        for list in ["resources", "bases", "components"] {
            let entries = kustomization[list].as_array().into_iter().flatten();
            for entry in entries.filter_map(Value::as_str).filter(|entry| !is_remote(entry)) {
                let problem =
                    |problem| Error::Entry { file: file.clone(), entry: entry.to_owned(), problem };
                let path =
                    join(folder, entry).ok_or_else(|| problem("leads out of the repository"))?;
                if self.files.contains_key(&path) {
                    self.found.entry(path).or_insert_with(|| dress.clone());
                } else if above.contains(&path) {
                    return Err(problem("leads back to itself"));
                } else if above.len() >= DEEPEST {
                    return Err(problem("is too deep"));
                } else {
                    self.folder(&path, &dress, above)?;
                }
            }
        }
        above.pop();
        Ok(())
    }

    /// Every YAML file below `folder`; a folder of it with a kustomization is followed instead.
    fn everything(
        &mut self,
        folder: &str,
        dress: &Dress,
        above: &mut Vec<String>,
    ) -> Result<(), Error> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut followed = BTreeSet::new();
        let paths: Vec<_> = self.files.keys().filter(|path| path.starts_with(&prefix)).collect();
        for path in paths {
            let inner = &path[prefix.len()..];
            let folders = inner.match_indices('/').map(|(at, _)| &path[..prefix.len() + at]);
            let nested = folders.into_iter().find(|folder| self.kustomization(folder).is_some());
            match nested {
                Some(nested) if followed.insert(nested.to_owned()) => {
                    self.folder(nested, dress, above)?;
                }
                Some(_) => {}
                None if Format::of(path) == Format::Yaml => {
                    self.found.entry(path.clone()).or_insert_with(|| dress.clone());
                }
                None => {}
            }
        }
        Ok(())
    }

    fn kustomization(&self, folder: &str) -> Option<String> {
        let paths = NAMES.iter().filter_map(|name| join(folder, name));
        paths.into_iter().find(|path| self.files.contains_key(path))
    }
}

fn is_remote(entry: &str) -> bool {
    entry.contains("://") || entry.starts_with("github.com/") || entry.starts_with("git@")
}

/// The path of `entry` as seen from `folder`; none outside of the repository.
fn join(folder: &str, entry: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    if entry.starts_with('/') {
        return None;
    }
    for part in entry.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found from `apps` in these files.
    fn found(files: &[(&str, &str)]) -> Result<Vec<(String, Dress)>, String> {
        let id = |index: usize| ObjectId::from_hex(format!("{index:040x}").as_bytes()).unwrap();
        let ids: BTreeMap<_, _> = files
            .iter()
            .enumerate()
            .map(|(index, (path, _))| ((*path).to_owned(), id(index)))
            .collect();
        let read = |wanted: ObjectId| {
            let at = (0..files.len()).find(|index| id(*index) == wanted).unwrap();
            Ok(files[at].1.as_bytes().to_vec())
        };
        let walk = Walk::new(&ids, &read).from("apps", &Dress::default());
        walk.map(|found| found.into_iter().collect()).map_err(|error| error.to_string())
    }

    fn paths(files: &[(&str, &str)]) -> Vec<String> {
        found(files).unwrap().into_iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn a_folder_without_kustomization_is_read_whole_and_others_are_followed() {
        let files = [
            ("apps/a.yaml", ""),
            ("apps/deep/b.yml", ""),
            ("apps/notes.txt", ""),
            ("apps/web/kustomization.yaml", "resources: [c.yaml, ../../base]"),
            ("apps/web/c.yaml", ""),
            ("apps/web/unnamed.yaml", ""),
            ("base/kustomization.yaml", "resources: [d.yaml, 'https://example.com/x.yaml']"),
            ("base/d.yaml", ""),
            ("other/e.yaml", ""),
        ];
        assert_eq!(
            paths(&files),
            ["apps/a.yaml", "apps/deep/b.yml", "apps/web/c.yaml", "base/d.yaml"]
        );
    }

    #[test]
    fn what_is_done_to_all_objects_adds_up_from_the_inside() {
        let files = [
            (
                "apps/kustomization.yaml",
                "{resources: [../base], namespace: prod, namePrefix: p-, labels: [{pairs: {env: prod}}]}",
            ),
            (
                "base/kustomization.yaml",
                "{resources: [a.yaml], namespace: dev, namePrefix: b-, nameSuffix: -s, commonLabels: {env: dev, app: x}}",
            ),
            ("base/a.yaml", ""),
        ];
        let [(_, dress)] = &found(&files).unwrap()[..] else { panic!("one file") };
        assert_eq!(dress.namespace.as_deref(), Some("prod"));
        assert_eq!((dress.prefix.as_str(), dress.suffix.as_str()), ("p-b-", "-s"));
        assert_eq!((dress.labels["env"].as_str(), dress.labels["app"].as_str()), ("prod", "x"));
    }

    #[test]
    fn what_leads_astray_is_named() {
        #[rustfmt::skip]
        let cases = [
            ("resources: [../../x]",      "`apps/kustomization.yaml` refers to `../../x`, which leads out of the repository"),
            ("resources: [/etc]",         "`apps/kustomization.yaml` refers to `/etc`, which leads out of the repository"),
            ("resources: [../apps]",      "`apps/kustomization.yaml` refers to `../apps`, which leads back to itself"),
            ("- a",                       "`apps/kustomization.yaml` is not a kustomization: it is no YAML map"),
        ];
        for (text, message) in cases {
            assert_eq!(found(&[("apps/kustomization.yaml", text)]).unwrap_err(), message);
        }
    }
}
