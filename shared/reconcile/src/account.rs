//! Tokens of ServiceAccounts, as which other systems know a workload.

use http::Method;
use kube::Client;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::request::{self, Wanted};

/// How long a token lives, in seconds: the shortest that Kubernetes issues. It is traded at once.
const LIFE: u32 = 600;

#[derive(Deserialize)]
struct Issued {
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    token: String,
}

/// A token of the ServiceAccount `namespace/name` for `audience`.
pub async fn token(
    client: &Client,
    (namespace, name): (&str, &str),
    audience: &str,
) -> Result<Zeroizing<String>, request::Error> {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": { "audiences": [audience], "expirationSeconds": LIFE },
    });
    let body = body.to_string().into_bytes();
    let issued: Issued =
        request::send(client, Method::POST, &path, body, Wanted::Everything).await?;
    Ok(Zeroizing::new(issued.status.token))
}
