//! What a registry answers to those who have not said who they are.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// How a registry wants to be told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Challenge {
    /// With a name and a password.
    Basic,
    /// With a token that a service gives.
    Bearer {
        /// Where the service is.
        realm: String,
        /// For whom the token is.
        service: Option<String>,
    },
}

/// The challenge of an answer; a token is preferred to a password.
pub(super) fn read(headers: &HeaderMap) -> Option<Challenge> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let challenges: Vec<Challenge> = values.flat_map(parse).collect();
    let bearer = challenges.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
    bearer.or(challenges.first()).cloned()
}

/// The challenges of one header: `Bearer realm="https://...",service="...", Basic realm="..."`.
fn parse(header: &str) -> Vec<Challenge> {
    let (mut challenges, mut rest) = (Vec::new(), header);
    let mut current: Option<(String, Vec<(String, String)>)> = None;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            break;
        }
        let after = after.trim_start_matches([' ', '\t']);
        match (after.strip_prefix('='), &mut current) {
            (Some(after), Some((_, parameters))) => {
                let (value, after) = value(after.trim_start_matches([' ', '\t']));
                parameters.push((word.to_ascii_lowercase(), value));
                rest = after;
            }
            (Some(after), None) => rest = value(after).1,
            (None, _) => {
                challenges.extend(
                    current.replace((word.to_ascii_lowercase(), Vec::new())).and_then(challenge),
                );
                rest = after;
            }
        }
    }
    challenges.extend(current.and_then(challenge));
    challenges
}

/// A quoted or plain value, and what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, character) in quoted.char_indices() {
        match character {
            _ if escaped => {
                value.push(character);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &quoted[at + 1..]),
            other => value.push(other),
        }
    }
    (value, "")
}

fn challenge((scheme, parameters): (String, Vec<(String, String)>)) -> Option<Challenge> {
    let find = |wanted: &str| {
        parameters
            .iter()
            .find(|(name, value)| name == wanted && !value.is_empty())
            .map(|(_, value)| value.clone())
    };
    match scheme.as_str() {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer { realm: find("realm")?, service: find("service") }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) }
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let hub = "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull\"";
        #[rustfmt::skip]
        let cases = [
            // header                                                                challenges
            (hub,                                                                    vec![bearer("https://auth.docker.io/token", Some("registry.docker.io"))]),
            ("bearer realm=https://t.example/x , SERVICE = s",                       vec![bearer("https://t.example/x", Some("s"))]),
            ("Basic realm=\"a \\\" b, c\"",                                          vec![Challenge::Basic]),
            ("Basic",                                                                vec![Challenge::Basic]),
            ("Basic realm=\"x\", Bearer realm=\"https://t\",error=\"invalid_token\"", vec![Challenge::Basic, bearer("https://t", None)]),
            ("Negotiate, Basic realm=x",                                             vec![Challenge::Basic]),
            ("Bearer service=\"s\"",                                                 vec![]),
            ("realm=\"stray\"",                                                      vec![]),
            ("Bearer realm=\"open",                                                  vec![bearer("open", None)]),
            ("",                                                                     vec![]),
            (", ,=,",                                                                vec![]),
        ];
        for (header, challenges) in cases {
            assert_eq!(parse(header), challenges, "{header}");
        }
    }
}
