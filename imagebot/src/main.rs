//! The daemon that turns new images into commits and pull requests.

use std::process::ExitCode;

use clap::Parser as _;
use imagebot::{args::Args, daemon};

#[tokio::main]
async fn main() -> ExitCode {
    match daemon::run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.explain(&mut std::io::stderr()),
    }
}
