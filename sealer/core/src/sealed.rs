//! What a `SealedSecret` holds, and how one is made.
//!
//! ```text
//! Secret ──▶ manifest::seal ──▶ wire: one envelope a value ──▶ SealedSecret
//! SealedSecret ──▶ Keyring::unseal_all ──▶ one Plaintext a key
//! ```
//!
//! The format is that of sealed-secrets, byte for byte, so that values sealed by `kubeseal` open
//! here and values sealed here open there. Beside it stands [`native`], which is ours.

pub mod certificate;
pub mod key;
pub mod keyring;
pub mod manifest;
pub mod native;
mod pem;
pub mod scope;
pub mod template;
pub mod wire;
