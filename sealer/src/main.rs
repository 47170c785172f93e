//! The daemon that turns sealed, SOPS-encrypted and externally stored values into Kubernetes Secrets.

use std::process::ExitCode;

use clap::Parser as _;
use reconcile::process::{Error, Process};
use sealer::Daemon;
use sealer::args::Args;

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

async fn run(args: Args) -> Result<(), Error> {
    let mut process = Process::start("sealer", args.common.clone()).await?;
    let daemon = Daemon::new(&process.core(), args, process.home());
    daemon.always(process.always());
    daemon.leading(process.leading());
    process.serve(daemon.routes());
    process.run().await
}

fn causes(error: &Error) -> String {
    let causes =
        std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
