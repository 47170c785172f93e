//! Server-side apply.

use crate::{
    api::{Answer, Api, Request},
    failure::Failure,
    route::Target,
};

impl Api {
    /// PATCH with an apply configuration.
    pub(crate) fn apply(&self, _: &Target, _: &Request) -> Result<Answer, Failure> {
        Err(Failure::unsupported_media("server-side apply is not served yet"))
    }
}
