//! What people see: products on standard output, everything else on standard error.

use std::{
    error::Error,
    fmt::Display,
    io::{self, IsTerminal as _, Read, Write},
    iter,
    process::ExitCode,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The three streams of a process, or of a test.
pub struct Streams<'s> {
    /// Standard input.
    pub input: &'s mut dyn Read,
    /// Standard output.
    pub output: &'s mut dyn Write,
    /// Standard error.
    pub messages: &'s mut dyn Write,
    /// Whether standard output is a terminal.
    pub colours: bool,
    /// Whether standard error is a terminal, so that somebody may be waiting.
    pub watched: bool,
}

impl Streams<'_> {
    /// Runs `body` with the streams of the process.
    pub fn of_process(body: impl FnOnce(&mut Streams<'_>) -> ExitCode) -> ExitCode {
        let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
        let mut messages = io::stderr();
        let (colours, watched) = (output.is_terminal(), messages.is_terminal());
        let (input, output, messages) = (&mut input, &mut output, &mut messages);
        body(&mut Streams { input, output, messages, colours, watched })
    }

    /// Says something that is no error but should be known.
    pub(crate) fn warn(&mut self, message: impl Display) {
        // There is nowhere left to report a broken stderr.
        let _ = writeln!(self.messages, "imagebot: warning: {message}");
    }

    /// A bar for `length` steps of `what`, on a terminal only and only when it takes a while.
    pub(crate) fn progress(&self, length: usize, what: &'static str) -> ProgressBar {
        let target =
            if self.watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(length as u64), target);
        let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {msg}");
        bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_prefix(what)
    }
}

/// How a product looks.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Look {
    /// Whether there are colours
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    color: Color,

    /// No colours, whatever it says: see <https://no-color.org>.
    #[arg(long, env = "NO_COLOR", hide = true)]
    no_color: Option<String>,
}

/// When there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Look {
    /// Whether there are colours on `streams`.
    pub(crate) fn colours(&self, streams: &Streams<'_>) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => streams.colours && self.no_color.as_ref().is_none_or(String::is_empty),
        }
    }
}

/// An error that may know what to try next.
pub(crate) trait Report: Error {
    /// What to try, in the imperative.
    fn hint(&self) -> Option<String> {
        None
    }
}

impl<'e, E: Report + 'e> From<E> for Box<dyn Report + 'e> {
    fn from(error: E) -> Self {
        Box::new(error)
    }
}

/// Prints one `error:` line with all causes, and a `hint:` if there is something to try.
pub(crate) fn explain(error: &dyn Report, streams: &mut Streams<'_>) -> ExitCode {
    let causes = iter::successors(error.source(), |cause| (*cause).source());
    let chain: Vec<String> =
        iter::once(error.to_string()).chain(causes.map(ToString::to_string)).collect();
    let hint = error.hint().map(|hint| format!("imagebot: hint: {hint}\n")).unwrap_or_default();
    // There is nowhere left to report a broken stderr.
    let _ = write!(streams.messages, "imagebot: error: {}\n{hint}", chain.join(": "));
    ExitCode::from(2)
}

/// `error` with everything that caused it.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
