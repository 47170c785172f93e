//! Private keys as files hold them, for aws-lc-rs.
//!
//! ```text
//! text ──▶ pem ──▶ ssh: OpenSSH, PKCS#8, PKCS#1, SEC 1 ──┐
//! packets of OpenPGP ──▶ reader, rsa::Numbers ───────────┴▶ Pair: signs, and opens what was sealed
//! ```
//!
//! Keys are wiped on drop, and no type here shows what it holds.

pub mod pair;
pub mod pem;
pub mod reader;
pub mod rsa;
pub mod ssh;
pub mod x25519;

pub use pair::{Curve, Pair};
