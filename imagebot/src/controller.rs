//! The controllers, one a kind, and what they share.

pub mod due;
pub mod registry_receiver;
mod turn;
