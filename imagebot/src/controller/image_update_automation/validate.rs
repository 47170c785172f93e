//! What an automation's spec means. Costs no request.

use std::{collections::BTreeMap, time::Duration};

use imagebot_api::{
    ImageUpdateAutomation,
    image_update_automation::{Git, RULES, TemplateEngine},
    rule,
};
use imagebot_core::{
    message::{self, Engine, Message},
    setter::rule::Rule,
};
use kube::core::Selector;

use super::{Error, look};
use crate::markerless;

/// A spec that makes sense.
pub struct Valid {
    pub(super) git: Git,
    pub(super) interval: Duration,
    pub(super) selector: Selector,
    /// The directory or file that is edited, from the root.
    pub(super) below: String,
    /// What is set without markers.
    pub(super) rules: Vec<Rule>,
    pub(super) message: Message,
    /// What templates read as `.Values`.
    pub(super) values: BTreeMap<String, String>,
    pub(super) title: Option<Message>,
    pub(super) body: Option<Message>,
}

/// Understands `object`.
pub(super) fn validate(object: &ImageUpdateAutomation) -> Result<Valid, Error> {
    let spec = &object.spec;
    rule::check(RULES, spec).map_err(Error::Rule)?;
    let git = spec.git.clone().ok_or(Error::NoGit)?;
    if git.commit.signing_key.is_some() {
        return Err(Error::NotSupported {
            field: "spec.git.commit.signingKey",
            remedy: "remove it, or wait for a version that signs",
        });
    }
    let interval = spec.interval.parse().map_err(Error::Interval)?;
    if interval < Duration::from_secs(1) {
        return Err(Error::TooShort);
    }
    let selector = spec.policy_selector.clone().unwrap_or_default();
    let selector = Selector::try_from(selector).map_err(Error::Selector)?;
    let path = spec.update.path.as_deref().unwrap_or_default();
    let below = look::below(path).ok_or_else(|| Error::Path(path.to_owned()))?;
    let rules = markerless::rules(object, &below).map_err(Error::Markerless)?;
    let engine = match git.commit.message_template_engine {
        TemplateEngine::Go => Engine::Go,
        TemplateEngine::Handlebars => Engine::Handlebars,
    };
    let parse = |field, text: &str| Message::parse(engine, field, text).map_err(Error::Template);
    let written = git.commit.message_template.as_deref().filter(|text| !text.is_empty());
    let message = parse("spec.git.commit.messageTemplate", written.unwrap_or(message::DEFAULT))?;
    let request = git.pull_request.as_ref();
    let title = request.and_then(|request| request.title_template.as_deref());
    let title = title.map(|text| parse("spec.git.pullRequest.titleTemplate", text));
    let body = request.and_then(|request| request.body_template.as_deref());
    let body = body.map(|text| parse("spec.git.pullRequest.bodyTemplate", text));
    let (title, body) = (title.transpose()?, body.transpose()?);
    let values = git.commit.message_template_values.clone().unwrap_or_default();
    Ok(Valid { git, interval, selector, below, rules, message, values, title, body })
}
