//! What the environment of this process says about clouds.

use std::{collections::BTreeMap, fmt, sync::Arc};

use zeroize::Zeroizing;

/// The variables that are read, as the clouds' own tools name them.
const NAMES: [&str; 37] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_PROFILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_ECR",
    "AWS_ENDPOINT_URL_KMS",
    "AWS_ENDPOINT_URL_STS",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_TENANT_ID",
    "CLOUDSDK_CONFIG",
    "GCE_METADATA_HOST",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CREDENTIALS",
    "GOOGLE_OAUTH_ACCESS_TOKEN",
    "HOME",
    "SOPS_GCP_KMS_ENDPOINT",
    "SOPS_GCP_KMS_UNIVERSE_DOMAIN",
];

/// What says how services are reached, and nothing of who asks them.
const REACH: [&str; 9] = [
    "AWS_CA_BUNDLE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_ECR",
    "AWS_ENDPOINT_URL_KMS",
    "AWS_ENDPOINT_URL_STS",
    "AWS_USE_FIPS_ENDPOINT",
    "AZURE_AUTHORITY_HOST",
    "SOPS_GCP_KMS_ENDPOINT",
    "SOPS_GCP_KMS_UNIVERSE_DOMAIN",
];

/// What is given in the place of a file, and is never a variable of a process.
const GIVEN: [&str; 4] = [
    Environment::AWS_WEB_IDENTITY_TOKEN,
    Environment::AZURE_CLIENT_CERTIFICATE,
    Environment::AZURE_FEDERATED_TOKEN,
    Environment::GOOGLE_SUBJECT_TOKEN,
];

/// What the environment says about clouds; keys are among it, so it is never shown.
#[derive(Clone, Default)]
pub struct Environment {
    values: Arc<BTreeMap<&'static str, Zeroizing<String>>>,
    alone: bool,
}

impl Environment {
    /// The token itself that `AWS_WEB_IDENTITY_TOKEN_FILE` would name.
    pub const AWS_WEB_IDENTITY_TOKEN: &str = "given web identity token of Amazon's";
    /// The PEM text itself that `AZURE_CLIENT_CERTIFICATE_PATH` would name.
    pub const AZURE_CLIENT_CERTIFICATE: &str = "given client certificate of Azure's";
    /// The token itself that `AZURE_FEDERATED_TOKEN_FILE` would name.
    pub const AZURE_FEDERATED_TOKEN: &str = "given federated token of Azure's";
    /// The token itself that the `credential_source` of a federation of Google's would name.
    pub const GOOGLE_SUBJECT_TOKEN: &str = "given subject token of Google's";

    /// Takes what is of use from an environment.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let found = NAMES.into_iter().filter_map(|name| {
            let value = variable(name).filter(|value| !value.is_empty())?;
            Some((name, Zeroizing::new(value)))
        });
        Self { values: Arc::new(found.collect()), alone: false }
    }

    /// What somebody gave who must not be what else this process is: these values, and nothing of
    /// the machine, the container and the files around it. Services are reached as before.
    #[must_use]
    pub fn given(
        &self,
        values: impl IntoIterator<Item = (&'static str, Zeroizing<String>)>,
    ) -> Self {
        let reach = |name| self.values.get_key_value(name);
        let reach = REACH.into_iter().filter_map(reach).map(|(name, value)| (*name, value.clone()));
        let values = values.into_iter().filter(|(_, value)| !value.is_empty());
        Self { values: Arc::new(reach.chain(values).collect()), alone: true }
    }

    /// The value of a variable that is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        debug_assert!(NAMES.contains(&name) || GIVEN.contains(&name), "{name} is not read");
        self.values.get(name).map(|value| value.as_str())
    }

    /// Whether nothing but these values counts.
    pub fn is_alone(&self) -> bool {
        self.alone
    }

    /// A file below the home of whoever runs this process.
    pub(crate) fn at_home(&self, path: &str) -> Option<String> {
        Some(format!("{}/{path}", self.get("HOME")?.trim_end_matches('/')))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.values.keys()).finish()
    }
}
