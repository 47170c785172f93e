//! The examples of `docs/reference` are manifests that both APIs accept.

use std::fs;

use libtest_mimic::Trial;
use tests::trial::trial;
use tests::{Bed, Need, Outcome, reference};

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "reference::a_directory_takes_every_example", &[], directory),
        trial(bed, "reference::a_cluster_takes_every_example", &[Need::Kubernetes], cluster),
    ]
}

/// The examples of every page, by its name. Each page has one of its own kind.
fn examples() -> Outcome<Vec<(String, Vec<String>)>> {
    let mut pages = Vec::new();
    for kind in reference::kinds() {
        let name = kind.spec.names.singular.unwrap_or_default();
        let page = fs::read_to_string(reference::folder().join(format!("{name}.md")))?;
        let found = reference::examples(&page);
        let own = format!("\nkind: {}\n", kind.spec.names.kind);
        assert!(found.iter().any(|text| text.contains(&own)), "{name}.md has no example");
        pages.push((name, found));
    }
    Ok(pages)
}

async fn directory(bed: Bed) -> Outcome {
    for (page, texts) in examples()? {
        for (number, text) in texts.into_iter().enumerate() {
            let home = bed.folder("reference")?;
            let manifests = home.join("manifests");
            fs::create_dir(&manifests)?;
            fs::write(manifests.join("example.yaml"), &text)?;
            let server = embedded::Server::open(embedded::Options {
                directory: Some(manifests),
                state: home.join("state"),
                owner: "test".to_owned(),
                crds: reference::kinds(),
                clock: || "2026-01-02T03:04:05Z".parse().expect("it is a time"),
            })?;
            let report = server.problems().borrow().clone();
            assert_eq!(report.skipped.len(), 0, "{page}.md, example {}", number + 1);
            assert_eq!(report.problems, vec![], "{page}.md, example {}:\n{text}", number + 1);
        }
    }
    Ok(())
}

async fn cluster(bed: Bed) -> Outcome {
    let kubernetes = bed.kubernetes().await?;
    let namespace = kubernetes.namespace("reference").await?;
    for crd in [imagebot_api::git_repository_crd(), sealer_api::kustomization_crd()] {
        kubernetes.apply("", &serde_json::to_string(&crd)?).await?;
    }
    for (page, texts) in examples()? {
        for (number, text) in texts.iter().enumerate() {
            let accepted = kubernetes.would_accept(&namespace, text).await;
            accepted.map_err(|err| format!("{page}.md, example {}: {err}", number + 1))?;
        }
    }
    Ok(())
}
