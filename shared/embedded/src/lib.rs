//! A Kubernetes API in the process, on an embedded store.
//!
//! [`Server::client`] is a `kube::Client` whose requests never leave the process. It behaves as
//! kube-apiserver does for everything that controllers use; one suite of checks holds for both.
//!
//! ```text
//! kube::Client ─▶ service ─▶ route ─▶ read ──────────▶ store (snapshot)
//!                                  └▶ write, patch, ─▶ store (one durable transaction)
//!                                     apply, remove        ├▶ gc, in the same transaction
//!                                                          └▶ log ─▶ every watch
//! ```

mod api;
mod apply;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod decode;
mod discovery;
mod failure;
mod fields;
mod gc;
mod kind;
mod log;
mod meta;
mod object;
mod patch;
mod query;
mod read;
mod remove;
mod render;
mod route;
mod schema;
mod selector;
mod server;
mod service;
mod store;
mod watch;
mod write;

pub use crate::{
    kind::crd::Error as DefinitionError,
    server::{Error, Options, Server},
    service::{ApiService, Body},
    store::Error as StoreError,
};
