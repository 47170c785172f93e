//! `imagebot mark`: markers for the images that policies follow.

use std::{fmt::Write as _, path::PathBuf};

use imagebot_core::{
    reference::{self, Repository},
    setter::{
        self,
        suggest::{Policy, Suggestions, suggest},
    },
};
use serde_json::json;

use super::{
    Verdict,
    checkout::{self, Checkout, File},
    known,
    product::{self, Format, Output},
    terminal::{Look, Report, Streams},
    update,
};

/// Adds markers to the images that policies follow.
///
/// The policies and image repositories are those among the manifests, or those of `--policy`.
/// Marked are images with a tag, `tag` and `digest` beside `repository` in Helm values, `newTag`
/// and `digest` of Kustomizations, and in Dockerfiles and other languages images with a tag. Only
/// markers are added; no other byte changes.
///
/// Exits with 0 when all is marked, 1 when `--check` finds something to mark, and 2 when something
/// failed.
///
/// Example: `imagebot mark --policy flux-system:web=ghcr.io/acme/web --dry-run clusters`
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The directory, or one file
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,

    /// A policy to mark for; with `=IMAGE` it need not be among the manifests
    #[arg(long = "policy", value_name = "POLICY[=IMAGE]")]
    policies: Vec<String>,

    /// Shows the difference and writes nothing
    #[arg(long)]
    dry_run: bool,

    /// Writes nothing, and exits with 1 if something would be marked
    #[arg(long)]
    check: bool,

    /// Another directory with policies and image repositories
    #[arg(long, value_name = "DIR")]
    manifests: Vec<PathBuf>,

    /// The namespace of manifests that name none
    #[arg(short, long, value_name = "NAMESPACE", default_value = "flux-system")]
    namespace: String,

    #[command(flatten)]
    output: Output,

    #[command(flatten)]
    look: Look,
}

/// Why nothing could be marked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Checkout(#[from] checkout::Error),
    #[error(transparent)]
    Output(#[from] product::Broken),
    #[error("`--policy {0}` is not `NAMESPACE:POLICY` or `NAMESPACE:POLICY=IMAGE`")]
    Form(String),
    #[error("there is no ImagePolicy `{0}` with an ImageRepository here")]
    Unknown(String),
    #[error("there is no policy with an ImageRepository here")]
    NoPolicies,
    #[error("the image of `{policy}` cannot be used")]
    Image { policy: String, source: reference::Error },
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoPolicies | Self::Unknown(_) => Some(
                "point `--manifests` at them, or say `--policy NAMESPACE:POLICY=IMAGE`".to_owned(),
            ),
            _ => None,
        }
    }
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Verdict, Error> {
    let checkout = Checkout::open(&args.directory)?;
    let named = |path: &str| setter::may_have_markers(path) || known::may_have(path);
    let files = checkout.read(named, |path, content| {
        Some(File { path: path.to_owned(), content: content.to_vec() })
    })?;
    let policies = policies(args, &files)?;
    let mut found: Vec<(File, Suggestions)> = Vec::new();
    for file in files {
        match suggest(&file.path, &file.content, &policies) {
            Ok(suggestions) => {
                for problem in &suggestions.problems {
                    streams.warn(format!("{}, {problem}", file.path));
                }
                if suggestions.content.is_some() {
                    found.push((file, suggestions));
                }
            }
            // A file without markers may be a template or no text; it is nobody's business here.
            Err(error) => drop(error),
        }
    }
    for (file, suggestions) in found.iter().filter(|_| !args.dry_run && !args.check) {
        let content = suggestions.content.as_deref().unwrap_or_default();
        checkout.write(&file.path, content.as_bytes())?;
    }
    print(args, &found, streams)?;
    Ok(if args.check && !found.is_empty() { Verdict::No } else { Verdict::Yes })
}

/// The policies to mark for.
fn policies(args: &Args, files: &[File]) -> Result<Vec<Policy>, Error> {
    let manifests =
        files.iter().filter(|file| known::may_have(&file.path) && known::has(&file.content));
    let manifests = manifests
        .map(|file| File { path: file.path.clone(), content: file.content.clone() })
        .collect();
    let known = update::known(&args.manifests, manifests, &args.namespace)?;
    let parse = |policy: String, image: &str| {
        Repository::parse(image).map_err(|source| Error::Image { policy, source })
    };
    let defined = |key: &known::Key| {
        let (policy, _) = known.policies.get(key)?;
        known.repository_of(policy).1.map(|it| it.spec.image.clone())
    };
    let mut policies = Vec::new();
    for written in &args.policies {
        let (policy, image) = match written.split_once('=') {
            Some((policy, image)) => (policy, Some(image.to_owned())),
            None => (written.as_str(), None),
        };
        let (namespace, name) =
            policy.split_once(':').ok_or_else(|| Error::Form(written.clone()))?;
        let key = (namespace.to_owned(), name.to_owned());
        let image = image.or_else(|| defined(&key));
        let image = image.ok_or_else(|| Error::Unknown(policy.to_owned()))?;
        let repository = parse(policy.to_owned(), &image)?;
        policies.push(Policy { namespace: key.0, name: key.1, repository });
    }
    if args.policies.is_empty() {
        for key in known.policies.keys() {
            let Some(image) = defined(key) else { continue };
            let repository = parse(format!("{}:{}", key.0, key.1), &image)?;
            policies.push(Policy { namespace: key.0.clone(), name: key.1.clone(), repository });
        }
    }
    if policies.is_empty() { Err(Error::NoPolicies) } else { Ok(policies) }
}

fn print(
    args: &Args,
    found: &[(File, Suggestions)],
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    let colours = args.look.colours(streams);
    let described = found.iter().map(|(file, suggestions)| {
        let markers = suggestions.markers.iter().map(
            |it| json!({ "line": it.line, "marker": it.marker.to_string(), "value": it.value }),
        );
        json!({ "path": file.path, "markers": markers.collect::<Vec<_>>() })
    });
    let value = json!({ "files": described.collect::<Vec<_>>() });
    product::print(streams, args.output.format, &value, |_| {
        let mut out = String::new();
        for (file, suggestions) in found {
            if args.dry_run && args.output.format == Format::Text {
                let text = String::from_utf8_lossy(&file.content);
                out.push_str(&update::diff_of(&file.path, &text, &suggestions.edits, colours));
                continue;
            }
            for it in &suggestions.markers {
                // Writing to a string cannot fail.
                let _ = writeln!(out, "{}:{}: {} ({})", file.path, it.line, it.value, it.marker);
            }
        }
        out
    })?;
    Ok(())
}
