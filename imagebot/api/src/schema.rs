//! What a derived definition lacks: further versions, rules, and the status a new object has.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceConversion, CustomResourceDefinition, CustomResourceDefinitionVersion,
    JSON as Json, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, ValidationRule,
};

/// `crd` served under every one of `versions`, the first of which is stored.
///
/// All versions share one schema, so the API server converts by changing `apiVersion` alone.
pub(crate) fn served(
    mut crd: CustomResourceDefinition,
    versions: &[&str],
    rules: &[ValidationRule],
) -> CustomResourceDefinition {
    let mut template = crd.spec.versions.pop().expect("a derived definition has one version");
    if let Some(root) = template.schema.as_mut().and_then(|it| it.open_api_v3_schema.as_mut()) {
        complete(root, rules);
        unwrap(root);
    }
    crd.spec.versions = versions
        .iter()
        .enumerate()
        .map(|(index, version)| CustomResourceDefinitionVersion {
            name: (*version).to_owned(),
            served: true,
            storage: index == 0,
            ..template.clone()
        })
        .collect();
    crd.spec.conversion =
        Some(CustomResourceConversion { strategy: "None".to_owned(), webhook: None });
    crd
}

/// Adds the rules to `spec`, and to `status` what an object has that nobody has looked at yet.
fn complete(root: &mut JSONSchemaProps, rules: &[ValidationRule]) {
    let Some(properties) = root.properties.as_mut() else { return };
    if let Some(spec) = properties.get_mut("spec") {
        spec.x_kubernetes_validations = (!rules.is_empty()).then(|| rules.to_vec());
    }
    if let Some(status) = properties.get_mut("status") {
        // kstatus takes an object whose observed generation is behind for one in progress; with
        // no status at all it would call it current before a controller has seen it.
        status.description = Some("What the controller last observed.".to_owned());
        status.default = Some(Json(serde_json::json!({ "observedGeneration": -1 })));
    }
}

/// Joins the lines of every description: source is wrapped at a hundred columns, and `kubectl
/// explain` wraps to its terminal.
fn unwrap(schema: &mut JSONSchemaProps) {
    if let Some(text) = schema.description.as_mut() {
        let paragraphs: Vec<_> = text.split("\n\n").map(|it| it.replace('\n', " ")).collect();
        *text = paragraphs.join("\n\n");
    }
    for child in schema.properties.iter_mut().flat_map(|it| it.values_mut()) {
        unwrap(child);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = schema.items.as_mut() {
        unwrap(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = schema.additional_properties.as_mut() {
        unwrap(values);
    }
}
