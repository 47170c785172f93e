//! Puts comments between the entries where they were written.
//!
//! A comment on the line of a value follows that value. A comment on a line of its own belongs to
//! the innermost block collection that is open there and is not indented deeper than the comment.

use std::{collections::VecDeque, mem};

use super::{Comment, Document, Entry, Item, Node, Value};

type Queue<'s> = VecDeque<Comment<'s>>;

/// Moves the comments that start before `until` into `document`.
pub(super) fn comments<'s>(
    source: &str,
    document: &mut Document<'s>,
    queue: &mut Queue<'s>,
    until: usize,
) {
    if let Some(first) = queue.front()
        && first.span.start < until
    {
        document.span.start = document.span.start.min(first.span.start);
    }
    absorb(&mut document.root, queue, &Bounds { source, until, column: 0, parent: 0 });
    document.comments = take_before(queue, until).collect();
}

/// Which comments after its last value a collection may take.
struct Bounds<'b> {
    source: &'b str,
    /// Only those that start before this byte.
    until: usize,
    /// Only those in this column or further right, unless on the line of a value.
    column: usize,
    /// The column of the collection around it: a comment there belongs to that one.
    parent: usize,
}

fn absorb<'s>(node: &mut Node<'s>, queue: &mut Queue<'s>, bounds: &Bounds<'_>) {
    if queue.front().is_none_or(|comment| comment.span.start >= bounds.until) {
        return;
    }
    let (end, column) = (node.span.end, node.column);
    match &mut node.value {
        Value::Mapping(mapping) => {
            let inner = Bounds { source: bounds.source, until: 0, column, parent: column };
            mapping.entries = entries(mem::take(&mut mapping.entries), queue, bounds, &inner);
            let rest = rest(queue, mapping.flow, end, bounds);
            mapping.entries.extend(rest.into_iter().map(Entry::Comment));
        }
        Value::Sequence(sequence) => {
            let inner = Bounds { source: bounds.source, until: 0, column, parent: column };
            sequence.items = items(mem::take(&mut sequence.items), queue, bounds, &inner);
            let rest = rest(queue, sequence.flow, end, bounds);
            sequence.items.extend(rest.into_iter().map(Item::Comment));
        }
        Value::Scalar(_) | Value::Alias(_) => {}
    }
}

fn entries<'s>(
    old: Vec<Entry<'s>>,
    queue: &mut Queue<'s>,
    bounds: &Bounds<'_>,
    inner: &Bounds<'_>,
) -> Vec<Entry<'s>> {
    let mut out = Vec::with_capacity(old.len());
    let mut old = old.into_iter().peekable();
    while let Some(entry) = old.next() {
        let Entry::Pair(mut pair) = entry else { continue };
        out.extend(take_before(queue, pair.key.span.start).map(Entry::Comment));
        // Between key and value: above the first line of a block collection is inside it.
        let block = is_block(&pair.value);
        while queue.front().is_some_and(|comment| {
            comment.span.start < pair.value.span.start && (comment.trailing || !block)
        }) {
            out.extend(queue.pop_front().map(Entry::Comment));
        }
        let until = match old.peek() {
            Some(Entry::Pair(next)) => next.key.span.start,
            _ => bounds.until,
        };
        let column = pair.value.column;
        absorb(
            &mut pair.value,
            queue,
            &Bounds { source: inner.source, until, column, parent: inner.parent },
        );
        out.push(Entry::Pair(pair));
    }
    out
}

fn items<'s>(
    old: Vec<Item<'s>>,
    queue: &mut Queue<'s>,
    bounds: &Bounds<'_>,
    inner: &Bounds<'_>,
) -> Vec<Item<'s>> {
    let mut out = Vec::with_capacity(old.len());
    let mut old = old.into_iter().peekable();
    while let Some(item) = old.next() {
        let Item::Node(mut node) = item else { continue };
        out.extend(take_before(queue, node.span.start).map(Item::Comment));
        let until = match old.peek() {
            Some(Item::Node(next)) => next.span.start,
            _ => bounds.until,
        };
        let column = node.column;
        absorb(
            &mut node,
            queue,
            &Bounds { source: inner.source, until, column, parent: inner.parent },
        );
        out.push(Item::Node(node));
    }
    out
}

/// The comments after the last value that still belong to the collection.
fn rest<'s>(
    queue: &mut Queue<'s>,
    flow: bool,
    end: usize,
    bounds: &Bounds<'_>,
) -> Vec<Comment<'s>> {
    let mut rest = Vec::new();
    while let Some(comment) = queue.front() {
        let inside = if flow {
            comment.span.start < end
        } else {
            let indented = comment.column >= bounds.column && comment.column > bounds.parent;
            // Behind the dash of the next item it is that item's.
            let between = bounds.source.get(end..comment.span.start).unwrap_or_default();
            let own = if comment.trailing { !between.contains(['\n', '\r']) } else { indented };
            comment.span.start < bounds.until && own
        };
        if !inside {
            break;
        }
        rest.extend(queue.pop_front());
    }
    rest
}

fn take_before<'q, 's>(
    queue: &'q mut Queue<'s>,
    until: usize,
) -> impl Iterator<Item = Comment<'s>> + use<'q, 's> {
    std::iter::from_fn(move || {
        queue
            .front()
            .is_some_and(|comment| comment.span.start < until)
            .then(|| queue.pop_front())?
    })
}

fn is_block(node: &Node<'_>) -> bool {
    match &node.value {
        Value::Mapping(mapping) => !mapping.flow,
        Value::Sequence(sequence) => !sequence.flow,
        Value::Scalar(_) | Value::Alias(_) => false,
    }
}
