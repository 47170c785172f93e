//! Who an object of Flux's kind is to the services: what its key Secret and its ServiceAccount say.
//!
//! ```text
//! sops.aws-kms      aws_access_key_id, aws_secret_access_key, aws_session_token     (YAML)
//! sops.azure-kv     tenantId, clientId, clientSecret | clientCertificate | nothing  (YAML, or az's JSON)
//! sops.gcp-kms      a service account's key                                        (JSON)
//! sops.vault-token  a token
//! ```
//!
//! What a Secret says stands in the place of what the daemon is, cloud by cloud: an object with a key
//! of its own reaches nothing of the machine, and one without has what the daemon has.

use std::collections::BTreeMap;

use cloud::{Environment, google};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{Allowlist, Credentials};

const VAULT_TOKEN: &str = "sops.vault-token";
const VAULT_ALLOWLIST: &str = "sops.vault-allowlist";
const AWS: &str = "sops.aws-kms";
const AZURE: &str = "sops.azure-kv";
const GOOGLE: &str = "sops.gcp-kms";

/// Why a Secret or a ServiceAccount says nothing of use. No variant holds what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An entry of a Secret is not what it should be.
    #[error("`{entry}` of the Secret {problem}")]
    Entry {
        /// Which.
        entry: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An annotation of a ServiceAccount is missing or is not what it should be.
    #[error("the annotation `{annotation}` of the ServiceAccount {problem}")]
    Annotation {
        /// Which.
        annotation: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Puts what the entries of a key Secret say in the place of what `credentials` has. Entries of other
/// names are left to others.
pub fn read_secret<'s>(
    credentials: &mut Credentials,
    entries: impl IntoIterator<Item = (&'s str, &'s [u8])>,
) -> Result<(), Error> {
    for (name, bytes) in entries {
        match name {
            VAULT_TOKEN => {
                let token = text(VAULT_TOKEN, bytes)?.trim();
                if token.is_empty() {
                    return Err(unfit(VAULT_TOKEN, "is empty"));
                }
                credentials.vault.token = Some(Zeroizing::new(token.to_owned()));
                credentials.vault.token_file = None;
            }
            VAULT_ALLOWLIST => {
                let list = Allowlist::parse(text(VAULT_ALLOWLIST, bytes)?.trim());
                let problem = "is neither `all`, `none` nor addresses separated by commas";
                let list = list.map_err(|_| unfit(VAULT_ALLOWLIST, problem))?;
                // An author cannot widen what the daemon allows.
                if credentials.vault.allowed == Allowlist::All {
                    credentials.vault.allowed = list;
                }
            }
            AWS => credentials.aws = amazon(&credentials.aws, bytes)?,
            AZURE => credentials.azure = azure(&credentials.azure, bytes)?,
            GOOGLE => credentials.google = google(&credentials.google, bytes)?,
            _ => {}
        }
    }
    Ok(())
}

fn amazon(own: &Environment, bytes: &[u8]) -> Result<Environment, Error> {
    let fields = Fields::read(AWS, bytes)?;
    let (id, secret) = (fields.get("aws_access_key_id"), fields.get("aws_secret_access_key"));
    let (Some(id), Some(secret)) = (id, secret) else {
        return Err(unfit(AWS, "lacks `aws_access_key_id` or `aws_secret_access_key`"));
    };
    let token = fields.get("aws_session_token");
    Ok(own.given(
        [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)]
            .into_iter()
            .chain(token.map(|token| ("AWS_SESSION_TOKEN", token))),
    ))
}

fn azure(own: &Environment, bytes: &[u8]) -> Result<Environment, Error> {
    let fields = Fields::read(AZURE, bytes)?;
    let any = |names: [&str; 2]| names.into_iter().find_map(|name| fields.get(name));
    let client = any(["clientId", "appId"]);
    let client = client.ok_or_else(|| unfit(AZURE, "lacks `clientId`"))?;
    let tenant = any(["tenantId", "tenant"]);
    let secret = any(["clientSecret", "password"]);
    let certificate = fields.get("clientCertificate");
    if fields.get("clientCertificatePassword").is_some() {
        return Err(unfit(
            AZURE,
            "has a `clientCertificatePassword`, but encrypted certificates are not read; decrypt it into PEM with `openssl pkcs12 -nodes`",
        ));
    }
    let proof = match (certificate, secret) {
        (Some(pem), _) => (Environment::AZURE_CLIENT_CERTIFICATE, pem),
        (None, Some(secret)) => ("AZURE_CLIENT_SECRET", secret),
        // An identity of the machine on which the daemon runs.
        (None, None) if own.is_alone() => {
            return Err(unfit(
                AZURE,
                "has a `clientId` alone, an identity of the daemon's machine, which objects may not use; add a `clientSecret`, or have the daemon allow it",
            ));
        }
        (None, None) => {
            return Ok(Environment::of(|name| match name {
                "AZURE_CLIENT_ID" => Some(client.to_string()),
                "AZURE_POD_IDENTITY_AUTHORITY_HOST" => own.get(name).map(str::to_owned),
                _ => None,
            }));
        }
    };
    let tenant = tenant.ok_or_else(|| unfit(AZURE, "lacks `tenantId`"))?;
    let authority = fields.get("authorityHost").map(|host| ("AZURE_AUTHORITY_HOST", host));
    let known = [("AZURE_CLIENT_ID", client), ("AZURE_TENANT_ID", tenant), proof];
    Ok(own.given(known.into_iter().chain(authority)))
}

fn google(own: &Environment, bytes: &[u8]) -> Result<Environment, Error> {
    let text = text(GOOGLE, bytes)?;
    let parsed = serde_json::from_str::<Value>(text).map(Wiped);
    let parsed = parsed.map_err(|_| unfit(GOOGLE, "is no JSON of a service account's key"))?;
    // Other types name addresses and files, which an author must not choose for a daemon.
    match parsed.0["type"].as_str() {
        Some("service_account" | "authorized_user") => {
            let value = Zeroizing::new(text.to_owned());
            Ok(own.given([(google::CREDENTIALS, value)]))
        }
        _ => Err(unfit(
            GOOGLE,
            "is of another type than `service_account` and `authorized_user`; use a ServiceAccount for federation",
        )),
    }
}

fn text<'b>(entry: &'static str, bytes: &'b [u8]) -> Result<&'b str, Error> {
    std::str::from_utf8(bytes).map_err(|_| unfit(entry, "is no text"))
}

fn unfit(entry: &'static str, problem: &'static str) -> Error {
    Error::Entry { entry, problem }
}

/// A tree that is wiped when it is dropped.
struct Wiped(Value);

impl Drop for Wiped {
    fn drop(&mut self) {
        sealer_core::plaintext::wipe(&mut self.0);
    }
}

/// The texts of a mapping.
struct Fields(BTreeMap<String, Zeroizing<String>>);

impl Fields {
    fn read(entry: &'static str, bytes: &[u8]) -> Result<Self, Error> {
        let documents = yaml::parse(text(entry, bytes)?);
        let documents = documents.map_err(|_| unfit(entry, "is no YAML"))?;
        let mapping = documents.first().and_then(|document| document.root.mapping());
        let mapping = mapping.ok_or_else(|| unfit(entry, "is no mapping in YAML"))?;
        let owned = |text: &str| Zeroizing::new(text.to_owned());
        let field = |pair: &yaml::tree::Pair<'_>| {
            Some((pair.key.as_str()?.to_owned(), owned(pair.value.as_str()?)))
        };
        Ok(Self(mapping.pairs().filter_map(field).collect()))
    }

    fn get(&self, name: &str) -> Option<Zeroizing<String>> {
        self.0.get(name).filter(|text| !text.is_empty()).cloned()
    }
}

/// A cloud as which a ServiceAccount can log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Amazon: `eks.amazonaws.com/role-arn`.
    Aws,
    /// Azure: `azure.workload.identity/client-id` and `…/tenant-id`.
    Azure,
    /// Google: `gcp.auth.fluxcd.io/workload-identity-provider`, and `iam.gke.io/gcp-service-account`.
    Google,
}

const ROLE: &str = "eks.amazonaws.com/role-arn";
const CLIENT: &str = "azure.workload.identity/client-id";
const TENANT: &str = "azure.workload.identity/tenant-id";
const POOL: &str = "gcp.auth.fluxcd.io/workload-identity-provider";
const EMAIL: &str = "iam.gke.io/gcp-service-account";

/// A ServiceAccount that is somebody at a cloud.
pub struct Account<'a> {
    provider: Provider,
    annotations: &'a BTreeMap<String, String>,
}

impl<'a> Account<'a> {
    /// The ServiceAccount with these annotations as which `key` could be used, if it is anybody at the
    /// cloud at all.
    pub fn of(provider: Provider, annotations: &'a BTreeMap<String, String>) -> Option<Self> {
        let says = |name| annotations.contains_key(name);
        let known = match provider {
            Provider::Aws => says(ROLE),
            Provider::Azure => says(CLIENT),
            Provider::Google => says(POOL),
        };
        known.then_some(Self { provider, annotations })
    }

    /// For whom the token of the ServiceAccount must be, which [`Account::log_in`] takes.
    pub fn audience(&self) -> Result<String, Error> {
        Ok(match self.provider {
            Provider::Aws => "sts.amazonaws.com".to_owned(),
            Provider::Azure => "api://AzureADTokenExchange".to_owned(),
            Provider::Google => format!("//iam.googleapis.com/{}", self.pool()?),
        })
    }

    /// Puts the ServiceAccount in the place of what `credentials` has for its cloud.
    pub fn log_in(
        &self,
        credentials: &mut Credentials,
        token: Zeroizing<String>,
    ) -> Result<(), Error> {
        let get = |name| self.annotations.get(name).cloned().map(Zeroizing::new);
        let missing = |annotation| Error::Annotation { annotation, problem: "is missing" };
        let need = |name| get(name).ok_or_else(|| missing(name));
        match self.provider {
            Provider::Aws => {
                let role = ("AWS_ROLE_ARN", need(ROLE)?);
                let token = (Environment::AWS_WEB_IDENTITY_TOKEN, token);
                credentials.aws = credentials.aws.given([role, token]);
            }
            Provider::Azure => {
                let (client, tenant) = (need(CLIENT)?, get(TENANT));
                let own = credentials.azure.get("AZURE_TENANT_ID");
                let tenant = tenant.or_else(|| own.map(|own| Zeroizing::new(own.to_owned())));
                let tenant = tenant.ok_or_else(|| missing(TENANT))?;
                let token = (Environment::AZURE_FEDERATED_TOKEN, token);
                credentials.azure = credentials.azure.given([
                    ("AZURE_CLIENT_ID", client),
                    ("AZURE_TENANT_ID", tenant),
                    token,
                ]);
            }
            Provider::Google => {
                let impersonation = self.annotations.get(EMAIL).map(|email| impersonation(email));
                let file = json!({
                    "type": "external_account",
                    "audience": self.audience()?,
                    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                    "token_url": "https://sts.googleapis.com/v1/token",
                    "service_account_impersonation_url": impersonation.transpose()?,
                    "credential_source": {},
                });
                let file = (google::CREDENTIALS, Zeroizing::new(file.to_string()));
                let token = (Environment::GOOGLE_SUBJECT_TOKEN, token);
                credentials.google = credentials.google.given([file, token]);
            }
        }
        Ok(())
    }

    /// `projects/N/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`
    fn pool(&self) -> Result<&'a str, Error> {
        let unfit = || Error::Annotation {
            annotation: POOL,
            problem: "is not `projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`",
        };
        let pool = self.annotations.get(POOL).ok_or_else(unfit)?;
        let segments: Vec<&str> = pool.split('/').collect();
        let good = matches!(
            segments.as_slice(),
            ["projects", number, "locations", "global", "workloadIdentityPools", pool, "providers", provider]
                if number.bytes().all(|it| it.is_ascii_digit()) && !number.is_empty()
                    && !pool.is_empty() && !provider.is_empty()
        );
        if good { Ok(pool) } else { Err(unfit()) }
    }
}

/// Where somebody becomes the service account of `email`.
fn impersonation(email: &str) -> Result<String, Error> {
    let fit = |it: u8| it.is_ascii_alphanumeric() || b"-_.@".contains(&it);
    if email.is_empty() || !email.bytes().all(fit) {
        return Err(Error::Annotation {
            annotation: EMAIL,
            problem: "is no address of an account",
        });
    }
    Ok(format!(
        "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
    ))
}

#[cfg(test)]
mod tests;
