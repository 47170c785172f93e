//! A real kube-apiserver passes every check that the embedded API passes, so the one is the other.

use embedded::conformance::{self, Check};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use libtest_mimic::Trial;
use tests::trial::trial;
use tests::{Bed, Need, Outcome};

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    let checks = conformance::checks().into_iter();
    let trials = checks.map(|check| {
        let name = format!("conformance::{}", check.name);
        trial(bed, &name, &[Need::Kubernetes], move |bed| held(bed, check))
    });
    trials.collect()
}

async fn held(bed: Bed, check: Check) -> Outcome {
    let kubernetes = bed.kubernetes().await?;
    let namespace = kubernetes.namespace("conformance").await?;
    let kubeconfig = Kubeconfig::read_from(kubernetes.kubeconfig())?;
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    // An answer is what is checked, and not what a second try would bring.
    config.default_retry = false;
    Ok(check.run(Client::try_from(config)?, &namespace).await?)
}
