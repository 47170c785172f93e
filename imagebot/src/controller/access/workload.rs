//! The identity that a cloud gives to a ServiceAccount of the object's namespace.
//!
//! | `spec.provider` | annotations of the ServiceAccount | token for |
//! |---|---|---|
//! | `aws` | `eks.amazonaws.com/role-arn` | `sts.amazonaws.com` |
//! | `azure` | `azure.workload.identity/client-id`, `azure.workload.identity/tenant-id` | `api://AzureADTokenExchange` |
//! | `gcp` | `gcp.auth.fluxcd.io/workload-identity-provider`, and `iam.gke.io/gcp-service-account` to act as an account of Google's | the provider |

use imagebot_api::ImageRepository;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::ResourceExt as _;
use reconcile::{Core, account};
use serde_json::json;
use zeroize::Zeroizing;

use super::Error;
use crate::registry::{Cloud, Environment, Workload};

const ROLE: &str = "eks.amazonaws.com/role-arn";
const CLIENT: &str = "azure.workload.identity/client-id";
const TENANT: &str = "azure.workload.identity/tenant-id";
const PROVIDER: &str = "gcp.auth.fluxcd.io/workload-identity-provider";
const ACCOUNT: &str = "iam.gke.io/gcp-service-account";

/// What a cloud must be told, besides a token.
struct Claim {
    /// For whom the token is.
    audience: String,
    /// Under which name the token is told.
    token: &'static str,
    values: Vec<(&'static str, String)>,
}

/// The workload of the ServiceAccount `name` beside `object`.
pub(super) async fn of(
    core: &Core,
    object: &ImageRepository,
    cloud: Cloud,
    name: &str,
) -> Result<Workload, Error> {
    let namespace = object.namespace().unwrap_or_default();
    let found = core.namespaced::<ServiceAccount>(&namespace).get(name).await;
    let found =
        found.map_err(|source| Error::Account { name: name.to_owned(), source: source.into() })?;
    let claim = claim(&found, cloud)?;
    // Another account of the same name is somebody else.
    let uid = found.uid().unwrap_or_default();
    let identity = format!("{namespace}/{name} {uid} {:?}", claim.values);
    let token = account::token(&core.client, (&namespace, name), &claim.audience).await;
    let token = token.map_err(|source| Error::Token { name: name.to_owned(), source })?;
    let values = claim.values.into_iter().map(|(name, value)| (name, Zeroizing::new(value)));
    Ok(Workload::new(identity, values.chain([(claim.token, token)]).collect()))
}

fn claim(account: &ServiceAccount, cloud: Cloud) -> Result<Claim, Error> {
    let get = |key: &'static str| account.annotations().get(key).filter(|it| !it.is_empty());
    let name = || account.name_any();
    let need = |key| get(key).cloned().ok_or_else(|| Error::NoAnnotation { name: name(), key });
    Ok(match cloud {
        Cloud::Aws => {
            let values =
                vec![("AWS_ROLE_ARN", need(ROLE)?), ("AWS_ROLE_SESSION_NAME", session(account))];
            let token = Environment::AWS_WEB_IDENTITY_TOKEN;
            Claim { audience: "sts.amazonaws.com".to_owned(), token, values }
        }
        Cloud::Azure => {
            let values =
                vec![("AZURE_CLIENT_ID", need(CLIENT)?), ("AZURE_TENANT_ID", need(TENANT)?)];
            let token = Environment::AZURE_FEDERATED_TOKEN;
            Claim { audience: "api://AzureADTokenExchange".to_owned(), token, values }
        }
        Cloud::Gcp => {
            let unfit = |key, form| Error::Annotation { name: name(), key, form };
            let provider = Some(need(PROVIDER)?).filter(|it| is_provider(it));
            let provider = provider.ok_or_else(|| unfit(PROVIDER, "projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER"))?;
            if get(ACCOUNT).is_some_and(|email| !is_email(email)) {
                return Err(unfit(ACCOUNT, "NAME@PROJECT.iam.gserviceaccount.com"));
            }
            let audience = format!("//iam.googleapis.com/{provider}");
            let impersonated = get(ACCOUNT).map(|email| format!("https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{email}:generateAccessToken"));
            let file = json!({
                "type": "external_account", "audience": audience,
                "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                "token_url": "https://sts.googleapis.com/v1/token",
                "service_account_impersonation_url": impersonated,
                "credential_source": {},
            });
            let values = vec![("GOOGLE_CREDENTIALS", file.to_string())];
            Claim { audience, token: Environment::GOOGLE_SUBJECT_TOKEN, values }
        }
    })
}

/// What Amazon calls the session, in the 64 characters that it allows.
fn session(account: &ServiceAccount) -> String {
    let namespace = account.namespace().unwrap_or_default();
    let mut name = format!("{}.{namespace}.signet", account.name_any());
    name.truncate(64);
    name
}

fn is_provider(text: &str) -> bool {
    let parts: Vec<_> = text.split('/').collect();
    let [
        "projects",
        number,
        "locations",
        "global",
        "workloadIdentityPools",
        pool,
        "providers",
        provider,
    ] = parts[..]
    else {
        return false;
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    digits && is_word(pool) && is_word(provider)
}

fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.split_once('@') else { return false };
    let project = host.strip_suffix(".iam.gserviceaccount.com");
    is_word(name) && project.is_some_and(is_word)
}

fn is_word(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=100).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimed(cloud: Cloud, annotations: &serde_json::Value) -> Result<Claim, String> {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "pull", "namespace": "team", "annotations": annotations},
        });
        let account = serde_json::from_value(account).unwrap();
        claim(&account, cloud).map_err(|error| error.to_string())
    }

    const POOL: &str = "projects/1/locations/global/workloadIdentityPools/p/providers/k";

    #[test]
    fn annotations_say_who_a_workload_is() {
        let aws = claimed(Cloud::Aws, &json!({ROLE: "arn:aws:iam::1:role/pull"})).unwrap();
        assert_eq!(aws.audience, "sts.amazonaws.com");
        assert_eq!(aws.values[0], ("AWS_ROLE_ARN", "arn:aws:iam::1:role/pull".to_owned()));
        assert_eq!(aws.values[1].1, "pull.team.signet");
        let azure = claimed(Cloud::Azure, &json!({CLIENT: "c", TENANT: "t"})).unwrap();
        assert_eq!(azure.audience, "api://AzureADTokenExchange");
        let gcp = json!({PROVIDER: POOL, ACCOUNT: "reader@project.iam.gserviceaccount.com"});
        let gcp = claimed(Cloud::Gcp, &gcp).unwrap();
        assert_eq!(gcp.audience, format!("//iam.googleapis.com/{POOL}"));
        let file: serde_json::Value = serde_json::from_str(&gcp.values[0].1).unwrap();
        assert_eq!(
            file["service_account_impersonation_url"],
            "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/reader@project.iam.gserviceaccount.com:generateAccessToken"
        );
    }

    #[test]
    fn what_is_missing_or_unfit_is_told() {
        let missing = |key: &str| format!("the ServiceAccount `pull` has no annotation `{key}`");
        let unfit = |key: &str| {
            format!("the annotation `{key}` of the ServiceAccount `pull` is not of the form `")
        };
        #[rustfmt::skip]
        let cases = [
            (Cloud::Aws,   json!({}),                                                missing(ROLE)),
            (Cloud::Aws,   json!({ROLE: ""}),                                        missing(ROLE)),
            (Cloud::Azure, json!({TENANT: "t"}),                                     missing(CLIENT)),
            (Cloud::Azure, json!({CLIENT: "c"}),                                     missing(TENANT)),
            (Cloud::Gcp,   json!({ACCOUNT: "a@b.iam.gserviceaccount.com"}),          missing(PROVIDER)),
            (Cloud::Gcp,   json!({PROVIDER: "projects/x"}),                          unfit(PROVIDER)),
            (Cloud::Gcp,   json!({PROVIDER: POOL, ACCOUNT: "a@b/../c.iam.gserviceaccount.com"}), unfit(ACCOUNT)),
        ];
        for (cloud, annotations, said) in cases {
            let error = claimed(cloud, &annotations).err().unwrap_or_default();
            assert!(error.starts_with(&said), "{annotations}: {error}");
        }
    }
}
