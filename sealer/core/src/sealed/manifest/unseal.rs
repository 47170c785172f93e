//! A `SealedSecret`'s manifest, turned into the Secret that a controller would write.

use std::{collections::BTreeMap, fmt::Write as _};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::{
    plaintext::{Plaintext, wipe},
    sealed::{
        keyring::{self, Keyring},
        scope::{Label, Scope},
        template,
    },
};

/// The annotation of a template whose Secret nobody owns.
const NO_OWNER: &str = "sealedsecrets.bitnami.com/skip-set-owner-references";

/// Why a manifest cannot be unsealed.
#[derive(Debug, thiserror::Error)]
pub enum Unsealable {
    /// The object is not a SealedSecret.
    #[error("expected a bitnami.com/v1alpha1 SealedSecret but found {found}")]
    NotSealedSecret {
        /// Its `apiVersion` and `kind`.
        found: String,
    },
    /// Values that no key opens; every one is named.
    #[error("{}", joined(.0))]
    Values(BTreeMap<String, keyring::Error>),
    /// A value in `spec.encryptedData` is not text.
    #[error("`spec.encryptedData.{0}` is not text")]
    NotText(String),
    /// Both forms at once.
    #[error(
        "cannot use the field 'encryptedData' and the deprecated field 'data' at the same time"
    )]
    TwoForms,
    /// The deprecated form does not hold a Secret.
    #[error("`spec.data` does not hold a Secret")]
    NotSecret,
    /// A template fails.
    #[error(transparent)]
    Template(#[from] template::Error),
}

/// Opens every value of a SealedSecret, and makes the Secret of them.
///
/// The metadata of the SealedSecret itself fixes scope, namespace and name. The result holds
/// plaintext: [`wipe`] it after use.
pub fn unseal(sealed: &Value, keyring: &Keyring) -> Result<Value, Unsealable> {
    check_kind(sealed)?;
    let (spec, metadata) = (&sealed["spec"], &sealed["metadata"]);
    let (label, name) = (label(metadata), metadata["name"].clone());
    let mut secret = match spec["data"].as_str() {
        Some(_) if values(spec)?.next().is_some() => return Err(Unsealable::TwoForms),
        Some(blob) => whole(blob, &label, keyring)?,
        None => assembled(spec, &label, keyring)?,
    };
    let fields = &mut secret["metadata"];
    fields["name"] = name.clone();
    match &metadata["namespace"] {
        Value::String(namespace) => fields["namespace"] = namespace.as_str().into(),
        _ => drop(fields.as_object_mut().and_then(|fields| fields.remove("namespace"))),
    }
    if spec["template"]["metadata"]["annotations"][NO_OWNER] != "true" {
        fields["ownerReferences"] = json!([{
            "apiVersion": sealed["apiVersion"], "kind": sealed["kind"], "name": name,
            "uid": metadata["uid"].as_str().unwrap_or_default(), "controller": true,
        }]);
    }
    Ok(secret)
}

/// The label that the metadata of a SealedSecret asks for.
fn label(metadata: &Value) -> Label {
    let annotations = metadata["annotations"].as_object().into_iter().flatten();
    let annotations = annotations
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    let text = |field: &str| metadata[field].as_str().unwrap_or_default();
    Scope::of(&annotations).label(text("namespace"), text("name"))
}

fn check_kind(sealed: &Value) -> Result<(), Unsealable> {
    let field = |name: &str| sealed[name].as_str().unwrap_or_default();
    match (field("apiVersion"), field("kind")) {
        ("bitnami.com/v1alpha1", "SealedSecret") => Ok(()),
        ("", "") => {
            let found = "an object without `apiVersion` and `kind`".to_owned();
            Err(Unsealable::NotSealedSecret { found })
        }
        (version, kind) => {
            Err(Unsealable::NotSealedSecret { found: format!("`{version}` `{kind}`") })
        }
    }
}

/// The sealed values, or the first that is none.
fn values(spec: &Value) -> Result<impl Iterator<Item = (&String, &str)>, Unsealable> {
    let all = spec["encryptedData"].as_object();
    let bad = all.into_iter().flatten().find(|(_, value)| !value.is_string());
    match bad {
        Some((key, _)) => Err(Unsealable::NotText(key.clone())),
        None => {
            Ok(all.into_iter().flatten().filter_map(|(key, value)| Some((key, value.as_str()?))))
        }
    }
}

/// The Secret of the form with one sealed value a key.
fn assembled(spec: &Value, label: &Label, keyring: &Keyring) -> Result<Value, Unsealable> {
    let sealed: BTreeMap<String, String> =
        values(spec)?.map(|(key, value)| (key.clone(), value.to_owned())).collect();
    let opened = keyring.unseal_all(label, &sealed).map_err(Unsealable::Values)?;
    let mut opened: BTreeMap<String, Plaintext> =
        opened.into_iter().map(|(key, unsealed)| (key, unsealed.value)).collect();
    let template = &spec["template"];
    let texts = template["data"].as_object();
    let texts = || texts.into_iter().flatten().map(|(key, text)| (key.as_str(), text.as_str()));
    template::render(texts(), &mut opened)?;

    let data: Map<String, Value> = opened
        .iter()
        .map(|(key, value)| (key.clone(), BASE64_STANDARD.encode(value.expose()).into()))
        .collect();
    let metadata = template["metadata"].as_object().cloned().unwrap_or_default();
    let mut secret =
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data });
    for copied in ["type", "immutable"] {
        if !template[copied].is_null() {
            secret[copied] = template[copied].clone();
        }
    }
    Ok(secret)
}

/// The Secret of the deprecated form, which seals a whole Secret.
fn whole(blob: &str, label: &Label, keyring: &Keyring) -> Result<Value, Unsealable> {
    let failed = |error| Unsealable::Values([("spec.data".to_owned(), error)].into());
    let opened = keyring.unseal(label, blob).map_err(failed)?;
    let mut secret: Value =
        serde_json::from_slice(opened.value.expose()).map_err(|_| Unsealable::NotSecret)?;
    if !secret["metadata"].is_object() {
        wipe(&mut secret);
        return Err(Unsealable::NotSecret);
    }
    (secret["apiVersion"], secret["kind"]) = ("v1".into(), "Secret".into());
    // The server merges it on a write; a file should say the same in one place.
    let texts = secret.as_object_mut().and_then(|fields| fields.remove("stringData"));
    for (key, text) in texts.as_ref().and_then(Value::as_object).into_iter().flatten() {
        let text = Zeroizing::new(text.as_str().unwrap_or_default().to_owned());
        secret["data"][key] = BASE64_STANDARD.encode(text.as_bytes()).into();
    }
    if let Some(mut texts) = texts {
        wipe(&mut texts);
    }
    Ok(secret)
}

/// Each message once, with the keys that it is about.
fn joined(errors: &BTreeMap<String, keyring::Error>) -> String {
    let mut keys_of: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (key, error) in errors {
        let mut message = error.to_string();
        if let Some(cause) = std::error::Error::source(error) {
            let _ = write!(message, ": {cause}");
        }
        keys_of.entry(message).or_default().push(key);
    }
    let one = |(message, keys): (&String, &Vec<&str>)| format!("{message} ({})", keys.join(", "));
    keys_of.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sealed::{
        key::SealingKey,
        keyring::Order,
        manifest::{Options, seal},
    };

    fn keyring() -> Keyring {
        let private = include_bytes!("../../../fixtures/sealed/k2048.pem").to_vec();
        let key = SealingKey::recover(
            &Plaintext::new(private),
            jiff::Timestamp::UNIX_EPOCH,
            &mut rand::rng(),
        );
        Keyring::new([Arc::new(key.unwrap())], Order::CertNotBefore)
    }

    fn sealed(secret: &Value, scope: Scope) -> Value {
        let options = Options { scope, empty_allowed: true };
        let keyring = keyring();
        let certificate = keyring.newest().unwrap().certificate();
        seal(secret, options, certificate, &mut rand::rng()).unwrap()
    }

    fn secret() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "t", "immutable": true,
            "metadata": {"name": "n", "namespace": "ns", "labels": {"a": "b"}},
            "data": {"k": "dg=="},
        })
    }

    #[test]
    fn a_secret_comes_back_whole_and_owned() {
        let mut opened = unseal(&sealed(&secret(), Scope::Strict), &keyring()).unwrap();
        let owner = opened["metadata"].as_object_mut().unwrap().remove("ownerReferences").unwrap();
        assert_eq!(opened, secret());
        assert_eq!((&owner[0]["name"], &owner[0]["uid"]), (&json!("n"), &json!("")));
    }

    #[test]
    fn the_metadata_of_the_object_itself_fixes_the_scope() {
        let mut lying = sealed(&secret(), Scope::ClusterWide);
        lying["metadata"].as_object_mut().unwrap().remove("annotations");
        let error = unseal(&lying, &keyring()).unwrap_err().to_string();
        assert!(error.starts_with("no key could decrypt secret"), "{error}");
        assert!(error.ends_with("(k)"), "{error}");
    }

    #[test]
    fn both_forms_open_but_not_at_once() {
        let keyring = keyring();
        let certificate = keyring.newest().unwrap().certificate();
        let label = Scope::Strict.label("ns", "n");
        let blob = certificate.seal(&label, secret().to_string().as_bytes(), &mut rand::rng());
        let mut old = json!({
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
            "metadata": {"name": "n", "namespace": "ns"}, "spec": {"data": blob},
        });
        assert_eq!(unseal(&old, &keyring).unwrap()["data"], secret()["data"]);
        old["spec"]["encryptedData"] = json!({"k": "x"});
        assert!(matches!(unseal(&old, &keyring), Err(Unsealable::TwoForms)));
    }

    #[test]
    fn templates_are_rendered_and_owners_may_be_left_out() {
        let mut object = sealed(&secret(), Scope::Strict);
        object["spec"]["template"]["data"] = json!({"url": "x{{ .k }}", "k": null});
        object["spec"]["template"]["metadata"]["annotations"] = json!({ NO_OWNER: "true" });
        let opened = unseal(&object, &keyring()).unwrap();
        assert_eq!(opened["data"], json!({"url": BASE64_STANDARD.encode("xv")}));
        assert!(opened["metadata"].get("ownerReferences").is_none());
    }
}
