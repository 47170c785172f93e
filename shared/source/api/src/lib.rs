//! Flux's GitRepository and the types that it shares with our own kinds; no client, no logic.
//!
//! The kind belongs to Flux: nobody here writes it, and source-controller need not run. Doc
//! comments on fields are what `kubectl explain` prints.

#![expect(clippy::duplicated_attributes, reason = "kube-derive")]

pub mod duration;
pub mod git_repository;
pub mod reference;

pub use duration::Duration;
pub use git_repository::{GitRepository, GitRepositorySpec};
pub use reference::{GitReference, LocalReference};
