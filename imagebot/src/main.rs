//! The daemon that turns new images into commits and pull requests, and its one-shot commands.

use std::{env, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _};
use imagebot::{
    args::Typed,
    cli::{self, Streams},
    daemon,
};

fn main() -> ExitCode {
    let mut words: Vec<_> = env::args_os().collect();
    if words.get(1).is_some_and(|word| word == "__complete" || word == "__completeNoDesc") {
        let words: Vec<_> =
            words.drain(2..).map(|word| word.to_string_lossy().into_owned()).collect();
        return Streams::of_process(|streams| {
            if cli::complete(&words, streams.output) {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        });
    }
    let (command, plugin) = Typed::called(words.first());
    let matches = command.get_matches_from(words);
    let typed = Typed::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match typed.command {
        Some(command) => Streams::of_process(|streams| cli::run(&command, streams)),
        // Nobody means to start a daemon by way of kubectl.
        None if plugin => Typed::command()
            .error(clap::error::ErrorKind::MissingSubcommand, "name a command; see --help")
            .exit(),
        None => serve(typed),
    }
}

#[tokio::main]
async fn serve(typed: Typed) -> ExitCode {
    match daemon::run(typed.daemon).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.explain(&mut std::io::stderr()),
    }
}
