//! `imagebot explain`: why a policy selects what it selects.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use imagebot_api::{ImagePolicy, ImageRepository};
use kube::{
    Api, Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use super::{
    Verdict, checkout,
    checkout::{Checkout, File},
    known::{self, Key},
    picks, policy,
    product::{self, Output, table},
    reach::{self, Registries},
    terminal::{Report, Streams},
    update,
};

/// Says what a policy selects and why.
///
/// With `--dir` the policy is among the manifests of a directory, and its image is scanned, or
/// `--tags` says what it has. Otherwise the cluster of the kubeconfig is asked for the status that
/// imagebot wrote; nothing is scanned then.
///
/// Exits with 0 when the policy has selected an image, 1 when it has not, and 2 when something
/// failed.
///
/// Example: `imagebot explain flux-system/web --dir clusters --tags tags.txt`
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The policy: NAMESPACE/NAME
    #[arg(value_name = "NAMESPACE/POLICY")]
    policy: String,

    /// A directory of manifests, instead of a cluster
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// The tags, one a line, instead of those of the registry; `-` is standard input
    #[arg(long, value_name = "FILE", requires = "dir")]
    tags: Option<PathBuf>,

    /// The cluster [default: `$KUBECONFIG`, or `~/.kube/config`]
    #[arg(id = "cluster", long = "kubeconfig", value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig
    #[arg(long, value_name = "CONTEXT", conflicts_with = "dir")]
    context: Option<String>,

    /// Shows so many tags of each list at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,

    #[command(flatten)]
    registries: Registries,

    #[command(flatten)]
    output: Output,
}

/// Why nothing could be explained.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("`{0}` is not `NAMESPACE/POLICY`")]
    Form(String),
    #[error("there is no ImagePolicy `{0}`")]
    Unknown(String),
    #[error("the ImageRepository `{0}` is not there")]
    NoRepository(String),
    #[error("could not use the kubeconfig")]
    Kubeconfig(#[source] Box<kube::config::KubeconfigError>),
    #[error("could not ask the cluster")]
    Cluster(#[source] Box<kube::Error>),
    #[error(transparent)]
    Checkout(#[from] checkout::Error),
    #[error(transparent)]
    Policy(#[from] policy::Error),
    #[error(transparent)]
    Picks(#[from] picks::Error),
    #[error(transparent)]
    Registry(#[from] reach::Error),
    #[error(transparent)]
    Output(#[from] product::Broken),
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Kubeconfig(_) => {
                Some("give `--kubeconfig FILE`, or `--dir DIR` to work without a cluster".into())
            }
            Self::Policy(error) => error.hint(),
            Self::Picks(error) => error.hint(),
            Self::Registry(error) => error.hint(),
            _ => None,
        }
    }
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Verdict, Error> {
    let form = || Error::Form(args.policy.clone());
    let (namespace, name) = args.policy.split_once(['/', ':']).ok_or_else(form)?;
    let key = (namespace.to_owned(), name.to_owned());
    match &args.dir {
        Some(directory) => args.by_manifests(directory, &key, streams),
        None => args.by_status(&key, streams),
    }
}

impl Args {
    fn by_manifests(
        &self,
        directory: &Path,
        key: &Key,
        streams: &mut Streams<'_>,
    ) -> Result<Verdict, Error> {
        let files = Checkout::open(directory)?.read(known::may_have, |path, content| {
            known::has(content).then(|| File { path: path.to_owned(), content: content.to_vec() })
        })?;
        let known = update::known(&[], files, &key.0)?;
        for (path, why) in &known.problems {
            streams.warn(format!("{path}: {why}"));
        }
        let unknown = || Error::Unknown(self.policy.clone());
        let (policy, _) = known.policies.get(key).ok_or_else(unknown)?;
        let understood = picks::understood(policy)?;
        let tags = match (&self.tags, known.repository_of(policy)) {
            (Some(path), _) => policy::read_tags(path, streams)?,
            (None, (_, Some(repository))) => {
                let reach = self.registries.open()?;
                super::runtime().block_on(reach.listed(repository))?
            }
            (None, ((namespace, name), None)) => {
                return Err(Error::NoRepository(format!("{namespace}/{name}")));
            }
        };
        let explanation = understood.explain(tags.iter().map(String::as_str), self.limit);
        policy::print(&explanation, self.output.format, streams)?;
        Ok(if explanation.selected.is_ok() { Verdict::Yes } else { Verdict::No })
    }

    fn by_status(&self, key: &Key, streams: &mut Streams<'_>) -> Result<Verdict, Error> {
        let (policy, repository) = super::runtime().block_on(self.ask(key))?;
        let status = json!(policy.status.clone().unwrap_or_default());
        let selected = policy.status.as_ref().is_some_and(|status| status.latest_ref.is_some());
        let scan = repository.and_then(|repository| repository.status);
        let value = json!({ "policy": status, "repository": scan });
        product::print(streams, self.output.format, &value, |wide| told(&value, wide))?;
        Ok(if selected { Verdict::Yes } else { Verdict::No })
    }

    /// The policy, and the repository that it follows if that can be read.
    async fn ask(
        &self,
        (namespace, name): &Key,
    ) -> Result<(ImagePolicy, Option<ImageRepository>), Error> {
        let failed = |error| Error::Kubeconfig(Box::new(error));
        let kubeconfig = match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            // It knows that `$KUBECONFIG` may name several files.
            None => Kubeconfig::read(),
        };
        let options = KubeConfigOptions { context: self.context.clone(), ..<_>::default() };
        let kubeconfig = kubeconfig.map_err(failed)?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(failed)?;
        let cluster = |error| Error::Cluster(Box::new(error));
        let client = Client::try_from(config).map_err(cluster)?;
        let policies: Api<ImagePolicy> = Api::namespaced(client.clone(), namespace);
        let policy = policies.get_opt(name).await.map_err(cluster)?;
        let policy = policy.ok_or_else(|| Error::Unknown(self.policy.clone()))?;
        let reference = &policy.spec.image_repository_ref;
        let other = reference.namespace.as_deref().unwrap_or(namespace);
        let repositories: Api<ImageRepository> = Api::namespaced(client, other);
        let repository = repositories.get_opt(&reference.name).await.ok().flatten();
        Ok((policy, repository))
    }
}

/// What is told in words.
const SAID: [&str; 8] = [
    "latestRef",
    "observedPreviousRef",
    "conditions",
    "latestImage",
    "observedPreviousImage",
    "observedGeneration",
    "lastHandledReconcileAt",
    "digestRefreshTime",
];

/// A status for people: what is selected, what was, and everything that imagebot says of why.
fn told(value: &Value, wide: bool) -> String {
    let image = |field: &str| {
        let image = value.pointer(&format!("/policy/{field}"))?;
        let text = |key: &str| image.get(key).and_then(Value::as_str).unwrap_or_default();
        let digest = image.get("digest").and_then(Value::as_str);
        let digest = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
        Some(format!("{}:{}{digest}", text("name"), text("tag")))
    };
    let mut out = format!("selected: {}\n", image("latestRef").as_deref().unwrap_or("nothing"));
    if let Some(previous) = image("observedPreviousRef") {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "before: {previous}");
    }
    let conditions = value.pointer("/policy/conditions").and_then(Value::as_array);
    for condition in conditions.into_iter().flatten() {
        let text = |key: &str| condition.get(key).and_then(Value::as_str).unwrap_or_default();
        let (kind, status, message) = (text("type"), text("status"), text("message"));
        let _ = writeln!(out, "{kind}: {status} ({}): {message}", text("reason"));
    }
    // The status knows more with every version; it is shown as it is.
    let rest = value.get("policy").and_then(Value::as_object).into_iter().flatten();
    for (field, value) in rest.filter(|(field, _)| !SAID.contains(&field.as_str())) {
        out.push('\n');
        out.push_str(&listed(field, value));
    }
    if let Some(scan) = value.pointer("/repository/lastScanResult").filter(|_| wide) {
        out.push('\n');
        out.push_str(&listed("lastScanResult", scan));
    }
    out
}

/// A field of a status: a list of objects is a table.
fn listed(field: &str, value: &Value) -> String {
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match value {
        Value::Array(items) if items.iter().all(Value::is_object) => {
            let mut columns: Vec<String> = Vec::new();
            for key in items.iter().filter_map(Value::as_object).flat_map(|item| item.keys()) {
                if !columns.contains(key) {
                    columns.push(key.clone());
                }
            }
            let row = |item: &Value| -> Vec<String> {
                columns.iter().map(|key| item.get(key).map(plain).unwrap_or_default()).collect()
            };
            let heading: Vec<&str> = columns.iter().map(String::as_str).collect();
            format!("{field}:\n{}", table(&heading, &items.iter().map(row).collect::<Vec<_>>()))
        }
        Value::Object(fields) => {
            let lines = fields.iter().map(|(key, value)| format!("  {key}: {}\n", plain(value)));
            format!("{field}:\n{}", lines.collect::<String>())
        }
        other => format!("{field}: {}\n", plain(other)),
    }
}
