//! What was learned about images, on the disk: a restart asks no registry when each of ten thousand
//! tags was built.
//!
//! It is a cache beside the tags. A record says through which ImageRepository, and of which image, it
//! was learned; of another one it is dropped, and so is that of a tag that is gone.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use imagebot_core::policy::platform::Platform;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::{Error, facts::Facts};
use crate::{
    registry::Image,
    tags::{News, Tags},
};

/// How much is learned before it is written, at the latest.
const MOST: usize = 4096;

/// What waits to be written, and what is there.
pub(super) struct Kept {
    tags: Arc<Tags>,
    /// By ImageRepository: `namespace/name`.
    news: Mutex<Vec<(String, News)>>,
}

/// A record.
#[derive(Serialize, Deserialize)]
struct Fact {
    /// Of what; see [`subject`].
    of: String,
    digest: String,
    /// When the tag was looked at, in milliseconds since 1970.
    at: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    platforms: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pushed: Option<Timestamp>,
    #[serde(default)]
    dated: bool,
}

impl Kept {
    /// Nothing that waits, and what `tags` has.
    pub(super) fn new(tags: Arc<Tags>) -> Self {
        Self { tags, news: Mutex::default() }
    }

    /// Tells `facts` what is on the disk of `subject`, unless it was told. `listed` are the tags that
    /// there are.
    pub(super) async fn recall(
        &self,
        facts: &Facts,
        key: &str,
        subject: &str,
        listed: &[String],
    ) -> Result<(), Error> {
        if !facts.is_new(subject) {
            return Ok(());
        }
        let (tags, name) = (Arc::clone(&self.tags), key.to_owned());
        let records = spawn_blocking(move || tags.facts(&name)).await;
        let records = records.map_err(Error::Interrupted)?.map_err(Error::Tags)?;
        let listed: HashSet<&str> = listed.iter().map(String::as_str).collect();
        for (tag, record) in records {
            let fact = serde_json::from_slice::<Fact>(&record).ok();
            match fact.filter(|fact| fact.of == subject && listed.contains(tag.as_str())) {
                Some(fact) => {
                    let at = Timestamp::from_millisecond(fact.at).unwrap_or(Timestamp::UNIX_EPOCH);
                    facts.learn(subject, &tag, fact.image(), at);
                }
                None => self.add(key, (tag, None)),
            }
        }
        Ok(())
    }

    /// Remembers that `tag` names `image`; it is written with the next [`Kept::flush`].
    pub(super) fn learn(
        &self,
        (key, subject): (&str, &str),
        tag: &str,
        image: &Image,
        now: Timestamp,
    ) {
        let fact = Fact {
            of: subject.to_owned(),
            digest: image.digest.clone(),
            at: now.as_millisecond(),
            platforms: image.platforms.iter().map(ToString::to_string).collect(),
            created: image.created,
            pushed: image.pushed,
            dated: image.dated,
        };
        // Text and numbers are JSON.
        let record = serde_json::to_vec(&fact).unwrap_or_default();
        self.add(key, (tag.to_owned(), Some(record)));
    }

    fn add(&self, key: &str, news: News) {
        let mut waiting = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        // A disk that takes nothing must not fill the memory.
        if waiting.len() < MOST {
            waiting.push((key.to_owned(), news));
        }
    }

    /// Writes what was learned of the ImageRepository `key`.
    pub(super) async fn flush(&self, key: &str) -> Result<(), Error> {
        let news: Vec<News> = {
            let mut waiting = self.news.lock().unwrap_or_else(PoisonError::into_inner);
            let (ours, others) = waiting.drain(..).partition(|(of, _)| of == key);
            *waiting = others;
            let ours: Vec<(String, News)> = ours;
            ours.into_iter().map(|(_, news)| news).collect()
        };
        if news.is_empty() {
            return Ok(());
        }
        let (tags, key) = (Arc::clone(&self.tags), key.to_owned());
        let written = spawn_blocking(move || tags.learn(&key, &news)).await;
        written.map_err(Error::Interrupted)?.map_err(Error::Tags)
    }
}

impl Fact {
    fn image(self) -> Image {
        let platforms = self.platforms.iter().filter_map(|text| Platform::parse(text).ok());
        Image {
            digest: self.digest,
            platforms: platforms.collect(),
            created: self.created,
            pushed: self.pushed,
            dated: self.dated,
        }
    }
}

/// Of what something is known: the image of one ImageRepository. Another one of the same name begins
/// anew, and so does another image.
pub(super) fn subject(uid: &str, image: &str) -> String {
    format!("{uid} {image}")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[tokio::test]
    async fn what_was_learned_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        let image = Image {
            digest: "sha256:a".to_owned(),
            platforms: vec![Platform::parse("linux/arm/v7").unwrap()],
            created: Some(at),
            pushed: None,
            dated: true,
        };
        let listed = ["1".to_owned(), "2".to_owned()];
        let (one, other) = (subject("u", "r/a"), subject("u", "r/b"));
        {
            let kept = Kept::new(Arc::new(Tags::open(folder.path()).unwrap()));
            for tag in ["1", "gone"] {
                kept.learn(("n/a", &one), tag, &image, at);
            }
            kept.learn(("n/ab", &one), "2", &image, at);
            kept.flush("n/a").await.unwrap();
            kept.flush("n/ab").await.unwrap();
        }
        let tags = Arc::new(Tags::open(folder.path()).unwrap());
        let (kept, facts) = (Kept::new(Arc::clone(&tags)), Facts::default());
        kept.recall(&facts, "n/a", &one, &listed).await.unwrap();
        let day = SignedDuration::from_hours(24);
        assert_eq!(facts.image(&one, "1", day, at), Some(image));
        assert_eq!(facts.image(&one, "2", day, at), None, "another object's");
        kept.flush("n/a").await.unwrap();
        let left: Vec<_> = tags.facts("n/a").unwrap().into_iter().map(|(tag, _)| tag).collect();
        assert_eq!(left, ["1"], "what is gone from the list is gone");
        let facts = Facts::default();
        kept.recall(&facts, "n/a", &other, &listed).await.unwrap();
        assert_eq!(facts.image(&other, "1", day, at), None, "another image's");
        tags.forget("n/a").unwrap();
        assert!(tags.facts("n/a").unwrap().is_empty());
        assert_eq!(tags.facts("n/ab").unwrap().len(), 1);
    }
}
