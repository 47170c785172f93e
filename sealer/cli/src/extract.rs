//! One value of a decrypted file, by sops' path syntax: `["key"][0]`.

use sealer_core::{plaintext::wipe, sops::yaml::Decrypted};
use serde_json::Value;
use yaml::Schema;
use zeroize::Zeroizing;

/// Why a value cannot be extracted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("a path looks like `[\"key\"][0]`")]
    Path,
    #[error("there is no `{0}`")]
    Missing(String),
    #[error(transparent)]
    Yaml(#[from] yaml::Error),
}

/// A string as it is, anything else as YAML. Only the first document is looked at, as in sops.
pub(crate) fn extract(file: &Decrypted, path: &str) -> Result<Zeroizing<String>, Error> {
    let steps = steps(path)?;
    let documents = yaml::parse(file.expose())?;
    let document = documents.first().ok_or_else(|| Error::Missing(path.to_owned()))?;
    let mut root = yaml::to_json(document, Schema::GoYaml3)?;
    let found = find(&root, &steps).map(|value| {
        Zeroizing::new(match value {
            Value::String(text) => text.clone(),
            value => yaml::write(value),
        })
    });
    wipe(&mut root);
    found
}

fn find<'v>(root: &'v Value, steps: &[Value]) -> Result<&'v Value, Error> {
    steps.iter().try_fold(root, |value, step| {
        let next = match step {
            Value::String(key) => value.get(key),
            index => index
                .as_u64()
                .and_then(|index| usize::try_from(index).ok())
                .and_then(|index| value.get(index)),
        };
        next.ok_or_else(|| Error::Missing(format!("[{step}]")))
    })
}

fn steps(path: &str) -> Result<Vec<Value>, Error> {
    let mut steps = Vec::new();
    let mut rest = path.trim();
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').ok_or(Error::Path)?;
        // A key may contain brackets, so JSON says where it ends.
        let mut stream = serde_json::Deserializer::from_str(inner).into_iter::<Value>();
        let step = stream.next().and_then(Result::ok).ok_or(Error::Path)?;
        if !(step.is_string() || step.is_u64()) {
            return Err(Error::Path);
        }
        rest = inner[stream.byte_offset()..]
            .trim_start()
            .strip_prefix(']')
            .ok_or(Error::Path)?
            .trim_start();
        steps.push(step);
    }
    if steps.is_empty() { Err(Error::Path) } else { Ok(steps) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_is_keys_and_indices_in_brackets() {
        #[rustfmt::skip]
        let cases = [
            (r#"["a"]["b"][0]"#,  Ok(vec![json!("a"), json!("b"), json!(0)])),
            (r#" ["a]["] [ 1 ] "#, Ok(vec![json!("a]["), json!(1)])),
            ("",                  Err(Error::Path)),
            ("a.b",               Err(Error::Path)),
            (r#"["a""#,           Err(Error::Path)),
            ("[a]",               Err(Error::Path)),
            ("[-1]",              Err(Error::Path)),
        ];
        for (path, expected) in cases {
            assert_eq!(steps(path), expected, "{path}");
        }
    }
}
