//! `sealctl keys`: the sealing keys of a cluster, seen, saved, restored and renewed.

use std::path::PathBuf;

use jiff::Timestamp;
use sealer_core::{
    age,
    plaintext::{Plaintext, wipe},
    sealed::{
        certificate::{self, Certificate},
        key,
        native::{self, PublicKey, Suite},
    },
};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    cluster, controller, emit, file, recovery,
    terminal::{Report, Streams},
};

mod made;
mod store;

use store::Store;

/// Shows, saves, restores and renews the sealing keys of a cluster.
///
/// Needs the rights of a person who may read or create Secrets in the controller's namespace.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(List),
    Export(Export),
    Backup(Backup),
    Import(Import),
    Rotate(Rotate),
}

/// Lists the keys, the newest first.
///
/// Example: `sealctl keys list`
#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    cluster: cluster::Target,
}

/// Writes all keys in clear text, as key Secrets that `kubectl apply` takes.
///
/// Example: `sealctl keys export -w keys.yaml`
#[derive(Debug, clap::Args)]
struct Export {
    /// The file, which only the user may read; standard output if absent.
    #[arg(short = 'w', long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    cluster: cluster::Target,
}

/// Writes all keys, encrypted with age.
///
/// Example: `sealctl keys backup --recipient age1… -w keys.age`
#[derive(Debug, clap::Args)]
struct Backup {
    /// Who can open it: an age recipient of any kind but a plugin's. May be repeated.
    #[arg(short, long, required = true, value_name = "RECIPIENT")]
    recipient: Vec<String>,

    /// The file; standard output if absent.
    #[arg(short = 'w', long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    cluster: cluster::Target,
}

/// Creates the keys of a backup, of an export or of a PEM file in a cluster.
///
/// Keys that are there already are left alone. The controller uses them at once; that of
/// sealed-secrets after a restart.
///
/// Example: `sealctl keys import keys.age --identity me.txt`
#[derive(Debug, clap::Args)]
struct Import {
    /// The file with the keys.
    file: PathBuf,

    /// The age identities that open an encrypted backup.
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,

    #[command(flatten)]
    cluster: cluster::Target,
}

/// Makes a new key, for which everything is sealed from now on.
///
/// Old keys stay: what was sealed for them opens as before.
///
/// Example: `sealctl keys rotate --suite x25519`
#[derive(Debug, clap::Args)]
struct Rotate {
    /// Makes a native key, `x25519` or `x-wing`, instead of an RSA key.
    #[arg(long, value_name = "SUITE")]
    suite: Option<Suite>,

    #[command(flatten)]
    cluster: cluster::Target,
}

/// Why a command about keys failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] file::Error),
    #[error(transparent)]
    Cluster(#[from] controller::Error),
    #[error("could not {what} in namespace `{namespace}`: {cause}")]
    Api { what: &'static str, namespace: String, cause: String },
    #[error("there are no sealing keys in namespace `{namespace}`")]
    NoKeys { namespace: String },
    #[error("could not use `{recipient}`")]
    Recipient { recipient: String, source: age::NotARecipient },
    #[error("could not encrypt the backup")]
    Encrypt(#[source] age::Error),
    #[error(transparent)]
    Backup(#[from] recovery::Error),
    #[error("could not make a key")]
    Make(#[source] certificate::Error),
    #[error("could not use the key in `{}`", .path.display())]
    Key { path: PathBuf, source: key::Error },
    #[error("could not read `{}`", .path.display())]
    Parse { path: PathBuf, source: yaml::Error },
    #[error("`{}` holds no key Secret", .path.display())]
    Nothing { path: PathBuf },
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<(), Error> {
    match &args.command {
        Command::List(args) => list(args, streams),
        Command::Export(args) => {
            let text = all(&Store::open(&args.cluster)?)?;
            let output = args.output.as_deref();
            Ok(file::write(output, text.as_bytes(), file::Readers::Owner, streams)?)
        }
        Command::Backup(args) => backup(args, streams),
        Command::Import(args) => import(args, streams),
        Command::Rotate(args) => rotate(args, streams),
    }
}

fn list(args: &List, streams: &mut Streams<'_>) -> Result<(), Error> {
    let mut secrets = Store::open(&args.cluster)?.list()?;
    let mut lines: Vec<_> = secrets.iter().map(line).collect();
    secrets.iter_mut().for_each(wipe);
    lines.sort_by(|a, b| b.cmp(a));
    let text: String = lines.into_iter().map(|(_, line)| line).collect();
    Ok(file::write(None, text.as_bytes(), file::Readers::AsBefore, streams)?)
}

/// What can be said of a key Secret, and since when its key is the newest.
fn line(secret: &Value) -> (Timestamp, String) {
    let name = secret["metadata"]["name"].as_str().unwrap_or_default();
    let state = store::state(secret);
    let native = recovery::value(secret, "public").map(|it| PublicKey::parse_all(it.expose()));
    if let Some(Ok(keys)) = native
        && let Some(key) = keys.first()
    {
        let text = format!("{name}  {}  {}  from {}", key.suite(), key.id(), key.created());
        return (key.created(), format!("{text}  {state}\n"));
    }
    let certificate = recovery::value(secret, "tls.crt");
    match certificate.map(|it| Certificate::parse(it.expose())) {
        Some(Ok(it)) => {
            let (from, until) = (it.not_before(), it.not_after());
            let text = format!("{name}  rsa  {}  from {from} until {until}", it.key_id());
            (from, format!("{text}  {state}\n"))
        }
        Some(Err(error)) => (Timestamp::MIN, format!("{name}  cannot be used: {error}\n")),
        None => (Timestamp::MIN, format!("{name}  cannot be used: it has no `tls.crt`\n")),
    }
}

/// All keys as manifests.
fn all(store: &Store) -> Result<Zeroizing<String>, Error> {
    let mut secrets = store.list()?;
    if secrets.is_empty() {
        return Err(Error::NoKeys { namespace: store.namespace().to_owned() });
    }
    secrets.iter_mut().for_each(emit::strip);
    let text = Zeroizing::new(emit::manifests(&secrets, emit::Format::Yaml));
    secrets.iter_mut().for_each(wipe);
    Ok(text)
}

fn backup(args: &Backup, streams: &mut Streams<'_>) -> Result<(), Error> {
    let parse = |text: &String| {
        let failed = |source| Error::Recipient { recipient: text.clone(), source };
        age::Recipient::parse(text).map_err(failed)
    };
    let recipients: Vec<_> = args.recipient.iter().map(parse).collect::<Result<_, _>>()?;
    let text = all(&Store::open(&args.cluster)?)?;
    let plain = Plaintext::new(text.as_bytes().to_vec());
    let sealed = age::encrypt_armored(&plain, &recipients, None, &mut rand::rng());
    let sealed = sealed.map_err(Error::Encrypt)?;
    let output = args.output.as_deref();
    Ok(file::write(output, sealed.as_bytes(), file::Readers::AsBefore, streams)?)
}

fn import(args: &Import, streams: &mut Streams<'_>) -> Result<(), Error> {
    let text = recovery::Sources::text(&args.file, args.identity.as_deref(), streams)?;
    let mut secrets = made::of_file(&args.file, &text)?;
    if secrets.is_empty() {
        return Err(Error::Nothing { path: args.file.clone() });
    }
    let store = Store::open(&args.cluster)?;
    let created: Result<Vec<String>, Error> = secrets
        .iter()
        .map(|secret| {
            let name = secret["metadata"]["name"].as_str().unwrap_or_default();
            Ok(match store.create(secret)? {
                Some(created) => format!("{created}  created\n"),
                None => format!("{name}  is there already\n"),
            })
        })
        .collect();
    secrets.iter_mut().for_each(wipe);
    let text = created?.concat();
    Ok(file::write(None, text.as_bytes(), file::Readers::AsBefore, streams)?)
}

#[expect(clippy::disallowed_methods, reason = "a command runs once, and now is when")]
fn rotate(args: &Rotate, streams: &mut Streams<'_>) -> Result<(), Error> {
    let store = Store::open(&args.cluster)?;
    let (mut secret, id) = match args.suite {
        Some(suite) => made::native(suite, Timestamp::now()),
        None => made::rsa(Timestamp::now())?,
    };
    let created = store.create(&secret);
    wipe(&mut secret);
    let text = format!("{}  {id}  created\n", created?.unwrap_or_default());
    Ok(file::write(None, text.as_bytes(), file::Readers::AsBefore, streams)?)
}

/// The labels by which a Secret is a key.
const LABELS: [&str; 2] = [store::RSA_LABEL, native::NATIVE_LABEL];

impl Report for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Cluster(error) => error.hint(),
            Self::Backup(error) => error.hint(),
            Self::NoKeys { .. } => {
                Some("name the controller's namespace with `--controller-namespace`".to_owned())
            }
            Self::Recipient { .. } => {
                Some("pass `age1…`, or the public key of an ssh key".to_owned())
            }
            _ => None,
        }
    }
}
