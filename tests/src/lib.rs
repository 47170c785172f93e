//! The test bed: real servers on loopback, shared by one run and gone with it.
//!
//! ```text
//! tests/bed/provide ──▶ $SIGNET_BED/bin ──▶ Bed ──▶ Kubernetes  Registry  GitHttp  GitSsh  Gitea  OpenBao
//!   builds, caches         programs          │         each started when first asked for, then shared
//!                                            └──▶ Trial: skipped by name when a program is missing
//! ```
//!
//! Servers are shared, so isolation is by name: a namespace, a repository path, a mount of one's own.
//! A suite that hurts a server starts its own (`Kubernetes::start`, `Registry::start`, …). Every
//! child process is in a group of its own and is killed with the value that stands for it, or by the
//! kernel when the run itself is killed. Failures are plain boxed errors: a test prints them and is over.
#![expect(clippy::missing_panics_doc, reason = "a harness that cannot go on fails its test")]

use std::error::Error;

pub mod authority;
pub mod bed;
pub mod crds;
pub mod daemon;
pub mod git;
pub mod gitea;
pub mod http;
pub mod inbox;
pub mod kubernetes;
pub mod moto;
pub mod openbao;
pub mod port;
pub mod process;
pub mod reference;
pub mod registry;
pub mod trial;
pub mod wait;

pub use bed::{Bed, Need};
pub use daemon::Daemon;
pub use wait::eventually;

/// What a test, and every part of the harness, gives back.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;
