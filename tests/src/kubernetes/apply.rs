//! Server-side apply of YAML text as it was written.
//!
//! The text itself goes to the server, which reads YAML; here only kind and name are looked up.

use std::time::Duration;

use http::Request;
use kube::Client;
use kube::core::Status;
use serde_json::Value;

use crate::{Outcome, wait};

/// Applies every document, in order.
pub(super) async fn apply(client: &Client, namespace: &str, yaml: &str) -> Outcome {
    for text in documents(yaml) {
        let object: Value = serde_saphyr::from_str(&text)?;
        if object.is_null() {
            continue;
        }
        let what = format!("{} {}", word(&object, "/kind"), word(&object, "/metadata/name"));
        // A kind that was defined a moment ago is not served at once.
        wait::eventually(Duration::from_secs(15), &format!("{what} is applied"), async || {
            let path = path(client, &object, namespace).await?;
            patch(client, &path, &text).await
        })
        .await??;
        if word(&object, "/kind") == "CustomResourceDefinition" {
            established(client, word(&object, "/metadata/name")).await?;
        }
    }
    Ok(())
}

/// Has the server judge every document, and keep none.
pub(super) async fn dry_run(client: &Client, namespace: &str, yaml: &str) -> Outcome {
    for text in documents(yaml) {
        let object: Value = serde_saphyr::from_str(&text)?;
        let path = path(client, &object, namespace).await?;
        patch(client, &format!("{path}?dryRun=All"), &text).await??;
    }
    Ok(())
}

/// Splits at the lines `---`, which is all that manifests use.
fn documents(yaml: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in yaml.lines() {
        if line.trim_end() == "---" {
            documents.push(String::new());
        } else if let Some(last) = documents.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    documents
}

/// The URL path of the object, from what the server says about its kind.
async fn path(client: &Client, object: &Value, namespace: &str) -> Outcome<String> {
    let version = word(object, "/apiVersion");
    let root =
        if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let kinds: Value = client.request(Request::get(&root).body(Vec::new())?).await?;
    let kinds = kinds["resources"].as_array().ok_or("the server lists no resources")?;
    let kind = kinds
        .iter()
        .find(|kind| kind["kind"] == object["kind"] && !word(kind, "/name").contains('/'))
        .ok_or_else(|| format!("{} {} is not served", version, word(object, "/kind")))?;
    let (plural, name) = (word(kind, "/name"), word(object, "/metadata/name"));
    if kind["namespaced"] == true {
        let own = word(object, "/metadata/namespace");
        let namespace = if own.is_empty() { namespace } else { own };
        return Ok(format!("{root}/namespaces/{namespace}/{plural}/{name}"));
    }
    Ok(format!("{root}/{plural}/{name}"))
}

/// An outer error may pass with time; an inner one is the server's last word.
async fn patch(client: &Client, path: &str, text: &str) -> Outcome<Outcome> {
    let first = if path.contains('?') { '&' } else { '?' };
    let query = "fieldManager=test-bed&force=true&fieldValidation=Strict";
    let request = Request::patch(format!("{path}{first}{query}"))
        .header("Content-Type", "application/apply-patch+yaml")
        .body(text.as_bytes().to_vec())?;
    let answer: Result<Value, kube::Error> = client.request(request).await;
    match answer {
        Ok(_) => Ok(Ok(())),
        Err(kube::Error::Api(status)) if status.code == 404 || status.code >= 500 => {
            Err(said(&status).into())
        }
        Err(kube::Error::Api(status)) => Ok(Err(said(&status).into())),
        Err(other) => Err(other.into()),
    }
}

fn said(status: &Status) -> String {
    format!("{} {}: {}", status.code, status.reason, status.message)
}

async fn established(client: &Client, name: &str) -> Outcome {
    let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
    wait::eventually(Duration::from_secs(15), &format!("{name} is established"), async || {
        let definition: Value = client.request(Request::get(&path).body(Vec::new())?).await?;
        let conditions = definition["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let served = |c: &Value| c["type"] == "Established" && c["status"] == "True";
        conditions
            .iter()
            .any(served)
            .then_some(())
            .ok_or_else(|| "its condition is not true".into())
    })
    .await
}

fn word<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
