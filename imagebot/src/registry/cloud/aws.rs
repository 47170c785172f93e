//! Amazon ECR and ECR Public.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use super::{
    Context, Error, Given, error,
    sigv4::{self, Key, Request},
};
use crate::registry::keychain::Credential;

const ECR: &str = "Amazon ECR";
const STS: &str = "Amazon STS";
const CONTAINER: &str = "the credentials of the container";
const INSTANCE: &str = "the metadata of the EC2 instance";
/// Where a container finds its credentials by a relative address.
const CONTAINER_HOST: &str = "http://169.254.170.2";
/// Where an instance finds its metadata.
const INSTANCE_HOST: &str = "http://169.254.169.254";
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
    #[serde(deserialize_with = "super::secret")]
    authorization_token: Zeroizing<String>,
    expires_at: Option<f64>,
}

/// Logs in to a registry.
pub(super) async fn login(context: &Context<'_>, registry: &Registry) -> Result<Given, Error> {
    let key = key(context, registry).await?;
    let (service, target) = if registry.public {
        ("ecr-public", "SpencerFrontendService.GetAuthorizationToken")
    } else {
        ("ecr", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken")
    };
    let endpoint = endpoint(context, "AWS_ENDPOINT_URL_ECR", &registry.endpoint, ECR)?;
    let host = host_of(&endpoint);
    let body = "{}";
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
    let request = Request {
        host: &host,
        region: &registry.region,
        service,
        headers: &headers,
        body: body.as_bytes(),
    };
    let mut post = context.to(&endpoint).post(endpoint).body(body);
    for (name, value) in headers {
        post = post.header(name, value);
    }
    for (name, value) in sigv4::sign(&request, &key, context.now) {
        post = post.header(name, value.as_str());
    }
    let garbled = || Error::Garbled { service: ECR };
    let answer: Answer = super::fetch_json(ECR, post).await?;
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

/// The key of this process: the environment's, or what its place of work gives it.
async fn key(context: &Context<'_>, registry: &Registry) -> Result<Key, Error> {
    let get = |name| context.environment.get(name);
    let secret = |text: &str| Zeroizing::new(text.to_owned());
    if let (Some(id), Some(key)) = (get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY")) {
        let token = get("AWS_SESSION_TOKEN").map(secret);
        return Ok(Key { id: id.to_owned(), secret: secret(key), token });
    }
    if let (Some(file), Some(role)) = (get("AWS_WEB_IDENTITY_TOKEN_FILE"), get("AWS_ROLE_ARN")) {
        let token = super::read("AWS_WEB_IDENTITY_TOKEN_FILE", file).await?;
        return assume(context, registry, role, token.trim()).await;
    }
    if let Some(address) = container(context)? {
        let mut request = context.near.get(address);
        if let Some(file) = get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            let token = super::read("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file).await?;
            request = request.header("authorization", token.trim());
        }
        let found: Found = super::fetch_json(CONTAINER, request).await?;
        return Ok(found.key());
    }
    if get("AWS_EC2_METADATA_DISABLED").is_some_and(|word| word.eq_ignore_ascii_case("true")) {
        return Err(Error::Nobody("its environment has no key, no role and no token of Amazon's"));
    }
    instance(context).await
}

/// Trades the token of a ServiceAccount for the key of a role.
async fn assume(
    context: &Context<'_>,
    registry: &Registry,
    role: &str,
    token: &str,
) -> Result<Key, Error> {
    let name = context.environment.get("AWS_ROLE_SESSION_NAME").unwrap_or("signet-imagebot");
    let endpoint = endpoint(context, "AWS_ENDPOINT_URL_STS", &registry.sts, STS)?;
    let fields = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", name),
        ("WebIdentityToken", token),
    ];
    let body =
        super::fetch(STS, super::form(context.to(&endpoint).post(endpoint), &fields)).await?;
    let garbled = || Error::Garbled { service: STS };
    let xml = std::str::from_utf8(&body).map_err(|_| garbled())?;
    let text = |name| error::element(xml, name).map(str::to_owned).ok_or_else(garbled);
    Ok(Key {
        id: text("AccessKeyId")?,
        secret: Zeroizing::new(text("SecretAccessKey")?),
        token: Some(Zeroizing::new(text("SessionToken")?)),
    })
}

/// Where the container's credentials are, if there are any: on this machine, or behind TLS.
fn container(context: &Context<'_>) -> Result<Option<Url>, Error> {
    const UNFIT: Error =
        Error::Nobody("`AWS_CONTAINER_CREDENTIALS_FULL_URI` is no address of this machine");
    let get = |name| context.environment.get(name);
    if let Some(path) = get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        let url = Url::parse(&format!("{CONTAINER_HOST}{path}")).map_err(|_| UNFIT)?;
        return Ok(Some(url));
    }
    let Some(full) = get("AWS_CONTAINER_CREDENTIALS_FULL_URI") else { return Ok(None) };
    let url = Url::parse(full).map_err(|_| UNFIT)?;
    let near = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback() || address.is_link_local(),
        // The last is of EKS.
        Some(url::Host::Ipv6(address)) => {
            address.is_loopback() || address.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23]
        }
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if near || url.scheme() == "https" { Ok(Some(url)) } else { Err(UNFIT) }
}

/// What is told where nothing says who this process is.
const NOWHERE: Error =
    Error::Nobody("its environment has no key of Amazon's, and it runs on no EC2 instance");

/// The key of the role of the instance on which this process runs.
async fn instance(context: &Context<'_>) -> Result<Key, Error> {
    let base = context.environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    let base = base.unwrap_or(INSTANCE_HOST).trim_end_matches('/');
    let token = context.near.put(format!("{base}/latest/api/token"));
    let token = token.header("x-aws-ec2-metadata-token-ttl-seconds", "300");
    let token = super::near(super::fetch(INSTANCE, token)).await.ok_or(NOWHERE)??;
    let text = |body: &[u8]| std::str::from_utf8(body).map(|text| text.trim().to_owned());
    let garbled = |_| Error::Garbled { service: INSTANCE };
    let token = Zeroizing::new(text(&token).map_err(garbled)?);
    let get = |path: &str| {
        let address = format!("{base}/latest/meta-data/iam/security-credentials/{path}");
        context.near.get(address).header("x-aws-ec2-metadata-token", token.as_str())
    };
    let role = text(&super::fetch(INSTANCE, get("")).await?).map_err(garbled)?;
    let found: Found = super::fetch_json(INSTANCE, get(&role)).await?;
    Ok(found.key())
}

/// Credentials as containers and instances are told them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    access_key_id: String,
    #[serde(deserialize_with = "super::secret")]
    secret_access_key: Zeroizing<String>,
    #[serde(default, deserialize_with = "super::perhaps")]
    token: Option<Zeroizing<String>>,
}

impl Found {
    fn key(self) -> Key {
        Key { id: self.access_key_id, secret: self.secret_access_key, token: self.token }
    }
}

/// Where a service is: what the environment says of it, of all, or where it is for everyone.
fn endpoint(
    context: &Context<'_>,
    own: &str,
    usual: &str,
    service: &'static str,
) -> Result<Url, Error> {
    let said = context.environment.get(own).or_else(|| context.environment.get("AWS_ENDPOINT_URL"));
    Url::parse(said.unwrap_or(usual)).map_err(|_| Error::Garbled { service })
}

/// The `Host` header of a request to `url`.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests;
