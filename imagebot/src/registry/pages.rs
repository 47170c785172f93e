//! A list of tags, page by page.
//!
//! Registries disagree about pages: most send a `Link` to the next one, relative or absolute, some
//! cut the list without a word, some ignore that pages were asked for. So: follow `Link` where there
//! is one; where there is none and the page is exactly full, ask once for what comes after its last
//! tag. Every page must bring a tag that no page before it had.

use std::collections::HashSet;

use reqwest::{
    Method, Response,
    header::{HeaderMap, LINK},
};
use serde::Deserialize;
use url::Url;

use super::{Error, client, session::Session};

/// How many tags a page should have.
const PAGE: usize = 1000;
/// How many pages there may be.
const MOST_PAGES: usize = 20_000;
/// How many tags there may be.
const MOST_TAGS: usize = 500_000;
/// How long a page may be: enough for 200,000 tags of 128 characters.
const LONGEST_PAGE: usize = 32 << 20;

#[derive(Deserialize)]
struct Page {
    /// There, and perhaps `null`.
    #[serde(deserialize_with = "Option::deserialize")]
    tags: Option<Vec<String>>,
}

/// Where the next page is.
enum Next {
    /// Where the registry says.
    Linked(Url),
    /// After the last tag, if there is more at all.
    After(Url),
}

/// All tags of the session's repository, each once.
pub(super) async fn list(session: &Session<'_>) -> Result<Vec<String>, Error> {
    let mut url = session.url("tags/list")?;
    url.query_pairs_mut().append_pair("n", &PAGE.to_string());
    let host = &session.key.host;
    let (mut tags, mut seen) = (Vec::new(), HashSet::new());
    let mut guessed = false;
    for pages in 1..=MOST_PAGES {
        let mut response = session.ask(Method::GET, &url, "application/json").await?;
        let listed = read(session, &mut response).await?;
        let (before, length) = (tags.len(), listed.len());
        let last = listed.last().cloned();
        for tag in listed.into_iter().filter(|tag| is_tag(tag)) {
            if seen.insert(tag.clone()) {
                tags.push(tag);
            }
        }
        if tags.len() > MOST_TAGS {
            return Err(Error::TooMany { host: host.clone(), pages, tags: MOST_TAGS });
        }
        let nothing_new = tags.len() == before;
        url = match next(session, &response, length, last.as_deref())? {
            // The registry ignores what we ask for, and gave all of it before.
            _ if nothing_new && guessed => return Ok(tags),
            Some(Next::Linked(_)) if nothing_new => {
                return Err(Error::Circle { host: host.clone(), pages, tags: tags.len() });
            }
            Some(Next::Linked(url)) => {
                guessed = false;
                url
            }
            Some(Next::After(url)) if !nothing_new => {
                guessed = true;
                url
            }
            _ => return Ok(tags),
        };
    }
    Err(Error::TooMany { host: host.clone(), pages: MOST_PAGES, tags: tags.len() })
}

async fn read(session: &Session<'_>, response: &mut Response) -> Result<Vec<String>, Error> {
    let host = &session.key.host;
    let body = client::body(response, host, LONGEST_PAGE).await?;
    match serde_json::from_slice::<Page>(&body) {
        Ok(page) => Ok(page.tags.unwrap_or_default()),
        Err(_) if client::is_web_page(response.headers(), &body) => {
            Err(Error::WebPage { host: host.clone() })
        }
        Err(_) => Err(Error::Garbled { host: host.clone(), what: "no JSON object with `tags`" }),
    }
}

/// What the specification allows as a tag; nothing else can be pulled.
fn is_tag(tag: &str) -> bool {
    let mut bytes = tag.bytes();
    tag.len() <= 128
        && bytes.next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// The next page, which must be where this one was.
fn next(
    session: &Session<'_>,
    response: &Response,
    length: usize,
    last: Option<&str>,
) -> Result<Option<Next>, Error> {
    let here = response.url();
    if let Some(target) = linked(response.headers()) {
        let astray = |target: String| Error::Astray { host: session.key.host.clone(), target };
        let mut url = here.join(&target).map_err(|_| astray("nowhere".to_owned()))?;
        let named = |url: &Url| (url.host_str().map(str::to_owned), url.port());
        // A registry behind a proxy that ends TLS may not know that it has TLS.
        if url.scheme() != here.scheme() && named(&url) == named(here) {
            // Both are `http` or `https`, between which a change of scheme cannot fail.
            let _ = url.set_scheme(here.scheme());
        }
        if url.origin() != here.origin() {
            return Err(astray(url.origin().ascii_serialization()));
        }
        return Ok(Some(Next::Linked(url)));
    }
    let Some(last) = last.filter(|_| length == PAGE) else { return Ok(None) };
    let mut url = session.url("tags/list")?;
    url.query_pairs_mut().append_pair("n", &PAGE.to_string()).append_pair("last", last);
    Ok(Some(Next::After(url)))
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
