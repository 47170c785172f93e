//! The command line with which people seal, encrypt and decrypt.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::Parser as _;

mod args;
mod cert;
mod cluster;
mod decrypt;
mod emit;
mod encrypt;
mod extract;
mod file;
mod generate;
mod identities;
mod local;
mod rules;
mod seal;
mod terminal;

use args::{Args, Command};
use terminal::{Streams, explain};

fn main() -> ExitCode {
    let (mut stdin, mut stdout, mut stderr) =
        (io::stdin().lock(), io::stdout().lock(), io::stderr());
    let mut streams = Streams {
        interactive: io::stdin().is_terminal(),
        input: &mut stdin,
        output: &mut stdout,
        messages: &mut stderr,
    };
    let result = run(&Args::parse(), &mut streams);
    result.map_or_else(|err| explain(&*err, streams.messages), |()| ExitCode::SUCCESS)
}

fn run(args: &Args, streams: &mut Streams<'_>) -> Result<(), Box<dyn terminal::Report>> {
    match &args.command {
        Command::Seal(args) => seal::run(args, streams).map_err(Into::into),
        Command::Cert(args) => cert::run(args, streams).map_err(Into::into),
        Command::Encrypt(args) => encrypt::run(args, streams).map_err(Into::into),
        Command::Decrypt(args) => decrypt::run(args, streams).map_err(Into::into),
        Command::Completions(args) => generate::completions(args, streams).map_err(Into::into),
        Command::Man(args) => generate::man(args, streams).map_err(Into::into),
    }
}

#[cfg(test)]
mod tests;
