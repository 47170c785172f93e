//! The command line with which people seal, encrypt and decrypt.

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::Parser as _;

mod args;
mod cert;
mod child;
mod cluster;
mod controller;
mod decrypt;
mod editor;
mod emit;
mod encrypt;
mod explain;
mod extract;
mod file;
mod generate;
mod git;
mod identities;
mod inspect;
mod keychain;
mod keys;
mod kubeseal;
mod local;
mod manifests;
mod persona;
mod recovery;
mod reseal;
mod rules;
mod scratch;
mod seal;
mod sealed_file;
mod sops;
mod steps;
mod terminal;
mod unseal;
mod value;
mod web;

use args::{Args, Command};
use persona::{Call, Environment, Persona, Words};
use terminal::{Streams, explain};

fn main() -> ExitCode {
    close();
    let (mut stdin, mut stdout, mut stderr) =
        (io::stdin().lock(), io::stdout().lock(), io::stderr());
    let mut streams = Streams {
        interactive: io::stdin().is_terminal(),
        input: &mut stdin,
        output: &mut stdout,
        messages: &mut stderr,
    };
    let words: Vec<OsString> = env::args_os().collect();
    let Some(persona) = words.first().and_then(|program| Persona::named(program)) else {
        let result = run(&Args::parse(), &mut streams);
        return result.unwrap_or_else(|err| explain(&*err, streams.messages));
    };
    let environment = Environment::of_process();
    let streams = &mut streams;
    persona.run(&mut Call { words: &words[1..], environment: &environment, streams })
}

/// Keeps other processes of the user out of our memory, and our memory out of core dumps.
fn close() {
    // What cannot be had must not keep anybody from decrypting.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}

fn run(args: &Args, streams: &mut Streams<'_>) -> Result<ExitCode, Box<dyn terminal::Report>> {
    let done: Result<(), Box<dyn terminal::Report>> = match &args.command {
        Command::Seal(args) => seal::run(args, streams).map_err(Into::into),
        Command::Unseal(args) => unseal::run(args, streams).map_err(Into::into),
        Command::Inspect(args) => inspect::run(args, streams).map_err(Into::into),
        Command::Reseal(args) => reseal::run(args, streams).map_err(Into::into),
        Command::Set(args) => value::set(args, streams).map_err(Into::into),
        Command::Unset(args) => value::unset(args, streams).map_err(Into::into),
        Command::Keys(args) => keys::run(args, streams).map_err(Into::into),
        Command::Cert(args) => cert::run(args, streams).map_err(Into::into),
        Command::Encrypt(args) => encrypt::run(args, streams).map_err(Into::into),
        Command::Decrypt(args) => decrypt::run(args, streams).map_err(Into::into),
        Command::Explain(args) => explain::run(args, streams).map_err(Into::into),
        Command::Git(args) => git::run(args, streams).map_err(Into::into),
        Command::Completions(args) => generate::completions(args, streams).map_err(Into::into),
        Command::Man(args) => generate::man(args, streams).map_err(Into::into),
        Command::Sops(words) => return Ok(persona(Persona::Sops, words, streams)),
        Command::Kubeseal(words) => return Ok(persona(Persona::Kubeseal, words, streams)),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn persona(persona: Persona, words: &Words, streams: &mut Streams<'_>) -> ExitCode {
    let environment = Environment::of_process();
    persona.run(&mut Call { words: words.as_slice(), environment: &environment, streams })
}

#[cfg(test)]
mod tests;
