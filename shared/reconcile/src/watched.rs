//! One watch of a kind, its objects in memory, and news of what changed for any number of readers.
//!
//! A slow reader holds nobody up: one that falls behind is told to look at everything again.
//!
//! What no controller reads is dropped before an object is kept: who set which field, and the copy of
//! the manifest that `kubectl apply` leaves behind, are often more than the object itself.

use std::{collections::HashMap, future, sync::Arc};

use futures::{Stream, StreamExt, stream};
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt,
        reflector::{self, ObjectRef, Store},
        watcher,
    },
};
use tokio::sync::{broadcast, watch};
use tracing::warn;

use crate::{
    core::{Scope, Tasks},
    reconciler::Object,
};

const NEWS_KEPT: usize = 1024;

/// Where `kubectl apply` keeps the manifest.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What happened to a watched object.
#[derive(Clone, Debug)]
pub enum Change<K: Object> {
    /// It was created or changed, or was there when the watch began.
    Applied(Arc<K>),
    /// It is gone.
    Deleted(Arc<K>),
}

impl<K: Object> Change<K> {
    /// The object, as it is or as it was last.
    pub fn object(&self) -> &Arc<K> {
        match self {
            Self::Applied(object) | Self::Deleted(object) => object,
        }
    }
}

/// The objects of one kind, kept current by one watch. Cheap to clone.
#[derive(Clone)]
pub struct Watched<K: Object> {
    store: Store<K>,
    news: broadcast::Sender<Change<K>>,
    problem: watch::Sender<Option<String>>,
    /// Whether the first list is complete. The store knows too, but wakes only the last who asked.
    listed: watch::Sender<bool>,
}

impl<K: Object> Watched<K> {
    /// Watches the objects of `scope`; the watch itself runs as one of `tasks`.
    pub fn new(client: Client, scope: &Scope, tasks: &mut Tasks) -> Self {
        Self::over(scope.api(client), scope.watch_config(), tasks)
    }

    /// Watches what `api` and `config` select.
    pub fn over(api: Api<K>, config: watcher::Config, tasks: &mut Tasks) -> Self {
        Self::once(future::ready(()), api, config, tasks)
    }

    /// Watches what `api` and `config` select, as soon as `wanted` says that somebody needs it.
    pub fn once(
        wanted: impl Future<Output = ()> + Send + 'static,
        api: Api<K>,
        config: watcher::Config,
        tasks: &mut Tasks,
    ) -> Self {
        let (store, writer) = reflector::store();
        let (news, _) = broadcast::channel(NEWS_KEPT);
        let (problem, listed) = (watch::Sender::default(), watch::Sender::default());
        let watched = Self { store, news, problem, listed };
        let (name, following) = (format!("watch of {}", K::plural(&())), watched.clone());
        tasks.add(name, async move {
            wanted.await;
            following.follow(api, config, writer).await;
        });
        watched
    }

    async fn follow(
        self,
        api: Api<K>,
        config: watcher::Config,
        mut writer: reflector::store::Writer<K>,
    ) {
        let mut events = watcher(api, config).default_backoff().boxed();
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => self.take(&mut writer, event.modify(slim)),
                Err(error) => {
                    warn!(kind = %K::kind(&()), %error, "the watch failed, trying again");
                    self.note(Some(error.to_string()));
                }
            }
        }
    }

    fn take(&self, writer: &mut reflector::store::Writer<K>, event: watcher::Event<K>) {
        let vanished = match &event {
            // What a relist no longer has was deleted while nobody watched.
            watcher::Event::InitDone => self.store.state(),
            _ => Vec::new(),
        };
        writer.apply_watcher_event(&event);
        match event {
            watcher::Event::Apply(object) => {
                let kept = self.store.get(&ObjectRef::from_obj(&object));
                self.tell(Change::Applied(kept.unwrap_or_else(|| Arc::new(object))));
            }
            watcher::Event::Delete(object) => self.tell(Change::Deleted(Arc::new(object))),
            watcher::Event::Init | watcher::Event::InitApply(_) => {}
            watcher::Event::InitDone => {
                self.note(None);
                self.listed.send_replace(true);
                for gone in vanished {
                    if self.store.get(&ObjectRef::from_obj(gone.as_ref())).is_none() {
                        self.tell(Change::Deleted(gone));
                    }
                }
                for object in self.store.state() {
                    self.tell(Change::Applied(object));
                }
            }
        }
    }

    fn tell(&self, change: Change<K>) {
        // No reader is no error.
        let _ = self.news.send(change);
    }

    fn note(&self, problem: Option<String>) {
        self.problem.send_replace(problem);
    }

    /// The object of that name, as last seen.
    pub fn get(&self, namespace: Option<&str>, name: &str) -> Option<Arc<K>> {
        let mut reference = ObjectRef::new(name);
        reference.namespace = namespace.map(str::to_owned);
        self.store.get(&reference)
    }

    /// All objects, as last seen.
    pub fn all(&self) -> Vec<Arc<K>> {
        self.store.state()
    }

    /// Waits until the first list is complete.
    pub async fn ready(&self) {
        // The sender is ours, so it cannot be gone.
        let _ = self.listed.subscribe().wait_for(|listed| *listed).await;
    }

    /// Waits until the first list is complete, or it is known why it is not.
    pub async fn told(&self) {
        let (mut listed, mut problem) = (self.listed.subscribe(), self.problem.subscribe());
        // The senders are ours, so they cannot be gone.
        tokio::select! {
            _ = listed.wait_for(|listed| *listed) => {}
            _ = problem.wait_for(Option::is_some) => {}
        }
    }

    /// Why the watch is not working at present, e.g. because the cluster does not serve the kind.
    pub fn problem(&self) -> Option<String> {
        self.problem.borrow().clone()
    }

    /// The objects in memory, for the driver.
    pub(crate) fn store(&self) -> Store<K> {
        self.store.clone()
    }

    /// The changes of objects of which `view` changed, and the deletions, beginning with the objects
    /// that are there.
    pub fn news<V: PartialEq + Send + 'static, F: Fn(&K) -> V + Send + 'static>(
        &self,
        view: F,
    ) -> impl Stream<Item = Change<K>> + Send + 'static + use<K, V, F> {
        let mut seen: HashMap<ObjectRef<K>, V> = HashMap::new();
        self.changes().filter_map(move |change| {
            let reference = ObjectRef::from_obj(change.object().as_ref());
            let is_news = match &change {
                Change::Applied(object) => {
                    let now = view(object);
                    seen.get(&reference) != Some(&now) && {
                        seen.insert(reference, now);
                        true
                    }
                }
                Change::Deleted(_) => {
                    seen.remove(&reference);
                    true
                }
            };
            future::ready(is_news.then_some(change))
        })
    }

    /// Every change from now on, beginning with the objects that are there.
    ///
    /// A reader that fell behind gets all objects again in place of what it missed; a deletion that
    /// it missed is then not told.
    pub fn changes(&self) -> impl Stream<Item = Change<K>> + Send + 'static + use<K> {
        let store = self.store.clone();
        let receiver = self.news.subscribe();
        let present = |store: &Store<K>| {
            stream::iter(store.state().into_iter().map(Change::Applied).collect::<Vec<_>>())
        };
        let later =
            stream::unfold((receiver, store.clone()), move |(mut receiver, store)| async move {
                let batch = match receiver.recv().await {
                    Ok(change) => stream::iter(vec![change]),
                    Err(broadcast::error::RecvError::Lagged(_)) => present(&store),
                    Err(broadcast::error::RecvError::Closed) => return None,
                };
                Some((batch, (receiver, store)))
            });
        present(&store).chain(later.flatten())
    }
}

/// Drops what no controller reads.
pub(crate) fn slim(object: &mut impl Object) {
    let meta = object.meta_mut();
    meta.managed_fields = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.remove(LAST_APPLIED);
    }
}
