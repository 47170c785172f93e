//! The daemon that turns sealed, SOPS-encrypted and externally stored values into Kubernetes Secrets.

use std::error::Error as StdError;
use std::iter;
use std::process::ExitCode;

use clap::Parser as _;
use sealer::args::Args;
use sealer::{Error, run};

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %causes(&error), "stopped");
            error.exit_code()
        }
    }
}

fn causes(error: &Error) -> String {
    let causes = iter::successors(Some(error as &dyn StdError), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
