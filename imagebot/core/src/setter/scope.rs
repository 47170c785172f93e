//! Which images there are to set, and by whose say.

use std::collections::BTreeMap;

use super::{Cause, Image, chart::Sources, marker::Marker, rule::Rule};

/// Which policies are applied, and what they have selected.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The namespace whose markers are followed; without it those of every namespace are.
    namespace: Option<String>,
    images: BTreeMap<(String, String), Image>,
    rules: Vec<Rule>,
    sources: Sources,
}

impl Scope {
    /// The policies of one namespace, by name. Markers that name another namespace are passed over.
    pub fn of(namespace: &str, images: impl IntoIterator<Item = (String, Image)>) -> Self {
        let images = images.into_iter();
        let images = images.map(|(policy, image)| ((namespace.to_owned(), policy), image));
        Self { namespace: Some(namespace.to_owned()), images: images.collect(), ..Self::default() }
    }

    /// Policies of all namespaces, by namespace and name.
    pub fn everywhere(images: impl IntoIterator<Item = ((String, String), Image)>) -> Self {
        Self { images: images.into_iter().collect(), ..Self::default() }
    }

    /// This scope, with values that are set without markers.
    #[must_use]
    pub fn with(mut self, rules: Vec<Rule>) -> Self {
        self.rules = rules;
        self
    }

    /// Remembers the HelmRepositories of a file: HelmReleases of other files refer to them.
    pub fn learn(&mut self, content: &[u8]) {
        if self.rules.iter().any(Rule::is_about_charts) {
            self.sources.learn(content);
        }
    }

    /// Whether markers for this namespace are followed.
    pub(super) fn concerns(&self, namespace: &str) -> bool {
        self.namespace.as_deref().is_none_or(|own| own == namespace)
    }

    /// The image that the policy of `marker` selects.
    pub(super) fn image(&self, marker: &Marker) -> Result<&Image, Cause> {
        let key = (marker.namespace.clone(), marker.policy.clone());
        self.images.get(&key).ok_or_else(|| {
            let (namespace, policy) = key;
            let named = self.namespace.is_some();
            Cause::NoImage(if named { policy } else { format!("{namespace}/{policy}") })
        })
    }

    /// The rules for a file.
    pub(super) fn rules(&self, file: &str) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.files.matches(file))
    }

    pub(super) fn sources(&self) -> &Sources {
        &self.sources
    }
}
