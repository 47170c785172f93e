//! Which reads an `ExternalSecret` needs, and what they amount to.
//!
//! ```text
//! entries ──▶ plan::reads ──▶ (a store answers) ──▶ plan::assemble ──▶ the Secret's values
//!                                                   property · convert · decode
//! ```
//!
//! Later entries win over earlier ones, and `data` over `dataFrom`, as in External Secrets.

pub mod convert;
pub mod decode;
pub mod plan;
pub mod property;
pub mod refresh;
