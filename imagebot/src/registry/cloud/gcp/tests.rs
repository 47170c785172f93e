//! Google's services, as their documentation has them.

use std::{fs, path::Path};

use ::cloud::google::{FILE, SCOPE};
use aws_lc_rs::{
    encoding::AsDer as _,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use reqwest::Client;
use serde_json::{Value, json};

use super::*;
use crate::registry::{
    cloud::{
        Environment,
        tests::{context, with},
    },
    tests::server::{Server, answer},
};

fn by_file(directory: &Path, content: &Value) -> (Environment, Client) {
    let path = directory.join("credentials.json");
    fs::write(&path, content.to_string()).unwrap();
    context(&[(FILE, path.display().to_string())])
}

fn password(given: &Given) -> String {
    match &given.credential {
        Credential::Basic { username, password } => format!("{username}:{}", password.as_str()),
        Credential::Refresh(_) | Credential::Bearer(_) => panic!("an access token is a password"),
    }
}

#[tokio::test]
async fn a_machine_of_googles_is_told_its_token() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/computeMetadata/v1/instance/service-accounts/default/token" => {
            answer(200, &[], r#"{"access_token":"t","expires_in":1800,"token_type":"Bearer"}"#)
        }
        _ => answer(404, &[], ""),
    })
    .await;
    let environment = context(&[("GCE_METADATA_HOST", server.address().to_owned())]);
    let given = login(&with(&environment)).await.unwrap();
    assert_eq!(
        (password(&given).as_str(), given.lifetime.as_secs()),
        ("oauth2accesstoken:t", 1800)
    );
}

#[tokio::test]
async fn a_key_signs_for_its_account() {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = key.public_key().as_ref().to_vec();
    let server = Server::start(move |asked| {
        let fields: Vec<(String, String)> =
            url::form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect();
        let assertion = &fields.iter().find(|(name, _)| name == "assertion").unwrap().1;
        let (text, signature) = assertion.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let verifier = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public);
        if verifier.verify(text.as_bytes(), &signature).is_err() {
            return answer(400, &[], r#"{"error":"invalid_grant"}"#);
        }
        let claims = URL_SAFE_NO_PAD.decode(text.split_once('.').unwrap().1).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(
            (claims["iss"].as_str(), claims["scope"].as_str()),
            (Some("robot@acme"), Some(SCOPE))
        );
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
        answer(200, &[], r#"{"access_token":"signed","expires_in":3600}"#)
    })
    .await;
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = key.as_der().unwrap();
    let base64 = STANDARD.encode(der.as_ref());
    let lines: Vec<_> =
        base64.as_bytes().chunks(64).map(|it| std::str::from_utf8(it).unwrap()).collect();
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
    let directory = tempfile::tempdir().unwrap();
    let account = |key: &str| {
        json!({
            "type": "service_account", "client_email": "robot@acme", "private_key": key,
            "private_key_id": "k1", "token_uri": format!("http://{}/token", server.address()),
        })
    };
    let environment = by_file(directory.path(), &account(&pem));
    assert_eq!(password(&login(&with(&environment)).await.unwrap()), "oauth2accesstoken:signed");
    let environment = by_file(directory.path(), &account("s3cr3t"));
    let error = login(&with(&environment)).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "the file that `GOOGLE_APPLICATION_CREDENTIALS` names has a `private_key` that is no RSA key"
    );
}

#[tokio::test]
async fn a_token_of_somebody_else_is_traded_as_often_as_it_takes() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/sts" if asked.body.contains("subject_token=jwt") => {
            answer(200, &[], r#"{"access_token":"federated","expires_in":3600}"#)
        }
        "/impersonate" if asked.authorization.as_deref() == Some("Bearer federated") => answer(
            200,
            &[],
            r#"{"accessToken":"impersonated","expireTime":"2026-01-01T01:00:00Z"}"#,
        ),
        _ => answer(403, &[], r#"{"error":{"message":"s3cr3t"}}"#),
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    let url = |path: &str| format!("http://{}/{path}", server.address());
    #[rustfmt::skip]
    let cases = [
        // the file          its format                                                              impersonation                password
        ("jwt\n",            json!(null),                                                            json!(null),                 "federated"),
        (r#"{"t":"jwt"}"#,   json!({"type": "json", "subject_token_field_name": "t"}),               json!(null),                 "federated"),
        ("jwt",              json!({"type": "text"}),                                                json!(url("impersonate")),   "impersonated"),
    ];
    for (content, format, impersonation, wanted) in cases {
        fs::write(&token, content).unwrap();
        let file = json!({
            "type": "external_account", "audience": "//iam/x", "token_url": url("sts"),
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "service_account_impersonation_url": impersonation,
            "credential_source": {"file": token, "format": format},
        });
        let environment = by_file(directory.path(), &file);
        let given = login(&with(&environment)).await.unwrap();
        assert_eq!(password(&given), format!("oauth2accesstoken:{wanted}"), "{content}");
    }
}

#[tokio::test]
async fn a_file_of_another_kind_is_named() {
    let directory = tempfile::tempdir().unwrap();
    #[rustfmt::skip]
    let cases = [
        // file                                  said
        (json!({"type": "gdch_service_account"}), "is of none of the types `service_account`, `external_account` and `authorized_user`"),
        (json!("s3cr3t"),                         "is no file of Google credentials"),
    ];
    for (file, said) in cases {
        let environment = by_file(directory.path(), &file);
        let error = login(&with(&environment)).await.err().unwrap();
        assert_eq!(error.to_string(), format!("the file that `{FILE}` names {said}"));
    }
}

#[test]
fn registries_are_known_by_their_names() {
    for host in ["gcr.io", "eu.gcr.io", "europe-docker.pkg.dev"] {
        assert!(is_registry(host), "{host}");
    }
    for host in ["evilgcr.io", "pkg.dev", "gcr.io.evil.example", "gcr.io:443", "ghcr.io"] {
        assert!(!is_registry(host), "{host}");
    }
}
