//! Amazon's services, as their documentation has them.

use super::*;
use crate::registry::{
    cloud::tests::{context, with},
    tests::server::{Asked, Server, answer},
};

/// ECR, STS, a container's and an instance's credentials in one.
async fn amazon() -> Server {
    Server::start(|asked: &Asked| {
        let key = r#"{"AccessKeyId":"AK2","SecretAccessKey":"sk","Token":"st","Expiration":"2026-01-01T01:00:00Z"}"#;
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", "/") if asked.body.starts_with("Action=AssumeRoleWithWebIdentity") => {
                assert!(asked.body.contains("WebIdentityToken=jwt"), "{}", asked.body);
                answer(200, &[], "<R><Credentials><AccessKeyId>AK2</AccessKeyId><SecretAccessKey>sk</SecretAccessKey><SessionToken>st</SessionToken></Credentials></R>")
            }
            ("POST", "/") => {
                let signed = asked.authorization.as_deref().unwrap_or_default();
                if !signed.contains("Credential=AK") || !signed.contains("/20260101/") && !signed.contains("us-east-1") {
                    return answer(400, &[], r#"{"__type":"UnrecognizedClientException"}"#);
                }
                // `AWS:pw`, as ECR gives it, and as the public one does.
                let one = r#"{"authorizationToken":"QVdTOnB3","expiresAt":1767229200.5}"#;
                let list = !signed.contains("/ecr-public/");
                let data = if list { format!("[{one}]") } else { one.to_owned() };
                answer(200, &[], format!("{{\"authorizationData\":{data}}}"))
            }
            ("GET", "/v1/credentials") if asked.authorization.as_deref() == Some("pod") => answer(200, &[], key),
            ("PUT", "/latest/api/token") => answer(200, &[], "imds"),
            ("GET", "/latest/meta-data/iam/security-credentials/") => answer(200, &[], "role"),
            ("GET", "/latest/meta-data/iam/security-credentials/role") => answer(200, &[], key),
            _ => answer(403, &[], ""),
        }
    })
    .await
}

#[tokio::test]
async fn every_identity_of_amazons_becomes_a_password() {
    let server = amazon().await;
    let url = format!("http://{}", server.address());
    let file = |content: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    };
    let (jwt, pod) = (file("jwt\n"), file("pod"));
    let path = |file: &tempfile::NamedTempFile| file.path().display().to_string();
    let who = |more: Vec<(&'static str, String)>| {
        let known = [("AWS_ENDPOINT_URL", url.clone())];
        context(&known.into_iter().chain(more).collect::<Vec<_>>())
    };
    let environments = [
        who(vec![("AWS_ACCESS_KEY_ID", "AK1".into()), ("AWS_SECRET_ACCESS_KEY", "sk".into())]),
        who(vec![
            ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r".into()),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", path(&jwt)),
        ]),
        who(vec![
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{url}/v1/credentials")),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path(&pod)),
        ]),
        who(vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.clone())]),
    ];
    for host in ["123456789012.dkr.ecr.eu-west-1.amazonaws.com", "public.ecr.aws"] {
        let registry = Registry::of(host).unwrap();
        for environment in &environments {
            let given = login(&with(environment), &registry).await.unwrap();
            assert!(matches!(
                given.credential,
                Credential::Basic { username, password } if username == "AWS" && *password == *"pw"
            ));
            assert_eq!(given.lifetime.as_secs(), 3600);
        }
    }
}

#[tokio::test]
async fn a_process_without_an_identity_is_told_what_it_lacks() {
    let registry = Registry::of("public.ecr.aws").unwrap();
    #[rustfmt::skip]
    let cases = [
        // environment                                                              said
        (vec![("AWS_EC2_METADATA_DISABLED", "true")],                              "its environment has no key, no role and no token of Amazon's"),
        (vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")],        "it runs on no EC2 instance"),
        (vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://evil.example/x")],    "is no address of this machine"),
        (vec![("AWS_ROLE_ARN", "r"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "/gone")],    "could not read `/gone`, which `AWS_WEB_IDENTITY_TOKEN_FILE` names"),
    ];
    for (pairs, said) in cases {
        let pairs: Vec<_> =
            pairs.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        let error = login(&with(&context(&pairs)), &registry).await.err().unwrap();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn registries_are_known_by_their_names() {
    #[rustfmt::skip]
    let cases = [
        // host                                                      region            endpoint                                              sts
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com",             "eu-west-1",      "https://api.ecr.eu-west-1.amazonaws.com",            "https://sts.eu-west-1.amazonaws.com"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",         "cn-north-1",     "https://api.ecr.cn-north-1.amazonaws.com.cn",        "https://sts.cn-north-1.amazonaws.com.cn"),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",    "us-gov-west-1",  "https://ecr-fips.us-gov-west-1.amazonaws.com",       "https://sts.us-gov-west-1.amazonaws.com"),
        ("123456789012.dkr-ecr.eu-west-1.on.aws",                    "eu-west-1",      "https://ecr.eu-west-1.api.aws",                      "https://sts.eu-west-1.amazonaws.com"),
        ("123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov",            "us-iso-east-1",  "https://api.ecr.us-iso-east-1.c2s.ic.gov",           "https://sts.us-iso-east-1.c2s.ic.gov"),
        ("public.ecr.aws",                                           "us-east-1",      "https://api.ecr-public.us-east-1.amazonaws.com",     "https://sts.us-east-1.amazonaws.com"),
    ];
    for (host, region, endpoint, sts) in cases {
        let found = Registry::of(host).unwrap_or_else(|| panic!("{host}"));
        assert_eq!(
            (found.region.as_str(), found.endpoint.as_str(), found.sts.as_str()),
            (region, endpoint, sts)
        );
    }
    for host in [
        "ghcr.io",
        "evil.example",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example",
        "123456789012.dkr.ecr.eu-west-1.evil.example",
        "12345678901.dkr.ecr.eu-west-1.amazonaws.com",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com:5000",
        "123456789012.dkr.ecr.eu_west/1.amazonaws.com",
        "x.public.ecr.aws",
    ] {
        assert_eq!(Registry::of(host), None, "{host}");
    }
}
