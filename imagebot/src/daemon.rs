//! The daemon: which controllers there are, and what each is woken by.

use std::{io, iter, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use axum::Router;
use futures::{channel::mpsc, stream};
use imagebot_api::{
    GitRepository, ImagePolicy, ImageRepository, ImageUpdateAutomation, RegistryReceiver,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use reconcile::{Core, Tasks, Watched, drive, process, process::Process};
use tracing::warn;

use crate::{
    args::Args,
    controller::{
        access::Workloads, image_policy::ImagePolicies, image_repository::ImageRepositories,
        image_update_automation::ImageUpdateAutomations, inherited,
        registry_receiver::RegistryReceivers, wake,
    },
    hooks::Hooks,
    registry::{Environment, Pace, Registry},
    tags::{self, Tags},
};

/// How long automations wait at the start for the list of Git repositories.
const SOURCES_WAIT: Duration = Duration::from_secs(10);

/// What the flags say about the daemon's own work.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Settings {
    /// Where tags and Git objects are kept between runs.
    pub cache_dir: PathBuf,
    /// How many bytes the Git objects may take.
    pub git_cache_bytes: u64,
    /// Whether references from one namespace to another are refused.
    pub no_cross_namespace: bool,
    /// Whether the webhooks of receivers are served.
    pub receivers: bool,
    /// Whether source-controller is told of every push.
    pub annotate_sources: bool,
    /// Whether there is no cluster, so that repositories of this machine may be used.
    pub local: bool,
    /// The identity that Azure gave to this process.
    pub azure: source::azure::Environment,
    /// What is offered to ssh servers.
    pub ssh: repo::Algorithms,
    /// Whether objects may log in to clouds as ServiceAccounts of their namespaces.
    pub workloads: Workloads,
    /// How fast a registry is asked where it does not say.
    pub pace: Pace,
    /// What the environment says about clouds.
    pub clouds: Environment,
}

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing says where caches go.
    #[error("nothing says where to keep tags and Git objects; give `--cache-dir DIR`")]
    NoCache,
    /// A name of an algorithm is none.
    #[error("`--ssh-kex-algos` or `--ssh-hostkey-algos` cannot be used")]
    Algorithms(#[source] repo::Unsupported),
    /// The tag database cannot be used.
    #[error("could not open the tag database")]
    Tags(#[source] tags::Error),
    /// The Git cache cannot be used.
    #[error("could not open the Git cache")]
    Git(#[source] repo::Error),
    /// No HTTP client can be made.
    #[error("could not set up the registry client")]
    Registry(#[source] crate::registry::Error),
    /// See [`process::Error`].
    #[error(transparent)]
    Process(#[from] process::Error),
}

impl Error {
    /// Says on `stderr` what went wrong; 2 when the command line is at fault, else 1.
    pub fn explain(&self, stderr: &mut impl io::Write) -> ExitCode {
        let causes = iter::successors(Some(self as &dyn std::error::Error), |err| err.source());
        let chain: Vec<String> = causes.map(ToString::to_string).collect();
        // There is nowhere left to report a broken stderr.
        let _ = writeln!(stderr, "imagebot: error: {}", chain.join(": "));
        match self {
            Self::NoCache | Self::Algorithms(_) => ExitCode::from(2),
            Self::Process(error) => error.exit_code(),
            Self::Tags(_) | Self::Git(_) | Self::Registry(_) => ExitCode::FAILURE,
        }
    }
}

/// Runs the daemon until it is told to end.
pub async fn run(args: Args) -> Result<(), Error> {
    let gates: Vec<_> = args.feature_gates.iter().filter(|gate| !gate.is_known()).collect();
    let gates: Vec<_> = gates.into_iter().map(|gate| gate.name.clone()).collect();
    let settings = Settings {
        cache_dir: args.cache_dir().ok_or(Error::NoCache)?,
        git_cache_bytes: args.git_cache_mib << 20,
        no_cross_namespace: args.no_cross_namespace_refs,
        receivers: args.receivers,
        annotate_sources: args.annotate_sources,
        local: args.common.local.is_some(),
        azure: args.azure.clone(),
        ssh: repo::Algorithms::named(&args.ssh_kex_algos, &args.ssh_hostkey_algos)
            .map_err(Error::Algorithms)?,
        workloads: Workloads(args.workload_identity()),
        pace: args.pace(),
        clouds: Args::clouds(),
    };
    let mut process = Process::start("imagebot", args.common, local_kinds).await?;
    for gate in gates {
        warn!(gate, "the feature gate has no meaning here");
    }
    let receivers = settings.receivers;
    process.expect(imagebot_api::FIELDS, |kind| receivers || kind != "RegistryReceiver");
    let (mut always, mut leading) = <_>::default();
    let routes = assemble(&process.core(), &settings, &mut always, &mut leading)?;
    process.serve(routes);
    for (name, task) in always {
        process.always().add(name, task);
    }
    for (name, task) in leading {
        process.leading().add(name, task);
    }
    Ok(process.run().await?)
}

/// The kinds that a directory may hold.
fn local_kinds() -> Vec<CustomResourceDefinition> {
    let mut kinds = imagebot_api::crds();
    kinds.push(imagebot_api::git_repository_crd());
    kinds
}

/// Puts the controllers together: `always` runs in every replica, `leading` in the one that leads,
/// and the routes are served by every one.
pub fn assemble(
    core: &Core,
    settings: &Settings,
    always: &mut Tasks,
    leading: &mut Tasks,
) -> Result<Router, Error> {
    let tags = Arc::new(Tags::open(&settings.cache_dir).map_err(Error::Tags)?);
    let registry = Registry::with(settings.pace, settings.clouds.clone());
    let registry = registry.map_err(Error::Registry)?;
    registry.register(&core.metrics);
    let (scanned, scans) = mpsc::unbounded();

    let repositories = core.watch::<ImageRepository>(always);
    let policies = core.watch::<ImagePolicy>(leading);

    let hooks = settings.receivers.then(|| hooks(core, &repositories, always, leading));
    let reach = || (registry.clone(), settings.workloads);
    let images = ImageRepositories::new(core.clone(), Arc::clone(&tags), reach(), scanned);
    leading.add(
        "ImageRepository",
        drive(core.clone(), Arc::new(images), repositories.clone(), stream::empty()),
    );
    let (held_images, held_policies) = (repositories.clone(), policies.clone());
    leading.add("deleted ImageRepositories", inherited::release(core.clone(), held_images));
    leading.add("deleted ImagePolicies", inherited::release(core.clone(), held_policies));
    let picks = ImagePolicies::new(
        core.clone(),
        tags,
        reach(),
        repositories.clone(),
        settings.no_cross_namespace,
    );
    let wakes = wake::policies(policies.clone(), &repositories, scans);
    let drive_policies = drive(core.clone(), Arc::new(picks), policies.clone(), wakes);
    leading.add("ImagePolicy", async move {
        // A policy that is looked at before the images are known would find none.
        repositories.ready().await;
        drive_policies.await;
    });
    automations(core, settings, &policies, leading)?;
    Ok(hooks.unwrap_or_default())
}

/// The routes of the hooks, which every replica serves.
fn hooks(
    core: &Core,
    repositories: &Watched<ImageRepository>,
    always: &mut Tasks,
    leading: &mut Tasks,
) -> Router {
    let receivers = core.watch::<RegistryReceiver>(always);
    let hooks = Hooks::new(core.of_every_replica(), receivers.clone(), repositories.clone());
    let paths = RegistryReceivers { core: core.clone() };
    leading
        .add("RegistryReceiver", drive(core.clone(), Arc::new(paths), receivers, stream::empty()));
    hooks.routes()
}

fn automations(
    core: &Core,
    settings: &Settings,
    policies: &Watched<ImagePolicy>,
    leading: &mut Tasks,
) -> Result<(), Error> {
    let directory = settings.cache_dir.join("git");
    let cache = repo::Cache::open(&directory, settings.git_cache_bytes).map_err(Error::Git)?;
    let automations = core.watch::<ImageUpdateAutomation>(leading);
    let sources = core.watch_referents::<GitRepository>(leading);
    // A shard of automations uses the policies of its namespaces, whatever shard those are in.
    let policies = match core.scope.selector {
        None => policies.clone(),
        Some(_) => core.watch_referents::<ImagePolicy>(leading),
    };
    let commits = ImageUpdateAutomations::new(
        core.clone(),
        cache,
        (automations.clone(), policies.clone(), sources.clone()),
        settings,
    );
    let held = inherited::release(core.clone(), automations.clone());
    leading.add("deleted ImageUpdateAutomations", held);
    let wakes = wake::automations(automations.clone(), &policies, &sources);
    // Most of the work is waiting for remotes, and has lanes of its own.
    let unbounded = Core { concurrency: 0, ..core.clone() };
    let drive_automations = drive(unbounded, Arc::new(commits), automations, wakes);
    leading.add("ImageUpdateAutomation", async move {
        policies.ready().await;
        // Without source-controller's CRD the list never comes; each automation then says so.
        if tokio::time::timeout(SOURCES_WAIT, sources.told()).await.is_err() {
            warn!("the list of GitRepositories is late");
        }
        drive_automations.await;
    });
    Ok(())
}

#[cfg(test)]
mod tests;
