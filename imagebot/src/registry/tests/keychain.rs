//! Which credential is for which registry.

use imagebot_core::reference::Repository;

use super::super::keychain::{Credential, Keychain};

fn found(file: &str, image: &str) -> Option<String> {
    let keychain = Keychain::parse(file.as_bytes()).unwrap();
    keychain.find(&Repository::parse(image).unwrap()).map(|credential| match credential.as_ref() {
        Credential::Basic { username, password } => format!("{username}:{}", password.as_str()),
        Credential::Refresh(token) => format!("refresh {}", token.as_str()),
        Credential::Bearer(token) => format!("bearer {}", token.as_str()),
    })
}

#[test]
fn credentials_are_found_by_host_and_path() {
    let of = |names: &[&str]| {
        let auths: serde_json::Map<_, _> = names
            .iter()
            .map(|name| {
                ((*name).to_owned(), serde_json::json!({"username": name, "password": "p"}))
            })
            .collect();
        serde_json::json!({ "auths": auths }).to_string()
    };
    #[rustfmt::skip]
    let cases: &[(&[&str], &str, Option<&str>)] = &[
        // auths                                              image                              found
        (&["ghcr.io"],                                        "ghcr.io/acme/web",                Some("ghcr.io")),
        (&["ghcr.io"],                                        "quay.io/acme/web",                None),
        (&["https://ghcr.io"],                                "ghcr.io/acme/web",                Some("https://ghcr.io")),
        (&["https://ghcr.io/v2/"],                            "ghcr.io/acme/web",                Some("https://ghcr.io/v2/")),
        (&["GHCR.io"],                                        "ghcr.io/acme/web",                Some("GHCR.io")),
        (&["https://index.docker.io/v1/"],                    "alpine",                          Some("https://index.docker.io/v1/")),
        (&["docker.io"],                                      "index.docker.io/acme/web",        Some("docker.io")),
        (&["registry-1.docker.io"],                           "docker.io/acme/web",              Some("registry-1.docker.io")),
        (&["docker.io"],                                      "ghcr.io/acme/web",                None),
        (&["host:5000"],                                      "host:5000/a",                     Some("host:5000")),
        (&["host.x"],                                         "host.x:5000/a",                   None),
        (&["ghcr.io", "ghcr.io/acme", "ghcr.io/acme/web"],    "ghcr.io/acme/web",                Some("ghcr.io/acme/web")),
        (&["ghcr.io", "ghcr.io/acme"],                        "ghcr.io/acme/other",              Some("ghcr.io/acme")),
        (&["ghcr.io", "ghcr.io/acme"],                        "ghcr.io/acmecorp/web",            Some("ghcr.io")),
        (&["*.example.com"],                                  "eu.example.com/a",                Some("*.example.com")),
        (&["*.example.com"],                                  "a.eu.example.com/a",              None),
        (&["*.example.com", "eu.example.com"],                "eu.example.com/a",                Some("eu.example.com")),
        (&["r*.example.com:5000"],                            "reg.example.com:5000/a",          Some("r*.example.com:5000")),
        (&["r*.example.com"],                                 "reg.example.com:5000/a",          None),
        (&[],                                                 "ghcr.io/acme/web",                None),
    ];
    for (names, image, wanted) in cases {
        let wanted = wanted.map(|name| format!("{name}:p"));
        assert_eq!(found(&of(names), image), wanted, "{image} among {names:?}");
    }
}

#[test]
fn credentials_are_read_as_tools_write_them() {
    #[rustfmt::skip]
    let cases = [
        // file                                                                                  found
        (r#"{"auths":{"h.x":{"auth":"YW5uOnM6Mw=="}}}"#,                                         Some("ann:s:3")),
        (r#"{"auths":{"h.x":{"auth":"YW5uOnM6Mw==","username":"ann","password":"newer"}}}"#,     Some("ann:newer")),
        (r#"{"auths":{"h.x":{"auth":"YW5uOnMAAA=="}}}"#,                                         Some("ann:s")),
        (r#"{"auths":{"h.x":{"identitytoken":"t"}}}"#,                                           Some("refresh t")),
        (r#"{"auths":{"h.x":{"auth":"PHRva2VuPjp0"}}}"#,                                         Some("refresh t")),
        (r#"{"auths":{"h.x":{"registrytoken":"t"}}}"#,                                           Some("bearer t")),
        (r#"{"h.x":{"username":"ann","password":"p","email":"a@b"}}"#,                           Some("ann:p")),
        (r#"{"auths":{"h.x":{}},"credsStore":"desktop"}"#,                                       None),
        (r#"{"auths":{"h.x":{"auth":"","username":"ann"}}}"#,                                    None),
        ("{}",                                                                                   None),
    ];
    for (file, wanted) in cases {
        assert_eq!(found(file, "h.x/a").as_deref(), wanted, "{file}");
    }
}

#[test]
fn what_is_no_configuration_is_said_without_its_content() {
    #[rustfmt::skip]
    let cases = [
        // file                                              said
        ("s3cr3t",                                           "the Docker configuration is not valid at line 1, column 1"),
        (r#"{"auths":{"h":{"auth":"s3cr3t!"}}}"#,            "the Docker configuration has an `auth` that is not `name:password` in Base64"),
        (r#"{"auths":{"h":{"auth":"czNjcjN0"}}}"#,           "the Docker configuration has an `auth` that is not `name:password` in Base64"),
        (r#"{"credHelpers":{"h":"s3cr3t"}}"#,                "the Docker configuration names a credential helper, which is a program of another machine"),
        (r#"{"auths":["s3cr3t"]}"#,                          "the Docker configuration is not valid at line 1, column 9"),
    ];
    for (file, said) in cases {
        let Err(error) = Keychain::parse(file.as_bytes()) else { panic!("{file}") };
        assert_eq!(error.to_string(), said, "{file}");
        assert!(!format!("{error:?}").contains("s3cr3t"));
    }
}
