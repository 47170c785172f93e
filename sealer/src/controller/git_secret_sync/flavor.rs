//! What differs between the kinds that make Secrets of files, and what their Secrets depend on.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt as _;
use repo::ObjectId;
use sealer_api::GitSecretSync;
use sealer_api::git_secret_sync::Conflict;

use super::kustomize::Dress;
use crate::controller::batch::Author;
use crate::secrets::Kind;
use crate::source::Source as Hash;

/// What differs between the kinds that make Secrets of files.
#[derive(Clone, Debug)]
pub(in crate::controller) struct Flavor {
    /// Whom the watch of Secrets wakes.
    pub(in crate::controller) kind: Kind,
    /// The kind, for messages.
    pub(in crate::controller) name: &'static str,
    /// Its version, for owner references.
    pub(in crate::controller) api_version: &'static str,
    /// Whether Secrets may go to other namespaces with the daemon's own rights.
    pub(in crate::controller) anywhere: bool,
}

/// GitSecretSyncs themselves.
pub(super) const SYNC: Flavor = Flavor {
    kind: Kind::GitSecretSync,
    name: "GitSecretSync",
    api_version: "signet.dev/v1alpha1",
    anywhere: false,
};

impl Flavor {
    /// Whose Secrets they are.
    pub(super) fn author(&self, object: &GitSecretSync) -> Author {
        let (conflict, prune) = (object.spec.conflict, object.spec.prune);
        let author = Author::of(self.kind, object);
        let (api_version, kind) = (self.api_version.to_owned(), self.name.to_owned());
        let reference = OwnerReference { api_version, kind, ..author.reference };
        Author { reference, conflict, prune, ..author }
    }
}

/// What, besides the file, decides what its Secrets look like.
#[derive(Debug)]
pub(super) struct Salt(pub(super) String);

/// That of `object`.
pub(super) fn salt(object: &GitSecretSync) -> Salt {
    let spec = &object.spec;
    let settings = serde_json::json!([
        object.uid(),
        spec.target_namespace,
        spec.service_account_name,
        spec.mac_check,
        spec.conflict == Conflict::Fail,
    ]);
    Salt(settings.to_string())
}

impl Salt {
    /// The hash of the file's content, as stored, of the settings, and of what is done to objects.
    pub(super) fn hash(&self, blob: ObjectId, dress: &Dress) -> String {
        let hash = Hash::of("GitSecretSync").and(&self.0).and(blob.to_string());
        if *dress == Dress::default() {
            return hash.finish();
        }
        hash.and(serde_json::json!(dress).to_string()).finish()
    }
}
