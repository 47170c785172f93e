//! Values that the template makes of the decrypted ones.

use std::collections::BTreeMap;

use sealer_api::sealed_secret::SecretTemplate;
use sealer_core::plaintext::Plaintext;
use sealer_core::sealed::template;
pub(super) use sealer_core::sealed::template::Error;

/// Adds what `template.data` makes of `values`.
pub(super) fn add(
    template: &SecretTemplate,
    values: &mut BTreeMap<String, Plaintext>,
) -> Result<(), Error> {
    let texts = template.data.iter().flatten();
    template::render(texts.map(|(key, text)| (key.as_str(), text.as_deref())), values)
}
