//! `imagebot policy test`: what a policy makes of a list of tags.

use std::{fmt::Write as _, fs, io, path::PathBuf};

use imagebot_api::{ImagePolicy, ImageRepository};
use imagebot_core::policy::{self, Policy, Spec, explanation::Explanation};
use serde_json::{Value, json};

use super::{
    Verdict,
    checkout::File,
    known::Known,
    picks,
    product::{self, Output, table},
    reach::{self, Registries},
    terminal::{Report, Streams},
};

/// Works with policies.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    Test(Test),
}

/// Shows what a policy makes of a list of tags, and why each tag is selected or not.
///
/// The policy is a manifest or given by flags. The tags come from a file, from standard input, or
/// from a registry.
///
/// Exits with 0 when a tag is selected, 1 when none is, and 2 when something failed.
///
/// Example: `imagebot policy test --semver '>=1.0.0-0 <2' --tags tags.txt`
#[derive(Clone, Debug, clap::Args)]
struct Test {
    /// A manifest with an ImagePolicy, and with its ImageRepository if that is scanned
    #[arg(short = 'f', long = "file", value_name = "FILE", required_unless_present = "order")]
    file: Option<PathBuf>,

    /// The name of the policy, where the manifest has several
    #[arg(long, value_name = "NAME", requires = "file")]
    name: Option<String>,

    #[command(flatten)]
    order: Order,

    /// Which tags are considered: a regular expression
    #[arg(long, value_name = "PATTERN", default_value = "", conflicts_with = "file")]
    pattern: String,

    /// What of a match is ordered, such as `$ts`
    #[arg(long, value_name = "TEMPLATE", default_value = "", conflicts_with = "file")]
    extract: String,

    /// The tags, one a line; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "scan")]
    tags: Option<PathBuf>,

    /// The image whose tags are tried
    #[arg(long, value_name = "IMAGE")]
    scan: Option<String>,

    /// Allows plain HTTP
    #[arg(long)]
    insecure: bool,

    /// Shows so many tags of each list at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,

    #[command(flatten)]
    registries: Registries,

    #[command(flatten)]
    output: Output,
}

/// How tags are ordered.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "order", multiple = false, conflicts_with = "file")]
struct Order {
    /// As semantic versions within a range
    #[arg(long, value_name = "RANGE")]
    semver: Option<String>,

    /// As text: `asc` or `desc`
    #[arg(long, value_name = "ORDER")]
    alphabetical: Option<String>,

    /// As numbers: `asc` or `desc`
    #[arg(long, value_name = "ORDER")]
    numerical: Option<String>,
}

/// Why nothing could be tried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not read `{}`", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not read standard input")]
    Input(#[source] io::Error),
    #[error("`{}` cannot be used: {why}", .path.display())]
    Manifest { path: PathBuf, why: String },
    #[error("`{}` has {count} policies", .path.display())]
    Which { path: PathBuf, count: usize },
    #[error("the policy cannot be used")]
    Policy(#[from] policy::Error),
    #[error("nothing says which tags to try")]
    NoTags,
    #[error(transparent)]
    Picks(#[from] picks::Error),
    #[error(transparent)]
    Registry(#[from] reach::Error),
    #[error(transparent)]
    Output(#[from] product::Broken),
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoTags => Some("give `--tags FILE`, `--tags -` or `--scan IMAGE`".to_owned()),
            Self::Which { .. } => Some("name one with `--name`".to_owned()),
            Self::Picks(error) => error.hint(),
            Self::Registry(error) => error.hint(),
            _ => None,
        }
    }
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Verdict, Error> {
    let Command::Test(args) = &args.command;
    let (policy, repository) = args.policy()?;
    let tags = args.tags(repository.as_ref(), streams)?;
    let explanation = policy.explain(tags.iter().map(String::as_str), args.limit);
    print(&explanation, args.output.format, streams)?;
    Ok(if explanation.selected.is_ok() { Verdict::Yes } else { Verdict::No })
}

/// Prints what a policy makes of its tags.
pub(crate) fn print(
    explanation: &Explanation,
    format: product::Format,
    streams: &mut Streams<'_>,
) -> Result<(), product::Broken> {
    product::print(streams, format, &described(explanation), |wide| text(explanation, wide))
}

/// An explanation for programs.
pub(crate) fn described(explanation: &Explanation) -> Value {
    let candidates = explanation.candidates.iter();
    let candidates = candidates.map(|it| json!({ "tag": it.tag, "key": it.key }));
    let dropped = explanation.dropped.iter();
    let dropped = dropped.map(|(tag, rule)| json!({ "tag": tag, "reason": rule.to_string() }));
    json!({
        "selected": explanation.selected.as_ref().ok(),
        "error": explanation.selected.as_ref().err().map(ToString::to_string),
        "candidateCount": explanation.candidate_count,
        "candidates": candidates.collect::<Vec<_>>(),
        "droppedCount": explanation.dropped_count,
        "dropped": dropped.collect::<Vec<_>>(),
    })
}

/// An explanation for people.
fn text(explanation: &Explanation, wide: bool) -> String {
    let mut out = match &explanation.selected {
        Ok(tag) => format!("selected: {tag}\n"),
        Err(why) => format!("selected: nothing; {why}\n"),
    };
    let mut rows = Vec::new();
    for (position, it) in explanation.candidates.iter().enumerate() {
        let chosen = position == 0 && explanation.selected.as_ref() == Ok(&it.tag);
        let verdict = if chosen { "selected" } else { "takes part" };
        let key = if wide { vec![it.key.clone()] } else { Vec::new() };
        rows.push([vec![it.tag.clone()], key, vec![verdict.to_owned()]].concat());
    }
    for (tag, rule) in &explanation.dropped {
        let key = if wide { vec![String::new()] } else { Vec::new() };
        rows.push([vec![tag.clone()], key, vec![rule.to_string()]].concat());
    }
    if !rows.is_empty() {
        let heading: &[&str] = if wide { &["TAG", "KEY", "VERDICT"] } else { &["TAG", "VERDICT"] };
        out.push('\n');
        out.push_str(&table(heading, &rows));
    }
    let hidden = explanation.candidate_count + explanation.dropped_count - rows.len();
    if hidden > 0 {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "and {hidden} more; see `--limit`");
    }
    out
}

impl Test {
    /// The policy, and the image that it follows if the manifest says.
    fn policy(&self) -> Result<(Policy, Option<ImageRepository>), Error> {
        if let Some(path) = &self.file {
            let (policy, repository) = self.manifest(path)?;
            return Ok((picks::understood(&policy)?, repository));
        }
        let policy = Policy::parse(&Spec {
            semver: self.order.semver.as_deref(),
            alphabetical: self.order.alphabetical.as_deref(),
            numerical: self.order.numerical.as_deref(),
            pattern: &self.pattern,
            extract: &self.extract,
            ..Spec::default()
        })?;
        Ok((policy, None))
    }

    fn manifest(&self, path: &PathBuf) -> Result<(ImagePolicy, Option<ImageRepository>), Error> {
        let content = fs::read(path);
        let content = content.map_err(|source| Error::Read { path: path.clone(), source })?;
        let file = File { path: path.display().to_string(), content };
        let known = Known::read(&[file], "default");
        if let Some((_, why)) = known.problems.first() {
            return Err(Error::Manifest { path: path.clone(), why: why.clone() });
        }
        let named = |policy: &&(ImagePolicy, String)| {
            self.name.is_none() || policy.0.metadata.name == self.name
        };
        let fitting: Vec<_> = known.policies.values().filter(named).collect();
        let [(policy, _)] = fitting.as_slice() else {
            return Err(Error::Which { path: path.clone(), count: fitting.len() });
        };
        let (_, repository) = known.repository_of(policy);
        Ok((policy.clone(), repository.cloned()))
    }

    fn tags(
        &self,
        repository: Option<&ImageRepository>,
        streams: &mut Streams<'_>,
    ) -> Result<Vec<String>, Error> {
        if let Some(path) = &self.tags {
            return read_tags(path, streams);
        }
        let (reach, runtime) = (self.registries.open()?, super::runtime());
        let listed = match (&self.scan, repository) {
            (Some(image), _) => runtime.block_on(reach.tags(image, self.insecure)),
            (None, Some(repository)) => runtime.block_on(reach.listed(repository)),
            (None, None) => return Err(Error::NoTags),
        };
        Ok(listed?)
    }
}

/// The lines of a file, or of standard input.
pub(crate) fn read_tags(path: &PathBuf, streams: &mut Streams<'_>) -> Result<Vec<String>, Error> {
    let text = if path.as_os_str() == "-" {
        let mut text = String::new();
        streams.input.read_to_string(&mut text).map_err(Error::Input)?;
        text
    } else {
        fs::read_to_string(path).map_err(|source| Error::Read { path: path.clone(), source })?
    };
    let tags = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(tags.map(str::to_owned).collect())
}
