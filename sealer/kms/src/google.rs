//! Google Cloud KMS, over its REST API.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use cloud::{Context, google::Token};
use reqwest::RequestBuilder;
use sealer_core::plaintext::Plaintext;
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use crate::{Error, ask};

const KMS: &str = "Google Cloud KMS";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Encrypt<'r> {
    plaintext: &'r str,
    plaintext_crc32c: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Encrypted {
    ciphertext: String,
    ciphertext_crc32c: Option<Checksum>,
    #[serde(default)]
    verified_plaintext_crc32c: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Decrypt<'r> {
    ciphertext: &'r str,
    ciphertext_crc32c: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decrypted {
    // The API leaves out what is empty.
    #[serde(default, deserialize_with = "cloud::secret")]
    plaintext: Zeroizing<String>,
    plaintext_crc32c: Option<Checksum>,
}

/// A 64-bit number, which Google's JSON writes as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Checksum {
    Text(String),
    Number(u64),
}

impl Checksum {
    fn is_of(&self, bytes: &[u8]) -> bool {
        let said = match self {
            Self::Text(text) => text.parse().ok(),
            Self::Number(number) => Some(*number),
        };
        said == Some(u64::from(crc32c(bytes)))
    }
}

/// The resource that `name` is, as segments of a path.
pub(crate) fn resource(name: &str) -> Result<Vec<&str>, Error> {
    let malformed = || Error::Name {
        key: name.to_owned(),
        expected: "a key of Google Cloud KMS; write `projects/P/locations/L/keyRings/R/cryptoKeys/K`",
    };
    let segments: Vec<&str> = name.split('/').collect();
    let &["projects", project, "locations", location, "keyRings", ring, "cryptoKeys", key] =
        segments.as_slice()
    else {
        return Err(malformed());
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let good = [project, location, ring, key].iter().all(|segment| {
        !segment.is_empty() && segment.bytes().all(named) && !segment.bytes().all(|it| it == b'.')
    });
    if good { Ok(segments) } else { Err(malformed()) }
}

/// What KMS makes of `part`.
pub(crate) async fn encrypt(
    context: &Context<'_>,
    name: &str,
    token: &Token,
    part: &Plaintext,
) -> Result<String, Error> {
    let plaintext = Zeroizing::new(STANDARD.encode(part.expose()));
    let url = address(context, name, "encrypt")?;
    let checksum = crc32c(part.expose()).to_string();
    let request = Encrypt { plaintext: &plaintext, plaintext_crc32c: checksum };
    let service = ask::Service { name: KMS, secrets: &[&plaintext, &token.token] };
    let made: Encrypted =
        service.ask(|| post(context, &url, token).body(ask::body(&request))).await?;
    let garbled = |problem| Error::Garbled { service: KMS, host: host(&url), problem };
    if !made.verified_plaintext_crc32c {
        return Err(garbled("does not confirm the checksum of what was sent"));
    }
    let bytes = STANDARD.decode(&made.ciphertext).map_err(|_| garbled("is not Base64"))?;
    if !made.ciphertext_crc32c.is_some_and(|checksum| checksum.is_of(&bytes)) {
        return Err(garbled("was damaged on its way: its checksum is wrong"));
    }
    Ok(made.ciphertext)
}

/// What KMS once made `enc` of.
pub(crate) async fn decrypt(
    context: &Context<'_>,
    name: &str,
    token: &Token,
    enc: &str,
) -> Result<Plaintext, Error> {
    let enc = enc.trim();
    let bytes = STANDARD.decode(enc).map_err(|_| Error::Wrapped("Base64"))?;
    let url = address(context, name, "decrypt")?;
    let request = Decrypt { ciphertext: enc, ciphertext_crc32c: crc32c(&bytes).to_string() };
    let service = ask::Service { name: KMS, secrets: &[&token.token] };
    let made: Decrypted =
        service.ask(|| post(context, &url, token).body(ask::body(&request))).await?;
    let garbled = |problem| Error::Garbled { service: KMS, host: host(&url), problem };
    let part = STANDARD.decode(made.plaintext.as_bytes()).map(Plaintext::new);
    let part = part.map_err(|_| garbled("is not Base64"))?;
    if !made.plaintext_crc32c.is_some_and(|checksum| checksum.is_of(part.expose())) {
        return Err(garbled("was damaged on its way: its checksum is wrong"));
    }
    Ok(part)
}

/// Where `verb` is done with a key.
fn address(context: &Context<'_>, name: &str, verb: &str) -> Result<Url, Error> {
    const ENDPOINT: &str = "SOPS_GCP_KMS_ENDPOINT";
    const UNIVERSE: &str = "SOPS_GCP_KMS_UNIVERSE_DOMAIN";
    let get = |name| context.environment.get(name);
    let endpoint = match (get(ENDPOINT), get(UNIVERSE)) {
        (Some(endpoint), _) if endpoint.contains("://") => endpoint.to_owned(),
        (Some(endpoint), _) => format!("https://{endpoint}"),
        (None, Some(domain)) => format!("https://cloudkms.{domain}"),
        (None, None) => "https://cloudkms.googleapis.com".to_owned(),
    };
    let unfit = || Error::Setting { name: ENDPOINT, problem: "is no address of a service" };
    let mut url = Url::parse(&endpoint).map_err(|_| unfit())?;
    let mut segments = resource(name)?;
    let key = segments.pop().unwrap_or_default();
    let mut path = url.path_segments_mut().map_err(|()| unfit())?;
    path.pop_if_empty().push("v1").extend(segments).push(&format!("{key}:{verb}"));
    drop(path);
    Ok(url)
}

fn post(context: &Context<'_>, url: &Url, token: &Token) -> RequestBuilder {
    let post = context.to(url).post(url.clone()).bearer_auth(token.token.as_str());
    let post = post.header("content-type", "application/json");
    match &token.project {
        Some(project) => post.header("x-goog-user-project", project),
        None => post,
    }
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// The checksum of Castagnoli, bit by bit: what it is made of here is less than a kilobyte.
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    !bytes.iter().fold(!0, |sum: u32, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { (sum >> 1) ^ POLYNOMIAL } else { sum >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, B.4.
    #[test]
    fn checksums_are_those_of_castagnoli() {
        #[rustfmt::skip]
        let cases = [
            (vec![0; 32],              0x8a91_36aa),
            (vec![0xff; 32],           0x62a8_ab43),
            ((0..32).collect(),        0x46dd_794e),
            ((0..32).rev().collect(),  0x113f_db5c),
            (b"123456789".to_vec(),    0xe306_9283),
        ];
        for (bytes, sum) in cases {
            assert_eq!(crc32c(&bytes), sum, "{bytes:?}");
        }
    }

    #[test]
    fn resources_are_whole_and_go_nowhere_else() {
        #[rustfmt::skip]
        let cases = [
            ("projects/p/locations/global/keyRings/r/cryptoKeys/k",                     true),
            ("projects/example.com:p-1/locations/eu-1/keyRings/r_1/cryptoKeys/k",       true),
            ("projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1", false),
            ("projects/../locations/global/keyRings/r/cryptoKeys/k",                    false),
            ("projects/p/locations/global/keyRings/r/cryptoKeys/k?x=1",                 false),
            ("projects/p/locations/global/keyRings//cryptoKeys/k",                      false),
            ("p",                                                                       false),
        ];
        for (name, good) in cases {
            assert_eq!(resource(name).is_ok(), good, "{name}");
        }
    }
}
