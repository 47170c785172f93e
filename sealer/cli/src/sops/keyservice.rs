//! `sops keyservice`: the keys of this machine for other machines.

use std::{io, sync::Arc};

use keyservice::{Address, Confirm, Server};
use tokio::signal::unix::{SignalKind, signal};

use super::{Done, context::Context, document::chain, failure::Failure};
use crate::keychain::{Keychain, Places, Terminal};

pub(super) fn run(context: &mut Context<'_, '_>) -> Done {
    let network = context.flags.some("network").unwrap_or("tcp");
    let address = context.flags.some("address").unwrap_or("127.0.0.1:5000");
    let address = Address::of(network, address).map_err(|error| fatal(&error))?;
    let keys = Keychain::new(Places::of(context.environment), context.environment);
    let confirm: Option<Confirm> =
        if context.flags.switch("prompt") { Some(Arc::new(confirmed)) } else { None };
    context.inform(&format!("Listening on {address}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| fatal(&error))?.block_on(async {
        let server = Server::bind(&address, Arc::new(keys), confirm).await;
        let server = server.map_err(|error| fatal(&error))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| fatal(&error))?;
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| fatal(&error))?;
        tokio::select! {
            () = server.run() => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}

/// Asks the person at the terminal.
fn confirmed(
    operation: keyservice::Operation,
    key: &sealer_core::sops::key::MasterKey,
) -> io::Result<bool> {
    let question = format!("{} a data key with {key}? (y/n):", operation.name());
    Terminal::agrees(&question).ok_or_else(|| io::Error::other("there is no terminal to ask on"))
}

fn fatal(error: &dyn std::error::Error) -> Failure {
    Failure::Fatal(chain(error))
}
