//! A Go slice: shared, never changed in place.

use std::{ops::Deref, sync::Arc};

use super::{Type, Value, map};

/// A Go slice; reads as a Rust slice.
#[derive(Clone)]
pub struct List {
    element: Type,
    items: Arc<Items>,
}

struct Items(Vec<Value>);

impl List {
    /// A slice declared to hold `element`.
    pub fn of(element: Type, items: Vec<Value>) -> Self {
        Self { element, items: Arc::new(Items(items)) }
    }

    /// A `[]string`.
    pub fn strings<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::of(Type::String, items.into_iter().map(Into::into).collect())
    }

    /// What the slice is declared to hold.
    pub fn element_type(&self) -> &Type {
        &self.element
    }

    /// The items, taken out if nobody else holds them.
    pub(super) fn into_items(self) -> Vec<Value> {
        Arc::into_inner(self.items)
            .map(|mut items| std::mem::take(&mut items.0))
            .unwrap_or_default()
    }
}

/// A `[]interface {}`.
impl From<Vec<Value>> for List {
    fn from(items: Vec<Value>) -> Self {
        Self::of(Type::Any, items)
    }
}

impl Deref for List {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.items.0
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        map::dismantle(std::mem::take(&mut self.0));
    }
}
