//! What imagebot decides, without touching the world.
//!
//! ```text
//! tags ─▶ policy ─▶ latest image ─▶ setter ─▶ changes ─▶ message ─▶ plan ─▶ a commit
//! signature ─▶ verify ─▶ whether an image may be picked
//! registry's delivery ─▶ hook ─▶ which repositories to scan       proposal ─▶ a pull request
//! ```
//!
//! Everything here is a value in and a value out. Who asks the registry, the repository and the
//! forge, and when, is the daemon's business.

pub mod hook;
pub mod message;
pub mod plan;
pub mod policy;
pub mod proposal;
pub mod reference;
pub mod setter;
pub mod tags;
pub mod verify;
