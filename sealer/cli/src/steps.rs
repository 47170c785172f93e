//! Where a value is, as sops' users write it: `["key"]['other key'][0]`.

use sealer_core::sops::path::Step;

/// Why a path is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("component {0} doesn't end with ]")]
    Open(String),
    #[error("`{0}` is neither a number nor in quotes; a path looks like `[\"key\"][0]`")]
    Index(String),
}

/// Parses a path. Nothing in quotes has a special meaning, so a key may hold brackets.
pub(crate) fn parse(text: &str) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').ok_or_else(|| Error::Open(rest.to_owned()))?;
        let end = match inner.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let end = inner[1..].find(&format!("{quote}]")).map(|end| end + 2);
                end.ok_or_else(|| Error::Open(inner.to_owned()))?
            }
            _ => inner.find(']').ok_or_else(|| Error::Open(inner.to_owned()))?,
        };
        let step = &inner[..end];
        steps.push(match step.strip_prefix(['"', '\'']) {
            Some(key) => Step::Key(key[..key.len() - 1].to_owned()),
            None => Step::Index(step.parse().map_err(|_| Error::Index(step.to_owned()))?),
        });
        rest = inner[end + 1..].trim_start();
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_keys_and_indices_in_brackets() {
        let key = |key: &str| Step::Key(key.to_owned());
        let open = |text: &str| Err(Error::Open(text.to_owned()));
        let index = |text: &str| Err(Error::Index(text.to_owned()));
        #[rustfmt::skip]
        let cases = [
            (r#"["a"]["b"][0]"#,   Ok(vec![key("a"), key("b"), Step::Index(0)])),
            (r#"['a'] ["it's"]"#,  Ok(vec![key("a"), key("it's")])),
            (r#"["a]["]["\n"]"#,   Ok(vec![key("a]["), key(r"\n")])),
            (r#"[""]"#,            Ok(vec![key("")])),
            ("",                   Ok(vec![])),
            ("a",                  open("a")),
            (r#"["a""#,            open(r#""a""#)),
            (r#"["]"#,             open(r#""]"#)),
            ("[a]",                index("a")),
            ("[-1]",               index("-1")),
            ("[]",                 index("")),
        ];
        for (text, steps) in cases {
            assert_eq!(parse(text), steps, "{text}");
        }
    }
}
