//! Signatures that Git's commits carry: OpenPGP and SSH, made on aws-lc-rs.
//!
//! ```text
//! git.asc  ──▶ openpgp::Key::unlock ──┐
//! identity ──▶ ssh::Key::unlock ──────┴▶ sign(bytes of the commit) ──▶ armored text for `gpgsig`
//! ```
//!
//! Only private keys are read, and only to sign: nothing here verifies or decrypts a message. Keys
//! are wiped on drop, and no type here shows what it holds.

pub mod openpgp;
pub mod ssh;

#[cfg(test)]
mod tests;
