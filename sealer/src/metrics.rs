//! The daemon's own numbers, under the names that dashboards of the upstream controllers use.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

/// Why and where unsealing failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct UnsealError {
    /// Upstream's words: `unseal`, `unmanaged` or `update`.
    pub reason: &'static str,
    /// The object's namespace.
    pub namespace: String,
}

/// A call to an external store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ProviderCall {
    /// The provider, as External Secrets writes it.
    pub provider: &'static str,
    /// What was called.
    pub call: &'static str,
    /// `success` or `error`.
    pub status: &'static str,
}

/// An object by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

/// The daemon's counters. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    /// SealedSecrets that had to be opened.
    pub unseal_requests: Counter,
    /// SealedSecrets that could not be.
    pub unseal_errors: Family<UnsealError, Counter>,
    /// Values that were opened, each with at least one private-key operation.
    pub values_unsealed: Counter,
    /// Sealing keys in use.
    pub sealing_keys: Gauge,
    /// Key Secrets that cannot be used.
    pub sealing_keys_rejected: Gauge,
    /// SOPS files that were decrypted.
    pub files_decrypted: Counter,
    /// Secrets that were made, changed or deleted.
    pub secret_writes: Counter,
    /// Syncs of an ExternalSecret.
    pub sync_calls: Family<Named, Counter>,
    /// Syncs of an ExternalSecret that failed.
    pub sync_errors: Family<Named, Counter>,
    /// When an ExternalSecret was last synced, in seconds since 1970.
    pub sync_time: Family<Named, Gauge>,
    /// Calls to external stores.
    pub provider_calls: Family<ProviderCall, Counter>,
}

impl Metrics {
    /// Registers everything in the registry of the process.
    pub fn new(registry: &reconcile::metrics::Metrics) -> Self {
        #[rustfmt::skip]
        let metrics = Self {
            unseal_requests: registry.register("sealed_secrets_controller_unseal_requests", "SealedSecrets that had to be opened", Counter::default()),
            unseal_errors: registry.register("sealed_secrets_controller_unseal_errors", "SealedSecrets that could not be opened or written", Family::default()),
            values_unsealed: registry.register("signet_values_unsealed", "Sealed values that were opened", Counter::default()),
            sealing_keys: registry.register("signet_sealing_keys", "Sealing keys in use", Gauge::default()),
            sealing_keys_rejected: registry.register("signet_sealing_keys_rejected", "Key Secrets that cannot be used", Gauge::default()),
            files_decrypted: registry.register("signet_sops_files_decrypted", "SOPS files that were decrypted", Counter::default()),
            secret_writes: registry.register("signet_secret_writes", "Secrets that were made, changed or deleted", Counter::default()),
            sync_calls: registry.register("externalsecret_sync_calls", "Syncs of an ExternalSecret", Family::default()),
            sync_errors: registry.register("externalsecret_sync_calls_error", "Syncs of an ExternalSecret that failed", Family::default()),
            sync_time: registry.register("signet_externalsecret_sync_timestamp_seconds", "When an ExternalSecret was last synced", Family::default()),
            provider_calls: registry.register("externalsecret_provider_api_calls_count", "Calls to external stores", Family::default()),
        };
        metrics
    }
}
