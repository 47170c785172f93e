//! Who asked the API server for what: its audit log, which has the requests of ServiceAccounts.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

use crate::Outcome;

/// Requests of ServiceAccounts, without what they say; the administrator's cost nothing.
pub(super) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, userGroups: ['system:serviceaccounts']}
- {level: None}
";

/// One request that was answered; a watch counts when it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// The plural of the kind, with the subresource: `sealedsecrets/status`.
    pub resource: String,
    /// The namespace, empty for all.
    pub namespace: String,
    /// The object's name, empty for a list.
    pub name: String,
    /// The status of the answer.
    pub code: u64,
    /// Which of the account's tokens it came with.
    pub token: String,
}

impl Asked {
    /// Whether it could have changed something.
    pub fn writes(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}

pub(super) fn asked(log: &Path, namespace: &str, account: &str) -> Outcome<Vec<Asked>> {
    let log = match fs::read_to_string(log) {
        // The file comes with the first request.
        Err(err) if err.kind() == io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    let user = format!("system:serviceaccount:{namespace}:{account}");
    // A line that is just being written has no end yet.
    let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let ours = whole.lines().filter(|line| line.contains(&user));
    let events = ours.map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>()?;
    Ok(events.iter().filter(|event| event["user"]["username"] == *user).filter_map(read).collect())
}

fn read(event: &Value) -> Option<Asked> {
    let (stage, verb) = (event["stage"].as_str()?, event["verb"].as_str()?);
    if (stage == "ResponseStarted") != (verb == "watch") {
        return None;
    }
    // What is about no object, such as discovery, has none.
    let target = event.get("objectRef")?;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (plural, sub) = (word(&target["resource"]), word(&target["subresource"]));
    let tokens = &event["user"]["extra"]["authentication.kubernetes.io/credential-id"];
    Some(Asked {
        verb: verb.to_owned(),
        resource: if sub.is_empty() { plural } else { format!("{plural}/{sub}") },
        namespace: word(&target["namespace"]),
        name: word(&target["name"]),
        code: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
        token: word(&tokens[0]),
    })
}
