//! The binary called as `sops`: its words, its messages and its exit codes.
//!
//! ```text
//! words ──▶ grammar ──▶ a command of `commands` ──▶ one file each, on a `Context`
//! ```
//!
//! What is encrypted and how is sealer-core's; here is what the program sops adds to it.

use std::process::ExitCode;

use crate::persona::Call;

mod commands;
mod completion;
mod context;
mod creation;
mod decrypt;
mod document;
mod edit;
mod encrypt;
mod exec_env;
mod exec_file;
mod failure;
mod filestatus;
mod flags;
mod grammar;
mod groups;
mod help;
mod keys;
mod keyservice;
mod log;
mod publish;
mod root;
mod rotate;
mod services;
mod set;
mod updatekeys;
mod user;

use commands::{COMMANDS, Command, Does, GLOBAL, find};
use context::Context;
use failure::Failure;
use grammar::{Flag, HELP, Misuse, Parsed};

/// The version of sops whose words these are.
const VERSION: &str = "3.13.3";

/// What a command comes to.
type Done = Result<(), Failure>;

/// Does what the words say, and exits as sops does.
pub(crate) fn run(call: &mut Call<'_, '_>) -> ExitCode {
    match act(call) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(call.streams),
    }
}

fn act(call: &mut Call<'_, '_>) -> Done {
    let words = call.words.iter().map(|word| word.clone().into_string());
    let words: Vec<String> = words
        .collect::<Result<_, _>>()
        .map_err(|word| Failure::generic(format!("`{}` is not UTF-8", word.display())))?;
    if let [before @ .., completion::ASKED] =
        words.iter().map(String::as_str).collect::<Vec<_>>().as_slice()
    {
        let described = call.environment.get("_CLI_ZSH_AUTOCOMPLETE_HACK").is_some();
        let before: Vec<String> = before.iter().map(|word| (*word).to_owned()).collect();
        return print(call, &completion::suggestions(&before, described));
    }
    let known: Vec<Flag> = GLOBAL.concat().into_iter().chain([help::VERSION]).collect();
    let parsed = grammar::leading(&known, &words, call.environment);
    let parsed = parsed.or_else(|misuse| misused(call, '.', misuse, &help::program()))?;
    if parsed.flags.switch(HELP.names[0]) {
        return print(call, &help::program());
    }
    if parsed.flags.switch(help::VERSION.names[0]) {
        return print(call, &format!("sops {VERSION}\n"));
    }
    match parsed.arguments.split_first() {
        Some((name, rest)) if name == "help" || name == "h" => explain(call, rest),
        Some((name, rest)) => match find(COMMANDS, name) {
            Some(command) => choose(call, &parsed, command, "sops", rest),
            None => root::run(&mut Context::new(call, &parsed, &parsed)),
        },
        None => root::run(&mut Context::new(call, &parsed, &parsed)),
    }
}

/// Runs a command, or the command of its group that the words name.
fn choose(
    call: &mut Call<'_, '_>,
    global: &Parsed,
    command: &'static Command,
    above: &str,
    words: &[String],
) -> Done {
    let path = format!("{above} {}", command.name);
    let help = || help::command(command, &path);
    let parsed = match command.does {
        Does::Run(_) => grammar::anywhere(&command.flags(), words, call.environment),
        Does::Choose(_) => grammar::leading(&command.flags(), words, call.environment),
    };
    let mark = if matches!(command.does, Does::Run(_)) { ':' } else { '.' };
    let parsed = parsed.or_else(|misuse| misused(call, mark, misuse, &help()))?;
    if parsed.flags.switch(HELP.names[0]) {
        return print(call, &help());
    }
    let commands = match command.does {
        Does::Run(run) => return run(&mut Context::new(call, global, &parsed)),
        Does::Choose(commands) => commands,
    };
    match parsed.arguments.split_first() {
        None => print(call, &help()),
        Some((name, _)) if name == "help" || name == "h" => print(call, &help()),
        Some((name, rest)) => match find(commands, name) {
            Some(command) => choose(call, global, command, &path, rest),
            None => Err(completion::no_topic(name)),
        },
    }
}

/// `sops help COMMAND`.
fn explain(call: &mut Call<'_, '_>, words: &[String]) -> Done {
    let Some(name) = words.first() else { return print(call, &help::program()) };
    let command = find(COMMANDS, name).ok_or_else(|| completion::no_topic(name))?;
    print(call, &help::command(command, &format!("sops {name}")))
}

/// Words that are not understood: what is wrong and the help on standard output, as urfave/cli does.
fn misused(
    call: &mut Call<'_, '_>,
    mark: char,
    misuse: Misuse,
    help: &str,
) -> Result<Parsed, Failure> {
    print(call, &format!("Incorrect Usage{mark} {misuse}\n\n{help}"))?;
    Err(misuse.into())
}

fn print(call: &mut Call<'_, '_>, text: &str) -> Done {
    context::print(call.streams, text.as_bytes())
}

#[cfg(test)]
mod tests;
