//! What sealer decides, without touching the world.
//!
//! | module | answers |
//! |---|---|
//! | [`sealed`] | what a `SealedSecret` holds, and how one is made |
//! | [`sops`] | what a SOPS file holds, and how one is made |
//! | [`store`] | which reads an `ExternalSecret` needs, and what they amount to |
//! | [`claim`] | may we write a Secret that exists already? |
//! | [`age`] | who can open an age file, and how one is made |
//! | [`hpke`] | what is sealed for a key, classic and post-quantum |
//! | [`plaintext`] | decrypted bytes, held so that they cannot leak by accident |

pub mod age;
pub mod claim;
pub mod hpke;
pub mod plaintext;
mod random;
pub mod sealed;
pub mod sops;
pub mod store;
