//! Byte spans and comments of YAML scalars, and edits that touch nothing else.
//!
//! ```text
//! text ──▶ tree ──▶ scan    every scalar: span, style, path, comment        ──▶ edit ──▶ text
//!               └─▶ json    what Kubernetes or SOPS sees
//! ```
//!
//! Nothing here re-emits YAML that somebody wrote; [`write()`] is for values that no file holds yet. A caller finds the bytes of a scalar, says what should stand
//! there, and [`edit::apply`] copies every other byte as it was.

pub mod edit;
pub mod json;
pub mod resolve;
pub mod scan;
pub mod tree;

mod error;
mod write;

pub use error::{Error, Problem};
pub use json::to_json;
pub use resolve::{Resolved, Schema};
pub use tree::{Document, Node, parse, text};
pub use write::write;
