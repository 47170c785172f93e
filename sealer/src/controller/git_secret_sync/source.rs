//! Where the files are, with which credentials, and who decrypts them.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::ResourceExt as _;
use reconcile::Class;
use repo::{ClearText, Credentials, ObjectId, Reference, Remote, Tls};
use sealer_api::git_repository::{GitReference, LocalReference};
use sealer_api::git_secret_sync::SourceReference;
use sealer_api::{GitRepository, GitSecretSync, duration};
use sealer_core::plaintext::Plaintext;
use sealer_core::sops::age::Identities;

use super::Error;
use crate::controller::Context;
use crate::request;

/// What a key Secret's entries with age identities end in.
const AGE: &str = ".agekey";

/// What is read, and how.
pub(super) struct Source {
    /// The repository.
    pub(super) remote: Remote,
    /// The revision.
    pub(super) reference: Reference,
}

/// The field names of a source, for messages.
struct Fields {
    url: &'static str,
    secret: &'static str,
    reference: &'static str,
}

const INLINE: Fields =
    Fields { url: "spec.git.url", secret: "spec.git.secretRef", reference: "spec.git.ref" };
const REFERRED: Fields = Fields {
    url: "spec.url of the GitRepository",
    secret: "spec.secretRef of the GitRepository",
    reference: "spec.ref of the GitRepository",
};

/// The names of the Secrets that `object` reads, as far as it names them itself.
pub(super) fn secret_names(object: &GitSecretSync) -> Vec<&str> {
    let git = object.spec.git.as_ref().and_then(|git| git.secret_ref.as_ref());
    let keys = object.spec.decryption.secret_ref.as_ref();
    [git, keys].into_iter().flatten().map(|reference| reference.name.as_str()).collect()
}

/// Where the files of `object` are; `None` while the GitRepository is suspended.
pub(super) async fn of(
    context: &Context,
    object: &GitSecretSync,
    local: bool,
) -> Result<Option<Source>, Error> {
    let namespace = object.namespace().unwrap_or_default();
    let (url, reference, secret, fields, fallback) =
        match (&object.spec.git, &object.spec.source_ref) {
            (Some(git), _) => {
                (git.url.clone(), git.reference.clone(), git.secret_ref.clone(), INLINE, "main")
            }
            (None, Some(source)) => {
                let spec = repository(context, &namespace, source).await?.spec;
                if spec.suspend {
                    return Ok(None);
                }
                if spec.proxy_secret_ref.is_some() {
                    return Err(wrong(
                        "spec.proxySecretRef of the GitRepository",
                        "is not supported yet: leave it out",
                    ));
                }
                if spec.provider.is_some_and(|provider| provider != "generic") {
                    return Err(wrong(
                        "spec.provider of the GitRepository",
                        "must be `generic`: put a token into its Secret",
                    ));
                }
                (spec.url, spec.reference, spec.secret_ref, REFERRED, "master")
            }
            (None, None) => return Err(wrong("spec.git", "is missing")),
        };
    let mut remote = Remote::parse(&url)?;
    if remote.url.as_str().starts_with("file:") && !local {
        return Err(wrong(
            fields.url,
            "is a file URL, which only `--local` may use: give an `https` URL",
        ));
    }
    if let Some(secret) = &secret {
        log_in(
            &mut remote,
            &read(context, &namespace, secret, fields.secret).await?,
            secret,
            &fields,
        )?;
    }
    // The author wrote `http://` beside a login; Flux sends it, and clusters rely on that.
    remote.clear_text = ClearText::Allow;
    remote.timeouts.operation =
        duration::parse(&object.spec.timeout).unwrap_or(Duration::from_secs(60));
    let reference = revision(&reference.unwrap_or_default(), fallback, &fields)?;
    Ok(Some(Source { remote, reference }))
}

/// The age identities of `spec.decryption.secretRef`.
pub(super) async fn identities(
    context: &Context,
    object: &GitSecretSync,
) -> Result<Identities, Error> {
    const FIELD: &str = "spec.decryption.secretRef";
    let mut identities =
        Identities::parse(&Plaintext::new(Vec::new())).expect("nothing holds no bad line");
    let Some(secret) = &object.spec.decryption.secret_ref else { return Ok(identities) };
    let namespace = object.namespace().unwrap_or_default();
    let entries = read(context, &namespace, secret, FIELD).await?;
    for (entry, text) in entries.iter().filter(|(entry, _)| entry.ends_with(AGE)) {
        let name = || secret.name.clone();
        let parsed = Identities::parse(text).map_err(|source| Error::Identity {
            name: name(),
            entry: entry.clone(),
            source,
        })?;
        identities.extend(parsed);
    }
    if identities.is_empty() {
        let problem = "holds no age identity: add one under a key that ends in `.agekey`";
        return Err(Error::Unfit { name: secret.name.clone(), field: FIELD, problem });
    }
    Ok(identities)
}

async fn repository(
    context: &Context,
    namespace: &str,
    source: &SourceReference,
) -> Result<GitRepository, Error> {
    let api: kube::Api<GitRepository> = context.core.namespaced(namespace);
    let found = api.get_opt(&source.name).await.map_err(|error| Error::Read {
        kind: "GitRepository",
        name: source.name.clone(),
        field: "spec.sourceRef",
        source: request::Error::from(error),
    })?;
    found.ok_or_else(|| Error::Source {
        field: "spec.sourceRef",
        problem: format!(
            "names the GitRepository `{}`, which does not exist: create it, or use `spec.git`",
            source.name
        ),
        class: Class::Waiting,
    })
}

async fn read(
    context: &Context,
    namespace: &str,
    secret: &LocalReference,
    field: &'static str,
) -> Result<BTreeMap<String, Plaintext>, Error> {
    let name = || secret.name.clone();
    let contents = context.secrets.read(namespace, &secret.name).await;
    let contents =
        contents.map_err(|source| Error::Read { kind: "Secret", name: name(), field, source })?;
    contents.map(|contents| contents.data).ok_or_else(|| Error::Missing { name: name(), field })
}

/// Takes over what a Secret says about logging in.
fn log_in(
    remote: &mut Remote,
    entries: &BTreeMap<String, Plaintext>,
    secret: &LocalReference,
    fields: &Fields,
) -> Result<(), Error> {
    let bytes = |key: &str| entries.get(key).map(|value| trimmed(value.expose()));
    let unfit = |problem| Error::Unfit { name: secret.name.clone(), field: fields.secret, problem };
    if let Some(token) = bytes("bearerToken") {
        remote.credentials = Credentials::Bearer(repo::Secret::new(token));
    } else if let Some(password) = bytes("password") {
        let username =
            bytes("username").ok_or_else(|| unfit("has a `password` without a `username`"))?;
        let username = std::str::from_utf8(username)
            .map_err(|_| unfit("has a `username` that is not text"))?;
        let password = repo::Secret::new(password);
        remote.credentials = Credentials::Basic { username: username.to_owned(), password };
    }
    let ca = bytes("ca.crt").or_else(|| bytes("caFile")).map(<[u8]>::to_vec);
    let identity = match (bytes("tls.crt"), bytes("tls.key")) {
        (Some(chain), Some(key)) => Some(repo::Secret::new([chain, b"\n", key].concat())),
        (None, None) => None,
        _ => return Err(unfit("has one of `tls.crt` and `tls.key` without the other")),
    };
    remote.tls = Tls { ca, identity };
    Ok(())
}

/// A login without the line break that `echo` adds.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
    &bytes[..end.map_or(0, |at| at + 1)]
}

fn revision(reference: &GitReference, fallback: &str, fields: &Fields) -> Result<Reference, Error> {
    if let Some(commit) = &reference.commit {
        let id = ObjectId::from_hex(commit.as_bytes());
        return id
            .map(Reference::Commit)
            .map_err(|_| wrong(fields.reference, "has a `commit` that is no full id"));
    }
    if let Some(name) = &reference.name {
        return Ok(Reference::Name(name.clone()));
    }
    if reference.semver.is_some() {
        return Err(wrong(
            fields.reference,
            "has a `semver` range, which is not supported yet: name a branch or tag",
        ));
    }
    Ok(match (&reference.tag, &reference.branch) {
        (Some(tag), _) => Reference::Tag(tag.clone()),
        (None, Some(branch)) => Reference::Branch(branch.clone()),
        (None, None) => Reference::Branch(fallback.to_owned()),
    })
}

/// Another object's field may change without a word to us; our own object's may not.
fn wrong(field: &'static str, problem: &str) -> Error {
    let class =
        if field.ends_with("of the GitRepository") { Class::Waiting } else { Class::Stalled };
    Error::Source { field, problem: problem.to_owned(), class }
}
