//! imagebot: the daemon that turns new images into commits and pull requests.
//!
//! Each kind has a controller of five verbs ([`reconcile::Reconciler`]); what they decide is in
//! `imagebot_core`, and this crate is what touches the world: registries, Git remotes, forges, and
//! the hooks that registries call. With a command it is no daemon: see [`cli`].

pub mod args;
pub mod cli;
pub mod controller;
pub mod daemon;
pub mod forge;
pub mod hooks;
pub mod markerless;
pub mod registry;
pub mod tags;
pub mod verify;

mod turn;
