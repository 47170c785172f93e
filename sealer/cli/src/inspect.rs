//! `sealctl inspect`: what can be seen of sealed values.

use std::path::PathBuf;

use sealer_core::sealed::{
    keyring::Keyring,
    native,
    scope::{Label, Scope},
    wire::Envelope,
};
use serde_json::{Value, json};

use crate::{
    file, recovery, sealed_file,
    terminal::{Report, Streams},
};

/// Shows scope, size, kind and keys of sealed values.
///
/// No key is needed. Values of sealed-secrets do not say which key opens them; with `--key` the
/// keys are tried. Nothing of the plaintext is shown but its length, which is no secret.
///
/// Example: `sealctl inspect clusters/`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files, or folders that are searched for manifests.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Prints JSON, one object a line.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    keys: recovery::Sources,
}

/// Why there is nothing to see.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] file::Error),
    #[error(transparent)]
    Sealed(#[from] sealed_file::Error),
    #[error(transparent)]
    Keys(#[from] recovery::Error),
    #[error("no SealedSecret was found")]
    Nothing,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<(), Error> {
    let keyring = if args.keys.are_given() { Some(args.keys.keyring(streams)?) } else { None };
    let (mut printed, mut found) = (String::new(), false);
    for path in sealed_file::below(&args.paths)? {
        let text = file::read(Some(&path), streams)?;
        if !sealed_file::may_hold(&text) {
            continue;
        }
        for object in sealed_file::objects(&path, &text)? {
            found = true;
            let (scope, label) = sealed_file::label(&object);
            let values: Vec<Value> = sealed_file::values(&object)
                .map(|(key, value)| one(key, value, &label, keyring.as_ref()))
                .collect();
            let place = sealed_file::place(&object);
            let path = path.display().to_string();
            if args.json {
                let object = json!({"file": path, "object": place, "scope": scope.as_str(), "values": values});
                printed.push_str(&object.to_string());
                printed.push('\n');
            } else {
                printed.push_str(&table(&path, &place, scope, &values));
            }
        }
    }
    if !found {
        return Err(Error::Nothing);
    }
    Ok(file::write(None, printed.as_bytes(), file::Readers::AsBefore, streams)?)
}

/// What can be said of one value.
fn one(key: &str, value: &str, label: &Label, keyring: Option<&Keyring>) -> Value {
    let (kind, bytes, mut keys) = if native::Value::is(value) {
        match native::Value::parse(value) {
            Ok(value) => {
                let ids = value.key_ids().map(|id| id.to_string()).collect();
                (value.suite().to_string(), value.plaintext_len(), ids)
            }
            Err(error) => return json!({"key": key, "problem": error.to_string()}),
        }
    } else {
        match Envelope::parse(value) {
            Ok(envelope) => {
                (format!("rsa-{}", envelope.key_bits()), envelope.plaintext_len(), Vec::new())
            }
            Err(error) => return json!({"key": key, "problem": error.to_string()}),
        }
    };
    let mut shown = json!({"key": key, "kind": kind, "bytes": bytes});
    if let Some(keyring) = keyring {
        match keyring.unseal(&label.of(key), value) {
            Ok(opened) => {
                let newest = keyring.newest().is_some_and(|newest| *newest.id() == opened.key_id);
                let native = native::Suite::ALL.iter().filter_map(|it| keyring.newest_native(*it));
                let newest = newest || native.into_iter().any(|key| key.id() == opened.key_id);
                keys = vec![opened.key_id.to_string()];
                shown["newest"] = newest.into();
            }
            Err(error) => shown["problem"] = error.to_string().into(),
        }
    }
    shown["keys"] = keys.into();
    shown
}

fn table(path: &str, place: &str, scope: Scope, values: &[Value]) -> String {
    let mut text = format!("{place}  {scope}  {path}\n");
    let width = values.iter().filter_map(|it| it["key"].as_str()).map(str::len).max();
    let width = width.unwrap_or_default();
    for value in values {
        let field = |name: &str| value[name].as_str().unwrap_or_default();
        let keys = value["keys"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let keys: Vec<_> = keys.collect();
        let newest = match &value["newest"] {
            Value::Bool(true) => " (newest)",
            Value::Bool(false) => " (an older key)",
            _ => "",
        };
        let size = value["bytes"].as_u64().map(|bytes| format!("{bytes} bytes"));
        let line = format!(
            "  {:width$}  {:8}  {:>12}  {}{newest}{}",
            field("key"),
            field("kind"),
            size.unwrap_or_default(),
            keys.join(" "),
            field("problem"),
        );
        text += line.trim_end();
        text.push('\n');
    }
    text
}

impl Report for Error {
    fn hint(&self) -> Option<String> {
        if let Self::Keys(error) = self { error.hint() } else { None }
    }
}
