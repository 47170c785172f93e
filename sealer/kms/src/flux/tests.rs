//! Secrets and ServiceAccounts as Flux's documentation writes them.

use super::*;

/// A daemon that is somebody of its own everywhere.
fn daemon() -> Credentials {
    let own = [
        ("AWS_ACCESS_KEY_ID", "OWN"),
        ("AWS_SECRET_ACCESS_KEY", "own"),
        ("AZURE_TENANT_ID", "own-tenant"),
        ("AZURE_CLIENT_ID", "own-client"),
        ("GOOGLE_CREDENTIALS", "{}"),
        ("VAULT_TOKEN", "own"),
        ("HOME", "/own"),
    ];
    let find = |name: &str| own.iter().find(|(known, _)| *known == name);
    Credentials::from_environment(|name| find(name).map(|(_, value)| (*value).to_owned()), "h")
        .unwrap()
}

fn read(entries: &[(&str, &str)]) -> Result<Credentials, Error> {
    let mut credentials = daemon();
    let entries = entries.iter().map(|(name, text)| (*name, text.as_bytes()));
    read_secret(&mut credentials, entries).map(|()| credentials)
}

#[test]
fn a_secret_stands_in_the_place_of_the_daemon_cloud_by_cloud() {
    let credentials = read(&[
        ("identity.agekey", "AGE-SECRET-KEY-1"),
        ("sops.aws-kms", "aws_access_key_id: AK\naws_secret_access_key: sk\n"),
        ("sops.vault-token", "hvs.x\n"),
    ])
    .unwrap();
    assert_eq!(credentials.aws.get("AWS_ACCESS_KEY_ID"), Some("AK"));
    assert_eq!(credentials.aws.get("HOME"), None);
    assert_eq!(credentials.vault.token.as_ref().map(|it| it.as_str()), Some("hvs.x"));
    assert_eq!(credentials.vault.token_file, None);
    assert_eq!(credentials.azure.get("AZURE_CLIENT_ID"), Some("own-client"));
}

#[test]
fn every_identity_of_azures_is_read() {
    #[rustfmt::skip]
    let cases = [
        // entry                                                                     client     tenant     proof
        ("tenantId: t\nclientId: c\nclientSecret: s",                                "c",       Some("t"), Some(("AZURE_CLIENT_SECRET", "s"))),
        (r#"{"appId": "c", "displayName": "x", "password": "s", "tenant": "t"}"#,    "c",       Some("t"), Some(("AZURE_CLIENT_SECRET", "s"))),
        ("tenantId: t\nclientId: c\nclientCertificate: |\n  PEM\n",                  "c",       Some("t"), Some((Environment::AZURE_CLIENT_CERTIFICATE, "PEM\n"))),
        ("clientId: c",                                                              "c",       None,      None),
    ];
    for (entry, client, tenant, proof) in cases {
        let azure = read(&[("sops.azure-kv", entry)]).unwrap().azure;
        assert_eq!(azure.get("AZURE_CLIENT_ID"), Some(client), "{entry}");
        assert_eq!(azure.get("AZURE_TENANT_ID"), tenant, "{entry}");
        if let Some((name, value)) = proof {
            assert_eq!(azure.get(name), Some(value), "{entry}");
        }
    }
}

#[test]
fn who_is_nobody_has_what_the_secret_says_and_nothing_of_the_machine() {
    let nobody = || daemon().of_nobody();
    let credentials = nobody();
    assert_eq!(credentials.aws.get("AWS_ACCESS_KEY_ID"), None);
    assert_eq!(credentials.google.get("GOOGLE_CREDENTIALS"), None);
    assert!(credentials.aws.is_alone() && credentials.azure.is_alone());
    assert!(credentials.vault.token.is_none() && credentials.vault.token_file.is_none());
    let mut credentials = nobody();
    let entry = ("sops.azure-kv", &b"clientId: c"[..]);
    let error = read_secret(&mut credentials, [entry]).unwrap_err();
    assert!(error.to_string().contains("which objects may not use"), "{error}");
    let entry = ("sops.azure-kv", &b"clientId: c\ntenantId: t\nclientSecret: s"[..]);
    read_secret(&mut credentials, [entry]).unwrap();
    assert_eq!(credentials.azure.get("AZURE_CLIENT_SECRET"), Some("s"));
}

#[test]
fn what_is_wrong_with_an_entry_is_said_without_it() {
    #[rustfmt::skip]
    let cases = [
        // entry                 what it says                                        said
        ("sops.aws-kms",         "aws_access_key_id: hunter2",                       "lacks `aws_access_key_id` or"),
        ("sops.aws-kms",         "hunter2",                                          "is no mapping in YAML"),
        ("sops.aws-kms",         "hunter2: [",                                       "is no YAML"),
        ("sops.azure-kv",        "clientSecret: hunter2",                            "lacks `clientId`"),
        ("sops.azure-kv",        "clientId: c\nclientSecret: hunter2",               "lacks `tenantId`"),
        ("sops.azure-kv",        "clientId: c\nclientCertificate: x\nclientCertificatePassword: hunter2", "encrypted certificates are not read"),
        ("sops.gcp-kms",         "hunter2",                                          "is no JSON"),
        ("sops.gcp-kms",         r#"{"type": "external_account", "x": "hunter2"}"#,  "is of another type"),
        ("sops.vault-token",     "\n",                                               "is empty"),
        ("sops.vault-allowlist", "https://hunter2,,",                                "is neither `all`"),
    ];
    for (entry, text, said) in cases {
        let error = read(&[(entry, text)]).err().unwrap();
        assert!(error.to_string().contains(said), "{entry} {text}: {error}");
        assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn an_author_narrows_the_allowlist_and_never_widens_it() {
    let only = |address: &str| Allowlist::Only(vec![address.to_owned()]);
    #[rustfmt::skip]
    let cases = [
        // the daemon's            the Secret's           in force
        (Allowlist::All,           "https://v/",          only("https://v/")),
        (only("https://own/"),     "all",                 only("https://own/")),
        (only("https://own/"),     "https://v/",          only("https://own/")),
    ];
    for (own, said, expected) in cases {
        let mut credentials = daemon();
        credentials.vault.allowed = own;
        read_secret(&mut credentials, [("sops.vault-allowlist", said.as_bytes())]).unwrap();
        assert_eq!(credentials.vault.allowed, expected, "{said}");
    }
}

#[test]
fn a_service_account_is_who_its_annotations_say() {
    let annotations = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let pool = "projects/1/locations/global/workloadIdentityPools/p/providers/k8s";
    #[rustfmt::skip]
    let cases = [
        (Provider::Aws,    annotations(&[(ROLE, "arn:r")]),                              "sts.amazonaws.com".to_owned()),
        (Provider::Azure,  annotations(&[(CLIENT, "c")]),                                "api://AzureADTokenExchange".to_owned()),
        (Provider::Google, annotations(&[(POOL, pool), (EMAIL, "robot@p.iam.example")]), format!("//iam.googleapis.com/{pool}")),
    ];
    for (provider, annotations, audience) in &cases {
        let account = Account::of(*provider, annotations).unwrap();
        assert_eq!(account.audience().as_ref(), Ok(audience));
        let mut credentials = daemon();
        account.log_in(&mut credentials, Zeroizing::new("jwt".to_owned())).unwrap();
        let (environment, name) = match provider {
            Provider::Aws => (&credentials.aws, Environment::AWS_WEB_IDENTITY_TOKEN),
            Provider::Azure => (&credentials.azure, Environment::AZURE_FEDERATED_TOKEN),
            Provider::Google => (&credentials.google, Environment::GOOGLE_SUBJECT_TOKEN),
        };
        assert_eq!(environment.get(name), Some("jwt"), "{provider:?}");
    }
    assert!(Account::of(Provider::Aws, &annotations(&[(CLIENT, "c")])).is_none());
    let evil = annotations(&[(POOL, "https://evil")]);
    assert!(Account::of(Provider::Google, &evil).unwrap().audience().is_err());
    let evil = annotations(&[(POOL, pool), (EMAIL, "x/../..?y")]);
    let account = Account::of(Provider::Google, &evil).unwrap();
    assert!(account.log_in(&mut daemon(), Zeroizing::new("jwt".to_owned())).is_err());
}
