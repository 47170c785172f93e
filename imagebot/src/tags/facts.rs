//! What was learned about single images, beside the tags: one record a tag, in the words of whoever
//! learned it.

use redb::ReadableDatabase as _;

use super::{Durability, Error, FACTS, Tags};

/// A tag, and what is known of it now: nothing, where it is to be forgotten.
pub type News = (String, Option<Vec<u8>>);

impl Tags {
    /// What is known of the tags of the object `key`, by tag.
    pub fn facts(&self, key: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let found = self.with(|database| {
            let transaction = database.begin_read()?;
            let facts = transaction.open_table(FACTS)?;
            let mut all = Vec::new();
            for record in facts.range(first(key).as_str()..last(key).as_str())? {
                let (name, fact) = record?;
                if let Some((_, tag)) = name.value().split_once('\0') {
                    all.push((tag.to_owned(), fact.value().to_vec()));
                }
            }
            Ok(all)
        });
        found.map_err(|source| Error::Read(source.into()))
    }

    /// Keeps what was learned. What is lost with the process costs a request, so nothing waits for
    /// the disk.
    pub fn learn(&self, key: &str, news: &[News]) -> Result<(), Error> {
        self.write(Durability::None, |tables| {
            for (tag, fact) in news {
                let name = format!("{}{tag}", first(key));
                match fact {
                    Some(fact) => drop(tables.facts.insert(name.as_str(), fact.as_slice())?),
                    None => drop(tables.facts.remove(name.as_str())?),
                }
            }
            Ok(())
        })
    }
}

/// What the records of an object begin with. No name of an object has this byte.
pub(super) fn first(key: &str) -> String {
    format!("{key}\0")
}

/// What is behind the last of them.
pub(super) fn last(key: &str) -> String {
    format!("{key}\u{1}")
}
