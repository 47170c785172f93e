//! `imagebot lint`: what will never be updated, and why.

use std::path::PathBuf;

use imagebot_core::setter::{self, marker::Marker};
use serde_json::json;

use super::{
    Verdict,
    checkout::{self, Checkout, File},
    known::{self, Known},
    picks,
    product::{self, Output},
    terminal::{Report, Streams, chain},
    update,
};

/// Finds markers that do nothing: in places where they mark no value, in files that cannot be
/// read or are never looked at, for policies that do not exist. And policies that select nothing.
///
/// Nothing is read but files. Exits with 0 when there is nothing to find, 1 when there is, and 2
/// when the directory could not be read.
///
/// Example: `imagebot lint --manifests ../fleet clusters`
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The directory, or one file
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,

    /// Another directory with policies and image repositories
    #[arg(long, value_name = "DIR")]
    manifests: Vec<PathBuf>,

    /// A policy that is defined elsewhere: NAMESPACE:POLICY
    #[arg(long = "policy", value_name = "POLICY")]
    policies: Vec<String>,

    /// The namespace of manifests that name none
    #[arg(short, long, value_name = "NAMESPACE", default_value = "flux-system")]
    namespace: String,

    #[command(flatten)]
    output: Output,
}

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Checkout(#[from] checkout::Error),
    #[error(transparent)]
    Output(#[from] product::Broken),
}

impl Report for Error {}

/// What a file has that will not do what it seems to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    code: &'static str,
    message: String,
}

/// What a file turned out to be.
struct Read {
    /// Its markers, by line.
    markers: Vec<(usize, Marker)>,
    findings: Vec<Finding>,
    manifest: Option<File>,
}

/// Files in which people write about markers.
const PROSE: [&str; 8] = ["md", "markdown", "mdx", "txt", "rst", "adoc", "html", "tmpl.md"];

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Verdict, Error> {
    let checkout = Checkout::open(&args.directory)?;
    let read = checkout.read(|path| !is_prose(path), look)?;
    let (mut markers, mut findings, mut manifests) = (Vec::new(), Vec::new(), Vec::new());
    for (path, read) in read {
        markers.extend(read.markers.into_iter().map(|(line, it)| (path.clone(), line, it)));
        findings.extend(read.findings);
        manifests.extend(read.manifest);
    }
    let known = update::known(&args.manifests, manifests, &args.namespace)?;
    findings.extend(policies(&known));
    let nowhere = known.policies.is_empty() && args.policies.is_empty();
    if nowhere && !markers.is_empty() {
        streams.warn("there are no policies here, so markers were not compared with them; point `--manifests` at them");
    }
    for (path, line, marker) in markers {
        let key = (marker.namespace.clone(), marker.policy.clone());
        let named = format!("{}:{}", marker.namespace, marker.policy);
        if !nowhere && !known.policies.contains_key(&key) && !args.policies.contains(&named) {
            let message = format!("there is no ImagePolicy `{named}`");
            findings.push(Finding { path, line, code: "missing-policy", message });
        }
    }
    findings.sort();
    findings.dedup();
    let value = json!({ "findings": findings.iter().map(|it| json!({
        "path": it.path, "line": it.line, "code": it.code, "message": it.message,
    })).collect::<Vec<_>>() });
    product::print(streams, args.output.format, &value, |wide| {
        let line = |Finding { path, line, code, message }: &Finding| {
            let code = if wide { format!(" [{code}]") } else { String::new() };
            format!("{path}:{line}: {message}{code}\n")
        };
        findings.iter().map(line).collect()
    })?;
    Ok(if findings.is_empty() { Verdict::Yes } else { Verdict::No })
}

/// What is in a file, if it has anything to do with us.
fn look(path: &str, content: &[u8]) -> Option<(String, Read)> {
    let manifest = known::may_have(path) && known::has(content);
    let marked = setter::has_markers(content);
    if !manifest && !marked {
        return None;
    }
    let mut read = Read { markers: Vec::new(), findings: Vec::new(), manifest: None };
    let finding = |line, code, message| Finding { path: path.to_owned(), line, code, message };
    if manifest {
        read.manifest = Some(File { path: path.to_owned(), content: content.to_vec() });
    }
    if marked && !setter::may_have_markers(path) {
        let ignored = "files of this name are not updated; see docs/reference/markers.md";
        let lines = bare(content).into_iter();
        read.findings.extend(lines.map(|line| finding(line, "ignored-file", ignored.to_owned())));
    } else if marked {
        match setter::markers(path, content) {
            Ok((markers, problems)) => {
                read.markers = markers.into_iter().map(|it| (it.line, it.marker)).collect();
                let found = problems.into_iter();
                let found = found.map(|it| finding(it.line, "marker", it.cause.to_string()));
                read.findings.extend(found);
            }
            Err(error) => {
                let (line, why) = match &error {
                    setter::Error::Yaml { source, .. } => (source.line, source.problem.to_string()),
                    error => (1, chain(error)),
                };
                read.findings.push(finding(line, "unreadable-file", why));
            }
        }
    }
    Some((path.to_owned(), read))
}

/// The lines that have a marker, whatever the language.
fn bare(content: &[u8]) -> Vec<usize> {
    let is_marker = |line: &[u8]| {
        let Ok(line) = std::str::from_utf8(line) else { return false };
        let Some(at) = line.find("\"$imagepolicy\"") else { return false };
        let start = line[..at].rfind('{');
        let end = line[at..].find('}').map(|end| at + end + 1);
        start.zip(end).is_some_and(|(start, end)| Marker::parse(&line[start..end]).is_ok())
    };
    let lines = content.split(|byte| *byte == b'\n');
    lines.zip(1..).filter(|(line, _)| is_marker(line)).map(|(_, number)| number).collect()
}

/// What is wrong with the policies themselves.
fn policies(known: &Known) -> Vec<Finding> {
    let finding =
        |path: &str, code, message| Finding { path: path.to_owned(), line: 1, code, message };
    let mut findings = Vec::new();
    for (path, problem) in known.problems.iter().chain(&known.rules().1) {
        findings.push(finding(path, "manifest", problem.clone()));
    }
    for ((namespace, name), (policy, path)) in &known.policies {
        if let Err(error) = picks::understood(policy) {
            findings.push(finding(path, "policy", chain(&error)));
        }
        let ((other, repository), found) = known.repository_of(policy);
        if found.is_none() {
            let message = format!(
                "ImagePolicy `{namespace}/{name}` names the ImageRepository `{other}/{repository}`, which is not here"
            );
            findings.push(finding(path, "missing-repository", message));
        }
    }
    for (repository, path) in known.repositories.values() {
        if let Err(error) = imagebot_core::reference::Repository::parse(&repository.spec.image) {
            findings.push(finding(path, "image", error.to_string()));
        }
    }
    findings
}

fn is_prose(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| PROSE.contains(&extension))
}
