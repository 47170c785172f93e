//! A list of tags, page by page.
//!
//! Registries disagree about pages: most send a `Link` to the next one, relative or absolute, some
//! cut the list without a word, some ignore that pages were asked for, some refuse a page that is
//! too long for them. So: follow `Link` where there is one; where there is none and the page has
//! the look of a full one, ask once for what comes after its last tag; where a page is refused, ask
//! for shorter ones, and remember that. Every page must bring a tag that no page before it had.
//!
//! A page that has an `ETag` is kept, and asked for again only if it is another one by now.

use std::{
    collections::{HashMap, HashSet, hash_map::RandomState},
    hash::BuildHasher as _,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Method, Response, StatusCode,
    header::{ETAG, HeaderMap, LINK},
};
use serde::Deserialize;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};
use url::Url;

use super::{
    Error, client,
    gate::Kind,
    memo::{Memo, Page as Kept},
    session::{Question, Session},
};

/// How many tags a page should have, and then where that is refused; 0 leaves it to the registry.
const SIZES: [usize; 3] = [1000, 100, 0];
/// Registries that cut lists without a word do it at a multiple of this.
const ROUND: usize = 50;
/// How many pages there may be.
const MOST_PAGES: usize = 20_000;
/// How many tags there may be.
const MOST_TAGS: usize = 500_000;
/// How long a page may be: enough for 200,000 tags of 128 characters.
const LONGEST_PAGE: usize = 32 << 20;

/// How long one list may keep others from being read.
const BURST: Duration = Duration::from_secs(3);

/// What a registry lists. Few long ones are held at once: until it is dropped, others wait.
pub struct Listing {
    /// All tags, each once, in the order of the registry.
    pub tags: Vec<String>,
    /// What spares us the same pages the next time.
    pub memo: Memo,
    _place: Place,
}

#[derive(Deserialize)]
struct Body {
    /// There, and perhaps `null`.
    #[serde(deserialize_with = "Option::deserialize")]
    tags: Option<Vec<String>>,
}

/// One page, as it was asked for.
struct Page {
    /// Where it really came from.
    from: Url,
    tags: Vec<String>,
    etag: Option<String>,
    next: Option<String>,
}

/// Where the next page is.
enum Next {
    /// Where the registry says.
    Linked(Url),
    /// After the last tag, if there is more at all.
    After(Url),
}

/// All tags of the session's repository; `before` is what the listing before this one left.
pub(super) async fn list(session: &Session<'_>, before: &Memo) -> Result<Listing, Error> {
    let smaller = session.shared.known(&session.key).page;
    let mut sizes = SIZES.into_iter().filter(|size| smaller.is_none_or(|most| *size <= most));
    let mut size = sizes.next().unwrap_or(0);
    loop {
        match Lister::new(session, before, size).run().await {
            Err(error) if is_about_size(&error) => match sizes.next() {
                Some(less) => size = less,
                None => return Err(error),
            },
            done => {
                if done.is_ok() && size != SIZES[0] {
                    session.shared.remember(&session.key, |known| known.page = Some(size));
                }
                return done;
            }
        }
    }
}

/// Whether a shorter page may be had where this one was not.
fn is_about_size(error: &Error) -> bool {
    match error {
        Error::Refused { status, .. } => matches!(status, 400 | 413 | 414 | 416 | 422),
        Error::Unavailable { status, retry_after, .. } => *status == 504 && retry_after.is_none(),
        Error::TooLong { .. } => true,
        _ => false,
    }
}

struct Lister<'l, 's> {
    session: &'l Session<'s>,
    before: HashMap<&'l str, &'l Kept>,
    size: usize,
    tags: Vec<String>,
    /// What was seen, by hashes under a key of this listing: the tags themselves are long.
    seen: HashSet<u64>,
    hasher: RandomState,
    place: Place,
    /// `None` from the first page on that had no name.
    kept: Option<Vec<Kept>>,
    /// Whether this page was asked for without knowing that there is one.
    guessed: bool,
    /// How many tags the first page had, which is what a full one has.
    first: Option<usize>,
    /// Whether the registry says where the next page is, so that it says, too, where none is.
    links: bool,
}

impl<'l, 's> Lister<'l, 's> {
    fn new(session: &'l Session<'s>, before: &'l Memo, size: usize) -> Self {
        Self {
            session,
            before: before.pages().iter().map(|page| (page.address.as_str(), page)).collect(),
            size,
            tags: Vec::new(),
            seen: HashSet::new(),
            hasher: RandomState::new(),
            place: Place::Outside,
            kept: Some(Vec::new()),
            guessed: false,
            first: None,
            links: false,
        }
    }

    async fn run(mut self) -> Result<Listing, Error> {
        let host = self.session.key.host.clone();
        let mut url = self.session.url("tags/list")?;
        if self.size > 0 {
            url.query_pairs_mut().append_pair("n", &self.size.to_string());
        }
        for pages in 1..=MOST_PAGES {
            let page = self.page(&url).await?;
            let (before, length) = (self.tags.len(), page.tags.len());
            let next = self.next(&page)?;
            self.first.get_or_insert(length);
            self.links |= page.next.is_some();
            self.keep(&url, &page);
            for tag in page.tags.into_iter().filter(|tag| is_tag(tag)) {
                if self.seen.insert(self.hasher.hash_one(&tag)) {
                    self.tags.push(tag);
                }
            }
            if self.tags.len() > MOST_TAGS {
                return Err(Error::TooMany { host, pages, tags: MOST_TAGS });
            }
            let nothing_new = self.tags.len() == before;
            url = match next {
                _ if nothing_new && self.guessed => {
                    // It ignores what we ask for, and gave all of it before.
                    let whole = length > 0;
                    self.session.shared.remember(&self.session.key, |it| it.whole |= whole);
                    return Ok(self.done());
                }
                Some(Next::Linked(_)) if nothing_new => {
                    return Err(Error::Circle { host, pages, tags: self.tags.len() });
                }
                Some(Next::Linked(url)) => {
                    self.guessed = false;
                    url
                }
                Some(Next::After(url)) if !nothing_new => {
                    self.guessed = true;
                    url
                }
                _ => return Ok(self.done()),
            };
        }
        Err(Error::TooMany { host, pages: MOST_PAGES, tags: self.tags.len() })
    }

    fn done(self) -> Listing {
        let memo = Memo::of(self.kept.unwrap_or_default());
        Listing { tags: self.tags, memo, _place: self.place }
    }

    /// Asks for a page, or finds that it is the one that was kept.
    async fn page(&mut self, url: &Url) -> Result<Page, Error> {
        let kept = self.before.get(address(url)).and_then(|kept| Some((kept, kept.tags()?)));
        let question = Question {
            method: Method::GET,
            url,
            accept: "application/json",
            kind: Kind::List,
            unless: kept.as_ref().map(|(kept, _)| kept.etag.as_str()),
        };
        let mut response = self.session.ask(&question).await?;
        if let (StatusCode::NOT_MODIFIED, Some((kept, tags))) = (response.status(), kept) {
            let (etag, next) = (Some(kept.etag.clone()), kept.next.clone());
            return Ok(Page { from: url.clone(), tags, etag, next });
        }
        let tags = self.read(&mut response).await?;
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
        let etag = etag.filter(|etag| (3..256).contains(&etag.len())).map(str::to_owned);
        Ok(Page { from: response.url().clone(), tags, etag, next: linked(response.headers()) })
    }

    async fn read(&mut self, response: &mut Response) -> Result<Vec<String>, Error> {
        let host = &self.session.key.host;
        if response.status() != StatusCode::OK {
            // Such as 206: a part of a list is none.
            return Err(Error::Garbled {
                host: host.clone(),
                what: "a list of tags comes with 200",
            });
        }
        let body = {
            self.place.take(self.session).await;
            let mut body = pin!(client::body(response, host, LONGEST_PAGE));
            match self.place.within(body.as_mut()).await {
                Some(body) => body?,
                None => body.await?,
            }
        };
        match serde_json::from_slice::<Body>(&body) {
            Ok(page) => Ok(page.tags.unwrap_or_default()),
            Err(_) if client::is_web_page(response.headers(), &body) => {
                Err(Error::WebPage { host: host.clone() })
            }
            Err(_) => {
                Err(Error::Garbled { host: host.clone(), what: "no JSON object with `tags`" })
            }
        }
    }

    fn keep(&mut self, url: &Url, page: &Page) {
        let Some(kept) = &mut self.kept else { return };
        match &page.etag {
            Some(etag) => {
                let next = page.next.clone();
                kept.push(Kept::new(address(url).to_owned(), etag.clone(), next, &page.tags));
            }
            None => self.kept = None,
        }
    }

    /// The next page, which must be where this one was.
    fn next(&self, page: &Page) -> Result<Option<Next>, Error> {
        if let Some(target) = &page.next {
            return self.within(&page.from, target).map(|url| Some(Next::Linked(url)));
        }
        let length = page.tags.len();
        // More than was asked for, or a first page that is not round, is all that there is.
        let round = length > 0 && length.is_multiple_of(ROUND);
        let full = match self.first {
            Some(first) => length == first,
            None => length == self.size || (round && (self.size == 0 || length < self.size)),
        };
        let whole = self.session.shared.known(&self.session.key).whole;
        let more = full && !whole && !self.links;
        let Some(last) = page.tags.last().filter(|_| more) else { return Ok(None) };
        let mut url = self.session.url("tags/list")?;
        if self.size > 0 {
            url.query_pairs_mut().append_pair("n", &self.size.to_string());
        }
        url.query_pairs_mut().append_pair("last", last);
        Ok(Some(Next::After(url)))
    }

    /// The address that `target` means on the page `here`, if it stays on its host.
    fn within(&self, here: &Url, target: &str) -> Result<Url, Error> {
        let astray = |target| Error::Astray { host: self.session.key.host.clone(), target };
        let mut url = here.join(target).map_err(|_| astray("nowhere".to_owned()))?;
        let named = |url: &Url| (url.host_str().map(str::to_owned), url.port());
        // A registry behind a proxy that ends TLS may not know that it has TLS.
        if url.scheme() != here.scheme() && named(&url) == named(here) {
            // Both are `http` or `https`, between which a change of scheme cannot fail.
            let _ = url.set_scheme(here.scheme());
        }
        if url.origin() != here.origin() {
            return Err(astray(url.origin().ascii_serialization()));
        }
        Ok(url)
    }
}

/// A place among those who read long answers, so that memory is bounded.
///
/// Who is slow gives the place back and goes on alone: it cannot bring much at once.
enum Place {
    /// Nothing was read yet.
    Outside,
    /// One of the readers, until then.
    Among { until: Instant, _place: OwnedSemaphorePermit },
    /// Too slow.
    Alone,
}

impl Place {
    async fn take(&mut self, session: &Session<'_>) {
        if let Self::Outside = self {
            // They are never closed.
            let place = Arc::clone(&session.shared.readers).acquire_owned().await;
            let until = Instant::now() + BURST;
            *self = place.map_or(Self::Alone, |place| Self::Among { until, _place: place });
        }
    }

    /// What is read, if that is over before the place is given back.
    async fn within<T>(&mut self, reading: impl Future<Output = T>) -> Option<T> {
        let Self::Among { until, .. } = self else { return None };
        let read = timeout_at(*until, reading).await.ok();
        if read.is_none() {
            *self = Self::Alone;
        }
        read
    }
}

/// The address of a page within its registry.
fn address(url: &Url) -> &str {
    &url[url::Position::BeforePath..]
}

/// What the specification allows as a tag; nothing else can be pulled.
fn is_tag(tag: &str) -> bool {
    let mut bytes = tag.bytes();
    tag.len() <= 128
        && bytes.next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// The target of `Link: <...>; rel="next"`.
fn linked(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(links).find(|(_, next)| *next).map(|(target, _)| target)
}

/// The links of one header, and whether each leads to the next page.
fn links(header: &str) -> Vec<(String, bool)> {
    let (mut links, mut rest) = (Vec::new(), header);
    while let Some((_, after)) = rest.split_once('<') {
        let Some((target, after)) = after.split_once('>') else { break };
        let end = after.find(",<").or_else(|| after.find(", <")).unwrap_or(after.len());
        let (parameters, after) = after.split_at(end);
        let next = parameters.split(';').filter_map(|parameter| parameter.split_once('=')).any(
            |(name, value)| {
                let value = value.trim().trim_matches('"').trim();
                name.trim().eq_ignore_ascii_case("rel")
                    && value.split(' ').any(|relation| relation.eq_ignore_ascii_case("next"))
            },
        );
        links.push((target.trim().to_owned(), next));
        rest = after;
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read_as_registries_write_them() {
        #[rustfmt::skip]
        let cases = [
            // header                                                        targets
            ("</v2/a/tags/list?last=b&n=1>; rel=\"next\"",                   vec![("/v2/a/tags/list?last=b&n=1", true)]),
            ("<https://h/x?a=1,2;b>;rel=next",                               vec![("https://h/x?a=1,2;b", true)]),
            ("<a>; rel=\"prev\", <b>; title=\"x\"; REL=\"last Next\"",       vec![("a", false), ("b", true)]),
            ("<a>; rel=prev,<b>; rel=next",                                  vec![("a", false), ("b", true)]),
            ("<a>",                                                          vec![("a", false)]),
            ("<a",                                                           vec![]),
            ("",                                                             vec![]),
        ];
        for (header, wanted) in cases {
            let found = links(header);
            let found: Vec<_> =
                found.iter().map(|(target, next)| (target.as_str(), *next)).collect();
            assert_eq!(found, wanted, "{header}");
        }
    }
}
