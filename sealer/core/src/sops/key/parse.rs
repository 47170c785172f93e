//! Master keys as flags, the environment and `.sops.yaml` spell them.

use std::collections::BTreeMap;

use super::MasterKey;

/// The text names no master key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct Malformed {
    text: String,
    expected: &'static str,
}

impl Malformed {
    fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.to_owned(), expected }
    }
}

impl MasterKey {
    /// An age recipient. Its form is checked when something is wrapped for it.
    pub fn age(recipient: &str) -> Self {
        Self::Age { recipient: recipient.trim().to_owned() }
    }

    /// An OpenPGP fingerprint, with or without blanks.
    pub fn pgp(fingerprint: &str) -> Self {
        Self::Pgp { fingerprint: fingerprint.replace(' ', "") }
    }

    /// `arn`, or `arn+role`.
    pub fn aws_kms(text: &str, context: &BTreeMap<String, String>, profile: Option<&str>) -> Self {
        let text = text.replace(' ', "");
        let (arn, role) = match text.find("+arn:aws") {
            Some(at) => (text[..at].to_owned(), Some(text[at + 1..].to_owned())),
            None => (text, None),
        };
        let profile = profile.filter(|profile| !profile.is_empty()).map(str::to_owned);
        Self::AwsKms { arn, role, context: context.clone(), profile }
    }

    /// A resource id.
    pub fn gcp_kms(resource_id: &str) -> Self {
        Self::GcpKms { resource_id: resource_id.replace(' ', "") }
    }

    /// `region:uuid`.
    pub fn huawei_kms(key_id: &str) -> Result<Self, Malformed> {
        let key_id = key_id.trim();
        match key_id.split_once(':') {
            Some((region, id)) if !region.is_empty() && !id.is_empty() => {
                Ok(Self::HuaweiKms { key_id: key_id.to_owned() })
            }
            _ => Err(Malformed::new(key_id, "a Huawei Cloud key; write `REGION:KEY-ID`")),
        }
    }

    /// `https://VAULT/keys/NAME/VERSION`; the version may be left out.
    pub fn azure_key_vault(url: &str) -> Result<Self, Malformed> {
        let url = url.trim();
        let malformed =
            || Malformed::new(url, "an Azure key; write `https://VAULT/keys/NAME/VERSION`");
        let (host, path) = url
            .strip_prefix("https://")
            .and_then(|rest| rest.split_once("/keys/"))
            .ok_or_else(malformed)?;
        let (name, version) = path.split_once('/').unwrap_or((path, ""));
        if host.is_empty() || host.contains('/') || name.is_empty() || version.contains('/') {
            return Err(malformed());
        }
        Ok(Self::AzureKeyVault {
            vault_url: format!("https://{host}"),
            name: name.to_owned(),
            version: version.to_owned(),
        })
    }

    /// `https://HOST/v1/ENGINE/keys/NAME`.
    pub fn vault(uri: &str) -> Result<Self, Malformed> {
        let uri = uri.trim();
        let malformed =
            || Malformed::new(uri, "a transit key; write `https://HOST:8200/v1/ENGINE/keys/NAME`");
        let (scheme, rest) = uri.split_once("://").ok_or_else(malformed)?;
        let (host, path) = rest.split_once('/').ok_or_else(malformed)?;
        let (engine, name) = path
            .strip_prefix("v1/")
            .and_then(|path| path.rsplit_once("/keys/"))
            .ok_or_else(malformed)?;
        let name = name.trim_end_matches('/');
        if scheme.is_empty() || host.is_empty() || engine.is_empty() || name.is_empty() {
            return Err(malformed());
        }
        Ok(Self::Vault {
            address: format!("{scheme}://{host}"),
            engine_path: engine.to_owned(),
            key_name: name.to_owned(),
        })
    }
}

/// An encryption context as a flag gives it: `key:value,key:value`.
pub fn parse_context(text: &str) -> Result<BTreeMap<String, String>, Malformed> {
    let malformed = || Malformed::new(text, "an encryption context; write `key:value,key:value`");
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    text.split(',')
        .map(|pair| {
            let (key, value) = pair.split_once(':').ok_or_else(malformed)?;
            if value.contains(':') {
                return Err(malformed());
            }
            Ok((key.to_owned(), value.to_owned()))
        })
        .collect()
}
