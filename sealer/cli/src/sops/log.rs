//! The lines of a log on standard error, in sops' form.

use jiff::Timestamp;

use crate::terminal::Streams;

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Info,
    Warning,
    Error,
    Fatal,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

/// Writes one line.
#[expect(clippy::disallowed_methods, reason = "a command runs once, and now is when")]
pub(super) fn line(streams: &mut Streams<'_>, level: Level, message: &str) {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    let level = level.name();
    // There is nowhere left to report a broken stderr.
    let _ = writeln!(streams.messages, "[CMD]\t time=\"{now}\" level={level} msg={message:?}");
}

/// Writes a line as Go's own log does: a time and a message.
#[expect(clippy::disallowed_methods, reason = "a command runs once, and now is when")]
pub(super) fn remark(streams: &mut Streams<'_>, message: &str) {
    let now = Timestamp::now().strftime("%Y/%m/%d %H:%M:%S");
    let _ = writeln!(streams.messages, "{now} {message}");
}
