//! The daemon's own numbers, under the names that dashboards of the upstream controllers use.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

/// The buckets that Go's client has where nothing else is said.
const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Why and where unsealing failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct UnsealError {
    /// Upstream's words: `unseal`, `unmanaged` or `update`.
    pub reason: &'static str,
    /// The object's namespace.
    pub namespace: String,
}

/// One condition of a SealedSecret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ConditionInfo {
    /// The object's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The condition's type.
    pub condition: &'static str,
    /// What its label `app.kubernetes.io/instance` says.
    pub ss_app_kubernetes_io_instance: String,
}

/// The program.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Build {
    /// Its version.
    pub revision: &'static str,
}

/// A request to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HttpRequest {
    /// The endpoint.
    pub path: &'static str,
    /// The status of the answer.
    pub code: u16,
    /// The method, in lower case.
    pub method: &'static str,
}

/// Requests to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Endpoint {
    /// The endpoint.
    pub path: &'static str,
    /// The method, in lower case.
    pub method: &'static str,
}

/// A sealing key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SealedBy {
    /// The fingerprint of its certificate.
    pub key: String,
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
    /// Whether a SealedSecret is in step: 1, -1 if not.
    pub condition_info: Family<ConditionInfo, Gauge>,
    /// Requests to the endpoints.
    pub http_requests: Family<HttpRequest, Counter>,
    /// How long they took.
    pub http_seconds: Family<Endpoint, Histogram>,
    /// How many SealedSecrets have a value that a key opened.
    pub sealed_by: Family<SealedBy, Gauge>,
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
        let build: Family<Build, Gauge> = Family::default();
        build.get_or_create(&Build { revision: env!("CARGO_PKG_VERSION") }).set(1);
        registry.register("sealed_secrets_controller_build_info", "The program", build);
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        #[rustfmt::skip]
        let metrics = Self {
            unseal_requests: registry.register("sealed_secrets_controller_unseal_requests", "SealedSecrets that had to be opened", Counter::default()),
            unseal_errors: registry.register("sealed_secrets_controller_unseal_errors", "SealedSecrets that could not be opened or written", Family::default()),
            condition_info: registry.register("sealed_secrets_controller_condition_info", "Whether a SealedSecret is in step: 1, 0 when unknown, -1 if not", Family::default()),
            http_requests: registry.register("sealed_secrets_controller_http_requests", "Requests to the endpoints", Family::default()),
            http_seconds: registry.register("sealed_secrets_controller_http_request_duration_seconds", "How long requests to the endpoints took", Family::new_with_constructor(seconds)),
            sealed_by: registry.register("signet_sealed_secrets_by_key", "SealedSecrets with a value that this sealing key opened", Family::default()),
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
