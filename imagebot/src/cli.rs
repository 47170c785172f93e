//! The commands of imagebot that do one thing and end.
//!
//! ```text
//! checkout (files) ─┬─▶ known (policies, images, automations) ─▶ picks (scan or --set) ─┐
//!                   └─▶ setter::update, markers, suggest ◀───────────────────────────────┘
//! ```
//!
//! What is selected and what is edited is decided by `imagebot_core`, as in the daemon. A command
//! that needs no registry opens no socket.

use std::process::ExitCode;

mod checkout;
mod complete;
mod explain;
mod generate;
mod helper;
mod known;
mod lint;
mod mark;
mod picks;
mod policy;
mod product;
mod reach;
mod scan;
mod terminal;
#[cfg(test)]
mod tests;
mod update;

pub use complete::complete;
use terminal::Report;
pub use terminal::{Look, Streams};

/// What imagebot does once.
#[derive(Clone, Debug, clap::Subcommand)]
#[expect(missing_docs, reason = "the help of a command is the documentation of its arguments")]
pub enum Command {
    Update(update::Args),
    Lint(lint::Args),
    Mark(mark::Args),
    Scan(scan::Args),
    Policy(policy::Args),
    Explain(explain::Args),
    Completions(generate::Completions),
    Man(generate::Man),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All is as it should be.
    Yes,
    /// It was looked at, and is not.
    No,
}

/// Carries out a command.
pub fn run(command: &Command, streams: &mut Streams<'_>) -> ExitCode {
    let done: Result<Verdict, Box<dyn Report>> = match command {
        Command::Update(args) => update::run(args, streams).map_err(Into::into),
        Command::Lint(args) => lint::run(args, streams).map_err(Into::into),
        Command::Mark(args) => mark::run(args, streams).map_err(Into::into),
        Command::Scan(args) => scan::run(args, streams).map_err(Into::into),
        Command::Policy(args) => policy::run(args, streams).map_err(Into::into),
        Command::Explain(args) => explain::run(args, streams).map_err(Into::into),
        Command::Completions(args) => generate::completions(args, streams).map_err(Into::into),
        Command::Man(args) => generate::man(args, streams).map_err(Into::into),
    };
    match done {
        Ok(Verdict::Yes) => ExitCode::SUCCESS,
        Ok(Verdict::No) => ExitCode::from(1),
        Err(error) => terminal::explain(&*error, streams),
    }
}

/// A runtime for the commands that speak to registries or clusters.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a process may have one more descriptor")
}
