//! The conformance suite, on the embedded API.

use embedded::{Options, Server, conformance};

#[tokio::test]
async fn the_embedded_api_behaves_as_a_kube_apiserver() {
    let state = tempfile::tempdir().unwrap();
    let server = Server::open(Options {
        directory: None,
        state: state.path().to_owned(),
        owner: "conformance".to_owned(),
        crds: conformance::definitions(),
        clock: || "2026-01-02T03:04:05Z".parse().unwrap(),
    })
    .unwrap();
    let client = server.client();
    let mut failures = Vec::new();
    for (at, check) in conformance::checks().into_iter().enumerate() {
        if let Err(mismatch) = check.run(client.clone(), &format!("conformance-{at}")).await {
            failures.push(format!("{}: {mismatch}", check.name));
        }
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}
