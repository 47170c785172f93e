//! Files in clear text: what is encrypted as a whole, and values that hold SOPS files of their own.
//!
//! Services may be asked for data keys, so this blocks.

use std::iter;
use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sealer_api::git_secret_sync::MacCheck;
use sealer_core::sops::store::{Error, Format};
use serde_json::Value;

use super::files::{Clear, Content, told};
use crate::controller::batch::{Cause, Failure};
use crate::controller::object;
use crate::decryption::{self, Document, Keys};

/// The largest file that is read, as in Flux.
const LARGEST: usize = 5 << 20;

/// Opens files.
#[derive(Clone, Debug)]
pub(super) struct Opener {
    /// With which keys.
    pub(super) keys: Arc<Keys>,
    /// Where the keys come from, for messages.
    pub(super) secret: Option<String>,
    /// What a wrong MAC means.
    pub(super) mac: MacCheck,
    /// Whether values of Secrets that are files of SOPS are opened, as Flux does.
    pub(super) nested: bool,
}

impl Opener {
    /// What the file at `path` holds. The failure of a service is not one to be remembered.
    pub(super) fn open(&self, path: &str, bytes: &[u8]) -> (Content, bool) {
        match self.clear(path, bytes) {
            Ok(None) => (Content::Nothing, true),
            Ok(Some(clear)) => (Content::Clear(clear), false),
            Err((failure, lasts)) => (Content::Failed(failure), lasts),
        }
    }

    fn clear(&self, path: &str, bytes: &[u8]) -> Result<Option<Clear>, (Failure, bool)> {
        let lasting = |failure| (failure, true);
        if bytes.len() > LARGEST {
            return Err(lasting(told("is larger than 5 MiB; split it")));
        }
        if std::str::from_utf8(bytes).is_err() {
            return Err(lasting(told("is not UTF-8; exclude it or convert it")));
        }
        let format = Format::of(path);
        if !matches!(format, Format::Yaml | Format::Json) {
            let problem = "is no manifest: only YAML and JSON files hold Secrets; put its content into a value of a Secret, or exclude it";
            return Err(lasting(told(problem)));
        }
        let failed = |failure| self.explain(&failure);
        if !decryption::is_encrypted(format, bytes).map_err(failed)? {
            return if self.nested { self.values(bytes) } else { Ok(None) };
        }
        let mut clear = Clear::default();
        let plain = match self.decrypt(format, bytes, self.mac) {
            Err(decryption::Failure::File(error @ Error::Mac(_))) if self.mac == MacCheck::Warn => {
                clear.warning = Some(format!("`{path}`: {}", chain(&error)));
                self.decrypt(format, bytes, MacCheck::Off)
            }
            other => other,
        };
        let plain = plain.map_err(failed)?;
        clear.documents = decryption::documents(&plain).map_err(failed)?;
        Ok(Some(clear))
    }

    fn decrypt(
        &self,
        format: Format,
        bytes: &[u8],
        mac: MacCheck,
    ) -> Result<sealer_core::sops::store::Plain, decryption::Failure> {
        let check = match mac {
            MacCheck::Off => decryption::MacCheck::Ignored,
            MacCheck::Enforce | MacCheck::Warn => decryption::MacCheck::Enforced,
        };
        decryption::decrypt(format, bytes, self.keys.as_ref(), check)
    }

    /// The Secrets of a file that is not encrypted, of which values are.
    fn values(&self, bytes: &[u8]) -> Result<Option<Clear>, (Failure, bool)> {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let documents = yaml::json::documents(text, yaml::Schema::Kubernetes);
        // What is no manifest of ours is nobody's failure here.
        let Ok(documents) = documents else { return Ok(None) };
        let mut clear = Clear::default();
        for content in documents {
            let mut document = Document::new(content);
            let ours =
                object::is_secret(document.expose()) && !object::is_left_alone(document.expose());
            if ours && self.open_values(document.expose_mut())? {
                clear.documents.push(document);
            }
        }
        Ok((!clear.documents.is_empty()).then_some(clear))
    }

    /// Opens the values of a Secret that are files of SOPS; answers whether there was one.
    fn open_values(&self, secret: &mut Value) -> Result<bool, (Failure, bool)> {
        let mut opened = false;
        for (key, value) in secret["data"].as_object_mut().into_iter().flatten() {
            let bytes =
                value.as_str().and_then(|text| BASE64_STANDARD.decode(text.trim_ascii()).ok());
            let Some(bytes) = bytes else { continue };
            // Docker's file has no ending.
            let format = if key == ".dockerconfigjson" { Format::Json } else { Format::of(key) };
            if !decryption::is_encrypted(format, &bytes).unwrap_or(false) {
                continue;
            }
            let plain = self.decrypt(format, &bytes, self.mac).map_err(|failure| {
                let (failure, lasts) = self.explain(&failure);
                (
                    Failure { message: format!("`data.{key}`: {}", failure.message), ..failure },
                    lasts,
                )
            })?;
            *value = BASE64_STANDARD.encode(plain.expose()).into();
            opened = true;
        }
        Ok(opened)
    }

    /// The failure with its remedy, and whether it lasts as long as the file and the keys do.
    fn explain(&self, failure: &decryption::Failure) -> (Failure, bool) {
        let keys = failure.is_for_want_of_keys();
        let remedy = match (failure, &self.secret) {
            (decryption::Failure::File(Error::Mac(_)), _) => {
                "; restore the file, or encrypt it again with `sops` or `sealctl encrypt`"
                    .to_owned()
            }
            (decryption::Failure::NoKey(_), Some(secret)) => format!(
                "; add an identity to Secret `{secret}` under a key that ends in `.agekey`, or run `sops updatekeys`"
            ),
            (decryption::Failure::NoKey(_), None) => {
                "; name a Secret with its keys in `spec.decryption.secretRef`".to_owned()
            }
            _ => String::new(),
        };
        let cause = if keys { Cause::Keys } else { Cause::File };
        let lasts = !matches!(failure, decryption::Failure::Refused(_));
        (Failure { cause, message: chain(failure) + &remedy }, lasts)
    }
}

/// An error with its causes on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
