//! The loop around the five verbs.

use std::{convert::Infallible, future, sync::Arc, time::Instant};

use futures::{Stream, StreamExt, stream};
use kube::{
    Resource, ResourceExt,
    runtime::{
        controller::{self, Action, ReconcileRequest},
        reflector::{ObjectRef, Store},
    },
};
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, debug, error, info, info_span, warn};

use crate::{
    core::Core,
    error::{Class, Failure},
    event::Event,
    finalizer,
    reconciler::{Object, Reconciler, Report},
    status,
    watched::{Change, Watched},
};

mod memory;
#[cfg(test)]
mod tests;

use memory::Memory;

/// Reconciles every object of `objects` when it changes, when it is due, and when `wakes` names it.
///
/// An object counts as changed when its generation, labels, annotations or deletion mark do: a
/// status write wakes nobody. The future ends only when it is dropped; reconciles in flight are then
/// aborted at their next await, so every effect must be safe to repeat.
pub async fn drive<R: Reconciler>(
    core: Core,
    reconciler: Arc<R>,
    objects: Watched<R::Object>,
    wakes: impl Stream<Item = ObjectRef<R::Object>> + Send + 'static,
) {
    let at_once = if R::PATIENT { core.concurrency.max(PATIENT) } else { core.concurrency };
    let config = controller::Config::default().concurrency(at_once);
    // Where the verbs have no bound, the API still has one.
    let writers = if core.concurrency == 0 { WRITERS } else { usize::from(core.concurrency) };
    let writers = Semaphore::new(writers);
    let (store, memory) = (objects.store(), Memory::default());
    let driver = Arc::new(Driver { core, reconciler, store, memory, writers });
    let changes = driver.clone().changes(&objects);
    let queue = stream::select(changes.boxed(), wakes.boxed())
        .map(|reference| Ok::<_, Infallible>(ReconcileRequest::from(reference)));
    let outcomes = controller::applier(
        |object, driver: Arc<Driver<R>>| {
            let reconcile = async move { Ok::<_, Infallible>(driver.isolated(object).await) };
            Box::pin(reconcile)
        },
        |_, never, _| match *never {},
        driver,
        objects.store(),
        queue,
        config,
    );
    // What comes out is told by `report`; an object that vanished in the queue needs no word.
    outcomes.for_each(|_| future::ready(())).await;
}

/// How many statuses are written at once where as many objects as there are may be in the verbs.
const WRITERS: usize = 8;
/// How many objects of a patient kind are in the verbs at once.
const PATIENT: u16 = 4096;

struct Driver<R: Reconciler> {
    core: Core,
    reconciler: Arc<R>,
    store: Store<R::Object>,
    memory: Memory<R::Object>,
    /// Who writes statuses and events.
    writers: Semaphore,
}

impl<R: Reconciler> Driver<R> {
    /// The objects that changed in a way that an author or a webhook meant.
    fn changes(
        self: Arc<Self>,
        objects: &Watched<R::Object>,
    ) -> impl Stream<Item = ObjectRef<R::Object>> + Send + use<R> {
        objects.changes().filter_map(move |change| {
            let reference = ObjectRef::from_obj(change.object().as_ref());
            let wakes = match &change {
                Change::Applied(object) => self.memory.is_news(&reference, object),
                Change::Deleted(_) => {
                    self.memory.forget(&reference);
                    self.reconciler.forget(reference.namespace.as_deref(), &reference.name);
                    false
                }
            };
            future::ready(wakes.then_some(reference))
        })
    }

    /// Reconciles in a task of its own, so that a panic stays in its object and objects use all
    /// cores.
    async fn isolated(self: Arc<Self>, object: Arc<R::Object>) -> Action {
        let reference = ObjectRef::from_obj(object.as_ref());
        let span = info_span!(
            "reconcile",
            controller = R::NAME,
            namespace = reference.namespace.as_deref().unwrap_or_default(),
            // Not `name`: that is the span's own, and a line of JSON would have it twice.
            object = %reference.name,
        );
        self.core.metrics.started(R::NAME);
        let begin = Instant::now();
        let task = tokio::spawn(self.clone().reconcile(object).instrument(span));
        let (action, failure) = match AbortOnDropHandle::new(task).await {
            Ok(done) => done,
            Err(join) => {
                self.core.metrics.panicked(R::NAME);
                error!(controller = R::NAME, object = %reference, %join, "a reconcile panicked");
                let failure = Failure::panicked();
                (self.retry(&reference, &failure, None), Some(failure))
            }
        };
        let again = action != Action::await_change();
        self.core.metrics.finished(R::NAME, begin.elapsed(), failure.as_ref(), again);
        action
    }

    async fn reconcile(self: Arc<Self>, object: Arc<R::Object>) -> (Action, Option<Failure>) {
        let reference = ObjectRef::from_obj(object.as_ref());
        let seen = || self.store.get(&reference).unwrap_or(object);
        let object = self.memory.newest(&reference, seen);
        if object.meta().deletion_timestamp.is_some() {
            return self.delete(&object).await;
        }
        if self.reconciler.suspended(&object) {
            debug!("suspended");
            return (Action::await_change(), None);
        }
        let outcome = self.verbs(&object).await;
        let now = self.core.clock.now();
        let (failure, report) = match &outcome {
            Ok(applied) => (None, self.reconciler.report(&object, Ok(applied), now)),
            Err(Stop::Verb(error)) => {
                (Some(Failure::of(error)), self.reconciler.report(&object, Err(error), now))
            }
            Err(Stop::Finalizer(error)) => (Some(unwritten(error)), Report::default()),
        };
        self.tell(&object, failure, report).await
    }

    async fn verbs(&self, object: &R::Object) -> Result<R::Applied, Stop<R::Error>> {
        let verbs = &self.reconciler;
        let valid = verbs.validate(object).map_err(Stop::Verb)?;
        if let Some(finalizer) = R::FINALIZER
            && !finalizer::holds(object, finalizer)
        {
            let api = R::Object::api(self.core.client.clone(), object.namespace().as_deref());
            let held = finalizer::add(&api, object, finalizer).await.map_err(Stop::Finalizer)?;
            self.memory.wrote(held);
        }
        let observed = verbs.observe(object, &valid).await.map_err(Stop::Verb)?;
        let plan = verbs.decide(object, &valid, observed).map_err(Stop::Verb)?;
        verbs.apply(object, &valid, plan).await.map_err(Stop::Verb)
    }

    /// Publishes what is new, writes the status if it differs, and says when to come back.
    ///
    /// The event goes first: a process that ends in between tells it again after its restart, for
    /// the status still differs. What waits in the queue of a burst is lost with a process that is
    /// killed: events are news, not state.
    async fn tell(
        &self,
        object: &R::Object,
        failure: Option<Failure>,
        report: Report,
    ) -> (Action, Option<Failure>) {
        let reference = ObjectRef::from_obj(object);
        // It is never closed.
        let _turn = self.writers.acquire().await.ok();
        let api = R::Object::api(self.core.client.clone(), object.namespace().as_deref());
        let change = status::change(object, &report.status);
        self.publish(object, &report.events, failure.as_ref().filter(|_| change.is_some())).await;
        if let Some(change) = change {
            match status::write(&api, object, change).await {
                Ok(written) => {
                    self.core.metrics.status_written(R::NAME);
                    self.memory.wrote(written);
                }
                Err(error) if is_gone(&error) => return (Action::await_change(), failure),
                Err(error) => {
                    warn!(%error, "could not write the status");
                    let unwritten = unwritten(&error);
                    return (self.retry(&reference, &unwritten, None), Some(unwritten));
                }
            }
        }
        match failure {
            None => {
                self.memory.succeeded(&reference);
                (report.next.map_or_else(Action::await_change, Action::requeue), None)
            }
            Some(failure) => (self.retry(&reference, &failure, report.next), Some(failure)),
        }
    }

    async fn publish(&self, object: &R::Object, events: &[Event], failure: Option<&Failure>) {
        for event in events {
            info!(reason = %event.reason, message = %event.message, "changed");
            self.core.events.publish(object, event).await;
        }
        if let Some(failure) = failure {
            match failure.class {
                Class::Transient => {
                    warn!(reason = failure.reason, message = %failure.message, "failed");
                }
                Class::Waiting | Class::Stalled => {
                    error!(reason = failure.reason, message = %failure.message, "failed");
                }
            }
            self.core.events.publish(object, &Event::failure(failure)).await;
        }
    }

    async fn delete(&self, object: &R::Object) -> (Action, Option<Failure>) {
        let Some(finalizer) = R::FINALIZER.filter(|held| finalizer::holds(object, held)) else {
            return (Action::await_change(), None);
        };
        if let Err(error) = self.reconciler.cleanup(object).await {
            let now = self.core.clock.now();
            let report = self.reconciler.report(object, Err(&error), now);
            return self.tell(object, Some(Failure::of(&error)), report).await;
        }
        let api = R::Object::api(self.core.client.clone(), object.namespace().as_deref());
        match finalizer::remove(&api, object, finalizer).await {
            Ok(_) => (Action::await_change(), None),
            Err(error) if is_gone(&error) => (Action::await_change(), None),
            Err(error) => {
                let failure = unwritten(&error);
                (self.retry(&ObjectRef::from_obj(object), &failure, None), Some(failure))
            }
        }
    }

    fn retry(
        &self,
        reference: &ObjectRef<R::Object>,
        failure: &Failure,
        asked: Option<std::time::Duration>,
    ) -> Action {
        let pause = self.memory.failed(reference, failure);
        asked.or(pause).map_or_else(Action::await_change, Action::requeue)
    }
}

/// Why the verbs stopped.
enum Stop<E> {
    /// A verb failed.
    Verb(E),
    /// The finalizer could not be added, so nothing that it guards was begun.
    Finalizer(kube::Error),
}

/// What it means that our own write to the object failed.
fn unwritten(error: &kube::Error) -> Failure {
    Failure {
        class: match crate::error::class_of_api_error(error) {
            // A status that the schema refuses is our fault, not the author's.
            Class::Stalled => Class::Waiting,
            class => class,
        },
        reason: "StatusWriteFailed",
        message: format!("could not write the object: {error}"),
        retry_after: None,
    }
}

/// Whether the object that was to be written is no longer the one that was read.
fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404
        || (status.code == 409 && status.message.contains("UID")))
}
