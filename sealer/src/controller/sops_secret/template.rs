//! The templates of a SopsSecret, decrypted, as Secrets.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use kube::ResourceExt as _;
use kube::api::ObjectMeta;
use sealer_api::SopsSecret;
use sealer_core::plaintext::Plaintext;
use sealer_core::sops::store::Format;
use serde_json::{Value, json};

use super::Error;
use crate::decryption::{self, Document, Keys, MacCheck};
use crate::secrets::Desired;

/// What is encrypted, as sops reads it. What it says of paths holds below `spec.secretTemplates` alone:
/// nothing else of the object can be encrypted and accepted by an API server.
pub(super) fn stored(object: &SopsSecret) -> String {
    let templates = &object.spec.secret_templates;
    json!({ "spec": { "secretTemplates": templates }, "sops": object.sops }).to_string()
}

/// Decrypts what is `stored`. It blocks while services are asked.
pub(super) fn open(stored: &str, keys: &Keys) -> Result<Document, Error> {
    let opened = decryption::decrypt(Format::Json, stored.as_bytes(), keys, MacCheck::Ignored);
    let documents = opened.and_then(|plain| decryption::documents(&plain));
    let document = documents.map_err(Error::Decrypt)?.into_iter().next();
    document.ok_or(Error::Decrypt(decryption::Failure::NoDocuments))
}

/// The Secrets of what was opened.
pub(super) fn secrets(object: &SopsSecret, opened: &Document) -> Result<Vec<Desired>, Error> {
    let templates = opened.expose()["spec"]["secretTemplates"].as_array();
    let templates = templates.map_or(&[][..], Vec::as_slice);
    let namespace = object.namespace().unwrap_or_default();
    let mut names = BTreeSet::new();
    let secret = |(index, template): (usize, &Value)| {
        let secret =
            secret(template, &namespace).map_err(|problem| Error::Template { index, problem })?;
        if names.insert(secret.metadata.name.clone()) {
            Ok(secret)
        } else {
            Err(Error::Template {
                index,
                problem: "names a Secret that another one names, too".into(),
            })
        }
    };
    templates.iter().enumerate().map(secret).collect()
}

/// One Secret. A message never repeats a value.
fn secret(template: &Value, namespace: &str) -> Result<Desired, String> {
    let name = template["name"].as_str().filter(|name| !name.is_empty());
    let name = name.ok_or("has no `name`")?;
    let strings = |field: &str| -> Result<Option<BTreeMap<String, String>>, String> {
        let Some(map) = template[field].as_object() else { return Ok(None) };
        let text = |(key, value): (&String, &Value)| {
            let text =
                value.as_str().ok_or_else(|| format!("has a `{field}.{key}` that is no text"));
            text.map(|text| (key.clone(), text.to_owned()))
        };
        map.iter().map(text).collect::<Result<_, _>>().map(Some)
    };
    let mut data = BTreeMap::new();
    for (key, value) in template["data"].as_object().into_iter().flatten() {
        let decoded =
            value.as_str().and_then(|text| BASE64_STANDARD.decode(text.trim_ascii()).ok());
        let decoded = decoded.ok_or_else(|| format!("has a `data.{key}` that is not base64"))?;
        data.insert(key.clone(), Plaintext::new(decoded));
    }
    for (key, value) in template["stringData"].as_object().into_iter().flatten() {
        let text =
            value.as_str().ok_or_else(|| format!("has a `stringData.{key}` that is no text"))?;
        data.insert(key.clone(), Plaintext::new(text.as_bytes().to_vec()));
    }
    Ok(Desired {
        metadata: ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(name.to_owned()),
            labels: strings("labels")?,
            annotations: strings("annotations")?,
            ..ObjectMeta::default()
        },
        type_: template["type"].as_str().map(str::to_owned),
        immutable: None,
        data,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_base64_and_string_data_wins() {
        let template = json!({
            "name": "a", "labels": {"l": "1"}, "type": "t",
            "data": {"one": "MQ==", "two": "Mg=="}, "stringData": {"two": "zwei"},
        });
        let made = secret(&template, "apps").unwrap();
        let data: Vec<_> =
            made.data.iter().map(|(key, value)| (key.as_str(), value.expose())).collect();
        assert_eq!(data, [("one", &b"1"[..]), ("two", b"zwei")]);
        assert_eq!(made.metadata.labels.unwrap()["l"], "1");
    }

    #[test]
    fn a_problem_names_the_field_and_no_value() {
        #[rustfmt::skip]
        let cases = [
            (json!({"data": {"k": "hunter2!"}}),                             "has no `name`"),
            (json!({"name": "a", "data": {"k": "hunter2!"}}),                "has a `data.k` that is not base64"),
            (json!({"name": "a", "stringData": {"k": 42}}),                  "has a `stringData.k` that is no text"),
            (json!({"name": "a", "labels": {"k": ["hunter2"]}}),             "has a `labels.k` that is no text"),
        ];
        for (template, problem) in cases {
            assert_eq!(secret(&template, "apps").unwrap_err(), problem, "{template}");
        }
    }
}
