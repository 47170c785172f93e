//! Pages of tags, honest and not.

use super::{
    Access, Error, Registry, list,
    server::{Server, answer, page},
    web,
};

fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("v{number:07}")).collect()
}

#[tokio::test]
async fn links_are_followed_to_the_end() {
    let server = Server::start(|asked| match asked.parameter("last") {
        None => page(&["1", "2"], Some("/v2/team/web/tags/list?last=OPAQUE%3D&n=2")),
        Some("OPAQUE=") => page(&["3"], Some("list?last=end")),
        Some("end") => page::<&str>(&[], None),
        Some(other) => panic!("{other}"),
    })
    .await;
    assert_eq!(list(&server).await.unwrap(), ["1", "2", "3"]);
    assert_eq!(server.asked()[0].parameter("n"), Some("1000"));
}

#[tokio::test]
async fn absolute_links_to_the_same_host_are_followed_whatever_their_scheme() {
    for scheme in ["http", "https"] {
        let address = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
        let known = std::sync::Arc::clone(&address);
        let server = Server::start(move |asked| match asked.parameter("last") {
            None => page(
                &["1"],
                Some(&format!("{scheme}://{}/v2/team/web/tags/list?last=1", known.get().unwrap())),
            ),
            Some(_) => page(&["2"], None),
        })
        .await;
        address.set(server.address().to_owned()).unwrap();
        assert_eq!(list(&server).await.unwrap(), ["1", "2"], "{scheme}");
    }
}

#[tokio::test]
async fn a_full_page_without_a_link_is_asked_for_more() {
    let all = numbered(0..2500);
    let listed = all.clone();
    let server = Server::start(move |asked| {
        let start = asked
            .parameter("last")
            .map_or(0, |last| listed.partition_point(|tag| tag.as_str() <= last));
        page(&listed[start..listed.len().min(start + 1000)], None)
    })
    .await;
    assert_eq!(list(&server).await.unwrap(), all);
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_registry_that_ignores_pages_is_read_once_or_twice() {
    for (count, requests) in [(999, 1), (1000, 2), (1001, 1), (100_000, 1)] {
        let all = numbered(0..count);
        let listed = all.clone();
        let server = Server::start(move |_| page(&listed, None)).await;
        assert_eq!(list(&server).await.unwrap(), all);
        assert_eq!(server.asked().len(), requests, "{count}");
    }
}

#[tokio::test]
async fn a_hundred_thousand_tags_on_a_thousand_pages_are_read() {
    let server = Server::start(|asked| {
        let start: usize = asked.parameter("last").map_or(0, |last| last.parse().unwrap());
        let link = format!("/v2/team/web/tags/list?n=100&last={}", start + 100);
        page(&numbered(start..start + 100), (start + 100 < 100_000).then_some(link.as_str()))
    })
    .await;
    assert_eq!(list(&server).await.unwrap(), numbered(0..100_000));
}

#[tokio::test]
async fn pages_that_lead_in_a_circle_are_an_error() {
    let same = Server::start(|_| page(&["1", "2"], Some("/v2/team/web/tags/list?last=2"))).await;
    let error = list(&same).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the pages of tags of `{}` lead in a circle after 2 pages and 2 tags",
            same.address()
        )
    );
    let count = std::sync::atomic::AtomicUsize::new(0);
    let fresh = Server::start(move |_| {
        let count = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        page(&["1", "2"], Some(&format!("/v2/team/web/tags/list?last=x{count}")))
    })
    .await;
    assert!(matches!(list(&fresh).await.unwrap_err(), Error::Circle { pages: 2, tags: 2, .. }));
    let empty = Server::start(|_| page::<&str>(&[], Some("/v2/team/web/tags/list?last=2"))).await;
    assert!(matches!(list(&empty).await.unwrap_err(), Error::Circle { pages: 1, tags: 0, .. }));
}

#[tokio::test]
async fn pages_that_never_end_are_an_error() {
    let server = Server::start(|asked| {
        let start: usize = asked.parameter("last").map_or(0, |last| last.parse().unwrap());
        let next = start + 100_000;
        page(&numbered(start..next), Some(&format!("/v2/team/web/tags/list?last={next}")))
    })
    .await;
    assert!(matches!(
        list(&server).await.unwrap_err(),
        Error::TooMany { tags: 500_000, pages: 6, .. }
    ));
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed() {
    let other = Server::start(|_| page(&["stolen"], None)).await;
    let target = format!("http://{}/v2/team/web/tags/list?last=1", other.address());
    let server = Server::start(move |_| page(&["1"], Some(&target))).await;
    let error = list(&server).await.unwrap_err();
    let (from, to) = (server.address(), other.address());
    assert_eq!(
        error.to_string(),
        format!("`{from}` points to `http://{to}`, which is not followed")
    );
    assert_eq!(other.asked().len(), 0);
}

#[tokio::test]
async fn a_repository_without_tags_has_none() {
    let server = Server::start(|_| answer(200, &[], r#"{"name":"team/web","tags":null}"#)).await;
    assert!(list(&server).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_no_tag_is_left_out_and_what_comes_twice_comes_once() {
    let long = "x".repeat(129);
    let server = Server::start(move |_| {
        page(&["1", "a b", "", "-x", "ok_1.2-3", "1", "é", &long, "a\nb"], None)
    })
    .await;
    assert_eq!(list(&server).await.unwrap(), ["1", "ok_1.2-3"]);
}

#[tokio::test]
async fn a_page_that_is_refused_is_asked_for_shorter_and_that_is_remembered() {
    for (refusal, most) in [(400, 100), (413, 100), (504, 100), (422, 0)] {
        let all = numbered(0..250);
        let listed = all.clone();
        let server = Server::start(move |asked| {
            let wanted: usize = asked.parameter("n").map_or(0, |n| n.parse().unwrap());
            if wanted > most {
                return answer(
                    refusal,
                    &[],
                    r#"{"errors":[{"code":"PAGINATION_NUMBER_INVALID"}]}"#,
                );
            }
            let start = asked
                .parameter("last")
                .map_or(0, |last| listed.partition_point(|tag| tag.as_str() <= last));
            page(&listed[start..listed.len().min(start + 100)], None)
        })
        .await;
        let (registry, access) = (Registry::new().unwrap(), Access::default());
        for _ in 0..2 {
            assert_eq!(registry.tags(&web(&server), &access).await.unwrap(), all, "{refusal}");
        }
        let sizes: Vec<_> = server
            .asked()
            .iter()
            .map(|asked| asked.parameter("n").map_or(0, |n| n.parse::<usize>().unwrap()))
            .collect();
        let refused = sizes.iter().filter(|size| **size > most).count();
        assert_eq!(refused, if most == 0 { 2 } else { 1 }, "{refusal}: {sizes:?}");
    }
}

#[tokio::test]
async fn a_list_that_is_cut_at_a_round_number_is_not_taken_for_whole() {
    for most in [50, 100, 250] {
        let all = numbered(0..1030);
        let listed = all.clone();
        let server = Server::start(move |asked| {
            let start = asked
                .parameter("last")
                .map_or(0, |last| listed.partition_point(|tag| tag.as_str() <= last));
            page(&listed[start..listed.len().min(start + most)], None)
        })
        .await;
        assert_eq!(list(&server).await.unwrap(), all, "cut at {most}");
    }
}

#[tokio::test]
async fn a_registry_that_is_known_to_give_everything_is_asked_once() {
    let all = numbered(0..1000);
    let listed = all.clone();
    let server = Server::start(move |_| page(&listed, None)).await;
    let (registry, access) = (Registry::new().unwrap(), Access::default());
    for requests in [2, 3, 4] {
        assert_eq!(registry.tags(&web(&server), &access).await.unwrap(), all);
        assert_eq!(server.asked().len(), requests);
    }
}
