//! The daemon that turns sealed, SOPS-encrypted and externally stored values into Kubernetes Secrets.

use std::iter;
use std::process::ExitCode;

use clap::Parser as _;
use sealer::args::{Args, upstream};
use sealer::run;

#[tokio::main]
async fn main() -> ExitCode {
    let typed = upstream::command_line(std::env::args_os(), |name| std::env::var_os(name));
    match run(Args::parse_from(typed)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %causes(&error), "stopped");
            error.exit_code()
        }
    }
}

fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
