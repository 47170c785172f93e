//! Watch: a stream of the changes of a collection, optionally after its current state.
//!
//! A watch holds no queue. It remembers how far it got and reads on from the shared history, so a
//! slow client costs nothing, and is told that its version expired when history moved past it.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, stream};
use tokio::{sync::watch, time::Instant};

use crate::{
    api::Api,
    failure::{Cause, Failure},
    log::{Change, Event},
    query::{Form, Query},
    read::{check_reached, selected, selector},
    render,
    route::Target,
    selector::Selector,
    store::{self, Snapshot},
};

/// How long a watch lives when the client does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1800);
/// How often a quiet watch is told how far history went.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// The objects that are read at once of the initial state.
const BATCH: usize = 200;

/// One watch.
struct Watch {
    api: Weak<Api>,
    target: Target,
    selector: Selector,
    form: Form,
    bookmarks: bool,
    /// What is left of the initial state.
    initial: Option<Initial>,
    /// History was told up to here.
    cursor: u64,
    told: u64,
    head: watch::Receiver<u64>,
    lines: VecDeque<Bytes>,
    deadline: Instant,
    next_bookmark: Instant,
    over: bool,
}

struct Initial {
    snapshot: Snapshot,
    /// The first key that was not told.
    next: String,
    /// The end is marked by a bookmark.
    marked: bool,
}

/// Starts a watch: the stream of its lines.
pub(crate) fn start(
    api: &Arc<Api>,
    target: &Target,
    query: &Query,
    form: Form,
) -> Result<impl Stream<Item = Result<Bytes, Infallible>> + Send + use<>, Failure> {
    check_options(query)?;
    let send_initial = query.flag("sendInitialEvents");
    let asked = query.version()?.unwrap_or(0);
    let head = api.store.log.head();
    let snapshot = api.store.snapshot()?;
    if send_initial {
        check_reached(&snapshot, query)?;
    }
    let bookmarks = query.flag("allowWatchBookmarks");
    let explicitly_none = query.text("sendInitialEvents") == "false";
    let (cursor, initial) = if send_initial || (asked == 0 && !explicitly_none) {
        let (cursor, marked) = (snapshot.version, send_initial && bookmarks);
        (cursor, Some(Initial { snapshot, next: String::new(), marked }))
    } else if asked == 0 {
        (snapshot.version, None)
    } else {
        (asked, None)
    };
    let timeout = query.number("timeoutSeconds")?.filter(|seconds| *seconds > 0);
    let now = Instant::now();
    let watch = Watch {
        selector: selector(target, query)?,
        api: Arc::downgrade(api),
        target: target.clone(),
        form,
        bookmarks,
        initial,
        cursor,
        told: cursor,
        head,
        lines: VecDeque::new(),
        deadline: now + timeout.map_or(DEFAULT_TIMEOUT, Duration::from_secs),
        next_bookmark: now + BOOKMARK_EVERY,
        over: false,
    };
    Ok(stream::unfold(watch, |mut watch| async {
        let line = watch.line().await?;
        Some((Ok(line), watch))
    }))
}

fn check_options(query: &Query) -> Result<(), Failure> {
    let matching = query.text("resourceVersionMatch");
    let asked = !query.text("sendInitialEvents").is_empty();
    let detail = match (asked, matching) {
        (false, "") | (true, "NotOlderThan") => return Ok(()),
        (false, _) => {
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        }
        (true, _) => "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
    };
    let cause = Cause::forbidden("resourceVersionMatch", detail);
    Err(Failure::invalid_options("ListOptions", &[cause]))
}

impl Watch {
    /// The next line, or nothing when the watch is over.
    async fn line(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            if self.over {
                return None;
            }
            let step = if self.initial.is_some() { self.tell_state() } else { self.wait().await };
            if let Err(failure) = step {
                self.fail(&failure);
            }
        }
    }

    /// Tells the next part of the initial state.
    fn tell_state(&mut self) -> Result<(), Failure> {
        let Some(initial) = self.initial.take() else { return Ok(()) };
        let writer = render::Writer::new(&self.target, self.form);
        let mut next = None;
        let lines = &mut self.lines;
        let selector = &self.selector;
        initial.snapshot.scan(&self.target.prefix(), &initial.next, |key, stored| {
            if lines.len() == BATCH {
                next = Some(key.to_owned());
                return Ok(false);
            }
            if selected(selector, key, stored)? {
                lines.push_back(line("ADDED", &writer.object(stored)?));
            }
            Ok(true)
        })?;
        if let Some(next) = next {
            self.initial = Some(Initial { next, ..initial });
        } else if initial.marked {
            let bookmark = writer.bookmark(self.cursor, true);
            self.lines.push_back(line("BOOKMARK", bookmark.as_bytes()));
        }
        Ok(())
    }

    /// Waits until something happens, and tells it.
    async fn wait(&mut self) -> Result<(), Failure> {
        self.tell_changes()?;
        if !self.lines.is_empty() {
            return Ok(());
        }
        tokio::select! {
            moved = self.head.changed() => {
                self.over |= moved.is_err();
            }
            () = tokio::time::sleep_until(self.next_bookmark.min(self.deadline)) => {
                let now = Instant::now();
                self.over |= now >= self.deadline;
                self.next_bookmark = now + BOOKMARK_EVERY;
                if self.bookmarks && (self.cursor > self.told || self.over) {
                    self.told = self.cursor;
                    let writer = render::Writer::new(&self.target, self.form);
                    let bookmark = writer.bookmark(self.cursor, false);
                    self.lines.push_back(line("BOOKMARK", bookmark.as_bytes()));
                }
            }
        }
        Ok(())
    }

    fn tell_changes(&mut self) -> Result<(), Failure> {
        self.head.borrow_and_update();
        let api = self.api.upgrade().ok_or_else(Failure::stopped)?;
        let (events, reached) =
            api.store.log.after(self.cursor, &self.target.kind.stored).map_err(|oldest| {
                let asked = self.cursor;
                Failure::expired(format!("too old resource version: {asked} ({oldest})"))
            })?;
        for event in events {
            if let Some(line) = self.describe(&event)? {
                self.lines.push_back(line);
                self.told = event.version;
            }
        }
        self.cursor = reached;
        Ok(())
    }

    /// How this watch sees a change, if it does.
    fn describe(&self, event: &Event) -> Result<Option<Bytes>, store::Error> {
        let sees = |facets: &Option<crate::object::Object>| {
            facets.as_ref().is_some_and(|facets| {
                let here = self.target.namespace.is_empty()
                    || crate::object::namespace(facets) == self.target.namespace;
                here && self.selector.matches(facets)
            })
        };
        let (kind, object) = match (sees(&event.before), sees(&event.after)) {
            (false, false) => return Ok(None),
            (false, true) => ("ADDED", &event.object),
            (true, true) => ("MODIFIED", &event.object),
            (true, false) if event.change == Change::Deleted => ("DELETED", &event.object),
            // It left what is selected: the client is shown what it knew.
            (true, false) => ("DELETED", event.previous.as_ref().unwrap_or(&event.object)),
        };
        let writer = render::Writer::new(&self.target, self.form);
        Ok(Some(line(kind, &writer.object(object)?)))
    }

    /// Ends the watch with an error that the client sees.
    fn fail(&mut self, failure: &Failure) {
        self.lines.push_back(line("ERROR", failure.status().to_string().as_bytes()));
        self.over = true;
    }
}

fn line(kind: &str, object: &[u8]) -> Bytes {
    let mut line = Vec::with_capacity(object.len() + 40);
    line.extend_from_slice(b"{\"type\":\"");
    line.extend_from_slice(kind.as_bytes());
    line.extend_from_slice(b"\",\"object\":");
    line.extend_from_slice(object);
    line.extend_from_slice(b"}\n");
    line.into()
}
