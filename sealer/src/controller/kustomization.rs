//! Kustomizations with `decryption`, where no kustomize-controller runs: their encrypted Secrets.
//!
//! A Kustomization is read as the GitSecretSync that it amounts to, with the MAC unchecked as Flux
//! leaves it, and what it says of names and labels done to every Secret. Nothing else of it is applied.

use std::sync::Arc;

use futures::stream;
use jiff::Timestamp;
use reconcile::{Reconciler, Report, Tasks, Watched, drive};
use sealer_api::GitSecretSync;
use sealer_api::git_secret_sync::{Conflict, GitSecretSyncSpec, MacCheck};
use sealer_api::kustomization::{Kustomization, KustomizationSpec};

use super::Context;
use super::git_secret_sync::{Dress, Flavor, Git, Selection, Syncer};
use crate::secrets::Kind;

/// Where Secrets of a Kustomization may go without a ServiceAccount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To the Kustomization's own namespace.
    Own,
    /// To any, with the daemon's own rights, as with Flux.
    Any,
}

/// Adds the controller to `tasks`.
pub fn start(context: &Context, git: Git, reach: Reach, tasks: &mut Tasks) {
    let objects: Watched<Kustomization> = context.core.watch(tasks);
    let flavor = Flavor {
        kind: Kind::Kustomization,
        name: "Kustomization",
        api_version: "kustomize.toolkit.fluxcd.io/v1",
        anywhere: reach == Reach::Any,
    };
    let (syncer, moved) = Syncer::new(
        context,
        git,
        flavor,
        (&objects, |object| Some(&object.spec.source_ref)),
        tasks,
    );
    let wakes = stream::select(context.secrets.wakes(Kind::Kustomization), moved);
    let (core, secrets) = (context.core.clone(), context.secrets.clone());
    tasks.add("kustomization", async move {
        secrets.ready().await;
        drive(core, Arc::new(Decrypter { syncer }), objects, wakes).await;
    });
}

struct Decrypter {
    syncer: Syncer,
}

impl Reconciler for Decrypter {
    type Object = Kustomization;
    type Valid = <Syncer as Reconciler>::Valid;
    type Observed = <Syncer as Reconciler>::Observed;
    type Plan = <Syncer as Reconciler>::Plan;
    type Applied = <Syncer as Reconciler>::Applied;
    type Error = <Syncer as Reconciler>::Error;

    const NAME: &'static str = "kustomization";

    /// One without `decryption` is none of our business.
    fn suspended(&self, object: &Kustomization) -> bool {
        object.spec.suspend == Some(true) || object.spec.decryption.is_none()
    }

    fn validate(&self, object: &Kustomization) -> Result<Self::Valid, Self::Error> {
        let mut valid = self.syncer.validate(&as_sync(object))?;
        valid.selection = Selection::Kustomizations(dress(&object.spec));
        Ok(valid)
    }

    async fn observe(
        &self,
        object: &Kustomization,
        valid: &Self::Valid,
    ) -> Result<Self::Observed, Self::Error> {
        self.syncer.observe(&as_sync(object), valid).await
    }

    fn decide(
        &self,
        object: &Kustomization,
        valid: &Self::Valid,
        observed: Self::Observed,
    ) -> Result<Self::Plan, Self::Error> {
        self.syncer.decide(&as_sync(object), valid, observed)
    }

    async fn apply(
        &self,
        object: &Kustomization,
        valid: &Self::Valid,
        plan: Self::Plan,
    ) -> Result<Self::Applied, Self::Error> {
        self.syncer.apply(&as_sync(object), valid, plan).await
    }

    fn report(
        &self,
        object: &Kustomization,
        outcome: Result<&Self::Applied, &Self::Error>,
        now: Timestamp,
    ) -> Report {
        self.syncer.report(&as_sync(object), outcome, now)
    }

    fn forget(&self, namespace: Option<&str>, name: &str) {
        self.syncer.forget(namespace, name);
    }
}

/// The GitSecretSync that a Kustomization amounts to.
fn as_sync(object: &Kustomization) -> GitSecretSync {
    let spec = &object.spec;
    GitSecretSync {
        metadata: object.metadata.clone(),
        spec: GitSecretSyncSpec {
            source_ref: Some(spec.source_ref.clone()),
            path: spec.path.clone().unwrap_or_else(|| "./".to_owned()),
            decryption: spec.decryption.clone().unwrap_or_default(),
            timeout: spec.timeout.clone().unwrap_or_else(|| spec.interval.clone()),
            interval: spec.interval.clone(),
            prune: spec.prune,
            target_namespace: spec.target_namespace.clone(),
            service_account_name: spec.service_account_name.clone(),
            mac_check: MacCheck::Off,
            conflict: Conflict::Adopt,
            ..GitSecretSyncSpec::default()
        },
        status: object.status.clone(),
    }
}

/// What the object says of all Secrets; it is done last.
fn dress(spec: &KustomizationSpec) -> Dress {
    let common = spec.common_metadata.clone().unwrap_or_default();
    Dress {
        namespace: spec.target_namespace.clone(),
        prefix: spec.name_prefix.clone().unwrap_or_default(),
        suffix: spec.name_suffix.clone().unwrap_or_default(),
        labels: common.labels,
        annotations: common.annotations,
    }
}
