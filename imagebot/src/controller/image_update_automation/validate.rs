//! What an automation's spec means. Costs no request.

use std::{collections::BTreeMap, time::Duration};

use imagebot_api::{
    ImageUpdateAutomation,
    image_update_automation::{Git, Per, RULES, TemplateEngine},
    rule,
};
use imagebot_core::message::{self, Engine, Message};
use kube::core::Selector;

use super::{
    Error,
    gate::{self, Gates},
    look::{self, Part},
};
use crate::markerless;

/// A spec that makes sense.
pub struct Valid {
    pub(super) git: Git,
    pub(super) interval: Duration,
    pub(super) selector: Selector,
    /// What is edited.
    pub(super) part: Part,
    pub(super) message: Message,
    /// The last lines of the message, by their keys.
    pub(super) trailers: Vec<(String, Message)>,
    /// What templates read as `.Values`.
    pub(super) values: BTreeMap<String, String>,
    pub(super) title: Option<Message>,
    pub(super) body: Option<Message>,
    /// When changes are committed.
    pub(super) gates: Gates,
    /// What goes into one commit.
    pub(super) per: Per,
}

/// Understands `object`.
pub(super) fn validate(object: &ImageUpdateAutomation) -> Result<Valid, Error> {
    let spec = &object.spec;
    rule::check(RULES, spec).map_err(Error::Rule)?;
    let git = spec.git.clone().ok_or(Error::NoGit)?;
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
    let mut trailers = Vec::new();
    for (key, value) in &git.commit.trailers {
        if !message::is_trailer_key(key) {
            return Err(Error::Trailer(key.clone()));
        }
        trailers.push((key.clone(), parse("spec.git.commit.trailers", value)?));
    }
    let values = git.commit.message_template_values.clone().unwrap_or_default();
    let (gates, per) = (gate::of(object)?, gate::per(object)?);
    let part = Part { below, rules };
    Ok(Valid { git, interval, selector, part, message, trailers, values, title, body, gates, per })
}
