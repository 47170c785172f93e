//! What an ExternalSecret asks for, in the words of the core. Pure.

use sealer_api::external_secret::{Data, DataFrom, ExternalSecretSpec, RemoteReference};
use sealer_core::store::plan::{Extract, Read, Remote, Request, Single};

/// What `spec` asks for. Words that it does not know were refused by its violations.
pub(super) fn request(spec: &ExternalSecretSpec) -> Request {
    let extracts = spec.data_from.iter().filter_map(extract).collect();
    Request { extracts, singles: spec.data.iter().map(single).collect() }
}

/// The field that asked for `read`, for messages.
pub(super) fn field(spec: &ExternalSecretSpec, read: &Read) -> String {
    let is_it = |reference: &RemoteReference| read_of(reference) == *read;
    let from = spec.data_from.iter().position(|from| from.extract.as_ref().is_some_and(is_it));
    let data = || spec.data.iter().position(|data| is_it(&data.remote_ref));
    match (from, data()) {
        (Some(index), _) => format!("spec.dataFrom[{index}].extract"),
        (None, Some(index)) => format!("spec.data[{index}].remoteRef"),
        (None, None) => "spec".to_owned(),
    }
}

fn extract(from: &DataFrom) -> Option<Extract> {
    let reference = from.extract.as_ref()?;
    let conversion = word(reference.conversion_strategy.as_deref());
    Some(Extract { remote: remote(reference), conversion })
}

fn single(data: &Data) -> Single {
    Single { key: data.secret_key.clone(), remote: remote(&data.remote_ref) }
}

fn remote(reference: &RemoteReference) -> Remote {
    Remote {
        read: read_of(reference),
        property: reference.property.clone().filter(|property| !property.is_empty()),
        decoding: word(reference.decoding_strategy.as_deref()),
        refuses_null_bytes: reference.null_byte_policy.as_deref() == Some("Fail"),
    }
}

fn read_of(reference: &RemoteReference) -> Read {
    let version = reference.version.clone().filter(|version| !version.is_empty());
    Read { key: reference.key.clone(), version }
}

fn word<T: std::str::FromStr + Default>(text: Option<&str>) -> T {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}
