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
//!
//! With a directory of manifests, the files are the objects: [`Server::run`] follows them, and
//! [`Server::problems`] tells what is wrong with them.

mod api;
mod apply;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod decode;
mod discovery;
mod export;
mod failure;
mod fields;
mod files;
mod gc;
mod kind;
mod log;
mod meta;
mod object;
mod patch;
mod place;
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
    files::{Decrypt, Problem, Report},
    kind::crd::Error as DefinitionError,
    place::{Error as PlaceError, state_directory},
    server::{Error, Options, Server},
    service::{ApiService, Body},
    store::Error as StoreError,
};
