//! Logging in to Azure DevOps as a workload: a token of Kubernetes buys one of Entra ID.

use std::path::PathBuf;

use cloud::azure::{AUTHORITY, Application, Proof as Shown};
use jiff::SignedDuration;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::ResourceExt as _;
use reconcile::{Core, account};
use reqwest::{Client, Url};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{
    Error, Origin,
    issuer::{self, ask},
    login::ProxyLogin,
    tokens::{Fresh, Key, Tokens},
};

/// Azure DevOps, as Entra ID knows it.
const SCOPE: &str = "499b84ac-1321-427f-aa17-267ca6975798/.default";
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// What names a workload on its ServiceAccount.
const CLIENT_ID: &str = "azure.workload.identity/client-id";
const TENANT_ID: &str = "azure.workload.identity/tenant-id";

/// What Azure's webhook puts into the environment of a pod.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct Environment {
    /// The tenant of the daemon's own identity.
    #[arg(long = "azure-tenant-id", env = "AZURE_TENANT_ID", hide = true)]
    pub tenant: Option<String>,

    /// The client ID of the daemon's own identity.
    #[arg(long = "azure-client-id", env = "AZURE_CLIENT_ID", hide = true)]
    pub client: Option<String>,

    /// The file with the token that proves it.
    #[arg(long = "azure-federated-token-file", env = "AZURE_FEDERATED_TOKEN_FILE", hide = true)]
    pub token_file: Option<PathBuf>,

    /// Who issues tokens; Azure's public cloud where nobody says.
    #[arg(long = "azure-authority-host", env = "AZURE_AUTHORITY_HOST", hide = true)]
    pub authority: Option<String>,
}

/// Who asks for a token, and what proves it.
struct Workload {
    tenant: String,
    client: String,
    proof: Proof,
}

enum Proof {
    File(PathBuf),
    Account(String),
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: i64,
}

/// A token for Azure DevOps.
pub(crate) async fn token(
    core: &Core,
    environment: &Environment,
    tokens: &Tokens,
    origin: &Origin<'_>,
    proxy: Option<&ProxyLogin>,
) -> Result<Zeroizing<String>, Error> {
    let workload = workload(core, environment, origin).await?;
    let unfit = || lacks(origin, "`AZURE_AUTHORITY_HOST` is not a URL");
    let authority = environment.authority.as_deref().unwrap_or(AUTHORITY);
    let application = Application { authority, tenant: &workload.tenant, client: &workload.client };
    let url = application.address().ok_or_else(unfit)?;
    let account = match &workload.proof {
        Proof::Account(name) => format!("{}/{name}", origin.namespace),
        Proof::File(_) => String::new(),
    };
    let parts = [b"azure", url.as_str().as_bytes(), workload.client.as_bytes(), account.as_bytes()];
    let key = Key::of(parts.into_iter().chain(ProxyLogin::parts(proxy)));
    let issue = async {
        let proof = prove(core, origin, &workload.proof).await?;
        let field = || origin.field("provider");
        let failed =
            |source| Error::Token { field: field(), provider: "azure", source: Box::new(source) };
        let client = issuer::client(None, proxy).map_err(failed)?;
        exchange(&client, url.clone(), &application, &proof).await.map_err(failed)
    };
    tokens.get(key, &core.clock, issue).await
}

async fn exchange(
    client: &Client,
    url: Url,
    application: &Application<'_>,
    proof: &str,
) -> Result<Fresh, issuer::Error> {
    let form = application.form(SCOPE, &Shown::Assertion(proof));
    let request = client
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.to_string());
    let granted: Granted = ask(request, proof).await?;
    let life = SignedDuration::from_secs(granted.expires_in);
    Ok(Fresh { token: Zeroizing::new(granted.access_token), life })
}

/// The identity of the ServiceAccount that the object names, or else of the daemon.
async fn workload(
    core: &Core,
    environment: &Environment,
    origin: &Origin<'_>,
) -> Result<Workload, Error> {
    let Some(name) = origin.service_account else {
        let Environment { tenant, client, token_file, .. } = environment.clone();
        let (Some(tenant), Some(client), Some(file)) = (tenant, client, token_file) else {
            return Err(lacks(
                origin,
                "the daemon has no workload identity (`AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_FEDERATED_TOKEN_FILE`)",
            ));
        };
        return Ok(Workload { tenant, client, proof: Proof::File(file) });
    };
    let account = |source| Error::Account {
        field: origin.field("serviceAccountName"),
        namespace: origin.namespace.to_owned(),
        name: name.to_owned(),
        source: Box::new(source),
    };
    let api = core.namespaced::<ServiceAccount>(origin.namespace);
    let found = api.get(name).await.map_err(|error| account(error.into()))?;
    let annotation = |key: &str| found.annotations().get(key).cloned();
    let tenant = annotation(TENANT_ID).or_else(|| environment.tenant.clone());
    let tenant = tenant.ok_or_else(|| {
        lacks(origin, "the ServiceAccount has no annotation `azure.workload.identity/tenant-id`")
    })?;
    let client = annotation(CLIENT_ID).ok_or_else(|| {
        lacks(origin, "the ServiceAccount has no annotation `azure.workload.identity/client-id`")
    })?;
    Ok(Workload { tenant, client, proof: Proof::Account(name.to_owned()) })
}

/// A token of Kubernetes that Entra ID believes.
async fn prove(
    core: &Core,
    origin: &Origin<'_>,
    proof: &Proof,
) -> Result<Zeroizing<String>, Error> {
    match proof {
        Proof::File(file) => {
            let read = tokio::fs::read_to_string(file).await;
            let text = Zeroizing::new(
                read.map_err(|source| Error::TokenFile { file: file.clone(), source })?,
            );
            Ok(Zeroizing::new(text.trim().to_owned()))
        }
        Proof::Account(name) => {
            let namespace = origin.namespace;
            let issued = account::token(&core.client, (namespace, name), AUDIENCE).await;
            issued.map_err(|source| Error::Account {
                field: origin.field("serviceAccountName"),
                namespace: namespace.to_owned(),
                name: name.clone(),
                source: Box::new(source),
            })
        }
    }
}

fn lacks(origin: &Origin<'_>, problem: &'static str) -> Error {
    Error::NoIdentity { field: origin.field("provider"), provider: "azure", problem }
}
