//! What `spec.template.data` makes of the values of a `SealedSecret`.
//!
//! A text is a Go template over the decrypted values and over the other texts as they stand. A
//! decrypted value wins over a text of its name, so that whoever may write the template cannot put
//! another value in its place; `null` keeps a decrypted value out of the Secret.

use std::collections::BTreeMap;

use gotmpl::{Limits, Map, Template, Value};

use crate::plaintext::Plaintext;

/// Why a value cannot be rendered. No engine error holds a byte of the data.
#[derive(Debug, thiserror::Error)]
#[error("`spec.template.data.{key}` cannot be rendered")]
pub struct Error {
    /// The key of the value.
    pub key: String,
    /// Why.
    pub source: gotmpl::Error,
}

/// Adds to `values` what `texts` make of them.
pub fn render<'t>(
    texts: impl Iterator<Item = (&'t str, Option<&'t str>)> + Clone,
    values: &mut BTreeMap<String, Plaintext>,
) -> Result<(), Error> {
    if texts.clone().next().is_none() {
        return Ok(());
    }
    let plain = texts.clone().filter(|(key, _)| !values.contains_key(*key));
    let plain = plain.filter_map(|(key, text)| Some((key, text?.as_bytes().to_vec())));
    let sealed = values.iter().map(|(key, value)| (key.as_str(), value.expose().to_vec()));
    let dot = Value::from(Map::strings(plain.chain(sealed)));
    let mut rendered = Vec::new();
    for (key, text) in texts.clone() {
        let Some(text) = text else { continue };
        let failed = |source| Error { key: key.to_owned(), source };
        let parsed = Template::parse(key, text).map_err(failed)?;
        let bytes = parsed.render_bytes(&dot, &Limits::default()).map_err(failed)?;
        if !values.contains_key(key) {
            rendered.push((key.to_owned(), Plaintext::new(bytes)));
        }
    }
    for (key, _) in texts.filter(|(_, text)| text.is_none()) {
        values.remove(key);
    }
    values.extend(rendered);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(texts: &[(&str, Option<&str>)]) -> Result<BTreeMap<String, String>, String> {
        let values = [("u", "app"), ("x-y", "z")];
        let mut values =
            values.map(|(key, value)| (key.to_owned(), Plaintext::from(value.to_owned()))).into();
        let causes = |error: Error| format!("{error}: {}", error.source);
        render(texts.iter().copied(), &mut values).map_err(causes)?;
        let text = |value: &Plaintext| String::from_utf8(value.expose().to_vec()).unwrap();
        Ok(values.iter().map(|(key, value)| (key.clone(), text(value))).collect())
    }

    #[test]
    fn templates_read_as_upstream_renders_them() {
        #[rustfmt::skip]
        let cases = [
            (r#"user={{ .u }} {{ index . "x-y" | b64enc }}"#,   "user=app eg=="),
            ("{{ .none }}",                                     "<no value>"),
            ("plain",                                           "plain"),
            ("{{ .other }}",                                    "{{ .u }}"),
        ];
        for (template, expected) in cases {
            let all = rendered(&[("out", Some(template)), ("other", Some("{{ .u }}"))]).unwrap();
            assert_eq!(all["out"], expected, "{template}");
        }
    }

    #[test]
    fn a_text_neither_replaces_a_decrypted_value_nor_shadows_it() {
        let all = rendered(&[("u", Some("other")), ("out", Some("{{ .u }}"))]).unwrap();
        assert_eq!((all["u"].as_str(), all["out"].as_str()), ("app", "app"));
        let all = rendered(&[("u", None), ("out", Some("{{ .u }}"))]).unwrap();
        assert_eq!(all.get("u"), None, "kept out, and still there to be used");
        assert_eq!(all["out"], "app");
    }

    #[test]
    fn a_failure_names_the_template_and_no_value() {
        for template in
            ["{{ .u", "{{ env \"HOME\" }}", "{{ fail .u }}", "{{ template \"none\" . }}"]
        {
            let error = rendered(&[("out", Some(template))]).unwrap_err();
            assert!(error.starts_with("`spec.template.data.out` cannot be rendered: "), "{error}");
            assert!(!error.contains("app"), "{error}");
        }
    }
}
