//! The only place that reads the time of day; everyone else is given a value.

use std::{fmt, sync::Arc};

use jiff::Timestamp;

/// A source of the current time, passed to whoever needs one so that tests can choose it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Arc::new(read))
    }

    /// A clock that asks `read` each time.
    pub fn from_fn(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

/// What the machine's clock says.
#[expect(clippy::disallowed_methods, reason = "this is the one caller")]
pub(crate) fn read() -> Timestamp {
    Timestamp::now()
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
