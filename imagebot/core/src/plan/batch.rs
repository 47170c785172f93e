//! How long changes are collected before they are committed.
//!
//! Times are seconds since 1970.

/// How long changes are collected. Zero is not at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Batch {
    /// Nothing new must come for this long, in seconds.
    pub quiet: i64,
    /// But nothing waits for longer than this, in seconds.
    pub most: Option<i64>,
}

impl Batch {
    /// Until when changes wait at `now`, of which the first came at `first` and the last at `last`;
    /// `None` when they need wait no more.
    pub fn until(&self, first: i64, last: i64, now: i64) -> Option<i64> {
        let quiet = last.saturating_add(self.quiet);
        let end = self.most.map_or(quiet, |most| quiet.min(first.saturating_add(most)));
        (now < end).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_wait_for_quiet_but_not_for_ever() {
        #[rustfmt::skip]
        let cases = [
            // quiet  most       first  last  now   until
            (0,       None,      100,   100,  100,  None),
            (30,      None,      100,   100,  100,  Some(130)),
            (30,      None,      100,   100,  130,  None),
            (30,      None,      100,   125,  130,  Some(155)),
            (30,      Some(60),  100,   125,  130,  Some(155)),
            (30,      Some(60),  100,   150,  155,  Some(160)),
            (30,      Some(60),  100,   159,  160,  None),
            (30,      Some(10),  100,   100,  105,  Some(110)),
        ];
        for (quiet, most, first, last, now, until) in cases {
            let batch = Batch { quiet, most };
            assert_eq!(batch.until(first, last, now), until, "{batch:?} {first} {last} {now}");
        }
    }
}
