//! Manifests as YAML or JSON text.

use serde_json::Value;

/// How a manifest is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// YAML, keys sorted.
    Yaml,
    /// JSON, indented by two.
    Json,
}

impl Format {
    /// The format of a text.
    pub(crate) fn of(text: &str) -> Self {
        if text.trim_start().starts_with('{') { Self::Json } else { Self::Yaml }
    }
}

/// A list of manifests as one text.
pub(crate) fn manifests(manifests: &[Value], format: Format) -> String {
    let one = |manifest: &Value| match format {
        Format::Yaml => format!("---\n{}", yaml::write(manifest)),
        Format::Json => format!("{manifest:#}\n"),
    };
    manifests.iter().map(one).collect()
}

/// Takes out of a manifest what only a server writes.
pub(crate) fn strip(manifest: &mut Value) {
    const WRITTEN: [&str; 8] = [
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    ];
    if let Some(metadata) = manifest["metadata"].as_object_mut() {
        metadata.retain(|field, _| !WRITTEN.contains(&field.as_str()));
    }
    if let Some(fields) = manifest.as_object_mut() {
        fields.remove("status");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use yaml::Schema;

    use super::*;

    #[test]
    fn every_manifest_is_a_document() {
        let value = json!({
            "b": {"yes": "no", "n": null, "list": [1, "1", [true, {"k": {}}], {"x": 1, "y": []}]},
            "a": "line\nline", "": "", "1.5": 1.5, "tilde": "~", "colon": "a: b",
        });
        let printed = manifests(&[value.clone(), value.clone()], Format::Yaml);
        assert_eq!(yaml::json::documents(&printed, Schema::Kubernetes).unwrap().len(), 2);
    }
}
