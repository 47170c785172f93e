//! Gives a registry the path at which it tells of pushes.
//!
//! There is nothing to apply: the path in the status is the product. [`crate::hooks`] answers it.

use std::time::Duration;

use imagebot_api::{RegistryReceiver, RegistryReceiverStatus, registry_receiver::RULES, rule};
use imagebot_core::hook;
use jiff::Timestamp;
use kube::ResourceExt as _;
use reconcile::{
    Class, Classify, Core, Reconciler, Report, condition,
    error::Failure,
    secret::{self, Secret},
};

use super::due::requested_at;

/// How soon a changed token is noticed; its Secret is not watched.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The controller of `RegistryReceiver`.
pub struct RegistryReceivers {
    /// What every controller is given.
    pub core: Core,
}

/// Why a `RegistryReceiver` has no path.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its fields contradict each other.
    #[error(transparent)]
    Invalid(#[from] rule::Broken),
    /// Its token cannot be had.
    #[error("could not read the token")]
    Token(#[from] secret::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Invalid(_) => Class::Stalled,
            Self::Token(error) => error.class(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "ValidationFailed",
            Self::Token(_) => "TokenNotFound",
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            Self::Invalid(_) => None,
            Self::Token(_) => {
                Some("create the Secret of `spec.secretRef` with the key `token`".to_owned())
            }
        }
    }
}

impl Reconciler for RegistryReceivers {
    type Object = RegistryReceiver;
    type Valid = ();
    type Observed = Secret;
    type Plan = String;
    type Applied = String;
    type Error = Error;

    const NAME: &'static str = "registryreceiver";

    fn validate(&self, receiver: &RegistryReceiver) -> Result<(), Error> {
        Ok(rule::check(RULES, &receiver.spec)?)
    }

    async fn observe(&self, receiver: &RegistryReceiver, (): &()) -> Result<Secret, Error> {
        let namespace = receiver.namespace().unwrap_or_default();
        let name = &receiver.spec.secret_ref.name;
        Ok(Secret::read(&self.core, "spec.secretRef", &namespace, name).await?)
    }

    fn decide(&self, receiver: &RegistryReceiver, (): &(), token: Secret) -> Result<String, Error> {
        let namespace = receiver.namespace().unwrap_or_default();
        Ok(hook::path(token.required("token")?, &receiver.name_any(), &namespace))
    }

    async fn apply(&self, _: &RegistryReceiver, (): &(), path: String) -> Result<String, Error> {
        Ok(path)
    }

    fn report(
        &self,
        receiver: &RegistryReceiver,
        outcome: Result<&String, &Error>,
        now: Timestamp,
    ) -> Report {
        let old = receiver.status.clone().unwrap_or_default();
        let generation = receiver.metadata.generation.unwrap_or_default();
        let (path, conditions) = match outcome {
            Ok(path) => {
                let message = "receiver initialized; its path is in status.webhookPath";
                let ready = condition::ready(old.conditions, "Succeeded", message, generation, now);
                (Some(path.clone()), ready)
            }
            Err(error) => {
                let failure = Failure::of(error);
                // Without a token nothing can be verified, so nothing may be reached.
                let kept = old.webhook_path.filter(|_| failure.class == Class::Transient);
                (kept, condition::failed(old.conditions, &failure, generation, now))
            }
        };
        let status = RegistryReceiverStatus {
            webhook_path: path,
            observed_generation: Some(generation),
            conditions,
            last_handled_reconcile_at: requested_at(receiver).or(old.last_handled_reconcile_at),
        };
        let report = Report::status(&status);
        if outcome.is_ok() { report.again_in(LOOK_AGAIN) } else { report }
    }
}
