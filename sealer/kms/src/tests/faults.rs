//! Services that fail, and what is said of them.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    server::{Asked, JSON, Server},
    *,
};

/// A key of every kind at a server, and somebody who may ask it there.
fn keys(server: &Server) -> (Clouds, Vec<MasterKey>) {
    let (url, domains) = (server.url(), format!("{}=https://vault.azure.net", server.host));
    let clouds = clouds(&[
        ("AWS_ENDPOINT_URL", &url),
        ("AWS_ACCESS_KEY_ID", "AK"),
        ("AWS_SECRET_ACCESS_KEY", "s3cr3t-key"),
        ("SOPS_GCP_KMS_ENDPOINT", &url),
        ("GOOGLE_OAUTH_ACCESS_TOKEN", "s3cr3t-token"),
        ("VAULT_TOKEN", "s3cr3t-vault"),
        ("AZURE_AUTHORITY_HOST", &url),
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_CLIENT_ID", "client"),
        ("AZURE_CLIENT_SECRET", "s3cr3t-azure"),
        ("SIGNET_AZURE_VAULT_DOMAINS", &domains),
    ]);
    let keys = vec![
        MasterKey::aws_kms("arn:aws:kms:eu-west-1:1:key/x", &BTreeMap::new(), None),
        MasterKey::gcp_kms("projects/p/locations/l/keyRings/r/cryptoKeys/k"),
        MasterKey::Vault {
            address: url.clone(),
            engine_path: "transit".to_owned(),
            key_name: "k".to_owned(),
        },
        MasterKey::AzureKeyVault { vault_url: url, name: "k".to_owned(), version: "1".to_owned() },
    ];
    (clouds, keys)
}

/// What a service says that says again all that it was shown.
fn echo(asked: &Asked) -> String {
    let header = |name| asked.headers.get(name).map(|it| it.to_str().unwrap()).unwrap_or_default();
    let shown = [&asked.body, header("authorization"), header("x-vault-token")].join(" ");
    json!({"message": format!("cannot do {shown}")}).to_string()
}

#[test]
fn every_failure_of_every_service_is_told_clearly_and_without_a_secret() {
    let page = "<!DOCTYPE html><html>aHVudGVyMi s3cr3t</html>";
    #[rustfmt::skip]
    let cases = [
        // status  type          text                                    said                                       requests
        (400,      JSON,         r#"{"message":"no such thing"}"#,        "answered 400: no such thing",             1),
        (400,      JSON,         "echo",                                  "answered 400: cannot do ",                1),
        (403,      JSON,         r#"{"message":"denied"}"#,               "answered 403: denied; check that the credentials", 1),
        (404,      JSON,         "{}",                                    "answered 404: it did not say why; check that the key exists", 1),
        (429,      JSON,         r#"{"message":"slow down"}"#,            "answered 429: slow down; try again later", 3),
        (503,      JSON,         r#"{"errors":["Vault is sealed"]}"#,     "answered 503: Vault is sealed",           3),
        (502,      "text/html",  page,                                    "answered 502: a web page",                3),
        (200,      "text/html",  page,                                    "answered 200 with a web page",            1),
        (403,      "text/html",  page,                                    "answered 403 with a web page",            1),
        (307,      JSON,         "",                                      "answered 307: it points elsewhere",       1),
        (200,      JSON,         "{}",                                    "is not what its API promises",            1),
        (200,      JSON,         "hunter2",                               "is not what its API promises",            1),
    ];
    for (status, kind, text, said, requests) in cases {
        let server = Server::start(move |asked| {
            if asked.path.contains("oauth2") {
                let token = r#"{"expires_in":3599,"access_token":"token-of-azure"}"#;
                return (200, JSON, token.to_owned());
            }
            let text = if text == "echo" { echo(asked) } else { text.to_owned() };
            (status, kind, text)
        });
        let (clouds, keys) = keys(&server);
        for key in keys {
            let error = clouds.encrypt(&key, &part()).unwrap_err();
            let told = error.to_string();
            assert!(told.contains(said), "{status} {key}: {told}");
            for secret in ["hunter2", "aHVudGVyMi", "s3cr3t", "token-of-azure"] {
                assert!(!format!("{told}{error:?}").contains(secret), "{key}: {told}");
            }
            let asked = server.asked();
            let asked = asked.iter().filter(|asked| !asked.path.contains("oauth2")).count();
            assert_eq!(asked, requests, "{status} {key}");
        }
    }
}

#[test]
fn a_service_that_is_not_there_is_named() {
    let server = Server::start(|_| (200, JSON, r#"{"expires_in":9,"access_token":"t"}"#.into()));
    let (clouds, mut keys) = keys(&server);
    // Its login would be missed first.
    keys.pop();
    let host = server.host.clone();
    drop(server);
    for key in keys {
        let error = clouds.encrypt(&key, &part()).unwrap_err().to_string();
        assert!(error.contains(&format!("at `{host}`")), "{error}");
        assert!(error.contains("check the network"), "{error}");
    }
}

#[test]
fn a_data_key_that_is_garbled_is_not_quoted() {
    let answers = r#"{"Plaintext":"hunter2%","plaintext":"hunter2%","value":"hunter2%","data":{"plaintext":"hunter2%"},"expires_in":9,"access_token":"t"}"#;
    let server = Server::start(move |_| (200, JSON, answers.to_owned()));
    let (clouds, keys) = keys(&server);
    for key in keys {
        let error = clouds.decrypt(&wrapped(&key, "AAAA")).unwrap_err().to_string();
        assert!(error.contains("is not Base64"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_vault_without_a_token_may_add_it_and_else_says_what_to_do() {
    let refusal = r#"{"errors":["missing client token"]}"#;
    let server = Server::start(move |_| (400, JSON, refusal.to_owned()));
    let key = MasterKey::vault(&format!("{}/v1/transit/keys/k", server.url())).unwrap();
    let error = clouds(&[]).encrypt(&key, &part()).unwrap_err();
    assert!(
        matches!(&error, KeyError::Missing(text) if text.contains("set `VAULT_TOKEN`")),
        "{error:?}"
    );
    let asked = server.asked();
    assert_eq!(asked[0].headers.get("x-vault-token"), None);
    let agent = r#"{"data":{"ciphertext":"vault:v1:x"}}"#;
    let server = Server::start(move |_| (200, JSON, agent.to_owned()));
    let key = MasterKey::vault(&format!("{}/v1/transit/keys/k", server.url())).unwrap();
    assert_eq!(clouds(&[]).encrypt(&key, &part()).unwrap(), "vault:v1:x");
}

#[test]
fn a_vault_outside_the_allowlist_is_asked_nothing() {
    let server = Server::start(|_| (200, JSON, "{}".to_owned()));
    let key = MasterKey::vault(&format!("{}/v1/transit/keys/k", server.url())).unwrap();
    let clouds = clouds(&[("VAULT_TOKEN", "t"), ("SOPS_HC_VAULT_ALLOWLIST", "https://vault.acme")]);
    let error = clouds.encrypt(&key, &part()).unwrap_err().to_string();
    assert!(error.contains("is not in the allowlist of Vaults"), "{error}");
    assert!(server.asked().is_empty());
}
