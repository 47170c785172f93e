//! What every controller of a daemon is given.

use std::{future::Future, pin::Pin};

use kube::{Api, Client, runtime::watcher};

use crate::{
    clock::Clock, event::Events, lease::Fence, metrics::Metrics, reconciler::Object,
    watched::Watched,
};

/// How many objects a list asks for at once: their text and what is made of it are in memory
/// together.
const PAGE: u32 = 100;

/// Which objects the daemon looks after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only this namespace; `None` is all of them.
    pub namespace: Option<String>,
    /// Only objects with these labels.
    pub selector: Option<String>,
}

impl Scope {
    /// The API of a kind within the scope.
    pub fn api<K: Object>(&self, client: Client) -> Api<K> {
        K::api(client, self.namespace.as_deref())
    }

    /// The watch of the scope.
    pub fn watch_config(&self) -> watcher::Config {
        let config = watcher::Config::default().page_size(PAGE);
        match &self.selector {
            Some(selector) => config.labels(selector),
            None => config,
        }
    }

    /// The same namespaces, without the selector: what objects of the scope refer to.
    #[must_use]
    pub fn unlabelled(&self) -> Self {
        Self { namespace: self.namespace.clone(), selector: None }
    }
}

/// The client, the scope, and where to tell what happened. Cheap to clone.
#[derive(Clone)]
pub struct Core {
    /// The API of the cluster, or of a directory. It writes only while this process leads.
    pub client: Client,
    /// What guards it, and must guard every other client that the leader writes with.
    pub fence: Fence,
    /// The same API for what every replica may write.
    pub replica: Client,
    /// Which objects are ours to look after.
    pub scope: Scope,
    /// Where events go.
    pub events: Events,
    /// Where numbers go.
    pub metrics: Metrics,
    /// The time.
    pub clock: Clock,
    /// How many objects of one kind are reconciled at once.
    pub concurrency: u16,
}

impl Core {
    /// Watches the kind `K` within the scope.
    pub fn watch<K: Object>(&self, tasks: &mut Tasks) -> Watched<K> {
        Watched::new(self.client.clone(), &self.scope, tasks)
    }

    /// Watches the kind `K` in the scope's namespaces whatever its labels: for kinds that objects of
    /// the scope refer to.
    pub fn watch_referents<K: Object>(&self, tasks: &mut Tasks) -> Watched<K> {
        Watched::new(self.client.clone(), &self.scope.unlabelled(), tasks)
    }

    /// The same, as soon as `wanted` says that somebody refers to one: nobody is asked for a kind that
    /// the cluster may not serve and no object needs.
    pub fn watch_referents_once<K: Object>(
        &self,
        wanted: impl Future<Output = ()> + Send + 'static,
        tasks: &mut Tasks,
    ) -> Watched<K> {
        let scope = self.scope.unlabelled();
        Watched::once(wanted, scope.api(self.client.clone()), scope.watch_config(), tasks)
    }

    /// The same for a task of every replica.
    #[must_use]
    pub fn of_every_replica(&self) -> Self {
        Self { client: self.replica.clone(), ..self.clone() }
    }

    /// The API of `K` in one namespace.
    pub fn namespaced<K: Object>(&self, namespace: &str) -> Api<K> {
        K::api(self.client.clone(), Some(namespace))
    }
}

/// A future that runs until it is dropped.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Named tasks that belong together. Each is joined: when one ends, the process does.
#[derive(Default)]
pub struct Tasks(Vec<(String, Task)>);

impl Tasks {
    /// Adds a task.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        self.0.push((name.into(), Box::pin(task)));
    }
}

impl IntoIterator for Tasks {
    type Item = (String, Task);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
