//! External stores: read a secret, and nothing else.

pub mod reads;
pub mod stores;
pub mod vault;
