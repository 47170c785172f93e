//! A Git remote as an object database: fetch, read, edit trees, commit, push.
//!
//! There is no work tree and no `git` process. A remote is read through a [`Mirror`]: for `http(s)` and
//! `ssh` a bare, shallow object database in the [`Cache`]; for `file` the repository itself.
//!
//! ```text
//! Remote ──▶ Cache::mirror ──▶ Mirror::fetch ──▶ Commit ──▶ Tree::scan ──▶ Edit::commit ──▶ Mirror::push
//!             (disk, LRU)       (ls-refs, delta)   (proof)    (new blobs)    (in memory)     (compare-and-swap)
//! ```
//!
//! Everything here blocks, on the disk and on the network. Async callers go through
//! `tokio::task::spawn_blocking`, one task for a whole fetch–edit–push.

mod cache;
mod commit;
mod edit;
mod error;
mod failure;
mod guard;
mod http;
mod local;
mod memory;
mod mirror;
mod objects;
mod pack;
mod reference;
mod remote;
mod report;
mod secret;
mod ssh;
mod store;
mod tree;
mod url;
mod wire;

pub use cache::Cache;
pub use commit::{Commit, Signature};
pub use edit::{Draft, Edit, NewCommit, Signer};
pub use error::{Class, Error};
pub use gix::ObjectId;
pub use memory::Memory;
pub use mirror::{Fetched, Mirror, Rebuilt};
pub use reference::{Range, Reference, RemoteRef, revision};
pub use remote::{ClearText, Credentials, Identity, Proxy, Remote, Timeouts, Tls};
pub use report::{Expect, Outcome, Push};
pub use secret::Secret;
pub use ssh::{Algorithms, Ssh, Unsupported};
pub use tree::{File, Scan, Tree};
pub use url::SafeUrl;
