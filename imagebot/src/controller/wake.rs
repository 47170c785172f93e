//! Which objects must be looked at because another one changed.

use futures::{Stream, StreamExt as _, stream};
use imagebot_api::{GitRepository, ImagePolicy, ImageRepository, ImageUpdateAutomation};
use kube::{
    ResourceExt as _,
    core::{Selector, SelectorExt as _},
    runtime::reflector::ObjectRef,
};
use reconcile::{Object, Watched};

use super::image_repository::Scanned;

/// The policies that refer to an image whose tags changed, or to one that itself changed.
pub fn policies(
    policies: Watched<ImagePolicy>,
    repositories: &Watched<ImageRepository>,
    scanned: impl Stream<Item = Scanned> + Send + 'static,
) -> impl Stream<Item = ObjectRef<ImagePolicy>> + Send + 'static {
    let changed = repositories.news(|repository| {
        let status = repository.status.as_ref();
        let ready = status.and_then(|status| {
            status.conditions.iter().find(|it| it.type_ == "Ready").map(|it| it.status.clone())
        });
        (repository.metadata.generation, ready)
    });
    let changed = changed.map(|change| {
        let repository = change.object();
        Scanned {
            namespace: repository.namespace().unwrap_or_default(),
            name: repository.name_any(),
        }
    });
    stream::select(scanned, changed).flat_map(move |scanned| {
        let referring = policies.all().into_iter().filter(move |policy| {
            let reference = &policy.spec.image_repository_ref;
            let namespace = reference.namespace.clone().or_else(|| policy.namespace());
            reference.name == scanned.name && namespace.as_ref() == Some(&scanned.namespace)
        });
        stream::iter(referring.map(|it| ObjectRef::from_obj(it.as_ref())).collect::<Vec<_>>())
    })
}

/// The automations that apply a policy, or did, when it picks something else, comes, goes or fails;
/// and those that refer to a Git repository when its spec changes or it has a new commit.
pub fn automations(
    automations: Watched<ImageUpdateAutomation>,
    policies: &Watched<ImagePolicy>,
    sources: &Watched<GitRepository>,
) -> impl Stream<Item = ObjectRef<ImageUpdateAutomation>> + Send + 'static {
    let all = automations.clone();
    let picked = policies.news(|policy| {
        let status = policy.status.as_ref();
        let latest = status.and_then(|status| status.latest_ref.clone());
        let ready = status.and_then(|status| {
            let ready = status.conditions.iter().find(|it| it.type_ == "Ready")?;
            Some((ready.status.clone(), ready.reason.clone()))
        });
        (latest, policy.metadata.labels.clone(), policy.spec.suspend, ready)
    });
    let picked = picked.flat_map(move |change| {
        let policy = change.object();
        stream::iter(named(&all, |automation| applies(automation, policy)))
    });
    let moved = sources.news(|source| {
        let status = source.status.as_ref();
        (source.metadata.generation, status.and_then(|status| status.artifact.clone()))
    });
    let moved = moved.flat_map(move |change| {
        let source = change.object();
        let (namespace, name) = (source.namespace(), source.name_any());
        stream::iter(named(&automations, |automation| {
            let reference = &automation.spec.source_ref;
            let home = reference.namespace.clone().or_else(|| automation.namespace());
            reference.name == name && home == namespace
        }))
    });
    stream::select(picked, moved)
}

/// Whether `automation` applies `policy`, or did when it last looked.
fn applies(automation: &ImageUpdateAutomation, policy: &ImagePolicy) -> bool {
    let selector = automation.spec.policy_selector.clone().unwrap_or_default();
    let selected = Selector::try_from(selector).is_ok_and(|it| it.matches(policy.labels()));
    let known = || {
        let status = automation.status.as_ref();
        status.is_some_and(|it| it.observed_policies.contains_key(&policy.name_any()))
    };
    automation.namespace() == policy.namespace() && (selected || known())
}

fn named<K: Object>(watched: &Watched<K>, wanted: impl Fn(&K) -> bool) -> Vec<ObjectRef<K>> {
    let all = watched.all();
    all.iter().filter(|it| wanted(it)).map(|it| ObjectRef::from_obj(it.as_ref())).collect()
}
