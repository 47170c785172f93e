//! Programs that we start and wait for.

use std::{
    io,
    os::unix::process::ExitStatusExt as _,
    process::{Command, ExitStatus},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::signal::unix::{SignalKind, signal};

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself.
    Exited(ExitStatus),
    /// It may still run: we were told to end first.
    Interrupted,
}

/// What becomes of a signal that would end us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signals {
    /// We stop waiting.
    End,
    /// The child gets it, and we wait on.
    Forward,
}

/// Runs a child to its end. A signal does not end this process before its caller has cleaned up.
pub(crate) fn run(command: Command, signals: Signals) -> io::Result<End> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(wait(command, signals))
}

async fn wait(command: Command, signals: Signals) -> io::Result<End> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut child = tokio::process::Command::from(command).spawn()?;
    loop {
        let told = tokio::select! {
            status = child.wait() => return status.map(End::Exited),
            // The terminal sends this one to the child too.
            _ = interrupt.recv() => None,
            _ = terminate.recv() => Some(Signal::SIGTERM),
            _ = hangup.recv() => Some(Signal::SIGHUP),
        };
        if signals == Signals::End {
            return Ok(End::Interrupted);
        }
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        if let (Some(signal), Some(pid)) = (told, pid) {
            // A child that is gone by now is what we wait for.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

/// The code with which we exit for a child: its own, or 255 if a signal ended it.
pub(crate) fn code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// How a child ended, in words.
pub(crate) fn said(status: ExitStatus) -> String {
    match status.signal() {
        Some(signal) => format!("signal: {signal}"),
        None => format!("exit status {}", code(status)),
    }
}
