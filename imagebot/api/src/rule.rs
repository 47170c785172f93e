//! Rules that one field of a spec sets for another.
//!
//! The API server evaluates a rule as CEL; we evaluate the same rule in Rust, because the embedded
//! API has no CEL and because an object may have been stored before the rule was there. One table
//! a kind holds both spellings.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::ValidationRule;

/// A rule about a whole `spec`.
#[derive(Debug)]
pub struct Rule<T: 'static> {
    /// The rule as the API server evaluates it, with `self` as the spec.
    pub cel: &'static str,
    /// What to tell the author of an object that breaks it: the fields and the remedy.
    pub message: &'static str,
    /// The same rule, in Rust.
    pub holds: fn(&T) -> bool,
}

/// A rule that a spec breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub &'static str);

/// The first of `rules` that `spec` breaks.
pub fn check<T>(rules: &[Rule<T>], spec: &T) -> Result<(), Broken> {
    rules.iter().find(|rule| !(rule.holds)(spec)).map_or(Ok(()), |rule| Err(Broken(rule.message)))
}

/// The rules as a CRD publishes them.
pub(crate) fn published<T>(rules: &[Rule<T>]) -> Vec<ValidationRule> {
    rules
        .iter()
        .map(|rule| ValidationRule {
            rule: rule.cel.to_owned(),
            message: Some(rule.message.to_owned()),
            ..ValidationRule::default()
        })
        .collect()
}
