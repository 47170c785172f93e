//! Who we are to the services, as values.

use cloud::Environment;
use zeroize::Zeroizing;

use crate::{Domain, Error, vault};

/// Who we are to the services of master keys.
///
/// A caller reads its environment once and gives it here; a daemon puts what an object's Secret
/// says in the place of its own, cloud by cloud ([`crate::flux`]).
pub struct Credentials {
    /// To Amazon.
    pub aws: Environment,
    /// To Azure.
    pub azure: Environment,
    /// To Google.
    pub google: Environment,
    /// To Vaults.
    pub vault: vault::Login,
    /// Domains of vaults of Azure's besides those of its own clouds.
    pub azure_domains: Vec<Domain>,
    /// What sessions of assumed roles are called.
    pub session: String,
}

impl Credentials {
    /// What an environment says, as sops and the clouds' own tools read it. `host` is the name of this
    /// machine, after which sessions of roles are called.
    pub fn from_environment(
        variable: impl Fn(&str) -> Option<String>,
        host: &str,
    ) -> Result<Self, Error> {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        let clouds = Environment::of(&variable);
        let home = get("HOME");
        let allowed = get("SOPS_HC_VAULT_ALLOWLIST");
        let allowed = allowed.map(|text| vault::Allowlist::parse(&text)).transpose()?;
        let identity = get("VAULT_CLIENT_CERT").zip(get("VAULT_CLIENT_KEY"));
        let vault = vault::Login {
            token: get("VAULT_TOKEN").map(Zeroizing::new),
            token_file: home.map(|home| format!("{home}/.vault-token").into()),
            namespace: get("VAULT_NAMESPACE"),
            ca_file: get("VAULT_CACERT").map(Into::into),
            ca: get("VAULT_CACERT_BYTES").map(String::into_bytes),
            identity: identity.map(|(chain, key)| (chain.into(), key.into())),
            insecure: is_true(get("VAULT_SKIP_VERIFY").as_deref()),
            allowed: allowed.unwrap_or_default(),
        };
        let domains = get("SIGNET_AZURE_VAULT_DOMAINS").unwrap_or_default();
        let azure_domains =
            if domains.is_empty() { Some(Vec::new()) } else { Domain::list(&domains) };
        Ok(Self {
            aws: clouds.clone(),
            azure: clouds.clone(),
            google: clouds,
            vault,
            azure_domains: azure_domains.ok_or(Error::Setting {
                name: "SIGNET_AZURE_VAULT_DOMAINS",
                problem: "is no list such as `vault.local=https://vault.local`",
            })?,
            session: session(host),
        })
    }
}

impl Credentials {
    /// The same for somebody who must not be who this process is: nobody anywhere, until a Secret or a
    /// ServiceAccount says more ([`crate::flux`]). Services are reached as before, and the allowlist of
    /// Vaults holds.
    #[must_use]
    pub fn of_nobody(mut self) -> Self {
        for environment in [&mut self.aws, &mut self.azure, &mut self.google] {
            *environment = environment.given([]);
        }
        (self.vault.token, self.vault.token_file, self.vault.identity) = (None, None, None);
        self
    }
}

/// As Go reads a switch.
fn is_true(text: Option<&str>) -> bool {
    matches!(text, Some("1" | "t" | "T" | "true" | "TRUE" | "True"))
}

/// What sops calls its sessions, so that policies that name them go on to hold. It leaves hyphens out.
fn session(host: &str) -> String {
    let kept = |it: &char| it.is_ascii_alphanumeric() || "=,.@_".contains(*it);
    "sops@".chars().chain(host.chars().filter(kept)).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_called_as_sops_calls_them() {
        #[rustfmt::skip]
        let cases = [
            ("laptop",              "sops@laptop".to_owned()),
            ("web-1.acme.example",  "sops@web1.acme.example".to_owned()),
            ("host name!",          "sops@hostname".to_owned()),
            (&*"x".repeat(100),     format!("sops@{}", "x".repeat(59))),
        ];
        for (host, name) in cases {
            assert_eq!(session(host), name);
        }
    }

    #[test]
    fn settings_that_are_none_are_named() {
        for (name, value) in
            [("SOPS_HC_VAULT_ALLOWLIST", "https://a,,"), ("SIGNET_AZURE_VAULT_DOMAINS", "x")]
        {
            let read = Credentials::from_environment(
                |asked| (asked == name).then(|| value.to_owned()),
                "h",
            );
            assert!(read.err().unwrap().to_string().contains(name));
        }
    }
}
