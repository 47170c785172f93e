//! What people see: products on standard output, everything else on standard error.

use std::{
    error::Error,
    io::{Read, Write},
    iter,
    process::ExitCode,
};

/// The three streams of a process, or of a test.
pub(crate) struct Streams<'s> {
    /// Whether somebody would have to type the input.
    pub(crate) interactive: bool,
    pub(crate) input: &'s mut dyn Read,
    pub(crate) output: &'s mut dyn Write,
    pub(crate) messages: &'s mut dyn Write,
}

/// An error that may know what to try next.
pub(crate) trait Report: Error {
    /// What to try, in the imperative.
    fn hint(&self) -> Option<String> {
        None
    }

    /// Whether all went well, and what was looked at is not as it should be: then the code is 1.
    fn is_finding(&self) -> bool {
        false
    }
}

impl<'e, E: Report + 'e> From<E> for Box<dyn Report + 'e> {
    fn from(error: E) -> Self {
        Box::new(error)
    }
}

/// Prints one `error:` line with all causes, and a `hint:` if there is something to try.
pub(crate) fn explain(error: &dyn Report, messages: &mut dyn Write) -> ExitCode {
    let first = error.to_string();
    let causes = iter::successors(error.source(), |cause| (*cause).source());
    let chain: Vec<String> = iter::once(first).chain(causes.map(ToString::to_string)).collect();
    let hint = error.hint().map(|hint| format!("sealctl: hint: {hint}\n")).unwrap_or_default();
    // There is nowhere left to report a broken stderr.
    let _ = write!(messages, "sealctl: error: {}\n{hint}", chain.join(": "));
    ExitCode::from(if error.is_finding() { 1 } else { 2 })
}

/// Says something that is no error but should be known.
pub(crate) fn warn(streams: &mut Streams<'_>, message: &str) {
    let _ = writeln!(streams.messages, "sealctl: warning: {message}");
}
