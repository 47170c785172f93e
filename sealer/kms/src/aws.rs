//! AWS KMS.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use cloud::{
    Context,
    aws::{self, Place, sigv4},
};
use sealer_core::plaintext::Plaintext;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Error, ask};

const KMS: &str = "AWS KMS";
const KIND: &str = "application/x-amz-json-1.1";

/// A key, as the file describes it.
pub(crate) struct Key<'k> {
    pub(crate) arn: &'k str,
    pub(crate) role: Option<&'k str>,
    pub(crate) context: &'k BTreeMap<String, String>,
    pub(crate) profile: Option<&'k str>,
}

/// Where a key is, as its ARN says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Region<'k> {
    pub(crate) name: &'k str,
    suffix: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'r> {
    key_id: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_blob: Option<&'r str>,
    encryption_context: &'r BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypted {
    ciphertext_blob: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypted {
    #[serde(deserialize_with = "cloud::secret")]
    plaintext: Zeroizing<String>,
}

impl<'k> Region<'k> {
    /// The region of a key or an alias.
    pub(crate) fn of(arn: &'k str) -> Result<Self, Error> {
        let malformed = || Error::Name {
            key: arn.to_owned(),
            expected: "an ARN of AWS KMS; write `arn:aws:kms:REGION:ACCOUNT:key/ID` or `…:alias/NAME`",
        };
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let &["arn", partition, "kms", name, account, resource] = parts.as_slice() else {
            return Err(malformed());
        };
        let suffix = match partition {
            "aws" | "aws-us-gov" => "amazonaws.com",
            "aws-cn" => "amazonaws.com.cn",
            "aws-eusc" => "amazonaws.eu",
            "aws-iso" => "c2s.ic.gov",
            "aws-iso-b" => "sc2s.sgov.gov",
            "aws-iso-e" => "cloud.adc-e.uk",
            "aws-iso-f" => "csp.hci.ic.gov",
            _ => return Err(malformed()),
        };
        // It becomes a part of a host.
        let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let (kind, id) = resource.split_once('/').ok_or_else(malformed)?;
        let good = !name.is_empty()
            && name.bytes().all(named)
            && !account.is_empty()
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && matches!(kind, "key" | "alias")
            && !id.is_empty();
        if good { Ok(Self { name, suffix }) } else { Err(malformed()) }
    }

    /// Where this region's roles are assumed.
    fn sts(&self) -> String {
        format!("https://sts.{}.{}", self.name, self.suffix)
    }

    fn endpoint(&self, context: &Context<'_>) -> Result<url::Url, Error> {
        let fips = context.environment.get("AWS_USE_FIPS_ENDPOINT");
        let fips = fips.is_some_and(|word| word.eq_ignore_ascii_case("true"));
        let service = if fips { "kms-fips" } else { "kms" };
        let usual = format!("https://{service}.{}.{}", self.name, self.suffix);
        aws::endpoint(context, "AWS_ENDPOINT_URL_KMS", &usual, KMS).map_err(login)
    }
}

/// The credential for a key: what this process or the profile is, or the role that it assumes.
pub(crate) async fn credential(
    context: &Context<'_>,
    region: &Region<'_>,
    profile: Option<&str>,
    role: Option<&str>,
) -> Result<sigv4::Key, Error> {
    let sts = region.sts();
    let place = Place { region: region.name, sts: &sts };
    let own = aws::key(context, place, profile).await.map_err(login)?;
    match role {
        None => Ok(own),
        Some(role) => aws::assume(context, place, &own, role, &[]).await.map_err(login),
    }
}

/// What KMS makes of `part`.
pub(crate) async fn encrypt(
    context: &Context<'_>,
    key: &Key<'_>,
    credential: &sigv4::Key,
    part: &Plaintext,
) -> Result<String, Error> {
    let plaintext = Zeroizing::new(STANDARD.encode(part.expose()));
    let request = Request {
        key_id: key.arn,
        plaintext: Some(&plaintext),
        ciphertext_blob: None,
        encryption_context: key.context,
    };
    let secrets = [plaintext.as_str()];
    let call = Call { context, key, credential, secrets: &secrets };
    call.send::<Encrypted>("TrentService.Encrypt", &request).await.map(|made| made.ciphertext_blob)
}

/// What KMS once made `enc` of.
pub(crate) async fn decrypt(
    context: &Context<'_>,
    key: &Key<'_>,
    credential: &sigv4::Key,
    enc: &str,
) -> Result<Plaintext, Error> {
    let enc = enc.trim();
    STANDARD.decode(enc).map_err(|_| Error::Wrapped("Base64"))?;
    let request = Request {
        key_id: key.arn,
        plaintext: None,
        ciphertext_blob: Some(enc),
        encryption_context: key.context,
    };
    let call = Call { context, key, credential, secrets: &[] };
    let made: Decrypted = call.send("TrentService.Decrypt", &request).await?;
    let bytes = STANDARD.decode(made.plaintext.as_bytes()).map(Plaintext::new);
    bytes.map_err(|_| Error::Garbled {
        service: KMS,
        host: key.arn.to_owned(),
        problem: "is not Base64",
    })
}

struct Call<'c> {
    context: &'c Context<'c>,
    key: &'c Key<'c>,
    credential: &'c sigv4::Key,
    secrets: &'c [&'c str],
}

impl Call<'_> {
    async fn send<T: serde::de::DeserializeOwned>(
        &self,
        target: &'static str,
        request: &Request<'_>,
    ) -> Result<T, Error> {
        let region = Region::of(self.key.arn)?;
        let endpoint = region.endpoint(self.context)?;
        let headers = [("content-type", KIND), ("x-amz-target", target)];
        let service = ask::Service { name: KMS, secrets: self.secrets };
        let post = || {
            let service =
                aws::Service { name: "kms", region: region.name, endpoint: endpoint.clone() };
            aws::post(self.context, service, self.credential, &headers, ask::json(request))
        };
        service.ask(post).await
    }
}

fn login(source: cloud::Error) -> Error {
    Error::Login { service: KMS, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_say_where_keys_are() {
        #[rustfmt::skip]
        let cases = [
            // ARN                                                             region             suffix
            ("arn:aws:kms:us-west-2:107501996527:key/612d5f0p-p1l3",          Some(("us-west-2",      "amazonaws.com"))),
            ("arn:aws:kms:eu-west-1:1:alias/a/b",                             Some(("eu-west-1",      "amazonaws.com"))),
            ("arn:aws-cn:kms:cn-north-1:1:key/x",                             Some(("cn-north-1",     "amazonaws.com.cn"))),
            ("arn:aws-us-gov:kms:us-gov-west-1:1:key/mrk-1",                  Some(("us-gov-west-1",  "amazonaws.com"))),
            ("arn:aws:kms:evil.example/x:1:key/x",                            None),
            ("arn:aws:kms:eu-west-1@evil:1:key/x",                            None),
            ("arn:aws-evil:kms:eu-west-1:1:key/x",                            None),
            ("arn:aws:s3:eu-west-1:1:key/x",                                  None),
            ("arn:aws:kms:eu-west-1:x:key/x",                                 None),
            ("arn:aws:kms:eu-west-1:1:key/",                                  None),
            ("alias/ours",                                                    None),
        ];
        for (arn, expected) in cases {
            let found = Region::of(arn).ok().map(|region| (region.name, region.suffix));
            assert_eq!(found, expected, "{arn}");
        }
    }
}
