//! The binary called as `kubeseal`.
//!
//! Words, messages, exit codes and products are those of kubeseal 0.40; where it errs we do not
//! follow, and `docs/compatibility.md` says so. It exits with 0 on success, 1 on failure, and 2 when
//! the words cannot be read.

use std::{path::Path, process::ExitCode};

use sealer_core::sealed::certificate::Certificate;
use zeroize::Zeroizing;

use crate::{file, persona::Call, terminal::Streams, web};

mod ask;
mod error;
mod flags;
mod merge;
mod seal;
mod shape;
mod target;
mod unseal;

use error::Error;
use flags::Flags;
use target::Target;

/// The version of kubeseal whose words these are.
const VERSION: &str = "0.40.0";

/// Does what the words say, and tells failures as kubeseal does.
pub(crate) fn run(call: &mut Call<'_, '_>) -> ExitCode {
    let flags = match Flags::parse(call.words, call.environment) {
        Ok(flags) => flags,
        Err(error) => {
            // kubeseal prints this where the product goes; a script would take it for one.
            let _ = writeln!(call.streams.messages, "{}{error}", flags::usage());
            return ExitCode::from(2);
        }
    };
    let done = if flags.on("help") {
        print(&flags::usage(), call.streams)
    } else if flags.on("version") {
        let ours = env!("CARGO_PKG_VERSION");
        print(&format!("kubeseal version: {VERSION} (sealctl {ours})\n"), call.streams)
    } else {
        act(&flags, call.streams)
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(call.streams.messages, "error: {}", error::chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// One of kubeseal's modes; of several the first of these.
fn act(flags: &Flags, streams: &mut Streams<'_>) -> Result<(), Error> {
    if flags.on("rotate") && flags.given("re-encrypt").is_none() {
        let _ = writeln!(
            streams.messages,
            "Flag --rotate has been deprecated, please use --re-encrypt instead"
        );
    }
    if !flags.list("from-file").is_empty() && !flags.on("raw") {
        return Err(Error::FromFileWithoutRaw);
    }
    if let Some(path) = flags.filled("secret-file")
        && std::fs::File::open(path).is_err()
    {
        return Err(Error::SecretFile);
    }
    if flags.on("recovery-unseal") {
        return unseal::run(flags, streams);
    } else if flags.on("validate") {
        return ask::validate(flags, streams);
    } else if flags.on("re-encrypt") || flags.on("rotate") {
        return ask::re_encrypt(flags, streams);
    }
    let certificate = certificate(flags)?;
    if flags.on("fetch-cert") {
        return product(&certificate, flags, streams);
    }
    let certificate = usable(&certificate)?;
    if flags.filled("merge-into").is_some() {
        merge::run(flags, &certificate, streams)
    } else if flags.on("raw") {
        seal::raw(flags, &certificate, streams)
    } else {
        seal::secrets(flags, &certificate, streams)
    }
}

/// The certificate's text: from the file or URL that is named, or from the controller.
fn certificate(flags: &Flags) -> Result<String, Error> {
    let Some(name) = flags.filled("cert") else {
        return Ok(Target::of(flags)?.controller()?.certificate()?);
    };
    let bytes = match web::place(name) {
        web::Place::Url(url) => web::fetch(url)?,
        web::Place::File(path) => {
            std::fs::read(path).map_err(|why| Error::Open { path: path.to_owned(), why })?
        }
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[expect(clippy::disallowed_methods, reason = "a command runs once, and now is when")]
fn usable(text: &str) -> Result<Certificate, Error> {
    let certificate = Certificate::parse(text.as_bytes()).map_err(Error::Certificate)?;
    certificate.check_valid_at(jiff::Timestamp::now()).map_err(Error::Certificate)?;
    Ok(certificate)
}

/// The input: the file of `--secret-file`, or standard input.
fn input(flags: &Flags, streams: &mut Streams<'_>) -> Result<Zeroizing<String>, Error> {
    let path = flags.filled("secret-file").map(Path::new);
    if path.is_none() && streams.interactive {
        let hint = "(tty detected: expecting json/yaml k8s resource in stdin)";
        let _ = writeln!(streams.messages, "{hint}");
    }
    let text = file::read(path, streams)?;
    let marked = text.strip_prefix('\u{feff}').map(str::to_owned);
    Ok(marked.map_or(text, Zeroizing::new))
}

/// Where `--sealed-secret-file` says, or standard output.
fn product(text: &str, flags: &Flags, streams: &mut Streams<'_>) -> Result<(), Error> {
    let path = flags.filled("sealed-secret-file").map(Path::new);
    Ok(file::write(path, text.as_bytes(), file::Readers::AsBefore, streams)?)
}

fn print(text: &str, streams: &mut Streams<'_>) -> Result<(), Error> {
    Ok(file::write(None, text.as_bytes(), file::Readers::AsBefore, streams)?)
}

/// How objects are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Yaml,
}

impl Format {
    /// What the name of the output asks for, or else `--format`.
    fn of(flags: &Flags) -> Result<Self, Error> {
        let by_name = flags.filled("sealed-secret-file").and_then(Self::by_name);
        match by_name {
            Some(format) => Ok(format),
            None => Self::named(flags.text("format")),
        }
    }

    fn by_name(path: &str) -> Option<Self> {
        let extension = Path::new(path).extension()?;
        (extension == "yaml" || extension == "yml").then_some(Self::Yaml)
    }

    fn named(name: &str) -> Result<Self, Error> {
        match name.to_lowercase().as_str() {
            "json" | "" => Ok(Self::Json),
            "yaml" => Ok(Self::Yaml),
            _ => Err(Error::Format(name.to_owned())),
        }
    }

    fn print(self, object: &mut serde_json::Value, shape: &shape::Shape) -> Zeroizing<String> {
        shape::prune(object, shape);
        Zeroizing::new(match self {
            Self::Json => shape::json(object, shape),
            Self::Yaml => format!("---\n{}", yaml::write(object)),
        })
    }
}

#[cfg(test)]
mod tests;
