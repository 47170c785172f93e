//! How a command fails: what it says, and the code with which it exits.

use std::process::{ExitCode, ExitStatus};

use super::{grammar::Misuse, log};
use crate::{child, terminal::Streams};

/// The exit codes of sops, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Code {
    Generic = 1,
    CannotRead = 2,
    CannotWrite = 3,
    CannotDump = 4,
    Config = 5,
    KmsContext = 6,
    SetFormat = 7,
    Conflict = 8,
    EncryptTree = 23,
    DecryptTree = 25,
    NoFileForKeys = 49,
    MacMismatch = 51,
    Interrupted = 85,
    TreePath = 91,
    NoDocument = 92,
    NoFile = 100,
    DuplicateKeyType = 112,
    NoDataKey = 128,
    NotModified = 200,
    NoEditor = 201,
    AlreadyEncrypted = 203,
}

/// Why a command failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Told as it stands.
    Exit { code: Code, message: String },
    /// Told as a line of the log; the code is 1.
    Fatal(String),
    /// A child failed: told as it ended, with its code.
    Child(ExitStatus),
}

impl Failure {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self::Exit { code, message: message.into() }
    }

    /// A failure that has no code of its own.
    pub(super) fn generic(message: impl Into<String>) -> Self {
        Self::new(Code::Generic, message)
    }

    /// What there is to say.
    pub(super) fn message(&self) -> &str {
        match self {
            Self::Exit { message, .. } | Self::Fatal(message) => message,
            Self::Child(_) => "the command failed",
        }
    }

    /// Says what there is to say.
    pub(super) fn tell(&self, streams: &mut Streams<'_>) -> ExitCode {
        match self {
            Self::Exit { code, message } => {
                // There is nowhere left to report a broken stderr.
                let _ = writeln!(streams.messages, "{message}");
                ExitCode::from(*code as u8)
            }
            Self::Fatal(message) => {
                log::line(streams, log::Level::Fatal, message);
                ExitCode::from(Code::Generic as u8)
            }
            Self::Child(status) => {
                let _ = writeln!(streams.messages, "{}", child::said(*status));
                ExitCode::from(child::code(*status))
            }
        }
    }
}

impl From<Misuse> for Failure {
    fn from(Misuse(message): Misuse) -> Self {
        Self::Fatal(message)
    }
}
