//! Signature Version 4, by which Amazon's services are asked. Pure.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use jiff::{Timestamp, tz::TimeZone};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// A key, and what goes with it when it is a temporary one.
pub struct Key {
    /// Its name, which is no secret.
    pub id: String,
    /// What signs.
    pub secret: Zeroizing<String>,
    /// What a temporary one is shown with.
    pub token: Option<Zeroizing<String>>,
    /// When a temporary one ends.
    pub until: Option<Timestamp>,
}

/// A POST to the root of a service.
pub struct Request<'r> {
    /// The `Host` header.
    pub host: &'r str,
    /// The region of the service.
    pub region: &'r str,
    /// The service, as signatures name it.
    pub service: &'r str,
    /// Headers that are signed, with names in lower case; `host` is added.
    pub headers: &'r [(&'r str, &'r str)],
    /// What is sent.
    pub body: &'r [u8],
}

/// The headers to add: the date, the session token, and the signature.
pub fn sign(
    request: &Request<'_>,
    key: &Key,
    now: Timestamp,
) -> Vec<(&'static str, Zeroizing<String>)> {
    let time = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
    let (date, region, service) = (&time[..8], request.region, request.service);
    let mut headers: Vec<_> = request.headers.to_vec();
    headers.extend([("host", request.host), ("x-amz-date", time.as_str())]);
    headers.extend(key.token.iter().map(|token| ("x-amz-security-token", token.as_str())));
    headers.sort_unstable();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let mut canonical = Zeroizing::new(String::from("POST\n/\n\n"));
    for (name, value) in &headers {
        // Writing to a string cannot fail.
        let _ = writeln!(canonical, "{name}:{}", value.trim());
    }
    let _ = write!(canonical, "\n{names}\n{}", hex(&Sha256::digest(request.body)));
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let hash = hex(&Sha256::digest(canonical.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}");
    let seed = Zeroizing::new(format!("AWS4{}", key.secret.as_str()));
    let mut signing = mac(seed.as_bytes(), date);
    for part in [region, service, "aws4_request"] {
        signing = mac(signing.as_ref(), part);
    }
    let signature = hex(mac(signing.as_ref(), &text).as_ref());
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        key.id
    );
    let mut added = vec![
        ("x-amz-date", Zeroizing::new(time)),
        ("authorization", Zeroizing::new(authorization)),
    ];
    added.extend(key.token.iter().map(|token| ("x-amz-security-token", token.clone())));
    added
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `post-vanilla` of Amazon's published suite.
    #[test]
    fn signatures_are_those_of_amazons_own_suite() {
        let key = |token: Option<&str>| Key {
            id: "AKIDEXAMPLE".into(),
            secret: Zeroizing::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into()),
            token: token.map(|token| Zeroizing::new(token.to_owned())),
            until: None,
        };
        let request = Request {
            host: "example.amazonaws.com",
            region: "us-east-1",
            service: "service",
            headers: &[],
            body: b"",
        };
        let now = "2015-08-30T12:36:00Z".parse().unwrap();
        let signed = |key: &Key| {
            let headers = sign(&request, key, now);
            let found = headers.iter().find(|(name, _)| *name == "authorization").unwrap();
            found.1.as_str().to_owned()
        };
        assert_eq!(
            signed(&key(None)),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
        assert!(
            signed(&key(Some("t"))).contains("SignedHeaders=host;x-amz-date;x-amz-security-token")
        );
    }
}
