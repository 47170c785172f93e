//! `imagebot scan`: the tags of an image.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use imagebot_core::reference::Repository;
use serde_json::json;

use super::{
    Verdict,
    product::{self, Format, Output, table},
    reach::{self, Registries},
    terminal::{Report, Streams},
};

/// Lists the tags of an image, in the order in which they are kept: descending, byte by byte.
///
/// `-o wide` reads the digest of each tag too.
///
/// Exits with 0 when the registry answered and 2 when it did not.
///
/// Example: `imagebot scan ghcr.io/acme/web | imagebot policy test --semver '1.x' --tags -`
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The image, without a tag
    image: String,

    /// Allows plain HTTP
    #[arg(long)]
    insecure: bool,

    /// Shows so many tags at most
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    #[command(flatten)]
    registries: Registries,

    #[command(flatten)]
    output: Output,
}

/// Why there are no tags.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Registry(#[from] reach::Error),
    #[error(transparent)]
    Output(#[from] product::Broken),
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Registry(error) => error.hint(),
            Self::Output(_) => None,
        }
    }
}

/// How many digests are read at once.
const AT_ONCE: usize = 8;

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Verdict, Error> {
    let Args { image, insecure, limit, registries, output } = args;
    let runtime = super::runtime();
    let reach = registries.open()?;
    let mut tags = runtime.block_on(reach.tags(image, *insecure))?;
    let count = tags.len();
    tags.truncate(limit.unwrap_or(usize::MAX));
    let digests = if output.format == Format::Wide {
        let bar = streams.progress(tags.len(), "reading digests");
        let work = stream::iter(&tags).map(|tag| {
            let found = reach.digest((image, tag), None, *insecure);
            let bar = &bar;
            async move { found.await.inspect(|_| bar.inc(1)) }
        });
        let work = work.buffered(AT_ONCE).try_collect::<Vec<_>>();
        let digests = runtime.block_on(work)?;
        bar.finish_and_clear();
        digests
    } else {
        Vec::new()
    };
    // What was scanned has a name.
    let canonical = Repository::parse(image).map(|it| it.to_string()).unwrap_or_default();
    let value =
        json!({ "image": image, "canonicalName": canonical, "tagCount": count, "tags": tags });
    product::print(streams, output.format, &value, |wide| {
        if wide {
            let rows = tags.iter().zip(digests).map(|(tag, digest)| vec![tag.clone(), digest]);
            return table(&["TAG", "DIGEST"], &rows.collect::<Vec<_>>());
        }
        tags.iter().flat_map(|tag| [tag, "\n"]).collect()
    })?;
    Ok(Verdict::Yes)
}
