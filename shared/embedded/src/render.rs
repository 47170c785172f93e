//! Objects and lists as they are answered.

use std::io::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    object::{self, Object},
    query::Form,
    route::Target,
    store,
};

/// Writes stored bytes as an answer in the version and form that was asked for.
pub(crate) struct Writer<'t> {
    target: &'t Target,
    form: Form,
    /// What goes before the stored fields.
    head: String,
    /// The same for the items of a list, which name their kind in some lists only.
    item_head: String,
}

#[derive(Deserialize, Serialize)]
struct OnlyMetadata {
    metadata: Value,
}

impl<'t> Writer<'t> {
    pub(crate) fn new(target: &'t Target, form: Form) -> Self {
        let (api_version, kind) = match form {
            Form::Whole => (target.api_version(), target.kind.kind.clone()),
            Form::Metadata => ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadata".to_owned()),
        };
        let head = format!("{{\"apiVersion\":\"{api_version}\",\"kind\":\"{kind}\",");
        let bare = form == Form::Whole && target.kind.traits.builtin;
        let item_head = if bare { "{".to_owned() } else { head.clone() };
        Self { target, form, head, item_head }
    }

    /// One object.
    pub(crate) fn object(&self, stored: &[u8]) -> Result<Vec<u8>, store::Error> {
        let mut out = Vec::with_capacity(self.head.len() + stored.len());
        self.write(&self.head, stored, &mut out)?;
        Ok(out)
    }

    /// One item of a list.
    pub(crate) fn item(&self, stored: &[u8], out: &mut Vec<u8>) -> Result<(), store::Error> {
        self.write(&self.item_head, stored, out)
    }

    fn write(&self, head: &str, stored: &[u8], out: &mut Vec<u8>) -> Result<(), store::Error> {
        let damaged = |source| store::Error::Object { key: self.target.key(), source };
        let renames = self.target.version().renames;
        out.extend_from_slice(head.as_bytes());
        if self.form == Form::Metadata {
            let only: OnlyMetadata = serde_json::from_slice(stored).map_err(damaged)?;
            let text = serde_json::to_vec(&only).map_err(damaged)?;
            out.extend_from_slice(&text[1..]);
        } else if renames.is_empty() {
            out.extend_from_slice(&stored[1..]);
        } else {
            let mut object = object::parse(stored).map_err(damaged)?;
            rename(&mut object, renames, |(here, there)| (there, here));
            out.extend_from_slice(&object::bytes(&object)[1..]);
        }
        Ok(())
    }

    /// A whole list, whose items were written by [`Self::item`].
    pub(crate) fn list(
        &self,
        items: &[u8],
        version: u64,
        more: Option<&(String, Option<u64>)>,
    ) -> Vec<u8> {
        let (api_version, kind) = match self.form {
            Form::Whole => (self.target.api_version(), format!("{}List", self.target.kind.kind)),
            Form::Metadata => ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadataList".to_owned()),
        };
        let mut meta = serde_json::json!({ "resourceVersion": version.to_string() });
        if let Some((token, remaining)) = more {
            meta["continue"] = Value::from(token.as_str());
            if let Some(remaining) = remaining {
                meta["remainingItemCount"] = Value::from(*remaining);
            }
        }
        let mut out = Vec::with_capacity(items.len() + 200);
        let written = write!(
            out,
            "{{\"apiVersion\":\"{api_version}\",\"kind\":\"{kind}\",\"metadata\":{meta},\"items\":["
        );
        written.expect("a vector takes every byte");
        out.extend_from_slice(items);
        out.extend_from_slice(b"]}");
        out
    }

    /// The bookmark of a watch.
    pub(crate) fn bookmark(&self, version: u64, initial_end: bool) -> String {
        let mut meta = serde_json::json!({
            "resourceVersion": version.to_string(), "creationTimestamp": null,
        });
        if initial_end {
            meta["annotations"] = serde_json::json!({ "k8s.io/initial-events-end": "true" });
        }
        format!("{}\"metadata\":{meta}}}", self.head)
    }
}

/// Renames top-level fields; `direction` turns a pair into (from, to).
pub(crate) fn rename<'n>(
    object: &mut Object,
    pairs: &[(&'n str, &'n str)],
    direction: impl Fn((&'n str, &'n str)) -> (&'n str, &'n str),
) {
    for (from, to) in pairs.iter().copied().map(direction) {
        if let Some(value) = object.remove(from) {
            object.insert(to.to_owned(), value);
        }
    }
}
