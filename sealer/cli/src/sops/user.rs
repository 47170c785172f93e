//! The shell that `exec-env` and `exec-file` run a command in, as the user they are told.

use std::{ffi::CString, io, process::Command};

use nix::unistd::{self, User};

use super::{Done, context::said, failure::Failure};
use crate::{
    child::{self, End, Signals},
    persona::Environment,
};

/// A shell that reads `line`, with the variables of `inherited`.
///
/// With a user, this process becomes that user first, so that its files are theirs too.
pub(super) fn shell(
    line: &str,
    inherited: Option<&Environment>,
    user: Option<&str>,
) -> Result<Command, Failure> {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").env_clear();
    if !line.is_empty() {
        command.arg(line);
    }
    if let Some(environment) = inherited {
        command.envs(environment.all());
    }
    if let Some(name) = user {
        let user = become_user(name)?;
        command.env("HOME", user.dir).env("USER", &user.name).env("LOGNAME", &user.name);
    }
    Ok(command)
}

fn become_user(name: &str) -> Result<User, Failure> {
    let fatal = |err: nix::Error| Failure::Fatal(format!("cannot become `{name}`: {}", err.desc()));
    let user = User::from_name(name).map_err(fatal)?;
    let user = user.ok_or_else(|| Failure::Fatal(format!("user: unknown user {name}")))?;
    let words = CString::new(name).map_err(|_| fatal(nix::Error::EINVAL))?;
    unistd::initgroups(&words, user.gid).map_err(fatal)?;
    unistd::setgid(user.gid).map_err(fatal)?;
    unistd::setuid(user.uid).map_err(fatal)?;
    Ok(user)
}

/// Runs it to its end; its code becomes ours.
pub(super) fn wait(command: Command) -> Done {
    match child::run(command, Signals::Forward).map_err(|err| not_started(&err))? {
        End::Exited(status) if !status.success() => Err(Failure::Child(status)),
        End::Exited(_) | End::Interrupted => Ok(()),
    }
}

pub(super) fn not_started(err: &io::Error) -> Failure {
    Failure::generic(format!("could not start /bin/sh: {}", said(err)))
}
