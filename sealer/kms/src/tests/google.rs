//! Google Cloud KMS, as the discovery document `cloudkms:v1` describes it.

use super::{
    server::{Answer, Asked, JSON, Kind, Schema, Server},
    *,
};

const NAME: &str = "projects/p/locations/global/keyRings/r/cryptoKeys/k";

/// `EncryptRequest`.
const ENCRYPT: Schema = Schema {
    fields: &[
        ("plaintext", Kind::Bytes),
        ("plaintextCrc32c", Kind::Int64),
        ("additionalAuthenticatedData", Kind::Bytes),
        ("additionalAuthenticatedDataCrc32c", Kind::Int64),
    ],
    required: &["plaintext"],
};

/// `DecryptRequest`.
const DECRYPT: Schema = Schema {
    fields: &[
        ("ciphertext", Kind::Bytes),
        ("ciphertextCrc32c", Kind::Int64),
        ("additionalAuthenticatedData", Kind::Bytes),
        ("additionalAuthenticatedDataCrc32c", Kind::Int64),
    ],
    required: &["ciphertext"],
};

// The checksums of what the service below answers, by another implementation (`google-crc32c` 1.9).
const CIPHERTEXT: &str = "d3JhcHBlZA==";
const CIPHERTEXT_SUM: &str = "1098444173";
const PLAINTEXT: &str = "aHVudGVyMiBodW50ZXIyIGh1bnRlcjIgaHVudGVyMiE=";
const PLAINTEXT_SUM: &str = "200304632";

/// The service; `sums` are what it says of what it answers.
fn service(asked: &Asked, sums: [&str; 2]) -> Answer {
    let answer = |text: String| (200, JSON, text);
    let refuse = |why: &str| {
        let text = format!(r#"{{"error":{{"code":400,"message":"{why}","status":"INVALID"}}}}"#);
        (400, JSON, text)
    };
    if asked.method != "POST" || asked.headers.get("authorization").is_none() {
        return refuse("not a call");
    }
    if asked.path == format!("/v1/{NAME}:encrypt") {
        return match ENCRYPT.check(&asked.body) {
            Err(why) => refuse(&why),
            Ok(message) => {
                let verified = message["plaintextCrc32c"] == PLAINTEXT_SUM;
                answer(format!(
                    r#"{{"name":"{NAME}/cryptoKeyVersions/1","ciphertext":"{CIPHERTEXT}","ciphertextCrc32c":"{}","verifiedPlaintextCrc32c":{verified},"protectionLevel":"SOFTWARE"}}"#,
                    sums[0]
                ))
            }
        };
    }
    if asked.path == format!("/v1/{NAME}:decrypt") {
        return match DECRYPT.check(&asked.body) {
            Err(why) => refuse(&why),
            Ok(message) if message["ciphertextCrc32c"] != CIPHERTEXT_SUM => refuse("checksum"),
            Ok(_) => answer(format!(
                r#"{{"plaintext":"{PLAINTEXT}","plaintextCrc32c":"{}","usedPrimary":true,"protectionLevel":"SOFTWARE"}}"#,
                sums[1]
            )),
        };
    }
    (404, JSON, r#"{"error":{"code":404,"message":"not found"}}"#.to_owned())
}

fn as_somebody(server: &Server) -> Clouds {
    let url = server.url();
    clouds(&[("SOPS_GCP_KMS_ENDPOINT", &url), ("GOOGLE_OAUTH_ACCESS_TOKEN", "ya29.t")])
}

#[test]
fn requests_are_those_of_the_published_api() {
    let server = Server::start(|asked| service(asked, [CIPHERTEXT_SUM, PLAINTEXT_SUM]));
    let clouds = as_somebody(&server);
    assert_eq!(goes_round(&clouds, &MasterKey::gcp_kms(NAME)), CIPHERTEXT);
    for asked in server.asked() {
        assert_eq!(asked.headers["authorization"], "Bearer ya29.t");
        assert_eq!(asked.headers["content-type"], "application/json");
    }
    let other = MasterKey::gcp_kms("projects/p/locations/global/keyRings/r/cryptoKeys/other");
    let error = clouds.decrypt(&wrapped(&other, CIPHERTEXT)).unwrap_err();
    assert!(error.to_string().contains("answered 404: not found; check that the key"), "{error}");
    assert!(clouds.decrypt(&wrapped(&other, "%")).unwrap_err().to_string().contains("not Base64"));
}

#[test]
fn what_is_damaged_on_its_way_is_not_taken() {
    let server = Server::start(|asked| service(asked, ["1", "1"]));
    let (clouds, key) = (as_somebody(&server), MasterKey::gcp_kms(NAME));
    for error in [
        clouds.encrypt(&key, &part()).unwrap_err(),
        clouds.decrypt(&wrapped(&key, CIPHERTEXT)).unwrap_err(),
    ] {
        assert!(error.to_string().contains("its checksum is wrong"), "{error}");
        assert!(!error.to_string().contains("hunter2"));
    }
    let unheard = r#"{"ciphertext":"d3JhcHBlZA==","ciphertextCrc32c":"0"}"#;
    let server = Server::start(move |_| (200, JSON, unheard.to_owned()));
    let error = as_somebody(&server).encrypt(&key, &part()).unwrap_err();
    assert!(error.to_string().contains("does not confirm the checksum"), "{error}");
}
