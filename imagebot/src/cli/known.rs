//! The policies, images and automations among the manifests of a checkout.

use std::collections::{BTreeMap, VecDeque};

use imagebot_api::{ImagePolicy, ImageRepository, ImageUpdateAutomation};
use imagebot_core::setter::rule::Rule;
use kube::{
    ResourceExt as _,
    core::{Selector, SelectorExt as _},
};
use memchr::memmem;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{checkout::File, terminal::chain};
use crate::markerless;

/// A namespace and a name.
pub(crate) type Key = (String, String);

/// What the manifests say.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) policies: BTreeMap<Key, (ImagePolicy, String)>,
    pub(crate) repositories: BTreeMap<Key, (ImageRepository, String)>,
    pub(crate) automations: Vec<(ImageUpdateAutomation, String)>,
    /// Files that cannot be understood, and why.
    pub(crate) problems: Vec<(String, String)>,
}

/// Whether a file of this name can hold manifests.
pub(crate) fn may_have(path: &str) -> bool {
    matches!(path.rsplit_once('.'), Some((_, "yaml" | "yml" | "json")))
}

/// Whether a file with these bytes can have any of them.
pub(crate) fn has(content: &[u8]) -> bool {
    memmem::find(content, b"image.toolkit.fluxcd.io/").is_some()
}

impl Known {
    /// Reads `files`. Manifests that name no namespace are in `namespace`.
    pub(crate) fn read(files: &[File], namespace: &str) -> Self {
        let mut known = Self::default();
        for file in files {
            if let Err(problem) = known.file(file, namespace) {
                known.problems.push((file.path.clone(), problem));
            }
        }
        known
    }

    fn file(&mut self, file: &File, namespace: &str) -> Result<(), String> {
        let text = yaml::text(&file.content).map_err(|error| error.to_string())?;
        let documents = yaml::json::documents(text, yaml::Schema::Kubernetes);
        let documents = documents.map_err(|error| error.to_string())?;
        let mut values: VecDeque<Value> = documents.into();
        while let Some(mut value) = values.pop_front() {
            if let Some(items) = value.get_mut("items").and_then(Value::as_array_mut) {
                values.extend(items.drain(..));
                continue;
            }
            let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
            if !text("apiVersion").starts_with("image.toolkit.fluxcd.io/") {
                continue;
            }
            let kind = text("kind").to_owned();
            let own = value.pointer("/metadata/namespace").and_then(Value::as_str);
            let namespace = own.unwrap_or(namespace).to_owned();
            if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.insert("namespace".into(), namespace.clone().into());
            }
            let path = &file.path;
            match kind.as_str() {
                "ImagePolicy" => put(&mut self.policies, parse(value)?, path),
                "ImageRepository" => put(&mut self.repositories, parse(value)?, path),
                "ImageUpdateAutomation" => self.automations.push((parse(value)?, path.clone())),
                _ => {}
            }
        }
        Ok(())
    }

    /// The repository that a policy follows.
    pub(crate) fn repository_of(&self, policy: &ImagePolicy) -> (Key, Option<&ImageRepository>) {
        let reference = &policy.spec.image_repository_ref;
        let own = policy.metadata.namespace.clone().unwrap_or_default();
        let key = (reference.namespace.clone().unwrap_or(own), reference.name.clone());
        let found = self.repositories.get(&key).map(|(found, _)| found);
        (key, found)
    }

    /// Whether an automation among the manifests selects a policy, or its namespace has none here.
    pub(crate) fn selects(&self, key: &Key) -> bool {
        let own = self.automations.iter().map(|(automation, _)| automation);
        let mut own = own.filter(|it| it.namespace().as_ref() == Some(&key.0)).peekable();
        own.peek().is_none()
            || own.any(|it| selector(it).is_ok_and(|selector| self.fits(&selector, key)))
    }

    /// What the automations set without markers, and what is wrong with it.
    pub(crate) fn rules(&self) -> (Vec<Rule>, Vec<(String, String)>) {
        let (mut rules, mut problems) = (Vec::new(), Vec::new());
        for (automation, path) in &self.automations {
            let below = automation.spec.update.path.as_deref().unwrap_or_default();
            let below: Vec<_> =
                below.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
            let found = markerless::rules(automation, &below.join("/"));
            let found = found.map_err(|error| chain(&error));
            let found = found.and_then(|found| Ok((found, selector(automation)?)));
            let (found, selector) = match found {
                Ok(found) => found,
                Err(problem) => {
                    problems.push((path.clone(), problem));
                    continue;
                }
            };
            for rule in found {
                let key = (rule.namespace.clone(), rule.policy.clone());
                if self.fits(&selector, &key) {
                    rules.push(rule);
                } else {
                    let (namespace, name) = key;
                    problems.push((path.clone(), format!("`spec.policySelector` does not select the ImagePolicy `{namespace}/{name}` that `spec.update` sets")));
                }
            }
        }
        (rules, problems)
    }

    /// Whether a selector selects a policy. Of one that is defined elsewhere nobody knows.
    fn fits(&self, selector: &Selector, key: &Key) -> bool {
        let policy = self.policies.get(key);
        policy.is_none_or(|(policy, _)| selector.matches(policy.labels()))
    }
}

/// Which policies an automation applies.
fn selector(automation: &ImageUpdateAutomation) -> Result<Selector, String> {
    let written = automation.spec.policy_selector.clone().unwrap_or_default();
    let selector = Selector::try_from(written);
    selector.map_err(|error| format!("`spec.policySelector` is not a label selector: {error}"))
}

fn parse<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let name =
        format!("{} `{name}`", value.get("kind").and_then(Value::as_str).unwrap_or("object"));
    serde_json::from_value(value).map_err(|error| format!("{name} is not valid: {error}"))
}

/// The first of a name counts: overlays repeat what their bases say.
fn put<T: kube::ResourceExt>(map: &mut BTreeMap<Key, (T, String)>, object: T, path: &str) {
    let key = (object.namespace().unwrap_or_default(), object.name_any());
    map.entry(key).or_insert((object, path.to_owned()));
}
