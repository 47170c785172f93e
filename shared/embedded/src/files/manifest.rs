//! From the text of a file to the objects that it describes.

use std::path::Path;

use serde_json::Value;
use yaml::{Document, Node};

use super::{Decrypt, Problem};
use crate::{
    decode::{self, Unknown},
    failure::Cause,
    kind::Registry,
    object::{self, Object},
    route::Target,
    server::DEFAULT_NAMESPACE,
};

/// One object that a file describes.
pub(super) struct Manifest {
    pub target: Target,
    pub object: Object,
    pub line: usize,
}

/// What a file says.
#[derive(Default)]
pub(super) struct Contents {
    pub manifests: Vec<Manifest>,
    pub problems: Vec<Problem>,
    /// What nobody here serves, as `apiVersion, Kind`.
    pub skipped: Vec<String>,
    /// Objects that are described wrongly: they stay as they are.
    pub held: Vec<String>,
    /// It is not known which objects the file describes: all that came from it stay.
    pub unclear: bool,
    /// It may be read better when the API has other objects.
    pub retry: bool,
}

/// Who reads, and what is accepted.
pub(super) struct Reader<'r> {
    pub kinds: &'r Registry,
    pub decrypt: Option<&'r Decrypt>,
    /// The file belongs to another daemon: only its Secrets are input.
    pub foreign: bool,
}

impl Reader<'_> {
    /// Reads a file.
    pub(super) fn read(&self, path: &Path) -> Contents {
        let mut contents = Contents::default();
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(err) => {
                contents.problems.push(problem(path, None, format!("could not be read: {err}")));
                (contents.unclear, contents.retry) = (true, true);
                return contents;
            }
        };
        let parsed = yaml::text(&bytes).and_then(|text| Ok((text, yaml::parse(text)?)));
        let (text, documents) = match parsed {
            Ok(parsed) => parsed,
            Err(err) => {
                contents.problems.push(problem(path, Some(err.line), err.problem.to_string()));
                contents.unclear = true;
                return contents;
            }
        };
        let mut found = Vec::new();
        for document in documents.iter().filter(|document| !document.is_empty()) {
            match yaml::to_json(document, yaml::Schema::Kubernetes) {
                Ok(value) => found.push((document, value)),
                Err(err) => {
                    contents.problems.push(problem(path, Some(err.line), err.problem.to_string()));
                    contents.unclear = true;
                }
            }
        }
        while !found.is_empty() {
            let rest = found.split_off(encrypted_together(&found));
            if found.iter().any(|(_, value)| is_encrypted_secret(value)) {
                let end = rest.first().map_or(text.len(), |(next, _)| next.span.start);
                let whole = text.get(found[0].0.span.start..end).unwrap_or(text);
                self.encrypted(path, whole, found, &mut contents);
            } else {
                for (document, value) in found {
                    self.document(path, value, document, &mut contents);
                }
            }
            found = rest;
        }
        contents
    }

    fn document(
        &self,
        path: &Path,
        value: Value,
        document: &Document<'_>,
        contents: &mut Contents,
    ) {
        if value["apiVersion"] != "v1" || value["kind"] != "List" {
            return self.object(path, value, &document.root, contents);
        }
        let node = document.root.get("items").and_then(Node::sequence);
        let items = value["items"].as_array().into_iter().flatten();
        for (at, item) in items.enumerate() {
            let node = node.and_then(|list| list.nodes().nth(at)).unwrap_or(&document.root);
            self.object(path, item.clone(), node, contents);
        }
    }

    /// Documents that were encrypted together, of which only the Secrets are taken: others are left
    /// alone, as a GitSecretSync does.
    fn encrypted(
        &self,
        path: &Path,
        whole: &str,
        found: Vec<(&Document<'_>, Value)>,
        contents: &mut Contents,
    ) {
        match self.decrypted(path, whole, found.len()) {
            Ok(opened) => {
                for ((document, value), opened) in found.into_iter().zip(opened) {
                    if is_encrypted_secret(&value) {
                        self.document(path, opened, document, contents);
                    } else {
                        let text = |field: &str| value[field].as_str().unwrap_or_default();
                        let skipped = format!("{}, {}", text("apiVersion"), text("kind"));
                        contents.skipped.push(format!("{skipped}, encrypted with SOPS"));
                    }
                }
            }
            Err(message) => {
                let secrets: Vec<_> =
                    found.iter().filter(|(_, value)| is_encrypted_secret(value)).collect();
                let line = secrets.first().map(|(document, _)| document.root.line);
                contents.problems.push(problem(path, line, message));
                contents.retry = true;
                for (_, value) in secrets {
                    match self.target(value) {
                        Some(Ok(target)) => contents.held.push(target.key()),
                        _ => contents.unclear = true,
                    }
                }
            }
        }
    }

    /// The documents of an encrypted text in clear text, as many as were counted in it.
    fn decrypted(&self, path: &Path, text: &str, count: usize) -> Result<Vec<Value>, String> {
        let Some(decrypt) = self.decrypt else {
            return Err("the Secret is encrypted with SOPS, which this daemon does not decrypt; \
                        `sealer` does"
                .to_owned());
        };
        let mut values = decrypt(path, text)?;
        if values.len() != count {
            return Err(format!(
                "{count} documents were encrypted together, and {} come out of it; encrypt each \
                 into a file of its own",
                values.len()
            ));
        }
        for fields in values.iter_mut().filter_map(Value::as_object_mut) {
            fields.remove(SOPS);
        }
        Ok(values)
    }

    fn object(&self, path: &Path, value: Value, node: &Node<'_>, contents: &mut Contents) {
        let line = node.line;
        let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        if api_version.is_empty() || kind.is_empty() {
            contents.skipped.push("not a Kubernetes object".to_owned());
            return;
        }
        let target = match self.target(&value) {
            Some(Ok(target)) if !self.foreign || target.kind.kind == "Secret" => target,
            Some(Err(message)) => {
                contents.problems.push(problem(path, Some(line), message));
                contents.unclear = true;
                return;
            }
            _ => {
                contents.skipped.push(format!("{api_version}, {kind}"));
                return;
            }
        };
        match check(&target, value) {
            Ok(object) => contents.manifests.push(Manifest { target, object, line }),
            Err(wrong) => {
                contents.held.push(target.key());
                for (field, message) in wrong {
                    let line = Some(line_of(node, &field));
                    contents.problems.push(problem(path, line, message));
                }
            }
        }
    }

    /// The object that a manifest is about: nothing when its kind is not served.
    fn target(&self, value: &Value) -> Option<Result<Target, String>> {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or("");
        let api_version = text("/apiVersion");
        let kind = self.kinds.by_kind(api_version, text("/kind"))?;
        if !kind.traits.writable {
            return None;
        }
        let name = text("/metadata/name");
        if name.is_empty() {
            let message = "`metadata.name` is missing: an object in a file needs a name of its own";
            return Some(Err(message.to_owned()));
        }
        let namespace = match (kind.namespaced, text("/metadata/namespace")) {
            (false, _) => "",
            (true, "") => DEFAULT_NAMESPACE,
            (true, namespace) => namespace,
        };
        let (_, version) = crate::kind::split(api_version);
        Some(Ok(Target::new(kind, version, namespace, name)?))
    }
}

/// The block that SOPS adds to every document of a file.
const SOPS: &str = "sops";

fn is_encrypted_secret(value: &Value) -> bool {
    value["kind"] == "Secret" && value[SOPS].is_object()
}

/// How many of the first documents were encrypted together, and so share a MAC: those with the same
/// block. Files that were encrypted one by one and then joined are still opened one by one.
fn encrypted_together(found: &[(&Document<'_>, Value)]) -> usize {
    let Some((_, first)) = found.first().filter(|(_, value)| value[SOPS].is_object()) else {
        return 1;
    };
    found.iter().take_while(|(_, value)| value[SOPS] == first[SOPS]).count()
}

/// The object in its stored form, or what is wrong with it, by field.
fn check(target: &Target, value: Value) -> Result<Object, Vec<(String, String)>> {
    let decoded = decode::object(target, value, Unknown::Warned)
        .map_err(|failure| vec![(String::new(), failure.into_message())])?;
    if !decoded.unknown.is_empty() {
        let name = format!("{} `{}`", target.kind.kind, target.name);
        let known = |field: String| {
            let message =
                format!("unknown field `{field}` in {name}; remove it or correct its name");
            (field, message)
        };
        return Err(decoded.unknown.into_iter().map(known).collect());
    }
    let mut object = decoded.object;
    let meta = object::meta_mut(&mut object);
    for field in [
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generateName",
    ] {
        meta.remove(field);
    }
    object::set(&mut object, "namespace", &target.namespace);
    let mut completed = object.clone();
    target.version().schema.complete(&mut completed);
    if target.version().status {
        completed.remove("status");
    }
    let mut causes: Vec<Cause> = crate::meta::validate(&target.kind, &completed);
    causes.extend((target.kind.rule)(None, &mut completed));
    causes.extend(target.version().schema.validate(&completed));
    if causes.is_empty() {
        return Ok(object);
    }
    let name = format!("{} `{}`", target.kind.kind, target.name);
    let told = causes.into_iter().map(|cause| {
        let message = format!("{name} is invalid: {}: {}", cause.field, cause.message);
        (cause.field, message)
    });
    Err(told.collect())
}

/// The line of a field, or of the nearest thing around it that is there.
fn line_of(root: &Node<'_>, field: &str) -> usize {
    let mut node = root;
    let mut line = root.line;
    let steps = field.split(['.', '[']).map(|step| step.trim_end_matches(']'));
    for step in steps.filter(|step| !step.is_empty()) {
        if let Some(mapping) = node.mapping() {
            let Some(pair) = mapping.pairs().find(|pair| pair.key.as_str() == Some(step)) else {
                break;
            };
            line = pair.key.line;
            node = &pair.value;
        } else if let (Some(sequence), Ok(at)) = (node.sequence(), step.parse::<usize>()) {
            let Some(item) = sequence.nodes().nth(at) else { break };
            line = item.line;
            node = item;
        } else {
            break;
        }
    }
    line
}

pub(super) fn problem(path: &Path, line: Option<usize>, message: String) -> Problem {
    Problem { file: path.to_owned(), line, message }
}
