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
        for document in documents.iter().filter(|document| !document.is_empty()) {
            self.document(path, text, document, &mut contents);
        }
        contents
    }

    fn document(&self, path: &Path, text: &str, document: &Document<'_>, contents: &mut Contents) {
        let value = match yaml::to_json(document, yaml::Schema::Kubernetes) {
            Ok(value) => value,
            Err(err) => {
                contents.problems.push(problem(path, Some(err.line), err.problem.to_string()));
                contents.unclear = true;
                return;
            }
        };
        if value["apiVersion"] == "v1" && value["kind"] == "List" {
            let node = document.root.get("items").and_then(Node::sequence);
            let items = value["items"].as_array().into_iter().flatten();
            for (at, item) in items.enumerate() {
                let node = node.and_then(|list| list.nodes().nth(at)).unwrap_or(&document.root);
                self.object(path, item.clone(), node, contents);
            }
            return;
        }
        let encrypted = value["kind"] == "Secret" && value["sops"].is_object();
        if !encrypted {
            return self.object(path, value, &document.root, contents);
        }
        let plain = text.get(document.span.clone()).unwrap_or(text);
        match self.decrypted(path, plain) {
            Ok(value) => self.object(path, value, &document.root, contents),
            Err(message) => {
                contents.problems.push(problem(path, Some(document.root.line), message));
                contents.retry = true;
                match self.target(&value) {
                    Some(Ok(target)) => contents.held.push(target.key()),
                    _ => contents.unclear = true,
                }
            }
        }
    }

    fn decrypted(&self, path: &Path, text: &str) -> Result<Value, String> {
        let Some(decrypt) = self.decrypt else {
            return Err("the Secret is encrypted with SOPS, which this daemon does not decrypt; \
                        `sealer` does"
                .to_owned());
        };
        let mut value = decrypt(path, text)?;
        if let Some(fields) = value.as_object_mut() {
            fields.remove("sops");
        }
        Ok(value)
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
