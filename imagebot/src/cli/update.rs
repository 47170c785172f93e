//! `imagebot update`: what the daemon would commit, done to a checkout.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::PathBuf,
};

use imagebot_core::setter::{
    self, Outcome, Scope, diff,
    rule::{self, Rule},
};
use serde_json::{Value, json};

use super::{
    Verdict,
    checkout::{self, Checkout, File},
    known::{self, Key, Known},
    picks::{self, Set},
    product::{self, Format, Output},
    reach::Registries,
    terminal::{Look, Report, Streams, chain},
};

/// Sets the marked images in the files of a directory.
///
/// Without `--set` the policies and image repositories among the manifests say what is
/// selected, and the registries of those that a marker names are scanned. Where a namespace has
/// automations among the manifests, only policies that one of them selects are applied. What
/// automations set without markers is set too.
///
/// Exits with 0 when all is as it should be, 1 when `--check` finds something to change, and 2
/// when something failed.
///
/// Example: `imagebot update --set flux-system:web=ghcr.io/acme/web:1.2.3 --dry-run clusters`
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The directory, or one file
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,

    /// Gives a policy's image instead of scanning: NAMESPACE:POLICY=IMAGE:TAG[@DIGEST]
    #[arg(long, value_name = "POLICY=IMAGE")]
    set: Vec<Set>,

    /// Shows the difference and writes nothing
    #[arg(long)]
    dry_run: bool,

    /// Writes nothing, and exits with 1 if something would change
    #[arg(long)]
    check: bool,

    /// Another directory with policies and image repositories
    #[arg(long, value_name = "DIR")]
    manifests: Vec<PathBuf>,

    /// The namespace of manifests that name none
    #[arg(short, long, value_name = "NAMESPACE", default_value = "flux-system")]
    namespace: String,

    #[command(flatten)]
    registries: Registries,

    #[command(flatten)]
    output: Output,

    #[command(flatten)]
    look: Look,
}

/// Why files could not be updated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Checkout(#[from] checkout::Error),
    #[error(transparent)]
    Picks(#[from] picks::Error),
    #[error(transparent)]
    Output(#[from] product::Broken),
    #[error("{failed} could not be selected; the files have what could")]
    Partial {
        /// How many.
        failed: String,
    },
    #[error("{0} could not be read")]
    Unreadable(String),
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Picks(error) => error.hint(),
            Self::Partial { .. } => Some("see the warnings above".to_owned()),
            Self::Unreadable(_) => Some("`imagebot lint` says where and why".to_owned()),
            _ => None,
        }
    }
}

/// A file that a marker or a rule is about, with what becomes of it.
struct Updated {
    file: File,
    outcome: Outcome,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Verdict, Error> {
    let checkout = Checkout::open(&args.directory)?;
    let (mut marked, manifests) = read(&checkout)?;
    let known = known(&args.manifests, manifests, &args.namespace)?;
    let (rules, problems) = known.rules();
    for (path, why) in known.problems.iter().chain(&problems) {
        streams.warn(format!("{path}: {why}"));
    }
    add_ruled(&checkout, &rules, &mut marked)?;
    for path in checkout.unnameable.iter().filter(|path| setter::may_have_markers(path)) {
        streams.warn(format!("{path}: not updated: its name is not UTF-8"));
    }
    let (scope, failed) = scope(args, &known, rules, &marked, streams)?;
    let (updated, unreadable) = update(marked, &scope, args, streams);
    let changed = updated.iter().any(|updated| updated.outcome.content.is_some());
    if !args.dry_run && !args.check {
        for Updated { file, outcome } in &updated {
            if let Some(content) = &outcome.content {
                checkout.write(&file.path, content.as_bytes())?;
            }
        }
    }
    print(args, &updated, streams)?;
    if failed > 0 {
        let failed = if failed == 1 { "1 image".into() } else { format!("{failed} images") };
        return Err(Error::Partial { failed });
    }
    if unreadable > 0 {
        let files = if unreadable == 1 { "1 file".into() } else { format!("{unreadable} files") };
        return Err(Error::Unreadable(files));
    }
    Ok(if args.check && changed { Verdict::No } else { Verdict::Yes })
}

/// The files with markers, and the files with manifests.
fn read(checkout: &Checkout) -> Result<(Vec<File>, Vec<File>), Error> {
    let named = |path: &str| setter::may_have_markers(path) || known::may_have(path);
    let found = checkout.read(named, |path, content| {
        let marked = setter::may_have_markers(path) && setter::has_markers(content);
        let manifest = known::may_have(path) && known::has(content);
        let file = || File { path: path.to_owned(), content: content.to_vec() };
        (marked || manifest).then(|| (marked.then(file), manifest.then(file)))
    })?;
    let (marked, manifests): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    Ok((marked.into_iter().flatten().collect(), manifests.into_iter().flatten().collect()))
}

/// What `manifests` and those of `others` say.
pub(crate) fn known(
    others: &[PathBuf],
    mut manifests: Vec<File>,
    namespace: &str,
) -> Result<Known, checkout::Error> {
    for other in others {
        let found = Checkout::open(other)?.read(known::may_have, |path, content| {
            known::has(content).then(|| {
                let path = other.join(path).display().to_string();
                File { path, content: content.to_vec() }
            })
        });
        manifests.extend(found?);
    }
    Ok(Known::read(&manifests, namespace))
}

/// Adds the files that rules are about.
fn add_ruled(checkout: &Checkout, rules: &[Rule], marked: &mut Vec<File>) -> Result<(), Error> {
    if rules.is_empty() {
        return Ok(());
    }
    let have: BTreeSet<_> = marked.iter().map(|file| file.path.clone()).collect();
    let named = |path: &str| !have.contains(path) && rule::may_concern_name(rules, path);
    marked.extend(checkout.read(named, |path, content| {
        rule::may_concern(rules, path, content)
            .then(|| File { path: path.to_owned(), content: content.to_vec() })
    })?);
    marked.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(())
}

/// What is to be set, and how many images could not be found.
fn scope(
    args: &Args,
    known: &Known,
    rules: Vec<Rule>,
    files: &[File],
    streams: &mut Streams<'_>,
) -> Result<(Scope, usize), Error> {
    let mut named: BTreeSet<Key> =
        rules.iter().map(|rule| (rule.namespace.clone(), rule.policy.clone())).collect();
    for file in files {
        // What is wrong with a file is told when it is updated.
        let (marked, _) = setter::markers(&file.path, &file.content).unwrap_or_default();
        named.extend(marked.into_iter().map(|it| (it.marker.namespace, it.marker.policy)));
    }
    let (images, failed) = if args.set.is_empty() {
        // Who gives values means them; otherwise what no automation applies is left.
        named.retain(|key| known.selects(key));
        let (images, failures) = picks::scan(known, &named, &args.registries, streams)?;
        for failure in &failures {
            streams.warn(chain(failure));
        }
        (images, failures.len())
    } else {
        for Set { key: (namespace, name), .. } in
            args.set.iter().filter(|set| !named.contains(&set.key))
        {
            streams.warn(format!("no marker names `{namespace}:{name}`"));
        }
        let images = args.set.iter().map(|set| (set.key.clone(), set.image.clone()));
        (images.collect::<BTreeMap<_, _>>(), 0)
    };
    let mut rules = rules;
    if !args.set.is_empty() {
        rules.retain(|it| images.contains_key(&(it.namespace.clone(), it.policy.clone())));
    }
    let mut scope = Scope::everywhere(images).with(rules);
    for file in files {
        scope.learn(&file.content);
    }
    Ok((scope, failed))
}

/// What becomes of each file, and how many cannot be read.
fn update(
    files: Vec<File>,
    scope: &Scope,
    args: &Args,
    streams: &mut Streams<'_>,
) -> (Vec<Updated>, usize) {
    let (mut updated, mut unreadable) = (Vec::new(), 0);
    for file in files {
        match setter::update(&file.path, &file.content, scope) {
            Ok(outcome) => {
                for problem in &outcome.problems {
                    // Who gives some values means to leave the others.
                    let left = matches!(problem.cause, setter::Cause::NoImage(_));
                    if args.set.is_empty() || !left {
                        streams.warn(format!("{}, {problem}", file.path));
                    }
                }
                updated.push(Updated { file, outcome });
            }
            Err(error) => {
                // The sentence about YAML ends in its cause.
                let whole = matches!(error, setter::Error::Yaml { .. });
                streams.warn(if whole { error.to_string() } else { chain(&error) });
                unreadable += 1;
            }
        }
    }
    (updated, unreadable)
}

fn print(args: &Args, updated: &[Updated], streams: &mut Streams<'_>) -> Result<(), Error> {
    let changed = || updated.iter().filter(|updated| updated.outcome.content.is_some());
    let colours = args.look.colours(streams);
    let value = json!({ "files": changed().map(described).collect::<Vec<_>>() });
    product::print(streams, args.output.format, &value, |wide| {
        if args.dry_run && args.output.format == Format::Text {
            changed().map(|updated| difference(updated, colours)).collect()
        } else {
            changed().map(|updated| listed(updated, wide)).collect()
        }
    })?;
    Ok(())
}

/// The changes of a file, one line each.
fn listed(updated: &Updated, wide: bool) -> String {
    let path = &updated.file.path;
    let mut lines = String::new();
    for (object, change) in &updated.outcome.changes {
        let (old, new, setter) = (&change.old, &change.new, &change.setter);
        // Writing to a string cannot fail.
        let _ = write!(lines, "{path}: {old} -> {new} ({setter})");
        if wide && !object.kind.is_empty() {
            let name = [object.namespace.as_str(), &object.name].join("/");
            let _ = write!(lines, " in {} {}", object.kind, name.trim_start_matches('/'));
        }
        lines.push('\n');
    }
    lines
}

fn described(updated: &Updated) -> Value {
    let changes = updated.outcome.changes.iter().map(|(object, change)| {
        json!({
            "object": {
                "apiVersion": object.api_version, "kind": object.kind,
                "namespace": object.namespace, "name": object.name,
            },
            "policy": change.setter, "old": change.old, "new": change.new,
        })
    });
    json!({ "path": updated.file.path, "changes": changes.collect::<Vec<_>>() })
}

fn difference(Updated { file, outcome }: &Updated, colours: bool) -> String {
    // What could be edited is text.
    let text = String::from_utf8_lossy(&file.content);
    diff_of(&file.path, &text, &outcome.edits, colours)
}

/// A diff as `git diff` colours it.
pub(crate) fn diff_of(path: &str, text: &str, edits: &[yaml::edit::Edit], colours: bool) -> String {
    let mut out = String::new();
    for line in diff::unified(path, text, edits) {
        let colour = match &line {
            _ if !colours => None,
            diff::Line::File(_) => Some("1"),
            diff::Line::Hunk(_) => Some("36"),
            diff::Line::Old(_) => Some("31"),
            diff::Line::New(_) => Some("32"),
            diff::Line::Same(_) | diff::Line::NoNewline => None,
        };
        // Writing to a string cannot fail.
        let _ = match colour {
            Some(colour) => writeln!(out, "\u{1b}[{colour}m{line}\u{1b}[m"),
            None => writeln!(out, "{line}"),
        };
    }
    out
}
