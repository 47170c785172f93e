//! Values that the template makes of the decrypted ones. Pure, and bounded by [`Limits`].

use std::collections::BTreeMap;

use gotmpl::{Limits, Map, Template, Value};
use sealer_api::sealed_secret::SecretTemplate;
use sealer_core::plaintext::Plaintext;

/// Why a value cannot be rendered. No engine error holds a byte of the data.
#[derive(Debug, thiserror::Error)]
#[error("`spec.template.data.{key}` cannot be rendered")]
pub struct Error {
    /// The key of the value.
    pub key: String,
    /// Why.
    pub source: gotmpl::Error,
}

/// Adds what `template.data` makes of `values`; a rendered value replaces an encrypted one.
pub(super) fn add(
    template: &SecretTemplate,
    values: &mut BTreeMap<String, Plaintext>,
) -> Result<(), Error> {
    let Some(texts) = template.data.as_ref().filter(|texts| !texts.is_empty()) else {
        return Ok(());
    };
    let dot = values.iter().map(|(key, value)| (key.as_str(), value.expose().to_vec()));
    let dot = Value::from(Map::strings(dot));
    let mut rendered = Vec::new();
    for (key, text) in texts {
        let failed = |source| Error { key: key.clone(), source };
        let parsed = Template::parse(key, text).map_err(failed)?;
        let bytes = parsed.render_bytes(&dot, &Limits::default()).map_err(failed)?;
        rendered.push((key.clone(), Plaintext::new(bytes)));
    }
    values.extend(rendered);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: &str) -> Result<String, String> {
        let values = [("u", "app"), ("x-y", "z")];
        let mut values =
            values.map(|(key, value)| (key.to_owned(), Plaintext::from(value.to_owned()))).into();
        let data = Some([("out".to_owned(), template.to_owned())].into());
        let template = SecretTemplate { data, ..SecretTemplate::default() };
        let causes = |error: Error| format!("{error}: {}", error.source);
        add(&template, &mut values).map_err(causes)?;
        Ok(String::from_utf8(values["out"].expose().to_vec()).unwrap())
    }

    #[test]
    fn templates_read_as_upstream_renders_them() {
        #[rustfmt::skip]
        let cases = [
            (r#"user={{ .u }} {{ index . "x-y" | b64enc }}"#,   "user=app eg=="),
            ("{{ .none }}",                                     "<no value>"),
            ("plain",                                           "plain"),
        ];
        for (template, expected) in cases {
            assert_eq!(rendered(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn a_failure_names_the_template_and_no_value() {
        for template in
            ["{{ .u", "{{ env \"HOME\" }}", "{{ fail .u }}", "{{ template \"none\" . }}"]
        {
            let error = rendered(template).unwrap_err();
            assert!(error.starts_with("`spec.template.data.out` cannot be rendered: "), "{error}");
            assert!(!error.contains("app"), "{error}");
        }
    }
}
