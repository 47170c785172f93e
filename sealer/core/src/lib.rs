//! What sealer decides, without touching the world.
//!
//! | module | answers |
//! |---|---|
//! | [`sealed`] | what a `SealedSecret` holds, and how one is made |
//! | [`sops`] | what a SOPS file holds, and how one is made |
//! | [`store`] | which reads an `ExternalSecret` needs, and what they amount to |
//! | [`claim`] | may we write a Secret that exists already? |
//! | [`plaintext`] | decrypted bytes, held so that they cannot leak by accident |

pub mod claim;
pub mod plaintext;
pub mod sealed;
pub mod sops;
pub mod store;
