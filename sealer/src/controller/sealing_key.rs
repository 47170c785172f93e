//! Sealing keys: loaded while the daemon runs, made when there is none, renewed in time.
//!
//! Every replica loads; only the leader makes. Keys are added and never removed: what was sealed for
//! an old one must open for ever, unless somebody takes its label or the Secret away.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealer_core::sealed::certificate::KeySize;
use sealer_core::sealed::keyring::Order;

mod load;
mod native;
mod provide;

pub use self::load::load;
pub use self::native::load_native;
pub use self::provide::{asked_by_signal, provide};

/// The label of a key Secret.
const LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";
/// Its value while the key is in use.
const ACTIVE: &str = "active";

/// Where keys live, and how new ones are made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespace of the key Secrets.
    pub namespace: String,
    /// What the names of new key Secrets begin with.
    pub prefix: String,
    /// How large a new key is.
    pub size: KeySize,
    /// How long a new certificate is valid.
    pub validity: SignedDuration,
    /// How old the newest key may become before another is made; zero is for ever.
    pub renew_period: Duration,
    /// At the start, a newest key that is older than this is not good enough.
    pub cutoff: Option<Timestamp>,
    /// The common name of new certificates.
    pub common_name: String,
    /// Annotations of new key Secrets.
    pub annotations: BTreeMap<String, String>,
    /// Labels of new key Secrets.
    pub labels: BTreeMap<String, String>,
    /// Which of two keys is the newer.
    pub order: Order,
}
