//! Get and list.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::{
    api::{Answer, Api},
    failure::{Cause, Failure},
    query::{Form, Query},
    render,
    route::Target,
    selector::Selector,
    store::{self, Snapshot},
};

/// Where the next page of a list begins.
#[derive(Debug, Deserialize, Serialize)]
struct Token {
    v: String,
    rv: u64,
    start: String,
}

const TOKEN_VERSION: &str = "meta.k8s.io/v1";

impl Token {
    fn encode(rv: u64, start: &str) -> String {
        let token = Self { v: TOKEN_VERSION.to_owned(), rv, start: start.to_owned() };
        let text = serde_json::to_vec(&token).expect("two strings and a number serialize");
        URL_SAFE_NO_PAD.encode(text)
    }

    fn decode(text: &str) -> Result<Self, Failure> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        let token = bytes.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        token.filter(|token| token.v == TOKEN_VERSION).ok_or_else(|| {
            Failure::bad_request("continue key is not valid: it is not one that this server gave")
        })
    }
}

impl Api {
    /// GET of one object.
    pub(crate) fn get(
        &self,
        target: &Target,
        query: &Query,
        form: Form,
    ) -> Result<Answer, Failure> {
        let snapshot = self.store.snapshot()?;
        check_reached(&snapshot, query)?;
        let stored = snapshot.get(&target.key())?;
        let stored = stored.ok_or_else(|| Failure::not_found(&target.kind, &target.name))?;
        let body = render::Writer::new(target, form).object(&stored)?;
        let warnings = target.version().deprecation.clone().into_iter().collect();
        Ok(Answer { code: StatusCode::OK, body, warnings })
    }

    /// GET of a collection, or of a page of it.
    pub(crate) fn list(
        &self,
        target: &Target,
        query: &Query,
        form: Form,
    ) -> Result<Answer, Failure> {
        let selector = selector(target, query)?;
        let limit = query.number("limit")?.unwrap_or(0);
        let (snapshot, start) = self.page(query, limit)?;
        let writer = render::Writer::new(target, form);
        let prefix = target.prefix();
        let (mut items, mut count, mut next) = (Vec::new(), 0, None);
        snapshot.scan(&prefix, &start, |key, stored| {
            if !selected(&selector, key, stored)? {
                return Ok(true);
            }
            if limit > 0 && count == limit {
                next = Some(key.to_owned());
                return Ok(false);
            }
            if count > 0 {
                items.push(b',');
            }
            writer.item(stored, &mut items)?;
            count += 1;
            Ok(true)
        })?;
        let more = match next {
            None => None,
            Some(start) => {
                let remaining = selector.is_everything().then(|| rest(&snapshot, &prefix, &start));
                self.store.keep(Arc::clone(&snapshot));
                Some((Token::encode(snapshot.version, &start), remaining.transpose()?))
            }
        };
        let warnings = target.version().deprecation.clone().into_iter().collect();
        let body = writer.list(&items, snapshot.version, more.as_ref());
        Ok(Answer { code: StatusCode::OK, body, warnings })
    }

    /// The snapshot to list, and the key to begin at.
    fn page(&self, query: &Query, limit: u64) -> Result<(Arc<Snapshot>, String), Failure> {
        let token = query.text("continue");
        check_match(query, token)?;
        if !token.is_empty() {
            if query.version()?.is_some_and(|version| version > 0) {
                let message = "specifying resource version is not allowed when using continue";
                return Err(Failure::bad_request(message));
            }
            let token = Token::decode(token)?;
            let snapshot = self.store.kept(token.rv).ok_or_else(|| {
                Failure::expired(
                    "The provided continue parameter is too old to display a consistent list \
                     result. You must start a new list without the continue parameter.",
                )
            })?;
            return Ok((snapshot, token.start));
        }
        let snapshot = self.store.snapshot()?;
        check_reached(&snapshot, query)?;
        let asked = query.version()?.unwrap_or(0);
        let matching = query.text("resourceVersionMatch");
        let exact = matching == "Exact" || (matching.is_empty() && limit > 0 && asked > 0);
        if !exact || asked == snapshot.version {
            return Ok((Arc::new(snapshot), String::new()));
        }
        let kept = self.store.kept(asked);
        let old = || Failure::expired("The resourceVersion for the provided list is too old.");
        Ok((kept.ok_or_else(old)?, String::new()))
    }
}

/// The selector of a list, watch or deletecollection.
pub(crate) fn selector(target: &Target, query: &Query) -> Result<Selector, Failure> {
    let (labels, fields) = (query.text("labelSelector"), query.text("fieldSelector"));
    let selector = Selector::parse(&target.kind, target.version(), labels, fields)?;
    Ok(if target.name.is_empty() { selector } else { selector.with_name(&target.name) })
}

/// Whether a stored object is selected; it is parsed only when that has to be known.
pub(crate) fn selected(
    selector: &Selector,
    key: &str,
    stored: &[u8],
) -> Result<bool, store::Error> {
    if selector.is_everything() {
        return Ok(true);
    }
    if let Some(name) = selector.name()
        && key.rsplit('/').next() != Some(name)
    {
        return Ok(false);
    }
    Ok(selector.matches(&store::parse(key, stored)?))
}

/// How many objects of a list come from `start` on.
fn rest(snapshot: &Snapshot, prefix: &str, start: &str) -> Result<u64, store::Error> {
    let mut count = 0;
    snapshot.scan(prefix, start, |_, _| {
        count += 1;
        Ok(true)
    })?;
    Ok(count)
}

/// A resourceVersion that was not reached yet cannot be waited for: every write is visible.
pub(crate) fn check_reached(snapshot: &Snapshot, query: &Query) -> Result<(), Failure> {
    match query.version()? {
        Some(asked) if asked > snapshot.version => Err(Failure::too_large(asked, snapshot.version)),
        _ => Ok(()),
    }
}

fn check_match(query: &Query, token: &str) -> Result<(), Failure> {
    let matching = query.text("resourceVersionMatch");
    if matching.is_empty() {
        return Ok(());
    }
    let field = "resourceVersionMatch";
    let version = query.text("resourceVersion");
    let cause = if !token.is_empty() {
        Cause::forbidden(field, "resourceVersionMatch is forbidden when continue is provided")
    } else if version.is_empty() {
        let detail = "resourceVersionMatch is forbidden unless resourceVersion is provided";
        Cause::forbidden(field, detail)
    } else if matching == "Exact" && version == "0" {
        let detail = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
        Cause::forbidden(field, detail)
    } else if matches!(matching, "Exact" | "NotOlderThan") {
        return Ok(());
    } else {
        Cause {
            reason: "FieldValueNotSupported",
            field: field.to_owned(),
            message: format!(
                "Unsupported value: \"{matching}\": supported values: \"Exact\", \"NotOlderThan\", \"\""
            ),
        }
    };
    Err(Failure::invalid_options("ListOptions", &[cause]))
}
