//! Who this process is to Amazon, Azure and Google, without their SDKs.
//!
//! ```text
//! environment ─▶ aws     key · web identity · profile · container · instance ─▶ a key for SigV4
//!             ─▶ azure   federated token · certificate · secret · managed identity ─▶ a token of Entra ID
//!             ─▶ google  key file · federation · user · metadata server ─▶ an access token
//! ```
//!
//! What is done with an identity is the caller's: a registry, a key service. The environment is a
//! value, so that an object's Secret can stand in its place. Nothing is kept between calls.

#![forbid(unsafe_code)]

mod ask;
pub mod aws;
pub mod azure;
mod context;
mod environment;
mod error;
pub mod google;
pub mod jwt;

pub use self::{
    ask::{body, fetch, fetch_json, form, perhaps, said, secret},
    context::{Context, clients, is_loopback},
    environment::Environment,
    error::Error,
};

#[cfg(test)]
mod tests;
