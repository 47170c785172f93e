//! Azure's services, as their documentation has them.

use ::cloud::azure::token;

use super::*;
use crate::registry::{
    cloud::{
        remedy,
        tests::{context, with},
    },
    tests::server::{Server, answer},
};

async fn directory() -> Server {
    Server::start(|asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/tenant/oauth2/v2.0/token")
            if asked.body.contains("client_assertion=jwt")
                || asked.body.contains("client_secret=s3cr3t") =>
        {
            answer(200, &[], r#"{"token_type":"Bearer","expires_in":3599,"access_token":"aad"}"#)
        }
        ("GET", "/metadata/identity/oauth2/token")
            if asked.parameter("resource") == Some(AUDIENCE) =>
        {
            answer(200, &[], r#"{"access_token":"aad","expires_in":"3599"}"#)
        }
        ("POST", "/oauth2/exchange") if asked.body.contains("access_token=aad") => {
            answer(200, &[], r#"{"refresh_token":"acr"}"#)
        }
        _ => answer(400, &[], r#"{"error":"invalid_client","error_description":"s3cr3t"}"#),
    })
    .await
}

#[tokio::test]
async fn every_identity_of_azures_becomes_a_token_of_the_registry() {
    let server = directory().await;
    let url = format!("http://{}", server.address());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "jwt\n").unwrap();
    let who = |more: Vec<(&'static str, String)>| {
        let known = [
            ("AZURE_AUTHORITY_HOST", url.clone()),
            ("AZURE_CLIENT_ID", "client".to_owned()),
            ("AZURE_TENANT_ID", "tenant".to_owned()),
        ];
        context(&known.into_iter().chain(more).collect::<Vec<_>>())
    };
    let environments = [
        who(vec![("AZURE_FEDERATED_TOKEN_FILE", file.path().display().to_string())]),
        who(vec![("AZURE_CLIENT_SECRET", "s3cr3t".to_owned())]),
        context(&[("AZURE_POD_IDENTITY_AUTHORITY_HOST", url.clone())]),
    ];
    for environment in &environments {
        let token = token(&with(environment), AUDIENCE).await.unwrap().token;
        let given = exchange(&with(environment), &url, "acme.azurecr.io", &token).await.unwrap();
        assert!(matches!(given.credential, Credential::Refresh(token) if *token == *"acr"));
    }
    let exchanged = server.asked().into_iter().find(|asked| asked.path == "/oauth2/exchange");
    assert!(exchanged.unwrap().body.contains("service=acme.azurecr.io"));
    let wrong = who(vec![("AZURE_CLIENT_SECRET", "wr0ng".to_owned())]);
    let error = token(&with(&wrong), AUDIENCE).await.err().unwrap();
    assert_eq!(error.to_string(), "Microsoft Entra ID answered 400: invalid_client");
    assert!(remedy(&error).is_some());
}

#[test]
fn registries_are_known_by_their_names() {
    for host in ["acme.azurecr.io", "acme.azurecr.cn", "acme-x.azurecr.us"] {
        assert!(is_registry(host), "{host}");
    }
    for host in [
        "azurecr.io",
        ".azurecr.io",
        "acme.azurecr.io.evil.example",
        "acme.azurecr.io:443",
        "ghcr.io",
    ] {
        assert!(!is_registry(host), "{host}");
    }
}
