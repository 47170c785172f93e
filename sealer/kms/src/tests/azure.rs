//! Azure Key Vault, as `keyvault/data-plane/…/stable/7.4/keys.json` describes it.

use super::{
    server::{Answer, Asked, JSON, Kind, Schema, Server},
    *,
};

/// `KeyOperationsParameters`.
const OPERATION: Schema = Schema {
    fields: &[
        (
            "alg",
            Kind::Word(&["RSA-OAEP", "RSA-OAEP-256", "RSA1_5", "A128GCM", "A192GCM", "A256GCM"]),
        ),
        ("value", Kind::UrlBytes),
        ("iv", Kind::UrlBytes),
        ("aad", Kind::UrlBytes),
        ("tag", Kind::UrlBytes),
    ],
    required: &["alg", "value"],
};

const ENC: &str = "d3JhcHBlZC8_";

/// A vault and the directory whose tokens it takes.
fn service(asked: &Asked) -> Answer {
    let ok = |text: String| (200, JSON, text);
    let refuse = |status, code: &str, why: &str| {
        (status, JSON, format!(r#"{{"error":{{"code":"{code}","message":"{why}"}}}}"#))
    };
    if asked.path == "/tenant/oauth2/v2.0/token" {
        let form = &asked.body;
        assert!(form.contains("scope=https%3A%2F%2Fvault.azure.net%2F.default"), "{form}");
        return ok(r#"{"token_type":"Bearer","expires_in":3599,"access_token":"aad"}"#.to_owned());
    }
    let shown = asked.headers.get("authorization").map(|header| header.to_str().unwrap());
    if shown != Some("Bearer aad") {
        return refuse(401, "Unauthorized", "AKV10000: Request is missing a Bearer token.");
    }
    let call = (asked.method.as_str(), asked.path.as_str());
    let value = match call {
        ("GET", "/keys/k/?api-version=7.4") => {
            return ok(
                r#"{"key":{"kid":"https://acme.vault.azure.net/keys/k/78d","kty":"RSA"}}"#.into()
            );
        }
        ("POST", "/keys/k/78d/encrypt?api-version=7.4") => ENC,
        ("POST", "/keys/k/78d/decrypt?api-version=7.4") => {
            "aHVudGVyMiBodW50ZXIyIGh1bnRlcjIgaHVudGVyMiE"
        }
        _ => return refuse(404, "KeyNotFound", "A key with (name/id) k was not found."),
    };
    match OPERATION.check(&asked.body) {
        Err(why) => refuse(400, "BadParameter", &why),
        Ok(message) if message["alg"] != "RSA-OAEP-256" => refuse(400, "BadParameter", "alg"),
        Ok(message) if call.1.contains("decrypt") && message["value"] != ENC => {
            refuse(400, "BadParameter", "value")
        }
        Ok(_) => {
            ok(format!(r#"{{"kid":"https://acme.vault.azure.net/keys/k/78d","value":"{value}"}}"#))
        }
    }
}

fn as_somebody(server: &Server) -> Clouds {
    let (url, domains) = (server.url(), format!("{}=https://vault.azure.net", server.host));
    clouds(&[
        ("AZURE_AUTHORITY_HOST", &url),
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_CLIENT_ID", "client"),
        ("AZURE_CLIENT_SECRET", "s3cr3t"),
        ("SIGNET_AZURE_VAULT_DOMAINS", &domains),
    ])
}

fn key(server: &Server, name: &str, version: &str) -> MasterKey {
    let (name, version) = (name.to_owned(), version.to_owned());
    MasterKey::AzureKeyVault { vault_url: server.url(), name, version }
}

#[test]
fn requests_are_those_of_the_published_api() {
    let server = Server::start(service);
    let clouds = as_somebody(&server);
    assert_eq!(goes_round(&clouds, &key(&server, "k", "78d")), ENC);
    let asked = server.asked();
    let logins = asked.iter().filter(|asked| asked.path.contains("oauth2")).count();
    assert_eq!((asked.len(), logins), (3, 1), "one token serves both calls");
    let error = clouds.decrypt(&wrapped(&key(&server, "gone", "1"), ENC)).unwrap_err();
    assert!(error.to_string().contains("answered 404: A key with (name/id)"), "{error}");
}

#[test]
fn a_key_without_a_version_is_the_newest_one() {
    let server = Server::start(service);
    let clouds = as_somebody(&server);
    let unsaid = key(&server, "k", "");
    let error = clouds.encrypt(&unsaid, &part()).unwrap_err();
    assert!(error.to_string().contains("is not a key with its version"), "{error}");
    assert_eq!(clouds.complete(unsaid).unwrap(), key(&server, "k", "78d"));
    let whole = key(&server, "other", "1");
    assert_eq!(clouds.complete(whole.clone()).unwrap(), whole);
}
