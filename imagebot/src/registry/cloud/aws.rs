//! Amazon ECR and ECR Public.

use std::time::Duration;

use ::cloud::aws::{self, Place, Service};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Context, Error, Given};
use crate::registry::keychain::Credential;

const ECR: &str = "Amazon ECR";
/// What the public registry's login is good for when it does not say.
const LIFETIME: Duration = Duration::from_secs(900);

/// A registry of Amazon's, as its name tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Registry {
    region: String,
    /// Where its service is asked.
    endpoint: String,
    /// Where its region logs in.
    sts: String,
    public: bool,
}

impl Registry {
    /// The registry at `host`, if it is one of Amazon's.
    pub(super) fn of(host: &str) -> Option<Self> {
        const SUFFIXES: [&str; 7] = [
            "amazonaws.com",
            "amazonaws.com.cn",
            "amazonaws.eu",
            "c2s.ic.gov",
            "sc2s.sgov.gov",
            "cloud.adc-e.uk",
            "csp.hci.ic.gov",
        ];
        if host == "public.ecr.aws" {
            return Some(Self {
                region: "us-east-1".to_owned(),
                endpoint: "https://api.ecr-public.us-east-1.amazonaws.com".to_owned(),
                sts: "https://sts.us-east-1.amazonaws.com".to_owned(),
                public: true,
            });
        }
        let (account, rest) = host.split_once('.')?;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (service, rest) = match rest.split_once('.')? {
            ("dkr", rest) => rest.split_once('.')?,
            (dual @ ("dkr-ecr" | "dkr-ecr-fips"), rest) => (dual, rest),
            _ => return None,
        };
        let (region, suffix) = rest.split_once('.')?;
        let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.is_empty() || !region.bytes().all(named) {
            return None;
        }
        let endpoint = match (service, suffix) {
            ("ecr", suffix) if SUFFIXES.contains(&suffix) => format!("api.ecr.{region}.{suffix}"),
            ("ecr-fips", suffix) if SUFFIXES.contains(&suffix) => {
                format!("ecr-fips.{region}.{suffix}")
            }
            ("dkr-ecr", "on.aws") => format!("ecr.{region}.api.aws"),
            ("dkr-ecr-fips", "on.aws") => format!("ecr-fips.{region}.api.aws"),
            _ => return None,
        };
        let suffix = if suffix == "on.aws" { "amazonaws.com" } else { suffix };
        Some(Self {
            region: region.to_owned(),
            endpoint: format!("https://{endpoint}"),
            sts: format!("https://sts.{region}.{suffix}"),
            public: false,
        })
    }
}

/// What ECR answers; the public one gives one login where the other gives a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    authorization_data: OneOrMany,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Authorization),
    Many(Vec<Authorization>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authorization {
    #[serde(deserialize_with = "::cloud::secret")]
    authorization_token: Zeroizing<String>,
    expires_at: Option<f64>,
}

/// Logs in to a registry.
pub(super) async fn login(context: &Context<'_>, registry: &Registry) -> Result<Given, Error> {
    let place = Place { region: &registry.region, sts: &registry.sts };
    let key = aws::key(context, place, None).await?;
    let (service, target) = if registry.public {
        ("ecr-public", "SpencerFrontendService.GetAuthorizationToken")
    } else {
        ("ecr", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken")
    };
    let endpoint = aws::endpoint(context, "AWS_ENDPOINT_URL_ECR", &registry.endpoint, ECR)?;
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
    let body = Zeroizing::new(b"{}".to_vec());
    let service = Service { name: service, region: &registry.region, endpoint };
    let post = aws::post(context, service, &key, &headers, body);
    let garbled = || Error::Garbled { service: ECR };
    let answer: Answer = ::cloud::fetch_json(ECR, post).await?;
    let data = match answer.authorization_data {
        OneOrMany::One(one) => one,
        OneOrMany::Many(many) => many.into_iter().next().ok_or_else(garbled)?,
    };
    let pair = STANDARD.decode(data.authorization_token.as_bytes()).map(Zeroizing::new);
    let pair = pair.map_err(|_| garbled())?;
    let pair = std::str::from_utf8(&pair).map_err(|_| garbled())?;
    let (username, password) = pair.split_once(':').ok_or_else(garbled)?;
    let credential = Credential::Basic {
        username: username.to_owned(),
        password: Zeroizing::new(password.to_owned()),
    };
    #[expect(clippy::cast_precision_loss, reason = "a second more or less is nothing")]
    let rest = data.expires_at.map(|until| until - context.now.as_second() as f64);
    // What is over by our clock is used once and not kept.
    let lifetime =
        rest.map_or(LIFETIME, |rest| Duration::try_from_secs_f64(rest).unwrap_or(Duration::ZERO));
    Ok(Given { credential, lifetime })
}

#[cfg(test)]
mod tests;
