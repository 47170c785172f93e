//! The pages of a listing that had a name, so that they need not be sent again.

use crate::tags::front;

/// How much of a listing is kept; a longer one is read anew each time.
const MOST_BYTES: usize = 4 << 20;

/// What a listing leaves for the next one of the same image. Empty where the registry names nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memo(Vec<Page>);

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// The path and the query that gave it.
    pub(super) address: String,
    /// Its `ETag`.
    pub(super) etag: String,
    /// What its `Link` said.
    pub(super) next: Option<String>,
    packed: Vec<u8>,
}

impl Page {
    pub(super) fn new(
        address: String,
        etag: String,
        next: Option<String>,
        tags: &[String],
    ) -> Self {
        Self { address, etag, next, packed: front::pack(tags) }
    }

    /// Its tags; nothing when they cannot be read any more.
    pub(super) fn tags(&self) -> Option<Vec<String>> {
        front::unpack(&self.packed)
    }
}

impl Memo {
    pub(super) fn of(pages: Vec<Page>) -> Self {
        let bytes: usize = pages.iter().map(|page| page.packed.len()).sum();
        if bytes > MOST_BYTES { Self::default() } else { Self(pages) }
    }

    pub(super) fn pages(&self) -> &[Page] {
        &self.0
    }

    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The memo as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for page in &self.0 {
            let next = page.next.as_deref().unwrap_or_default();
            for field in [page.address.as_bytes(), page.etag.as_bytes(), next.as_bytes()] {
                front::field(&mut bytes, field);
            }
            front::field(&mut bytes, &page.packed);
        }
        bytes
    }

    /// The memo that these bytes are; an empty one if they are none.
    pub fn decode(mut bytes: &[u8]) -> Self {
        let mut pages = Vec::new();
        while !bytes.is_empty() {
            let Some(page) = page(&mut bytes) else { return Self::default() };
            pages.push(page);
        }
        Self(pages)
    }
}

fn page(bytes: &mut &[u8]) -> Option<Page> {
    let text = |field: &[u8]| String::from_utf8(field.to_vec()).ok();
    let address = text(front::take_field(bytes)?)?;
    let etag = text(front::take_field(bytes)?)?;
    let next = text(front::take_field(bytes)?)?;
    let packed = front::take_field(bytes)?.to_vec();
    Some(Page { address, etag, next: Some(next).filter(|next| !next.is_empty()), packed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memo_survives_the_disk() {
        let tags = ["2".to_owned(), "1".to_owned()];
        let memo = Memo::of(vec![
            Page::new("/v2/a/tags/list?n=2".into(), "\"x\"".into(), Some("?last=1".into()), &tags),
            Page::new("/v2/a/tags/list?last=1".into(), "W/\"y\"".into(), None, &[]),
        ]);
        let bytes = memo.encode();
        assert_eq!(Memo::decode(&bytes), memo);
        assert_eq!(memo.pages()[0].tags().unwrap(), tags);
        for cut in 1..bytes.len() {
            let half = Memo::decode(&bytes[..cut]);
            assert!(half.is_empty() || half == Memo::of(memo.0[..1].to_vec()), "cut at {cut}");
        }
    }
}
