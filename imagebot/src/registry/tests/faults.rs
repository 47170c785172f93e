//! Answers that are none.

use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::stream;
use reconcile::Class;

use super::{
    Access, Error, Registry, list, login,
    server::{Server, answer, basic, page},
    web,
};

const HTML: &str = "<!doctype html><title>Sign in</title>";

#[tokio::test]
async fn what_a_registry_answers_decides_who_can_mend_it() {
    let text = ("content-type", "text/html; charset=utf-8");
    #[rustfmt::skip]
    let cases = [
        // status headers                                                                        body                                              class             wait        said
        (429, vec![("retry-after", "7")],                                                        r#"{"errors":[{"code":"TOOMANYREQUESTS"}]}"#,     Class::Transient, Some(7),    "answered 429: TOOMANYREQUESTS"),
        (429, vec![("date", "Wed, 21 Oct 2015 07:28:00 GMT"), ("retry-after", "Wed, 21 Oct 2015 07:30:00 GMT")], "",                               Class::Transient, Some(120),  "answered 429: it did not say why"),
        (429, vec![("retry-after", "soon")],                                                     "",                                               Class::Transient, None,       "answered 429: it did not say why"),
        (500, vec![],                                                                            "",                                               Class::Transient, None,       "answered 500: it did not say why"),
        (503, vec![("retry-after", "30"), text],                                                 HTML,                                             Class::Transient, Some(30),   "answered 503: it did not say why"),
        (404, vec![],                                                                            r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}"#, Class::Waiting, None, "knows no `team/web/tags/list`: NAME_UNKNOWN: repository name not known to registry"),
        (403, vec![],                                                                            r#"{"errors":[{"code":"DENIED"}]}"#,              Class::Waiting,   None,       "answered 403: DENIED"),
        (400, vec![],                                                                            r#"{"message":"no\u0000 such thing"}"#,           Class::Waiting,   None,       "answered 400: no such thing"),
        (200, vec![text],                                                                        HTML,                                             Class::Waiting,   None,       "answered with a web page instead of JSON"),
        (200, vec![],                                                                            "  \n<html>",                                     Class::Waiting,   None,       "answered with a web page instead of JSON"),
        (206, vec![],                                                                            r#"{"tags":["1"]}"#,                              Class::Waiting,   None,       "a list of tags comes with 200"),
        (200, vec![],                                                                            "tags: [1]",                                      Class::Waiting,   None,       "is not what a registry answers: no JSON object with `tags`"),
        (200, vec![],                                                                            "{}",                                             Class::Waiting,   None,       "no JSON object with `tags`"),
        (200, vec![],                                                                            r#"{"tags":[1]}"#,                                Class::Waiting,   None,       "no JSON object with `tags`"),
        (200, vec![],                                                                            "",                                               Class::Waiting,   None,       "no JSON object with `tags`"),
    ];
    for (status, headers, body, class, wait, said) in cases {
        let row = format!("{status} {headers:?} {body}");
        let server = Server::start(move |_| answer(status, &headers, body)).await;
        let error = list(&server).await.unwrap_err();
        assert!(error.to_string().contains(said), "{row}: {error}");
        assert_eq!(error.class(), class, "{row}");
        assert_eq!(error.retry_after(), wait.map(Duration::from_secs), "{row}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let server = Server::start(|_| {
        let chunk = Bytes::from(vec![b' '; 1 << 20]);
        answer(
            200,
            &[],
            Body::from_stream(stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()))),
        )
    })
    .await;
    let error = list(&server).await.unwrap_err();
    assert!(matches!(error, Error::TooLong { most: 33_554_432, .. }), "{error}");
    let announced = Server::start(|_| {
        answer(
            200,
            &[("content-length", "99999999999")],
            Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()),
        )
    })
    .await;
    assert!(matches!(list(&announced).await.unwrap_err(), Error::TooLong { .. }));
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_waited_for() {
    let address = Server::start(|_| page(&["1"], None)).await.address().to_owned();
    let repository = imagebot_core::reference::Repository::at(&address, "team/web").unwrap();
    let error = Registry::new().unwrap().tags(&repository, &Access::default()).await.unwrap_err();
    assert!(error.to_string().starts_with("could not reach `127.0.0.1:"), "{error}");
    assert_eq!(error.class(), Class::Transient);
}

#[tokio::test]
async fn redirects_are_followed_within_the_registry() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/moved" => page(&["1"], None),
        _ => answer(307, &[("location", "/moved")], ""),
    })
    .await;
    assert_eq!(list(&server).await.unwrap(), ["1"]);
    let circle = Server::start(|_| answer(302, &[("location", "/again")], "")).await;
    assert!(matches!(list(&circle).await.unwrap_err(), Error::Astray { .. }));
}

#[tokio::test]
async fn nobody_else_is_shown_the_password() {
    let other = Server::start(|asked| {
        if asked.authorization.is_some() { page(&["stolen"], None) } else { basic() }
    })
    .await;
    let target = format!("http://{}/v2/team/web/tags/list", other.address());
    let server = Server::start(move |asked| match &asked.authorization {
        Some(_) => answer(307, &[("location", target.as_str())], ""),
        None => basic(),
    })
    .await;
    let error = Registry::new()
        .unwrap()
        .tags(&web(&server), &login(&server, "ann", "s3cr3t"))
        .await
        .unwrap_err();
    let (from, to) = (server.address(), other.address());
    assert_eq!(
        error.to_string(),
        format!("`{from}` points to `http://{to}`, which is not followed")
    );
    assert!(other.asked().iter().all(|asked| asked.authorization.is_none()));
}

#[tokio::test]
async fn a_digest_is_asked_for_without_the_manifest() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let named = digest.clone();
    let server = Server::start(move |asked| {
        assert_eq!(
            (asked.method.as_str(), asked.path.as_str()),
            ("HEAD", "/v2/team/web/manifests/1.0")
        );
        answer(200, &[("docker-content-digest", named.as_str())], "")
    })
    .await;
    let registry = Registry::new().unwrap();
    assert_eq!(registry.digest(&web(&server), "1.0", &Access::default()).await.unwrap(), digest);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_digest_that_no_header_names_is_computed() {
    for head in [200, 405] {
        let server = Server::start(move |asked| match asked.method.as_str() {
            "HEAD" => answer(head, &[], ""),
            _ => answer(200, &[], "{}"),
        })
        .await;
        let digest = Registry::new()
            .unwrap()
            .digest(&web(&server), "1.0", &Access::default())
            .await
            .unwrap();
        assert_eq!(
            digest,
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
    }
}

#[tokio::test]
async fn what_is_no_digest_is_not_written_anywhere() {
    #[rustfmt::skip]
    let cases = [
        // status header                                    said
        (200,     Some("sha256:xyz"),                       "`Docker-Content-Digest` is no digest"),
        (200,     Some("sha256:ABCD"),                      "`Docker-Content-Digest` is no digest"),
        (404,     None,                                     "knows no `team/web/manifests/1.0`"),
        (429,     None,                                     "answered 429"),
    ];
    for (status, header, said) in cases {
        let headers: Vec<_> =
            header.map(|value| ("docker-content-digest", value)).into_iter().collect();
        let server = Server::start(move |_| answer(status, &headers, "")).await;
        let error = Registry::new()
            .unwrap()
            .digest(&web(&server), "1.0", &Access::default())
            .await
            .unwrap_err();
        assert!(error.to_string().contains(said), "{status} {header:?}: {error}");
    }
}

#[tokio::test]
async fn a_list_that_drips_holds_up_no_other() {
    let drip = Server::start(|_| {
        let start = stream::once(async { Ok::<_, std::io::Error>(Bytes::from("{\"tags\":[")) });
        let drops = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from(" ")), ()))
        });
        answer(200, &[], Body::from_stream(futures::StreamExt::chain(start, drops)))
    })
    .await;
    let good = Server::start(|_| page(&["1"], None)).await;
    let registry = Registry::new().unwrap();
    // More of them than there are readers, each as somebody else.
    let mut slow = tokio::task::JoinSet::new();
    for index in 0..60 {
        let (registry, repository) = (registry.clone(), web(&drip));
        let access = Access::default().through(
            super::super::access::Proxy::new(
                &format!("http://{}", drip.address()),
                Some(("p", &index.to_string())),
            )
            .unwrap(),
        );
        slow.spawn(async move { registry.tags(&repository, &access).await.is_ok() });
    }
    while drip.asked().len() < 8 {
        tokio::task::yield_now().await;
    }
    let (repository, access) = (web(&good), Access::default());
    let listed = registry.tags(&repository, &access);
    let listed = tokio::time::timeout(Duration::from_secs(9), listed).await;
    assert_eq!(listed.expect("the others give their places back").unwrap(), ["1"]);
    slow.shutdown().await;
}

#[tokio::test]
async fn json_that_ends_too_early_is_no_shorter_list() {
    for body in [r#"{"name":"team/web","tags":["1","2""#, r#"{"name":"team/web","tags":["1"]"#] {
        // Complete as HTTP goes, and cut in the middle of what was announced.
        let whole = Server::start(move |_| answer(200, &[], body)).await;
        assert!(matches!(list(&whole).await.unwrap_err(), Error::Garbled { .. }), "{body}");
        let cut = Server::start(move |_| {
            let parts = [Ok(Bytes::from(body)), Err(std::io::Error::other("gone"))];
            answer(200, &[], Body::from_stream(stream::iter(parts)))
        })
        .await;
        let error = list(&cut).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{body}: {error}");
        assert_eq!(error.class(), Class::Transient);
    }
}

#[tokio::test]
async fn a_second_page_that_fails_makes_no_shorter_list() {
    for status in [404, 429, 500, 503] {
        let server = Server::start(move |asked| match asked.parameter("last") {
            None => page(&["1", "2"], Some("/v2/team/web/tags/list?last=2")),
            Some(_) => answer(status, &[], ""),
        })
        .await;
        assert!(list(&server).await.is_err(), "{status}");
    }
}
