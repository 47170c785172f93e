//! `__complete`: what `kubectl` and `flux` ask a plugin for when somebody presses Tab.
//!
//! The protocol is Cobra's: one candidate a line with its description behind a tab, then `:` and a
//! number that says what the shell should do besides.

use std::{fmt::Write as _, io::Write};

use clap::{ArgAction, Command, CommandFactory as _};

use crate::args::Typed;

/// The shell may offer files too.
const FILES: u8 = 0;
/// The shell offers nothing else.
const NO_FILES: u8 = 4;

/// Answers for `words`, of which the last is being typed. Returns whether they could be written.
pub fn complete(words: &[String], output: &mut dyn Write) -> bool {
    let mut root = Typed::command();
    root.build();
    let (typed, before) = match words.split_last() {
        Some((typed, before)) => (typed.as_str(), before),
        None => ("", words),
    };
    let mut command = &root;
    for word in before {
        command = command.find_subcommand(word).unwrap_or(command);
    }
    let (candidates, rest) = candidates(command, before.last().map(String::as_str), typed);
    let mut out = String::new();
    for (word, about) in candidates.into_iter().filter(|(word, _)| word.starts_with(typed)) {
        let about = about.lines().next().unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{word}\t{about}");
    }
    let _ = writeln!(out, ":{rest}");
    output.write_all(out.as_bytes()).is_ok()
}

type Candidates = (Vec<(String, String)>, u8);

fn candidates(command: &Command, last: Option<&str>, typed: &str) -> Candidates {
    let takes_value = |action: &ArgAction| matches!(action, ArgAction::Set | ArgAction::Append);
    let long = last.and_then(|word| word.strip_prefix("--"));
    let arg =
        long.and_then(|long| command.get_arguments().find(|arg| arg.get_long() == Some(long)));
    if let Some(arg) = arg.filter(|arg| takes_value(arg.get_action())) {
        let values = arg.get_possible_values();
        let rest = if values.is_empty() { FILES } else { NO_FILES };
        let named = |it: &clap::builder::PossibleValue| {
            let about = it.get_help().map(ToString::to_string).unwrap_or_default();
            (it.get_name().to_owned(), about)
        };
        return (values.iter().map(named).collect(), rest);
    }
    if typed.starts_with('-') {
        let flags = command.get_arguments().filter(|arg| !arg.is_hide_set());
        let flags = flags.filter_map(|arg| {
            let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
            Some((format!("--{}", arg.get_long()?), about))
        });
        return (flags.collect(), NO_FILES);
    }
    let commands = command.get_subcommands().filter(|it| !it.is_hide_set());
    let commands: Vec<_> = commands
        .map(|it| {
            let about = it.get_about().map(ToString::to_string).unwrap_or_default();
            (it.get_name().to_owned(), about)
        })
        .collect();
    let rest = if commands.is_empty() { FILES } else { NO_FILES };
    (commands, rest)
}
