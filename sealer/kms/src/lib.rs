//! Master keys of SOPS that live elsewhere: AWS KMS, Google Cloud KMS, Azure Key Vault, and the
//! transit engines of Vault and OpenBao.
//!
//! ```text
//! Credentials ─▶ Clouds: KeyService ─┬▶ aws    SigV4      kms.REGION.amazonaws.com
//!  (an environment,                  ├▶ google token      cloudkms.googleapis.com
//!   or a Secret as Flux reads it)    ├▶ azure  token      the vaults of Azure, nobody else
//!                                    └▶ vault  token      the address that the file names, if allowed
//! ```
//!
//! Files name their keys, and whoever writes a file chooses them: what this process can do is shown to
//! the cloud's own hosts alone, and a Vault token where the allowlist says.

#![forbid(unsafe_code)]

mod ask;
mod aws;
mod azure;
mod clouds;
mod credentials;
mod error;
pub mod flux;
mod google;
mod vault;

pub use self::{
    azure::Domain,
    clouds::Clouds,
    credentials::Credentials,
    error::Error,
    vault::{Allowlist, Login},
};

#[cfg(test)]
mod tests;
