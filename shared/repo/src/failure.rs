//! What went wrong in a conversation, kept past the layers that cannot carry it.

use std::{
    io,
    sync::{Arc, Mutex},
};

use crate::{Error, guard::lock};

/// Where the first failure of a conversation is kept.
///
/// The layers above see it as an IO error without meaning; whoever ends the conversation looks here.
#[derive(Clone, Default)]
pub(crate) struct Failure(Arc<Mutex<Option<Error>>>);

impl Failure {
    /// Keeps `error`, unless there is one, and returns what to tell the layers above.
    pub(crate) fn keep(&self, error: Error) -> io::Error {
        let told = io::Error::other(error.to_string());
        lock(&self.0).get_or_insert(error);
        told
    }

    /// The failure, if there was one.
    pub(crate) fn take(&self) -> Option<Error> {
        lock(&self.0).take()
    }
}
