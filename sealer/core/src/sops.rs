//! What a SOPS file holds, and how one is made.
//!
//! ```text
//! text ──▶ metadata ──▶ age: data key ──▶ cipher ─┐
//!   └────▶ tree: every value, in order ──▶ value ─┴─▶ edits of their bytes, and the MAC
//! ```
//!
//! Files go both ways between here and the real sops. Nothing is re-emitted: a value is replaced
//! where it stands, so formatting, comments and the order of keys survive.

pub mod age;
pub mod cipher;
pub mod config;
pub mod content;
pub mod datakey;
mod format;
pub mod key;
mod layout;
pub mod local;
pub mod mac;
pub mod metadata;
pub mod path;
pub mod pattern;
pub mod pgp;
mod seal;
pub mod selector;
pub mod shamir;
pub mod store;
mod tree;
pub mod value;
mod visit;
pub mod yaml;
