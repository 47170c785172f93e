//! The tag lists that policies look at, unpacked and parsed once for all policies of an image.

use std::{collections::VecDeque, sync::Arc};

use imagebot_core::policy::list::TagList;
use tokio::{sync::Mutex, task::spawn_blocking};

use super::Error;
use crate::tags::{Scan, Tags};

/// How many tags stay unpacked, over all lists. One scan wakes all policies of an image at once, so a
/// list is needed often for a moment and then seldom.
const TAGS: usize = 50_000;
/// How many lists stay unpacked.
const LISTS: usize = 16;

/// A list of tags, and the scan that found them.
pub(super) struct Listed {
    /// The scan.
    pub(super) scan: Scan,
    /// The tags.
    pub(super) tags: TagList,
}

impl Listed {
    /// Whether another scan found the same.
    fn is_of(&self, scan: &Scan) -> bool {
        (&self.scan.uid, &self.scan.image, &self.scan.revision)
            == (&scan.uid, &scan.image, &scan.revision)
    }
}

/// The lists that were looked at last.
pub(super) struct Lists {
    tags: Arc<Tags>,
    /// The one that was looked at last is in front.
    recent: Mutex<VecDeque<(String, Arc<Listed>)>>,
}

impl Lists {
    /// Lists out of the tag database.
    pub(super) fn new(tags: Arc<Tags>) -> Self {
        Self { tags, recent: Mutex::default() }
    }

    /// The list of the ImageRepository `key`, which is `namespace/name`.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Arc<Listed>>, Error> {
        // Whoever comes second waits here and finds what the first one unpacked.
        let mut recent = self.recent.lock().await;
        let known = recent.iter().position(|(name, _)| name == key);
        let known = known.and_then(|place| recent.remove(place)).map(|(_, listed)| listed);
        let (tags, name) = (Arc::clone(&self.tags), key.to_owned());
        let read = move || match (known, tags.scan(&name)?) {
            (_, None) => Ok(None),
            (Some(known), Some(scan)) if known.is_of(&scan) => Ok(Some(known)),
            _ => {
                let listed = tags.list(&name)?;
                Ok(listed.map(|(scan, tags)| Arc::new(Listed { scan, tags: TagList::new(tags) })))
            }
        };
        // It waits for the disk, and a long list takes a while to unpack.
        let listed = spawn_blocking(read).await.map_err(Error::Interrupted)?;
        let listed: Option<Arc<Listed>> = listed.map_err(Error::Tags)?;
        if let Some(listed) = &listed {
            recent.push_front((key.to_owned(), Arc::clone(listed)));
            let all = |recent: &VecDeque<(String, Arc<Listed>)>| {
                recent.iter().map(|(_, listed)| listed.tags.tags().len()).sum::<usize>()
            };
            while recent.len() > LISTS || (recent.len() > 1 && all(&recent) > TAGS) {
                recent.pop_back();
            }
        }
        Ok(listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tags::Found;

    #[tokio::test]
    async fn policies_of_one_image_share_one_list() {
        let folder = tempfile::tempdir().unwrap();
        let tags = Arc::new(Tags::open(folder.path()).unwrap());
        let scan = |at| Scan {
            uid: "u".to_owned(),
            image: "r/a".to_owned(),
            exclusion_list: Vec::new(),
            at,
            revision: at.to_string(),
            count: 1,
        };
        let lists = Lists::new(Arc::clone(&tags));
        assert!(lists.get("a/b").await.unwrap().is_none());
        let store = |at, tag: &str| {
            let list = [tag.to_owned()];
            tags.store("a/b", &scan(at), Found { tags: Some(&list), memo: None }).unwrap();
        };
        store(1, "1.0.0");
        let first = lists.get("a/b").await.unwrap().unwrap();
        let second = lists.get("a/b").await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        store(2, "1.1.0");
        let third = lists.get("a/b").await.unwrap().unwrap();
        assert_eq!(third.tags.tags(), ["1.1.0"]);
    }
}
