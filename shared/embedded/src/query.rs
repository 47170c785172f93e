//! The options of a request: its query string and its headers.

use std::collections::HashMap;

use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;

use crate::failure::{Cause, Failure};

/// The query of a request, decoded.
#[derive(Debug, Default)]
pub(crate) struct Query(HashMap<String, String>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
        };
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        });
        Self(pairs.collect())
    }

    /// The value of an option, empty when absent.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.text(name), "true" | "1" | "True" | "TRUE" | "t")
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        match self.text(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                Failure::bad_request(format!("{name}: cannot parse \"{text}\" as a number"))
            }),
        }
    }

    /// `resourceVersion`; zero means any.
    pub(crate) fn version(&self) -> Result<Option<u64>, Failure> {
        let text = self.text("resourceVersion");
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| {
            Failure::bad_request(format!("Invalid value: \"{text}\": invalid resource version"))
        })
    }

    /// Whether the change is to be computed and not kept.
    pub(crate) fn dry(&self, options: &str) -> Result<bool, Failure> {
        match self.text("dryRun") {
            "" => Ok(false),
            "All" => Ok(true),
            other => {
                let cause = Cause {
                    reason: "FieldValueNotSupported",
                    field: "dryRun".to_owned(),
                    message: format!("Unsupported value: [\"{other}\"]: supported values: \"All\""),
                };
                Err(Failure::invalid_options(options, &[cause]))
            }
        }
    }

    /// The name under which the fields of this change are owned.
    pub(crate) fn manager(&self, headers: &HeaderMap) -> String {
        let given = self.text("fieldManager");
        if !given.is_empty() {
            return given.to_owned();
        }
        let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let product = agent.and_then(|agent| agent.split(['/', ' ']).next());
        product.filter(|product| !product.is_empty()).unwrap_or("unknown").to_owned()
    }
}

/// Which part of an object the client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    Metadata,
}

/// The first form of `Accept` that this server can answer in.
pub(crate) fn form(headers: &HeaderMap) -> Result<Form, Failure> {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    if accept.is_empty() {
        return Ok(Form::Whole);
    }
    for choice in accept.split(',') {
        let mut parts = choice.split(';').map(str::trim);
        let media = parts.next().unwrap_or("");
        if !matches!(media, "application/json" | "*/*" | "application/*") {
            continue;
        }
        match parts.find_map(|part| part.strip_prefix("as=")) {
            None => return Ok(Form::Whole),
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") => {
                return Ok(Form::Metadata);
            }
            Some(_) => {}
        }
    }
    Err(Failure::not_acceptable())
}
