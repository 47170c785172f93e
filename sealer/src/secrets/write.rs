//! Writing a Secret, only after `claim` says that it is ours.
//!
//! A create is a POST, and a name that is taken means: look again. An update is a PUT that carries the
//! uid and the resourceVersion that were judged, so a Secret that changed hands in between is not
//! overwritten. Nothing is ever forced.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use kube::api::ObjectMeta;
use reconcile::request::{self, Wanted};
use sealer_core::claim::{
    ADOPT, Claim, Controller, Existing, Judged, Release, Rules, claim, release,
};
use sealer_core::plaintext::Plaintext;
use serde_json::json;

use super::body::{self, Desired};
use super::{Contents, Known, Meta, Secrets, path};

mod error;

pub use self::error::Error;
use self::error::{discreet, failed};

/// How often a write that lost a race is tried again before the reconcile is.
const ATTEMPTS: usize = 4;

/// What became of a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was made.
    Created,
    /// It was changed.
    Updated,
    /// It was as it should be.
    Unchanged,
}

/// Who writes, and what is believed about the Secret.
#[derive(Clone, Debug)]
pub struct Intent<'i> {
    /// Whose invitations count.
    pub rules: Rules,
    /// The uid of the object that the Secret comes from.
    pub us: &'i str,
    /// The Secret as last seen; one that was never seen is created.
    pub seen: Option<Known>,
    /// Whether what was seen is what we wrote ourselves, so that its values need not be read.
    pub pristine: bool,
    /// Whether the source is another than before: labels and annotations that it no longer has go.
    pub renewed: bool,
    /// Whether a Secret that nobody controls may be taken without its author's invitation.
    pub adopts: bool,
    /// The uid of a Secret that our status, which nobody else writes, says we made; for places where
    /// an owner reference cannot say it.
    pub made: Option<&'i str>,
}

impl Intent<'_> {
    /// The Secret as `claim` should see it.
    fn existing(&self) -> Option<Existing> {
        let mut existing = self.seen.as_ref()?.existing();
        if self.adopts {
            existing.annotations.insert(ADOPT.to_owned(), "true".to_owned());
        }
        if existing.controller.is_none() && self.made == Some(&existing.uid) {
            existing.controller = Some(us(self.us));
        }
        Some(existing)
    }
}

/// Ourselves as a controller: only the uid decides.
fn us(uid: &str) -> Controller {
    Controller { kind: String::new(), name: String::new(), uid: uid.to_owned() }
}

impl Secrets {
    /// Makes the Secret what it should be, or says why that may not be.
    pub async fn put(
        &self,
        intent: Intent<'_>,
        desired: &Desired,
    ) -> Result<(Outcome, Arc<Known>), Error> {
        let (namespace, name) = names(&desired.metadata);
        let mut intent = intent;
        for _ in 0..ATTEMPTS {
            let step = match claim(intent.rules, intent.us, intent.existing().as_ref()) {
                Claim::Create => self.create(desired).await,
                Claim::Update(judged) | Claim::Adopt(judged) => {
                    self.update(&intent, &judged, desired).await
                }
                Claim::Merge { judged, controlled } => {
                    self.merge(&judged, controlled, desired).await
                }
                Claim::Refuse(source) => {
                    return Err(Error::NotOurs { name: name.to_owned(), source });
                }
            };
            match step? {
                Step::Done(outcome, known) => {
                    let known = Arc::new(known);
                    self.note(namespace, name, &known);
                    return Ok((outcome, known));
                }
                Step::LookAgain => {
                    let seen = self.look_up(namespace, name).await;
                    intent.seen = seen.map_err(|source| failed(name, source))?;
                    intent.pristine = false;
                }
            }
        }
        Err(Error::Contended { name: name.to_owned() })
    }

    /// Makes a Secret whose name the API server chooses.
    pub async fn generate(&self, desired: &Desired) -> Result<Known, Error> {
        let (namespace, _) = names(&desired.metadata);
        let body = body::encode(desired, &desired.metadata, desired.data.iter());
        let path = format!("/api/v1/namespaces/{namespace}/secrets");
        let prefix = desired.metadata.generate_name.as_deref().unwrap_or_default();
        self.send(Method::POST, &path, body).await.map_err(|source| failed(prefix, source))
    }

    /// Deletes the Secret `seen` if it is still the one with the uid `made`, and nobody but `us`
    /// controls it; answers whether it did.
    pub async fn delete(
        &self,
        us: &str,
        made: &str,
        (namespace, name): (&str, &str),
        seen: Option<&Known>,
    ) -> Result<bool, Error> {
        let mut existing = seen.filter(|seen| seen.uid == made).map(Known::existing);
        if let Some(existing) = existing.as_mut().filter(|existing| existing.controller.is_none()) {
            existing.controller = Some(self::us(us));
        }
        let Release::Delete(judged) = release(us, existing.as_ref()) else { return Ok(false) };
        let preconditions =
            json!({ "uid": judged.uid, "resourceVersion": judged.resource_version });
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions,
        });
        let body = options.to_string().into_bytes();
        let path = path(namespace, name);
        let answer: Result<serde::de::IgnoredAny, _> =
            request::send(&self.client, Method::DELETE, &path, body, Wanted::Metadata).await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(source) => Err(failed(name, source)),
        }
    }

    async fn create(&self, desired: &Desired) -> Result<Step, Error> {
        let (namespace, name) = names(&desired.metadata);
        let body = body::encode(desired, &desired.metadata, desired.data.iter());
        let path = format!("/api/v1/namespaces/{namespace}/secrets");
        match self.send(Method::POST, &path, body).await {
            Ok(known) => Ok(Step::Done(Outcome::Created, known)),
            Err(error) if error.is_conflict() => Ok(Step::LookAgain),
            Err(source) => Err(failed(name, discreet(source, desired.data.values()))),
        }
    }

    async fn update(
        &self,
        intent: &Intent<'_>,
        judged: &Judged,
        desired: &Desired,
    ) -> Result<Step, Error> {
        let (namespace, name) = names(&desired.metadata);
        let seen = intent.seen.as_ref().expect("only a Secret that was seen is updated");
        let metadata = updated(seen, judged, desired, intent.renewed);
        if !intent.pristine {
            let read = self.read(namespace, name).await.map_err(|source| failed(name, source))?;
            let Some(contents) = read.filter(|contents| is_judged(&contents.known, judged)) else {
                return Ok(Step::LookAgain);
            };
            if is_as_desired(&contents, &metadata, desired) {
                return Ok(Step::Done(Outcome::Unchanged, contents.known));
            }
            if contents.immutable && !same_data(&contents, desired) {
                return Err(Error::Immutable { name: name.to_owned() });
            }
        }
        let body = body::encode(desired, &metadata, desired.data.iter());
        self.replace((namespace, name), body, desired.data.values()).await
    }

    async fn merge(
        &self,
        judged: &Judged,
        controlled: bool,
        desired: &Desired,
    ) -> Result<Step, Error> {
        let (namespace, name) = names(&desired.metadata);
        let read = self.read(namespace, name).await.map_err(|source| failed(name, source))?;
        let Some(contents) = read.filter(|contents| is_judged(&contents.known, judged)) else {
            return Ok(Step::LookAgain);
        };
        let mut metadata = updated(&contents.known, judged, desired, false);
        if !controlled {
            metadata.owner_references = listed(contents.known.owners.clone());
        }
        let ours = desired.data.iter();
        let differs = |(key, value): (&String, &Plaintext)| {
            contents.data.get(key).is_none_or(|other| other.expose() != value.expose())
        };
        if is_metadata_of(&contents.known, &metadata) && !ours.clone().any(differs) {
            return Ok(Step::Done(Outcome::Unchanged, contents.known));
        }
        let theirs = contents.data.iter().filter(|(key, _)| !desired.data.contains_key(*key));
        // The type of a Secret cannot change, and the Secret is not ours to make anew.
        let shape = Desired {
            type_: Some(contents.type_.clone()),
            immutable: contents.immutable.then_some(true),
            ..Desired::default()
        };
        let merged: Vec<_> = theirs.chain(ours).collect();
        let body = body::encode(&shape, &metadata, merged.into_iter());
        let values = contents.data.values().chain(desired.data.values());
        self.replace((namespace, name), body, values).await
    }

    async fn replace(
        &self,
        (namespace, name): (&str, &str),
        body: Vec<u8>,
        values: impl Iterator<Item = &Plaintext>,
    ) -> Result<Step, Error> {
        match self.send(Method::PUT, &path(namespace, name), body).await {
            Ok(known) => Ok(Step::Done(Outcome::Updated, known)),
            Err(error) if error.is_conflict() || error.is_not_found() => Ok(Step::LookAgain),
            Err(source) => Err(failed(name, discreet(source, values))),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Known, request::Error> {
        let meta: Meta = request::send(&self.client, method, path, body, Wanted::Metadata).await?;
        Ok(Known::of(&meta.metadata))
    }
}

enum Step {
    Done(Outcome, Known),
    LookAgain,
}

fn names(metadata: &ObjectMeta) -> (&str, &str) {
    (
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

/// The metadata that the Secret `seen` should have now.
fn updated(seen: &Known, judged: &Judged, desired: &Desired, renewed: bool) -> ObjectMeta {
    let wanted = &desired.metadata;
    let kept = |theirs: &BTreeMap<String, String>, ours: &Option<BTreeMap<String, String>>| {
        let mut all = if renewed { BTreeMap::new() } else { theirs.clone() };
        all.extend(ours.clone().unwrap_or_default());
        (!all.is_empty()).then_some(all)
    };
    let mut finalizers = seen.finalizers.clone();
    for finalizer in wanted.finalizers.iter().flatten() {
        if !finalizers.contains(finalizer) {
            finalizers.push(finalizer.clone());
        }
    }
    ObjectMeta {
        uid: Some(judged.uid.clone()),
        resource_version: Some(judged.resource_version.clone()),
        labels: kept(&seen.labels, &wanted.labels),
        annotations: kept(&seen.annotations, &wanted.annotations),
        finalizers: listed(finalizers),
        ..wanted.clone()
    }
}

fn listed<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}

fn is_judged(known: &Known, judged: &Judged) -> bool {
    known.uid == judged.uid && known.resource_version == judged.resource_version
}

fn is_as_desired(contents: &Contents, metadata: &ObjectMeta, desired: &Desired) -> bool {
    let type_ = desired.type_.as_deref().filter(|type_| !type_.is_empty()).unwrap_or("Opaque");
    contents.type_ == type_
        && contents.immutable == desired.immutable.unwrap_or_default()
        && is_metadata_of(&contents.known, metadata)
        && same_data(contents, desired)
}

fn is_metadata_of(known: &Known, metadata: &ObjectMeta) -> bool {
    *known == Known::of(metadata)
}

fn same_data(contents: &Contents, desired: &Desired) -> bool {
    contents.data.len() == desired.data.len()
        && contents.data.iter().all(|(key, value)| {
            desired.data.get(key).is_some_and(|other| other.expose() == value.expose())
        })
}
