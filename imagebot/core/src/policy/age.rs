//! `spec.minAge`: when each tag was first seen.
//!
//! What an image says about its own age can be forged by whoever builds it, so only what was seen
//! here counts. The record lives in the status and is small: it holds tags that go before the one in
//! force, and no more than [`MOST`]. Where there are more, those that were seen first keep their
//! places, because they come of age first; the rest is seen later, which only makes them wait longer.

use std::collections::BTreeMap;

/// How many tags the record holds.
pub const MOST: usize = 200;

/// When each tag was first seen, in seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sightings(BTreeMap<String, i64>);

impl Sightings {
    /// What a status holds.
    pub fn new(seen: BTreeMap<String, i64>) -> Self {
        Self(seen)
    }

    /// What a status should hold.
    pub fn into_inner(self) -> BTreeMap<String, i64> {
        self.0
    }

    /// Forgets tags that `keep` does not want, and sees `tags` at `now` as far as there is room.
    pub fn see<'t>(
        &mut self,
        tags: impl IntoIterator<Item = &'t str>,
        keep: impl Fn(&str) -> bool,
        now: i64,
    ) {
        self.0.retain(|tag, _| keep(tag));
        for tag in tags {
            if self.0.len() >= MOST {
                return;
            }
            self.0.entry(tag.to_owned()).or_insert(now);
        }
    }

    /// The seconds until `tag` is `age` seconds old; 0 when it is, and `age` when it was never seen.
    pub fn until(&self, tag: &str, age: i64, now: i64) -> i64 {
        let Some(seen) = self.0.get(tag) else { return age };
        // A clock that went back must not make anything older.
        (seen.saturating_add(age) - now).clamp(0, age)
    }

    /// The seconds until the next tag comes of age, if one is waiting.
    pub fn next(&self, age: i64, now: i64) -> Option<i64> {
        self.0.keys().map(|tag| self.until(tag, age, now)).filter(|wait| *wait > 0).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_comes_of_age_from_when_it_was_first_seen() {
        let mut seen = Sightings::default();
        seen.see(["a"], |_| true, 100);
        seen.see(["a", "b"], |_| true, 150);
        #[rustfmt::skip]
        let cases = [
            ("a", 160, 40), ("a", 200, 0), ("a", 900, 0), ("b", 200, 50), ("never", 900, 100),
            ("a", 50, 100),
        ];
        for (tag, now, wait) in cases {
            assert_eq!(seen.until(tag, 100, now), wait, "{tag} at {now}");
        }
        assert_eq!((seen.next(100, 160), seen.next(100, 210)), (Some(40), Some(40)));
    }

    #[test]
    fn a_full_record_keeps_those_that_come_of_age_first() {
        let mut seen = Sightings::default();
        let tags: Vec<String> = (0..MOST + 50).map(|number| number.to_string()).collect();
        seen.see(tags.iter().map(String::as_str), |_| true, 1);
        seen.see(["newer"], |_| true, 2);
        let kept = seen.clone().into_inner();
        assert_eq!((kept.len(), kept.get("newer")), (MOST, None));
        seen.see(["newer"], |tag| tag != "0", 3);
        assert_eq!(seen.into_inner().get("newer"), Some(&3));
    }
}
