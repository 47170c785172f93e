//! The charts install what the daemons need, and allow no more than that.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::ListParams;
use libtest_mimic::Trial;
use tests::kubernetes::Kubernetes;
use tests::trial::trial;
use tests::{Bed, Daemon, Need, Outcome, eventually};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Kubeseal];
const SOON: Duration = Duration::from_secs(30);

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "charts::helm_accepts_both", &[Need::Helm], lint),
        trial(bed, "charts::keep_stock_leaves_the_upstream_crds_alone", &[Need::Helm], keep_stock),
        trial(bed, "charts::a_value_that_does_not_exist_is_refused", &[Need::Helm], unknown_value),
        trial(bed, "charts::sealer_unseals_with_the_rights_of_its_chart", NEEDS, sealer_rights),
        trial(bed, "charts::sealer_of_one_namespace_needs_no_cluster_role", NEEDS, sealer_scoped),
        trial(bed, "charts::imagebot_cannot_list_secrets", NEEDS, imagebot_rights),
    ]
}

/// The rendered manifests of a chart.
pub(crate) fn render(bed: &Bed, chart: &str, namespace: &str, values: &[&str]) -> Outcome<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("charts").join(chart);
    let folder = folder.display().to_string();
    // The release carries the namespace's name, for cluster roles of other tests are beside it.
    let mut args = vec!["template", namespace, &folder, "--namespace", namespace];
    args.extend(["--set", "serviceAccount.name=robot"]);
    args.extend(values.iter().flat_map(|value| ["--set", value]));
    Ok(String::from_utf8(bed.run("helm", &args, b"")?)?)
}

async fn lint(bed: Bed) -> Outcome {
    for chart in ["sealer", "imagebot"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("charts").join(chart);
        bed.run("helm", &["lint", "--strict", &folder.display().to_string()], b"")?;
    }
    Ok(())
}

async fn keep_stock(bed: Bed) -> Outcome {
    for chart in ["sealer", "imagebot"] {
        let (all, ours) =
            (render(&bed, chart, "a", &[])?, render(&bed, chart, "a", &["crds=keep-stock"])?);
        let crds = |text: &str| text.matches("kind: CustomResourceDefinition").count();
        assert!(crds(&all) > crds(&ours) && crds(&ours) == 1, "{chart}");
        assert_eq!(all.matches("helm.sh/resource-policy: keep").count(), crds(&all), "{chart}");
        let with_sources = render(&bed, chart, "a", &["gitRepositoryCrd=true"])?;
        assert_eq!(crds(&with_sources), crds(&all) + 1, "{chart}");
    }
    Ok(())
}

async fn unknown_value(bed: Bed) -> Outcome {
    for chart in ["sealer", "imagebot"] {
        let refused = render(&bed, chart, "a", &["replica=2"]).expect_err("a typo");
        assert!(refused.to_string().contains("replica"), "{refused}");
    }
    Ok(())
}

/// Installs a chart, and starts the daemon as its ServiceAccount.
async fn installed(
    bed: &Bed,
    kubernetes: &Kubernetes,
    (chart, home): (&str, &str),
    values: &[&str],
    args: &[&str],
) -> Outcome<Daemon> {
    kubernetes.apply(home, &render(bed, chart, home, values)?).await?;
    let kubeconfig = kubernetes.token_for(home, "robot").await?;
    let cache = bed.folder("cache")?.display().to_string();
    let common = ["--leader-election-namespace", home, "--cache-dir", &cache];
    Daemon::start(bed, chart, Some(&kubeconfig), &[&common, args].concat()).await
}

/// Seals a value with the real kubeseal and waits for the Secret.
async fn unseals(bed: &Bed, kubernetes: &Kubernetes, sealer: &Daemon, namespace: &str) -> Outcome {
    let certificate = bed.folder("certificate")?.join("cert.pem");
    let fetched = eventually(SOON, "the certificate", async || {
        let answer = sealer.get("/v1/cert.pem").await?;
        let text = answer.text();
        if text.contains("BEGIN CERTIFICATE") { Ok(text) } else { Err(text.into()) }
    });
    std::fs::write(&certificate, fetched.await?)?;
    let plain = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: db, namespace: {namespace}}}\n\
         stringData: {{password: hunter2}}\n"
    );
    let certificate = certificate.display().to_string();
    let args = ["--cert", &certificate, "--format", "yaml"];
    let sealed = String::from_utf8(bed.run("kubeseal", &args, plain.as_bytes())?)?;
    kubernetes.apply(namespace, &sealed).await?;
    let secrets: Api<Secret> = Api::namespaced(kubernetes.client(), namespace);
    let secret = eventually(SOON, "the Secret", async || Ok(secrets.get("db").await?)).await?;
    assert_eq!(secret.data.unwrap_or_default()["password"].0, b"hunter2");
    assert!(!sealer.log().contains("hunter2"), "the log tells the value");
    Ok(())
}

async fn sealer_rights(bed: Bed) -> Outcome {
    // It looks after every namespace, and the objects of other suites are not its business.
    let kubernetes = &Kubernetes::start(&bed).await?;
    let home = kubernetes.namespace("sealer").await?;
    let apps = kubernetes.namespace("apps").await?;
    let args = ["--key-namespace", &home];
    let sealer = installed(&bed, kubernetes, ("sealer", &home), &[], &args).await?;
    unseals(&bed, kubernetes, &sealer, &apps).await?;
    let kubeconfig = kubernetes.token_for(&home, "robot").await?;
    let client = kubernetes.client_for(&kubeconfig).await?;
    let maps: Api<ConfigMap> = Api::all(client);
    maps.list(&ListParams::default()).await.expect_err("no rule lets it list config maps");
    Ok(())
}

async fn sealer_scoped(bed: Bed) -> Outcome {
    let kubernetes = bed.kubernetes().await?;
    let home = kubernetes.namespace("sealer").await?;
    let apps = kubernetes.namespace("apps").await?;
    let (scope, watch) = (format!("watchNamespace={apps}"), format!("--watch-namespace={apps}"));
    let rendered = render(&bed, "sealer", &home, &[&scope])?;
    assert!(!rendered.contains("kind: ClusterRole"), "a Role of {apps} is enough");
    let args = ["--key-namespace", &home, &watch];
    let sealer = installed(&bed, kubernetes, ("sealer", &home), &[&scope], &args).await?;
    unseals(&bed, kubernetes, &sealer, &apps).await
}

async fn imagebot_rights(bed: Bed) -> Outcome {
    let kubernetes = bed.kubernetes().await?;
    let home = kubernetes.namespace("imagebot").await?;
    // It may see every namespace; the objects of other suites are not its business.
    let args = ["--watch-label-selector=bed.test/suite=charts"];
    let _imagebot = installed(&bed, kubernetes, ("imagebot", &home), &[], &args).await?;
    let kubeconfig = kubernetes.token_for(&home, "robot").await?;
    let secrets: Api<Secret> = Api::all(kubernetes.client_for(&kubeconfig).await?);
    let refused = secrets.list(&ListParams::default()).await.expect_err("it may only get");
    assert!(refused.to_string().contains("cannot list"), "{refused}");
    Ok(())
}
