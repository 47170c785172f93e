//! Asking a service: bounded, and with errors that show nothing of what was sent.

use std::time::Duration;

use reqwest::{RequestBuilder, Response, StatusCode};
use serde::{Deserialize as _, Deserializer, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{Error, error};

/// More than any answer of these services has.
const LONGEST: usize = 256 << 10;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long an answer of this machine's own metadata may take.
const NEAR: Duration = Duration::from_secs(3);
/// How much of what a service says is told.
const WORDS: usize = 300;

/// Sends a request to a service and reads what it answers to it.
pub async fn fetch(
    service: &'static str,
    request: RequestBuilder,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let lost =
        |source: reqwest::Error| Error::Unreachable { service, source: source.without_url() };
    let mut response = request.timeout(PATIENCE).send().await.map_err(lost)?;
    let status = response.status();
    let body = body(&mut response).await.map_err(lost)?;
    if status == StatusCode::OK {
        return Ok(body);
    }
    Err(Error::Refused { service, status: status.as_u16(), words: error::words(&body) })
}

/// The same for what answers JSON.
pub async fn fetch_json<T: DeserializeOwned>(
    service: &'static str,
    request: RequestBuilder,
) -> Result<T, Error> {
    let body = fetch(service, request).await?;
    serde_json::from_slice(&body).map_err(|_| Error::Garbled { service })
}

/// What a service answers that is next to this process, or nothing if there is no such service.
pub(crate) async fn near<T>(
    asked: impl Future<Output = Result<T, Error>>,
) -> Option<Result<T, Error>> {
    match timeout(NEAR, asked).await {
        Err(_) | Ok(Err(Error::Unreachable { .. })) => None,
        Ok(answered) => Some(answered),
    }
}

/// A request with fields, as a web page would send it.
pub fn form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let body = fields_of(fields);
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

/// Fields as a web page would send them.
pub(crate) fn fields_of(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The body of an answer, or as much of it as any answer has; what it held is wiped.
pub async fn body(response: &mut Response) -> Result<Zeroizing<Vec<u8>>, reqwest::Error> {
    let mut body = Zeroizing::new(Vec::with_capacity(4096));
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LONGEST {
            break;
        }
        if body.len() + chunk.len() > body.capacity() {
            // Growing would leave a copy behind.
            let mut larger = Vec::with_capacity(2 * (body.len() + chunk.len()));
            larger.extend_from_slice(&body);
            body.zeroize();
            *body = larger;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What a service says in an error: untrusted text, short and without any of `secrets`, which it was
/// shown.
pub fn said(body: &[u8], secrets: &[&str]) -> String {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let within = |value: &Value| text(value).or_else(|| text(&value["message"]));
    // Amazon's own word for it, which is told before the sentence.
    let code = text(&said["__type"]);
    let code = code.map(|code| code.rsplit('#').next().unwrap_or_default().to_owned());
    let sentence = ["message", "Message", "error_description", "error"]
        .iter()
        .find_map(|name| within(&said[*name]))
        .or_else(|| within(&said["errors"][0]));
    let mut told = [code, sentence].into_iter().flatten().collect::<Vec<_>>().join(": ");
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        told = told.replace(secret, "***");
    }
    let line = told.lines().next().unwrap_or_default();
    let told: String = line.chars().filter(|letter| !letter.is_control()).take(WORDS).collect();
    if told.is_empty() { error::SILENT.to_owned() } else { told }
}

/// A text that is wiped when it is dropped.
pub fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

/// The same where it may be absent.
pub fn perhaps<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Zeroizing<String>>, D::Error> {
    Option::<String>::deserialize(from).map(|text| text.map(Zeroizing::new))
}

/// What a file holds that the environment names.
pub(crate) async fn read(variable: &'static str, path: &str) -> Result<Zeroizing<String>, Error> {
    let text = tokio::task::spawn_blocking({
        let path = path.to_owned();
        move || std::fs::read_to_string(path)
    });
    let lost = |source| Error::File { variable, path: path.to_owned(), source };
    let text = text.await.map_err(std::io::Error::other).and_then(|text| text).map_err(lost)?;
    Ok(Zeroizing::new(text))
}

/// The same of a file that need not be there.
pub(crate) async fn read_if_there(
    variable: &'static str,
    path: &str,
) -> Result<Option<Zeroizing<String>>, Error> {
    match read(variable, path).await {
        Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(None)
        }
        read => read.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_says_is_short_and_without_what_it_was_shown() {
        #[rustfmt::skip]
        let cases = [
            (r#"{"message":"Bad credentials"}"#,                                           "Bad credentials"),
            (r#"{"error":"invalid_client","error_description":"AADSTS1: no\r\nTrace"}"#,   "AADSTS1: no"),
            (r#"{"message":"`hunter2` is wrong"}"#,                                        "`***` is wrong"),
            (r#"{"__type":"AccessDeniedException","Message":"not authorized"}"#,           "AccessDeniedException: not authorized"),
            (r#"{"__type":"com.amazon#NotFoundException"}"#,                               "NotFoundException"),
            (r#"{"error":{"code":403,"message":"denied on key","status":"DENIED"}}"#,      "denied on key"),
            (r#"{"errors":["permission denied"]}"#,                                        "permission denied"),
            (r#"{"errors":[]}"#,                                                           "it did not say why"),
            ("<html>hunter2",                                                              "it did not say why"),
        ];
        for (body, expected) in cases {
            assert_eq!(said(body.as_bytes(), &["hunter2", ""]), expected, "{body}");
        }
    }
}
