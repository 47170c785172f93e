//! Acting as a ServiceAccount, with its own token and nothing of ours.

use http::Method;
use kube::config::AuthInfo;
use kube::{Client, Config};
use reconcile::Core;
use reconcile::request::{self, Wanted};
use serde::Deserialize;
use serde_json::json;

/// As short as the API server lets a token live.
const LIFETIME_SECONDS: u32 = 600;

/// Turns ServiceAccounts into clients. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    core: Core,
    config: Option<Config>,
}

#[derive(Deserialize)]
struct TokenRequest {
    status: TokenStatus,
}

#[derive(Deserialize)]
struct TokenStatus {
    token: String,
}

impl Accounts {
    /// Accounts of the cluster that `config` leads to; without one there are none, as with `--local`.
    pub fn new(core: Core, config: Option<Config>) -> Self {
        Self { core, config }
    }

    /// Whether there is anybody to act as.
    pub fn exist(&self) -> bool {
        self.config.is_some()
    }

    /// A client that is the ServiceAccount `namespace/name` and nobody else.
    pub async fn client(&self, namespace: &str, name: &str) -> Result<Client, request::Error> {
        let Some(config) = &self.config else {
            return Err(request::Error::Refused {
                code: 404,
                reason: "NotFound".to_owned(),
                message: "there are no ServiceAccounts without a cluster".to_owned(),
            });
        };
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": { "expirationSeconds": LIFETIME_SECONDS },
        });
        let body = body.to_string().into_bytes();
        let granted: TokenRequest =
            request::send(&self.core.client, Method::POST, &path, body, Wanted::Everything).await?;
        let mut theirs = config.clone();
        // Nothing of our own login may go along: a client certificate would win over the token.
        theirs.auth_info =
            AuthInfo { token: Some(granted.status.token.into()), ..AuthInfo::default() };
        Ok(self.core.fence.guard(Client::try_from(theirs)?))
    }
}
