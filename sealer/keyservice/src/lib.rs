//! The protocol in which sops asks another process to wrap and open data keys: gRPC with two calls.
//!
//! ```text
//! sops, sealctl ──▶ client ══ HTTP/2, without TLS: tcp://… or unix://… ══▶ server ──▶ any KeyService
//! ```
//!
//! The private halves stay with the process that serves: on a laptop whose keys a remote shell may
//! use, or in a sandbox that has them and nothing else. Whoever can connect can open files; a socket
//! in the file system is its owner's alone.
//!
//! The two calls have messages of strings and bytes only, so they are written by hand over `h2`:
//! see [ADR 10](../../../docs/adr/0010-keyservice.md).

#![forbid(unsafe_code)]

mod address;
mod client;
mod grpc;
mod server;
mod wire;

pub use self::{
    address::{Address, Malformed as MalformedAddress},
    client::Client,
    server::{Confirm, Error as ServerError, Operation, Server},
};

#[doc(hidden)]
pub mod fuzzing {
    //! What fuzz targets call.
    pub use crate::wire::{read_request, read_response};
}

#[cfg(test)]
mod tests;
