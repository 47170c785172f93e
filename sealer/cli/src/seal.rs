//! `sealctl seal`: a Secret that only the cluster can read.

use std::path::{Path, PathBuf};

use sealer_core::{
    plaintext::wipe,
    sealed::{
        manifest::{self, Options, Target},
        native::Suite,
        scope::Scope,
    },
};
use serde_json::{Map, Value};
use yaml::Schema;

use crate::{
    cert, emit, file, manifests,
    terminal::{Report, Streams},
};

/// Encrypts a Secret so that only the cluster can read it.
///
/// Reads Secret manifests, YAML or JSON, and writes a SealedSecret for each.
///
/// Example: `sealctl seal --cert sealing-cert.pem < secret.yaml > sealed-secret.yaml`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The Secret; standard input if absent.
    #[arg(short, long, visible_alias = "secret-file", value_name = "FILE")]
    file: Option<PathBuf>,

    /// Writes the result into a file instead of standard output.
    #[arg(short = 'w', long, value_name = "FILE")]
    sealed_secret_file: Option<PathBuf>,

    /// How the result is printed [default: as the input].
    #[arg(short = 'o', long, value_enum)]
    format: Option<emit::Format>,

    /// Where the result may be unsealed.
    #[arg(long, value_enum, default_value_t)]
    scope: ScopeName,

    /// The namespace, if the Secret does not say one.
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,

    /// The name, instead of the Secret's.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Seals a Secret without data too.
    #[arg(long)]
    allow_empty_data: bool,

    /// Seals one bare value and prints what belongs into `spec.encryptedData`.
    #[arg(long)]
    raw: bool,

    /// The file with the bare value; `key=path` is taken too.
    #[arg(long, value_name = "FILE", requires = "raw")]
    from_file: Option<String>,

    /// Seals in the format of Signet, for native keys: `x25519`, or `x-wing` against quantum
    /// computers. Only Signet opens such values.
    #[arg(long, value_name = "SUITE")]
    suite: Option<Suite>,

    #[command(flatten)]
    certificate: cert::Source,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum ScopeName {
    /// Only under this name, in this namespace.
    #[default]
    Strict,
    /// Under any name in this namespace.
    NamespaceWide,
    /// Anywhere in the cluster.
    ClusterWide,
}

/// Why sealing failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] file::Error),
    #[error(transparent)]
    Certificate(#[from] cert::Error),
    #[error("could not read {name}")]
    Parse { name: String, source: yaml::Error },
    #[error("no secrets found. Ensure the input is valid and UTF-8 encoded")]
    NoSecrets,
    #[error(
        "namespace mismatch: input secret is in namespace \"{found}\" but \"{asked}\" was specified"
    )]
    NamespaceMismatch { found: String, asked: String },
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    #[error("must provide the --{flag} flag with --raw and --scope {scope}")]
    Raw { flag: &'static str, scope: Scope },
    #[error("a native value is bound to its data key, and --raw does not say which")]
    NoKey,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<(), Error> {
    let scope = Scope::from(args.scope);
    let target = args.certificate.target(args.suite, streams)?;
    let text = if args.raw {
        raw(args, scope, &*target, streams)?
    } else {
        secrets(args, scope, &*target, streams)?
    };
    let target = args.sealed_secret_file.as_deref();
    Ok(file::write(target, text.as_bytes(), file::Readers::AsBefore, streams)?)
}

/// Seals bytes as they are, a last line break included.
fn raw(
    args: &Args,
    scope: Scope,
    target: &dyn Target,
    streams: &mut Streams<'_>,
) -> Result<String, Error> {
    let needed = |given: &Option<String>, flag, needed| match given {
        Some(given) => Ok(given.clone()),
        None if needed => Err(Error::Raw { flag, scope }),
        None => Ok(String::new()),
    };
    let namespace = needed(&args.namespace, "namespace", scope != Scope::ClusterWide)?;
    let name = needed(&args.name, "name", scope == Scope::Strict)?;
    let path = args.from_file.as_deref().map(|given| {
        // A file whose name has an equals sign is found by its whole name first.
        let path = given.split_once('=').map_or(given, |(_, path)| path);
        if Path::new(given).exists() { Path::new(given) } else { Path::new(path) }
    });
    let key = args.from_file.as_deref().and_then(|given| Some(given.split_once('=')?.0));
    let mut label = scope.label(&namespace, &name);
    if args.suite.is_some() {
        label = label.of(key.ok_or(Error::NoKey)?);
    }
    let value = file::read_bytes(path.or(args.file.as_deref()), streams)?;
    Ok(target.seal(&label, &value, &mut rand::rng()))
}

fn secrets(
    args: &Args,
    scope: Scope,
    target: &dyn Target,
    streams: &mut Streams<'_>,
) -> Result<String, Error> {
    if args.file.is_none() && streams.interactive {
        let hint = "(tty detected: expecting json/yaml k8s resource in stdin)";
        let _ = writeln!(streams.messages, "{hint}");
    }
    let text = file::read(args.file.as_deref(), streams)?;
    let mut secrets = parse(&text, args)?;
    let options = Options { scope, empty_allowed: args.allow_empty_data };
    let sealed: Result<Vec<Value>, Error> = secrets
        .iter_mut()
        .map(|secret| {
            place(secret, args, scope)?;
            Ok(manifest::seal(secret, options, target, &mut rand::rng())?)
        })
        .collect();
    secrets.iter_mut().for_each(wipe);
    Ok(emit::manifests(&sealed?, format(args, &text)))
}

fn parse(text: &str, args: &Args) -> Result<Vec<Value>, Error> {
    let objects = manifests::parse(text, Schema::GoYaml3).map_err(|source| {
        let name = args
            .file
            .as_ref()
            .map_or("standard input".to_owned(), |file| format!("`{}`", file.display()));
        Error::Parse { name, source }
    })?;
    if objects.is_empty() { Err(Error::NoSecrets) } else { Ok(objects) }
}

/// Puts the name and namespace that flags give into a Secret.
fn place(secret: &mut Value, args: &Args, scope: Scope) -> Result<(), Error> {
    let Some(fields) = secret.as_object_mut() else { return Ok(()) };
    let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::default()));
    let Some(metadata) = metadata.as_object_mut() else { return Ok(()) };
    if let Some(name) = &args.name {
        metadata.insert("name".to_owned(), name.as_str().into());
    }
    if let Some(asked) = &args.namespace {
        match metadata.get("namespace").and_then(Value::as_str) {
            Some(found) if found != asked && scope != Scope::ClusterWide => {
                let (found, asked) = (found.to_owned(), asked.clone());
                return Err(Error::NamespaceMismatch { found, asked });
            }
            _ => metadata.insert("namespace".to_owned(), asked.as_str().into()),
        };
    }
    Ok(())
}

fn format(args: &Args, input: &str) -> emit::Format {
    let by_name = || {
        let extension = args.sealed_secret_file.as_ref()?.extension()?.to_str()?;
        matches!(extension, "yaml" | "yml").then_some(emit::Format::Yaml)
    };
    args.format.or_else(by_name).unwrap_or_else(|| emit::Format::of(input))
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Strict => Self::Strict,
            ScopeName::NamespaceWide => Self::NamespaceWide,
            ScopeName::ClusterWide => Self::ClusterWide,
        }
    }
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Certificate(error) => error.hint(),
            Self::NoKey => Some("pass `--from-file KEY=PATH`, `/dev/stdin` for a pipe".to_owned()),
            Self::Manifest(manifest::Error::NoNamespace { .. }) => Some(
                "set `metadata.namespace`, pass `--namespace`, or pass `--scope cluster-wide` if \
                 you mean it"
                    .to_owned(),
            ),
            Self::Manifest(manifest::Error::NoName) => {
                Some("set `metadata.name`, or pass `--name`".to_owned())
            }
            Self::Manifest(manifest::Error::Empty) => {
                Some("to work with empty data, --allow-empty-data can be used".to_owned())
            }
            _ => None,
        }
    }
}
