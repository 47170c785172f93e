//! What is typed.

use crate::{
    cert, decrypt, encrypt, explain, generate, git, inspect, keys, persona, reseal, seal, unseal,
    value,
};

/// Keeps secrets in Git: seals them for a cluster, encrypts and decrypts SOPS files.
///
/// Every command reads standard input and writes standard output unless told otherwise, and
/// explains itself on standard error. It exits with 0 on success and 2 on failure.
#[derive(Debug, clap::Parser)]
#[command(name = "sealctl", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Seal(seal::Args),
    Unseal(unseal::Args),
    Inspect(inspect::Args),
    Reseal(reseal::Args),
    Set(value::Set),
    Unset(value::Unset),
    Cert(cert::Args),
    Keys(keys::Args),
    #[command(short_flag = 'e')]
    Encrypt(encrypt::Args),
    #[command(short_flag = 'd')]
    Decrypt(decrypt::Args),
    Explain(explain::Args),
    Git(git::Args),
    Completions(generate::Completions),
    Man(generate::Man),
    /// Takes the commands and flags of the program `sops`, and behaves as it does.
    ///
    /// A link named `sops` does the same without this word.
    #[command(disable_help_flag = true)]
    Sops(persona::Words),
    /// Takes the flags of the program `kubeseal`, and behaves as it does.
    ///
    /// A link named `kubeseal` does the same without this word.
    #[command(disable_help_flag = true)]
    Kubeseal(persona::Words),
}
