//! Packs: written for a push, received in a fetch.

use std::{
    io::{self, BufRead, Read},
    path::Path,
    sync::atomic::AtomicBool,
};

use gix::{ObjectId, objs::Kind, progress::Discard};
use gix_pack::data::output;

use crate::error::Source;

/// An object in memory.
pub(crate) struct Object {
    pub(crate) id: ObjectId,
    pub(crate) kind: Kind,
    pub(crate) data: Vec<u8>,
}

/// The pack of `objects`, without deltas: a commit of ours has few, and small ones.
pub(crate) fn encode(objects: &[Object]) -> Result<Vec<u8>, Source> {
    let mut entries = Vec::with_capacity(objects.len());
    for Object { id, kind, data } in objects {
        let data = gix::objs::Data { kind: *kind, object_hash: gix::hash::Kind::Sha1, data };
        let count = output::Count::from_data(*id, None);
        entries.push(output::Entry::from_data(&count, &data, gix::zlib::Compression::DEFAULT)?);
    }
    let number = u32::try_from(entries.len())?;
    let chunks = std::iter::once(Ok(entries));
    let version = gix_pack::data::Version::V2;
    let mut pack = output::bytes::FromEntriesIter::new(
        chunks,
        Vec::new(),
        number,
        version,
        gix::hash::Kind::Sha1,
    );
    for written in pack.by_ref() {
        written?;
    }
    Ok(pack.into_write())
}

/// What a fetch brought.
pub(crate) struct Received {
    pub(crate) objects: u32,
}

/// Writes the pack in `reader` to `directory`, with its index; deltas may rest on what `repo` has.
///
/// At most `limit` bytes are taken.
pub(crate) fn receive(
    reader: &mut dyn BufRead,
    repo: &gix::Repository,
    directory: &Path,
    limit: u64,
) -> Result<Received, Source> {
    let outcome = gix_pack::Bundle::write_to_directory(
        &mut Limited { inner: reader, left: limit },
        Some(directory),
        &mut Discard,
        &AtomicBool::new(false),
        Some(repo.objects.clone()),
        gix::hash::Kind::Sha1,
        gix_pack::bundle::write::Options::default(),
    )?;
    // The file guards the pack from Git's garbage collection, which nobody runs here.
    if let Some(keep) = outcome.keep_path {
        std::fs::remove_file(keep)?;
    }
    Ok(Received { objects: outcome.index.num_objects })
}

/// A reader that fails, rather than ends, after a number of bytes.
struct Limited<'r> {
    inner: &'r mut dyn BufRead,
    left: u64,
}

/// The reason for which [`Limited`] fails.
#[derive(Debug, thiserror::Error)]
#[error("the pack is larger than it may be")]
pub(crate) struct OverLimit;

impl Read for Limited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.take(read)?;
        Ok(read)
    }
}

impl BufRead for Limited<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::Error::other(OverLimit));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount as u64);
        self.inner.consume(amount);
    }
}

impl Limited<'_> {
    fn take(&mut self, read: usize) -> io::Result<()> {
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(OverLimit)),
        }
        Ok(())
    }
}
