//! What functions may use of the machine: its budget.
//!
//! Every item looked at and every 16 bytes built cost a step, so that no function, however it is
//! combined with others, can work or allocate without end.

use crate::{Limit, Limits};

/// Why a function did not answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It refused its arguments.
    Reason(String),
    /// It would have exceeded a limit.
    Limit(Limit),
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl From<&str> for Fault {
    fn from(reason: &str) -> Self {
        Self::Reason(reason.into())
    }
}

/// The budget of one rendering.
pub(crate) struct Scope {
    limits: Limits,
    spent: u64,
}

impl Scope {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, spent: 0 }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts `steps`.
    pub(crate) fn spend(&mut self, steps: u64) -> Result<(), Fault> {
        self.spent = self.spent.saturating_add(steps);
        if self.spent > self.limits.steps {
            return Err(Fault::Limit(Limit::Steps(self.limits.steps)));
        }
        Ok(())
    }

    /// Counts `items` that are looked at or made.
    pub(crate) fn spend_items(&mut self, items: usize) -> Result<(), Fault> {
        self.spend(items as u64)
    }

    /// Counts a string of `bytes` that is about to be made.
    pub(crate) fn spend_bytes(&mut self, bytes: usize) -> Result<(), Fault> {
        self.fits(bytes)?;
        self.spend(bytes as u64 / 16)
    }

    /// Whether a string may be this long.
    pub(crate) fn fits(&self, bytes: usize) -> Result<(), Fault> {
        if bytes > self.limits.output {
            return Err(Fault::Limit(Limit::Output(self.limits.output)));
        }
        Ok(())
    }

    /// Whether a value may be looked into `depth` levels deep.
    pub(crate) fn reaches(&self, depth: usize) -> Result<(), Fault> {
        if depth > self.limits.depth {
            return Err(Fault::Limit(Limit::Depth(self.limits.depth)));
        }
        Ok(())
    }
}
