//! What was changed: which value of which object in which file.

use std::collections::BTreeMap;

use super::Image;

/// A Kubernetes object as a file describes it. Fields that the file does not have are empty.
///
/// The order of the fields is Flux's, which is how its templates sort objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectIdentifier {
    /// `apiVersion`
    pub api_version: String,
    /// `kind`
    pub kind: String,
    /// `metadata.name`
    pub name: String,
    /// `metadata.namespace`
    pub namespace: String,
}

/// A value that was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The value before.
    pub old: String,
    /// The value after.
    pub new: String,
    /// What the marker says: `namespace:policy` with its suffix.
    pub setter: String,
    /// The policy's name.
    pub policy: String,
    /// The image that the policy selects.
    pub image: Image,
}

/// All changes of a run: by file, then by object, then in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The namespace of the policies.
    pub namespace: String,
    /// By path relative to `spec.update.path`, as Flux says it.
    pub files: BTreeMap<String, BTreeMap<ObjectIdentifier, Vec<Change>>>,
}

impl Changes {
    /// No changes yet, by policies of `namespace`.
    pub fn new(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), files: BTreeMap::new() }
    }

    /// Adds the changes of one file.
    pub fn add(&mut self, file: &str, changes: Vec<(ObjectIdentifier, Change)>) {
        for (object, change) in changes {
            let objects = self.files.entry(file.to_owned()).or_default();
            objects.entry(object).or_default().push(change);
        }
    }

    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Every change with its file and object, in order.
    pub fn each(&self) -> impl Iterator<Item = (&str, &ObjectIdentifier, &Change)> {
        self.files.iter().flat_map(|(file, objects)| {
            let changes = objects
                .iter()
                .flat_map(|(object, changes)| changes.iter().map(move |change| (object, change)));
            changes.map(move |(object, change)| (file.as_str(), object, change))
        })
    }

    /// The changes of each object, over all files.
    pub fn objects(&self) -> BTreeMap<&ObjectIdentifier, Vec<&Change>> {
        let mut merged: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (_, object, change) in self.each() {
            merged.entry(object).or_default().push(change);
        }
        merged
    }

    /// The distinct changes: same values, same setter. In the order of the files.
    pub fn distinct(&self) -> Vec<&Change> {
        let mut distinct: Vec<&Change> = Vec::new();
        for (_, _, change) in self.each() {
            let same = |seen: &&Change| {
                (&seen.old, &seen.new, &seen.setter) == (&change.old, &change.new, &change.setter)
            };
            if !distinct.iter().any(same) {
                distinct.push(change);
            }
        }
        distinct
    }

    /// The distinct images that were set, each with its policy. Ordered by name, tag and policy.
    pub fn images(&self) -> Vec<(&Image, &str)> {
        unique(self.each().map(|(_, _, change)| change))
    }
}

/// The distinct images of `changes`, each with its policy, in order.
pub fn unique<'c>(changes: impl IntoIterator<Item = &'c Change>) -> Vec<(&'c Image, &'c str)> {
    let key = |image: &'c Image, policy: &'c str| {
        ((&image.name, &image.tag, &image.digest, policy), (image, policy))
    };
    let images: BTreeMap<_, _> =
        changes.into_iter().map(|change| key(&change.image, &change.policy)).collect();
    images.into_values().collect()
}
