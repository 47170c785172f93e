//! Logs: one line an event, as text for people or JSON for machines.

use std::io;

use clap::ValueEnum;
use tracing_subscriber::{
    filter::{LevelFilter, ParseError, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// `2026-01-02T03:04:05Z INFO reconcile{…}: message`.
    #[default]
    #[value(alias = "console")]
    Text,
    /// One JSON object a line.
    Json,
}

/// Sends log lines to standard error, from `level` up.
///
/// `level` is a level or a filter like `info,sealer=debug`; one that cannot be read is answered with
/// its error. Installing twice is answered too, and changes nothing.
pub fn install(format: LogFormat, level: &str) -> Result<(), Error> {
    let filter: Targets = level.parse().map_err(Error::Filter)?;
    // What passes is decided by the filter, which also knows the most that any target may say.
    let lines = fmt().with_max_level(LevelFilter::TRACE).with_writer(io::stderr).with_target(false);
    let installed = match format {
        LogFormat::Text => {
            let lines = lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr()));
            lines.finish().with(filter).try_init()
        }
        LogFormat::Json => lines.json().flatten_event(true).finish().with(filter).try_init(),
    };
    installed.map_err(|_| Error::Twice)
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The level is neither a level nor a filter.
    #[error("`--log-level` is neither a level (error, warn, info, debug, trace) nor a filter")]
    Filter(#[source] ParseError),
    /// There is a subscriber already.
    #[error("logging was set up twice")]
    Twice,
}
