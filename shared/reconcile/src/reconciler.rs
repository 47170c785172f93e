//! The five verbs, as a trait.

use std::{fmt::Debug, future::Future, time::Duration};

use jiff::Timestamp;
use kube::{
    Api, Client, Resource,
    core::{ClusterResourceScope, NamespaceResourceScope},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Classify, event::Event};

/// What a kind must be to have a controller: a typed resource of the API.
pub trait Object:
    Resource<DynamicType = (), Scope: Placed>
    + Clone
    + Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
    /// The API of this kind in `namespace`, or everywhere.
    fn api(client: Client, namespace: Option<&str>) -> Api<Self> {
        <Self::Scope as Placed>::api(client, namespace)
    }
}

impl<K> Object for K where
    K: Resource<DynamicType = (), Scope: Placed>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize
        + Send
        + Sync
        + 'static
{
}

/// Where the objects of a kind live: in namespaces, or in the cluster.
pub trait Placed {
    /// The API of `K` in `namespace`; a kind of the cluster ignores the namespace.
    fn api<K: Resource<DynamicType = (), Scope = Self>>(
        client: Client,
        namespace: Option<&str>,
    ) -> Api<K>;
}

impl Placed for NamespaceResourceScope {
    fn api<K: Resource<DynamicType = (), Scope = Self>>(
        client: Client,
        namespace: Option<&str>,
    ) -> Api<K> {
        match namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::all(client),
        }
    }
}

impl Placed for ClusterResourceScope {
    fn api<K: Resource<DynamicType = (), Scope = Self>>(
        client: Client,
        _namespace: Option<&str>,
    ) -> Api<K> {
        Api::all(client)
    }
}

/// A controller of one kind.
///
/// [`drive`](crate::drive) calls the verbs in order and stops at the first error. Only `observe`
/// and `apply` may touch the world; the driver alone writes what `report` returns.
///
/// Two reconciles of one object never run at the same time; those of different objects do. Every
/// verb may be called again for work that was done before, at any time and after any crash.
pub trait Reconciler: Send + Sync + 'static {
    /// The kind.
    type Object: Object;
    /// What a valid spec means, in the words of the core crates.
    type Valid: Send + Sync;
    /// What the world looks like.
    type Observed: Send;
    /// What should be done about it.
    type Plan: Send;
    /// What was done.
    type Applied: Send + Sync;
    /// Why any of it failed.
    type Error: Classify;

    /// The controller's name in metrics and logs: the kind in lower case, as upstream writes it.
    const NAME: &'static str;

    /// A finalizer that keeps a deleted object until [`Reconciler::cleanup`] has succeeded.
    const FINALIZER: Option<&'static str> = None;

    /// Whether the verbs mostly wait for others than the API. Then many more objects are in them at
    /// once than the flag says, so that the slow ones hold up nobody; the flag bounds how many
    /// statuses are written at once. What the verbs ask of the API they must bound themselves.
    const PATIENT: bool = false;

    /// Whether the author asked to leave the object alone. It is then neither read nor reported.
    fn suspended(&self, _object: &Self::Object) -> bool {
        false
    }

    /// Turns the spec into domain terms, or says what is wrong with it. Costs no request.
    fn validate(&self, object: &Self::Object) -> Result<Self::Valid, Self::Error>;

    /// Reads what the decision needs.
    fn observe(
        &self,
        object: &Self::Object,
        valid: &Self::Valid,
    ) -> impl Future<Output = Result<Self::Observed, Self::Error>> + Send;

    /// Decides what to do. Pure.
    fn decide(
        &self,
        object: &Self::Object,
        valid: &Self::Valid,
        observed: Self::Observed,
    ) -> Result<Self::Plan, Self::Error>;

    /// Does it. Nothing to do costs nothing.
    fn apply(
        &self,
        object: &Self::Object,
        valid: &Self::Valid,
        plan: Self::Plan,
    ) -> impl Future<Output = Result<Self::Applied, Self::Error>> + Send;

    /// Says what the object's status should be now. Pure; called for success and failure alike.
    fn report(
        &self,
        object: &Self::Object,
        outcome: Result<&Self::Applied, &Self::Error>,
        now: Timestamp,
    ) -> Report;

    /// Undoes what outlives the object. Called only for kinds with a [`Reconciler::FINALIZER`].
    fn cleanup(
        &self,
        _object: &Self::Object,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        async { Ok(()) }
    }

    /// Forgets what was kept in memory for an object that is gone.
    fn forget(&self, _namespace: Option<&str>, _name: &str) {}
}

/// What a reconcile says to the world.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The whole status as it should be. The driver writes the difference, and nothing when there
    /// is none. [`Value::Null`] leaves the status alone.
    pub status: Value,
    /// What changed in the world. A settled reconcile has none. A failure needs none here: the
    /// driver publishes it when it is new.
    pub events: Vec<Event>,
    /// When to look again. After a failure, `None` means: as its class says.
    pub next: Option<Duration>,
}

impl Report {
    /// A report of nothing but `status`.
    ///
    /// # Panics
    /// When `status` cannot be JSON, which no derived `Serialize` of an API type can cause.
    pub fn status(status: &impl Serialize) -> Self {
        let status = serde_json::to_value(status).expect("an API type is JSON");
        Self { status, ..Self::default() }
    }

    /// The same, looking again after `pause`.
    #[must_use]
    pub fn again_in(mut self, pause: Duration) -> Self {
        self.next = Some(pause);
        self
    }

    /// The same, with one more event.
    #[must_use]
    pub fn telling(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }
}
