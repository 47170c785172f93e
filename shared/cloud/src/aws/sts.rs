//! Becoming a role.

use reqwest::RequestBuilder;
use url::Url;
use zeroize::Zeroizing;

use super::{Place, Service, endpoint, post, sigv4::Key};
use crate::{
    Context, Error,
    ask::{fetch, fields_of, form},
    error,
};

const STS: &str = "Amazon STS";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Trades the token of a ServiceAccount for the key of a role.
pub(super) async fn assume_with_token(
    context: &Context<'_>,
    place: Place<'_>,
    role: &str,
    token: &str,
) -> Result<Key, Error> {
    let name = context.environment.get("AWS_ROLE_SESSION_NAME").unwrap_or(context.session);
    let endpoint = sts(context, place)?;
    let fields = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", name),
        ("WebIdentityToken", token),
    ];
    granted(form(context.to(&endpoint).post(endpoint), &fields)).await
}

/// The key of a role that the owner of `key` may take on.
pub async fn assume(
    context: &Context<'_>,
    place: Place<'_>,
    key: &Key,
    role: &str,
    more: &[(&str, &str)],
) -> Result<Key, Error> {
    let endpoint = sts(context, place)?;
    let mut fields = vec![("Action", "AssumeRole"), ("Version", "2011-06-15"), ("RoleArn", role)];
    fields.extend_from_slice(more);
    if !more.iter().any(|(name, _)| *name == "RoleSessionName") {
        fields.push(("RoleSessionName", context.session));
    }
    let body = Zeroizing::new(fields_of(&fields).into_bytes());
    let headers = [("content-type", FORM)];
    let service = Service { name: "sts", region: place.region, endpoint };
    granted(post(context, service, key, &headers, body)).await
}

fn sts(context: &Context<'_>, place: Place<'_>) -> Result<Url, Error> {
    endpoint(context, "AWS_ENDPOINT_URL_STS", place.sts, STS)
}

/// The key in what STS answers.
async fn granted(request: RequestBuilder) -> Result<Key, Error> {
    let body = fetch(STS, request).await?;
    let garbled = || Error::Garbled { service: STS };
    let xml = std::str::from_utf8(&body).map_err(|_| garbled())?;
    let text = |name| error::element(xml, name).map(str::to_owned).ok_or_else(garbled);
    Ok(Key {
        id: text("AccessKeyId")?,
        secret: Zeroizing::new(text("SecretAccessKey")?),
        token: Some(Zeroizing::new(text("SessionToken")?)),
        until: error::element(xml, "Expiration").and_then(|at| at.parse().ok()),
    })
}
