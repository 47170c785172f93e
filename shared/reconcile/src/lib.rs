//! The parts of a controller that every controller here has.
//!
//! A reconciler in this repository is five steps, named the same everywhere:
//!
//! ```text
//! validate ──▶ observe ──▶ decide ──▶ apply ──▶ report
//!  (pure)       (io)       (pure)     (io)      (pure; the driver writes)
//! ```
//!
//! An invalid object costs no request, and a decision never waits on the network. A kind implements
//! [`Reconciler`]; [`drive`] does the rest in one place: which changes wake an object, what a
//! failure means ([`Class`]), when the status is written (only when it differs), which events and
//! metrics follow, and when to look again.

#![forbid(unsafe_code)]

pub mod account;
pub mod args;
pub mod backoff;
pub mod clock;
pub mod condition;
pub mod connect;
mod core;
pub mod driver;
pub mod error;
pub mod event;
mod finalizer;
pub mod http;
pub mod installed;
pub mod lease;
pub mod metrics;
mod pace;
pub mod phase;
pub mod process;
pub mod reconciler;
pub mod request;
pub mod secret;
pub mod status;
pub mod telemetry;
pub mod watched;

pub use self::{
    core::{Core, Scope, Tasks},
    driver::drive,
    error::{Class, Classify},
    reconciler::{Object, Reconciler, Report},
    secret::Secret,
    watched::Watched,
};
