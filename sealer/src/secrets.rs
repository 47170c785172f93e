//! Secrets as the daemon sees them: one watch, careful writes, and no value that stays.
//!
//! ```text
//! watch (metadata only) ──▶ ours? ──▶ cache ──▶ who should hear? ──▶ wakes
//!                             └ no: dropped before it is kept
//! ```
//!
//! The watch asks for metadata, so the values of other people's Secrets never reach the process. What
//! is neither ours nor referenced by an object of ours is forgotten at once, so that memory follows
//! our own objects and not the cluster.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use http::Method;
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt as _, reflector::ObjectRef, watcher};
use kube::{Api, Client};
use reconcile::request::{self, Wanted};
use reconcile::{Object, Scope};
use tokio::sync::{mpsc, watch};
use tracing::warn;

pub mod body;
pub mod contents;
pub mod known;
pub mod owner;
pub mod write;

pub use self::body::Desired;
pub use self::contents::Contents;
pub use self::known::Known;
pub use self::owner::{Kind, Owner};

/// Metadata of a Secret.
type Meta = PartialObjectMeta<Secret>;

/// Namespace and name.
type Place = (String, String);

/// The Secrets that matter to us. Cheap to clone.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
    shared: Arc<Shared>,
}

struct Shared {
    scope: Scope,
    state: Mutex<State>,
    ready: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    known: HashMap<Place, Arc<Known>>,
    readers: HashMap<Place, BTreeSet<Owner>>,
    read: HashMap<Owner, BTreeSet<Place>>,
    wakes: HashMap<Kind, mpsc::UnboundedSender<Owner>>,
}

impl Secrets {
    /// The Secrets of `scope`, whatever their labels.
    pub fn new(client: Client, scope: &Scope) -> Self {
        let shared = Shared {
            scope: scope.unlabelled(),
            state: Mutex::default(),
            ready: watch::Sender::new(false),
        };
        Self { client, shared: Arc::new(shared) }
    }

    /// The same Secrets, read and written as somebody else.
    #[must_use]
    pub fn acting_as(&self, client: Client) -> Self {
        Self { client, shared: Arc::clone(&self.shared) }
    }

    /// Watches until it is dropped.
    pub async fn run(self) {
        let api: Api<Meta> = self.shared.scope.api(self.client.clone());
        let mut events = std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff());
        let mut listed = HashMap::new();
        loop {
            match events.try_next().await {
                Ok(Some(event)) => self.digest(event, &mut listed),
                Ok(None) => break,
                Err(error) => {
                    let error = watch_error(&error);
                    warn!(error, "could not watch Secrets; trying again");
                }
            }
        }
    }

    /// Waits until the first list is complete.
    pub async fn ready(&self) {
        // The sender lives as long as `self`.
        let _ = self.shared.ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// The Secret of that name as last seen or written, if it is ours.
    pub fn known(&self, namespace: &str, name: &str) -> Option<Arc<Known>> {
        self.state().known.get(&place(namespace, name)).cloned()
    }

    /// Asks for the metadata of a Secret, whoever owns it.
    pub async fn look_up(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Known>, request::Error> {
        let path = path(namespace, name);
        match request::send::<Meta>(&self.client, Method::GET, &path, vec![], Wanted::Metadata)
            .await
        {
            Ok(meta) => Ok(Some(Known::of(&meta.metadata))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a Secret with its values.
    pub async fn read(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Contents>, request::Error> {
        let path = path(namespace, name);
        let read = request::send::<contents::Wire>(
            &self.client,
            Method::GET,
            &path,
            vec![],
            Wanted::Everything,
        );
        match read.await {
            Ok(wire) => Ok(Some(wire.into())),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Wakes `owner` from now on when one of `names` in its namespace changes, and for no other name.
    pub fn refer<N: AsRef<str>>(&self, owner: &Owner, names: impl IntoIterator<Item = N>) {
        let places = names.into_iter().map(|name| place(&owner.namespace, name.as_ref())).collect();
        self.state().refer(owner, places);
    }

    /// The same, for `names` besides those that wake `owner` already.
    pub fn refer_also<N: AsRef<str>>(&self, owner: &Owner, names: impl IntoIterator<Item = N>) {
        let mut state = self.state();
        let mut places = state.read.get(owner).cloned().unwrap_or_default();
        places.extend(names.into_iter().map(|name| place(&owner.namespace, name.as_ref())));
        state.refer(owner, places);
    }

    /// The objects of the kind `K` that should look at their Secrets again. The last caller is told.
    pub fn wakes<K: Object>(
        &self,
        kind: Kind,
    ) -> impl Stream<Item = ObjectRef<K>> + Send + 'static {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.state().wakes.insert(kind, sender);
        stream::unfold(
            receiver,
            |mut receiver| async move { Some((receiver.recv().await?, receiver)) },
        )
        .map(|owner: Owner| ObjectRef::new(&owner.name).within(&owner.namespace))
    }

    /// Takes in what a write of ours answered, so that it is news to nobody.
    fn note(&self, namespace: &str, name: &str, known: &Arc<Known>) {
        let mut state = self.state();
        let place = place(namespace, name);
        if owner::of(namespace, known).is_some() {
            let newer = state.known.get(&place).is_none_or(|before| !known.is_older_than(before));
            if newer {
                state.known.insert(place, Arc::clone(known));
            }
        }
    }

    fn digest(&self, event: watcher::Event<Meta>, listed: &mut HashMap<Place, Known>) {
        match event {
            watcher::Event::Init => listed.clear(),
            watcher::Event::InitApply(meta) => {
                let (place, known) = parts(&meta);
                if self.state().matters(&place, &known) {
                    listed.insert(place, known);
                }
            }
            watcher::Event::InitDone => {
                let mut state = self.state();
                let gone: Vec<_> = state
                    .known
                    .keys()
                    .filter(|place| !listed.contains_key(*place))
                    .cloned()
                    .collect();
                for place in gone {
                    state.vanished(&place);
                }
                for (place, known) in listed.drain() {
                    state.seen(place, known);
                }
                self.shared.ready.send_replace(true);
            }
            watcher::Event::Apply(meta) => {
                let (place, known) = parts(&meta);
                self.state().seen(place, known);
            }
            watcher::Event::Delete(meta) => {
                let (place, _) = parts(&meta);
                self.state().vanished(&place);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing here panics between two states.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn refer(&mut self, owner: &Owner, places: BTreeSet<Place>) {
        let before = if places.is_empty() {
            self.read.remove(owner)
        } else {
            self.read.insert(owner.clone(), places.clone())
        };
        for place in before.unwrap_or_default().difference(&places) {
            if let Some(readers) = self.readers.get_mut(place) {
                readers.remove(owner);
                if readers.is_empty() {
                    self.readers.remove(place);
                }
            }
        }
        for place in places {
            self.readers.entry(place).or_default().insert(owner.clone());
        }
    }

    fn matters(&self, place: &Place, known: &Known) -> bool {
        owner::of(&place.0, known).is_some()
            || self.known.contains_key(place)
            || self.readers.contains_key(place)
    }

    fn seen(&mut self, place: Place, known: Known) {
        let owner = owner::of(&place.0, &known);
        let before = self.known.get(&place);
        if before.is_some_and(|before| known.is_older_than(before) || **before == known) {
            return;
        }
        // A Secret that was ours and was taken away is news to its former owner.
        let former = before.and_then(|before| owner::of(&place.0, before));
        let concerned: BTreeSet<_> = owner.iter().chain(&former).collect();
        self.tell(&place, &Vec::from_iter(concerned));
        match owner {
            Some(_) => self.known.insert(place, Arc::new(known)),
            None => self.known.remove(&place),
        };
    }

    fn vanished(&mut self, place: &Place) {
        let owner = self.known.remove(place).and_then(|known| owner::of(&place.0, &known));
        self.tell(place, &owner.iter().collect::<Vec<_>>());
    }

    fn tell(&self, place: &Place, owners: &[&Owner]) {
        let readers = self.readers.get(place).into_iter().flatten();
        for owner in owners.iter().copied().chain(readers) {
            if let Some(wakes) = self.wakes.get(&owner.kind) {
                // A controller that is gone wants no wakes.
                let _ = wakes.send(owner.clone());
            }
        }
    }
}

fn place(namespace: &str, name: &str) -> Place {
    (namespace.to_owned(), name.to_owned())
}

fn parts(meta: &Meta) -> (Place, Known) {
    let name = |part: &Option<String>| part.clone().unwrap_or_default();
    ((name(&meta.metadata.namespace), name(&meta.metadata.name)), Known::of(&meta.metadata))
}

fn path(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/secrets/{name}")
}

/// A watch error without the object that it may quote.
fn watch_error(error: &watcher::Error) -> String {
    match error {
        watcher::Error::WatchError(status) => status.message.clone(),
        watcher::Error::InitialListFailed(kube::Error::Api(status)) => status.message.clone(),
        _ => "the API server could not be read".to_owned(),
    }
}
