//! `sops exec-env`: a command with the values of a file in its environment.

use std::{os::unix::process::CommandExt as _, process::Stdio};

use super::{
    Done,
    context::{Context, Named},
    document,
    failure::{Code, Failure},
    user,
};

pub(super) fn run(context: &mut Context<'_, '_>) -> Done {
    let [file, line] = context.arguments else {
        return Err(Failure::generic("error: missing file to decrypt"));
    };
    if context.flags.switch("background") {
        context.warn(
            "exec-env's --background option is deprecated and will be removed in a future version of sops",
        );
        if context.flags.switch("same-process") {
            let message = "Error: The --same-process flag cannot be used with --background";
            return Err(Failure::new(Code::Conflict, message));
        }
    }
    let plain = context.open(&Named::plainly(file))?.decrypt()?;
    let values = document::variables(&plain)?;
    let inherited = if context.flags.switch("pristine") { None } else { Some(context.environment) };
    let mut command = user::shell(line, inherited, context.flags.some("user"))?;
    command.envs(values.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    if context.flags.switch("same-process") {
        return Err(Failure::generic(super::context::said(&command.exec())));
    }
    if context.flags.switch("background") {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        return command.spawn().map(drop).map_err(|err| user::not_started(&err));
    }
    user::wait(command)
}
