//! Amazon: a key that signs requests, and where services are.

mod profile;
pub mod sigv4;
mod sts;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::RequestBuilder;
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use crate::{
    Context, Error,
    ask::{self, fetch, fetch_json, near},
};
use sigv4::{Key, Request};

pub use sts::assume;

const CONTAINER: &str = "the credentials of the container";
const INSTANCE: &str = "the metadata of the EC2 instance";
/// Where a container finds its credentials by a relative address.
const CONTAINER_HOST: &str = "http://169.254.170.2";
/// Where an instance finds its metadata.
const INSTANCE_HOST: &str = "http://169.254.169.254";

/// Where somebody logs in.
#[derive(Clone, Copy, Debug)]
pub struct Place<'p> {
    /// The region.
    pub region: &'p str,
    /// The URL of the region's STS.
    pub sts: &'p str,
}

/// The key of this process: the environment's, that of a profile, or what its place of work gives
/// it, in the order of Amazon's own tools. A profile that the caller names goes before all, except
/// where somebody gave a key instead of a machine with profiles.
pub async fn key(
    context: &Context<'_>,
    place: Place<'_>,
    named: Option<&str>,
) -> Result<Key, Error> {
    let named = named.filter(|_| !context.environment.is_alone());
    if named.is_none() {
        if let Some(key) = from_variables(context) {
            return Ok(key);
        }
        if let Some(key) = from_web_identity(context, place).await? {
            return Ok(key);
        }
    }
    if let Some(key) = profile::key(context, place, named).await? {
        return Ok(key);
    }
    at_work(context).await
}

/// The key that the environment spells out.
fn from_variables(context: &Context<'_>) -> Option<Key> {
    let get = |name| context.environment.get(name);
    let (id, secret) = (get("AWS_ACCESS_KEY_ID")?, get("AWS_SECRET_ACCESS_KEY")?);
    let token = get("AWS_SESSION_TOKEN").map(|token| Zeroizing::new(token.to_owned()));
    Some(Key { id: id.to_owned(), secret: Zeroizing::new(secret.to_owned()), token, until: None })
}

/// The key of the role that the environment names beside a token.
async fn from_web_identity(context: &Context<'_>, place: Place<'_>) -> Result<Option<Key>, Error> {
    const FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
    let get = |name| context.environment.get(name);
    let Some(role) = get("AWS_ROLE_ARN") else { return Ok(None) };
    let token = match (get(crate::Environment::AWS_WEB_IDENTITY_TOKEN), get(FILE)) {
        (Some(token), _) => Zeroizing::new(token.to_owned()),
        (None, Some(path)) => ask::read(FILE, path).await?,
        (None, None) => return Ok(None),
    };
    sts::assume_with_token(context, place, role, token.trim()).await.map(Some)
}

/// The key that the container or the instance gives on which this process runs.
async fn at_work(context: &Context<'_>) -> Result<Key, Error> {
    if context.environment.is_alone() {
        return Err(Error::Nobody(
            "nothing that was given is a key, a role or a token of Amazon's",
        ));
    }
    if let Some(key) = from_container(context).await? {
        return Ok(key);
    }
    let disabled = context.environment.get("AWS_EC2_METADATA_DISABLED");
    if disabled.is_some_and(|word| word.eq_ignore_ascii_case("true")) {
        return Err(Error::Nobody("its environment has no key, no role and no token of Amazon's"));
    }
    from_instance(context).await
}

async fn from_container(context: &Context<'_>) -> Result<Option<Key>, Error> {
    const FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    let Some(address) = container(context)? else { return Ok(None) };
    let mut request = context.near.get(address);
    if let Some(file) = context.environment.get(FILE) {
        let token = ask::read(FILE, file).await?;
        request = request.header("authorization", token.trim());
    }
    let found: Found = fetch_json(CONTAINER, request).await?;
    Ok(Some(found.key()))
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
async fn from_instance(context: &Context<'_>) -> Result<Key, Error> {
    let base = context.environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    let base = base.unwrap_or(INSTANCE_HOST).trim_end_matches('/');
    let token = context.near.put(format!("{base}/latest/api/token"));
    let token = token.header("x-aws-ec2-metadata-token-ttl-seconds", "300");
    let token = near(fetch(INSTANCE, token)).await.ok_or(NOWHERE)??;
    let text = |body: &[u8]| std::str::from_utf8(body).map(|text| text.trim().to_owned());
    let garbled = |_| Error::Garbled { service: INSTANCE };
    let token = Zeroizing::new(text(&token).map_err(garbled)?);
    let get = |path: &str| {
        let address = format!("{base}/latest/meta-data/iam/security-credentials/{path}");
        context.near.get(address).header("x-aws-ec2-metadata-token", token.as_str())
    };
    let role = text(&fetch(INSTANCE, get("")).await?).map_err(garbled)?;
    let found: Found = fetch_json(INSTANCE, get(&role)).await?;
    Ok(found.key())
}

/// Credentials as containers and instances are told them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    access_key_id: String,
    #[serde(deserialize_with = "crate::secret")]
    secret_access_key: Zeroizing<String>,
    #[serde(default, deserialize_with = "crate::perhaps")]
    token: Option<Zeroizing<String>>,
    #[serde(default)]
    expiration: Option<String>,
}

impl Found {
    fn key(self) -> Key {
        Key {
            id: self.access_key_id,
            secret: self.secret_access_key,
            token: self.token,
            until: self.expiration.and_then(|at| at.parse::<Timestamp>().ok()),
        }
    }
}

/// Where a service is: what the environment says of it, of all, or where it is for everyone.
pub fn endpoint(
    context: &Context<'_>,
    own: &str,
    usual: &str,
    service: &'static str,
) -> Result<Url, Error> {
    let said = context.environment.get(own).or_else(|| context.environment.get("AWS_ENDPOINT_URL"));
    Url::parse(said.unwrap_or(usual)).map_err(|_| Error::Garbled { service })
}

/// A service of a region.
pub struct Service<'s> {
    /// As signatures name it.
    pub name: &'s str,
    /// The region.
    pub region: &'s str,
    /// Where it is.
    pub endpoint: Url,
}

/// A signed POST of `body` to the root of a service; the body is wiped when it was sent.
pub fn post(
    context: &Context<'_>,
    service: Service<'_>,
    key: &Key,
    headers: &[(&str, &str)],
    body: Zeroizing<Vec<u8>>,
) -> RequestBuilder {
    let Service { name, region, endpoint } = service;
    let host = host_of(&endpoint);
    let request = Request { host: &host, region, service: name, headers, body: &body };
    let signed = sigv4::sign(&request, key, context.now);
    let mut post = context.to(&endpoint).post(endpoint);
    for (name, value) in headers {
        post = post.header(*name, *value);
    }
    for (name, value) in signed {
        post = post.header(name, value.as_str());
    }
    post.body(Bytes::from_owner(body))
}

/// The `Host` header of a request to `url`.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
