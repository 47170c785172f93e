//! What is known to have nothing.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use gix::ObjectId;

use crate::Error;

/// Ids of blobs and trees that have been looked at in vain.
///
/// It is a hint kept beside the mirror, 20 bytes an id. Losing it costs one full scan; an id is a
/// digest of the content, so it never becomes wrong.
#[derive(Debug, Default)]
pub struct Memory {
    known: HashSet<ObjectId>,
    unsaved: Vec<ObjectId>,
    path: Option<PathBuf>,
    forgetful: bool,
}

impl Memory {
    /// Reads the memory at `path`; a torn last record is ignored.
    pub(crate) fn open(path: PathBuf) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        match File::open(&path) {
            Ok(mut file) => drop(file.read_to_end(&mut bytes).map_err(Error::disk(&path))?),
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => {}
            Err(err) => return Err(Error::disk(&path)(err)),
        }
        let known = bytes.chunks_exact(ID).map(ObjectId::from_bytes_or_panic).collect();
        Ok(Self { known, path: Some(path), ..Self::default() })
    }

    /// A memory that remembers nothing, for walks that want everything.
    pub(crate) fn forgetful() -> Self {
        Self { forgetful: true, ..Self::default() }
    }

    /// How many ids are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(crate) fn has(&self, id: &ObjectId) -> bool {
        self.known.contains(id)
    }

    pub(crate) fn add(&mut self, id: ObjectId) {
        if !self.forgetful && self.known.insert(id) {
            self.unsaved.push(id);
        }
    }

    /// Writes what is new to the disk.
    ///
    /// Records are appended; a memory of more than [`Memory::MOST`] ids starts anew.
    pub fn save(&mut self) -> Result<(), Error> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        if self.unsaved.is_empty() {
            return Ok(());
        }
        if self.known.len() > Self::MOST {
            self.known = self.unsaved.iter().copied().collect();
            remove(&path)?;
        }
        let mut file =
            OpenOptions::new().create(true).append(true).open(&path).map_err(Error::disk(&path))?;
        let written = file.metadata().map_err(Error::disk(&path))?.len();
        // A writer that was killed left a piece of a record: records after it would be misread.
        file.set_len(written - written % ID as u64).map_err(Error::disk(&path))?;
        let records: Vec<u8> = self.unsaved.iter().flat_map(|id| id.as_slice().to_vec()).collect();
        file.write_all(&records).map_err(Error::disk(&path))?;
        self.unsaved.clear();
        Ok(())
    }

    /// The most ids that a memory keeps.
    pub const MOST: usize = 1 << 20;
}

fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => Err(Error::disk(path)(err)),
        _ => Ok(()),
    }
}

/// The length of a SHA-1 id.
const ID: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ObjectId {
        ObjectId::from_bytes_or_panic(&[byte; ID])
    }

    #[test]
    fn what_was_saved_is_known_after_a_torn_write() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory");
        let mut memory = Memory::open(path.clone()).unwrap();
        memory.add(id(1));
        memory.save().unwrap();
        let mut torn = std::fs::read(&path).unwrap();
        torn.extend_from_slice(&[9; 7]);
        std::fs::write(&path, torn).unwrap();

        let mut memory = Memory::open(path.clone()).unwrap();
        memory.add(id(2));
        memory.save().unwrap();

        let memory = Memory::open(path).unwrap();
        assert!(memory.has(&id(1)) && memory.has(&id(2)));
        assert_eq!(memory.len(), 2);
    }
}
