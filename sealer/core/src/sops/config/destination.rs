//! Where `publish` puts files.

use super::{Error, Pattern, Rule, read::Reader, rule};

/// Where a file is published, and how it is encrypted there.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    /// Where.
    pub target: Target,
    /// Whether the name there lacks the file's extension.
    pub omit_extensions: bool,
    /// How it is encrypted there, if not as it is.
    pub recreation: Option<Rule>,
}

/// A place for published files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A bucket of Amazon S3.
    S3 {
        /// The bucket.
        bucket: String,
        /// What the names of objects begin with.
        prefix: String,
    },
    /// A bucket of Google Cloud Storage.
    Gcs {
        /// The bucket.
        bucket: String,
        /// What the names of objects begin with.
        prefix: String,
    },
    /// A key-value engine of Vault. The values are put there in clear text.
    Vault {
        /// The server; that of the environment if empty.
        address: String,
        /// The path in the engine.
        path: String,
        /// Where the engine is mounted.
        mount: String,
        /// 1 or 2.
        version: usize,
    },
}

/// A rule with the path that it is for.
#[derive(Debug)]
pub(super) struct Entry {
    pub path: Option<Pattern>,
    pub destination: Result<Destination, Error>,
}

pub(super) fn entry(index: usize, reader: &Reader<'_>) -> Result<Entry, Error> {
    let path = super::pattern(reader)?;
    Ok(Entry { path, destination: destination(index, reader) })
}

fn destination(index: usize, reader: &Reader<'_>) -> Result<Destination, Error> {
    let text = |name| Ok::<_, Error>(reader.text(name)?.unwrap_or_default());
    let s3 = reader
        .text("s3_bucket")?
        .map(|bucket| Ok::<_, Error>(Target::S3 { bucket, prefix: text("s3_prefix")? }));
    let gcs = reader
        .text("gcs_bucket")?
        .map(|bucket| Ok::<_, Error>(Target::Gcs { bucket, prefix: text("gcs_prefix")? }));
    let vault = reader.text("vault_path")?.map(|path| {
        Ok::<_, Error>(Target::Vault {
            address: text("vault_address")?,
            path,
            mount: reader.text("vault_kv_mount_name")?.unwrap_or_else(|| "secret/".to_owned()),
            version: reader.number("vault_kv_version")?.filter(|version| *version > 0).unwrap_or(2),
        })
    });
    let mut targets = [s3, gcs, vault].into_iter().flatten();
    let target = targets.next().ok_or(Error::NoTarget { rule: index })??;
    if targets.next().is_some() {
        return Err(Error::TwoTargets);
    }
    let recreation = reader.map("recreation_rule")?.map(|recreation| rule(index, &recreation));
    Ok(Destination {
        target,
        omit_extensions: reader.boolean("omit_extensions")?,
        recreation: recreation.transpose()?,
    })
}
