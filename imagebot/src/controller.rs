//! The controllers, one a kind, and what they share.

pub mod access;
pub mod due;
pub mod image_policy;
pub mod image_repository;
pub mod image_update_automation;
pub mod inherited;
mod lanes;
pub mod registry_receiver;
pub mod wake;
