//! What the environment of this process says about clouds.

use std::{collections::BTreeMap, fmt, sync::Arc};

use zeroize::Zeroizing;

/// The variables that are read, as the clouds' own tools name them.
const NAMES: [&str; 22] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_ECR",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_TENANT_ID",
    "GCE_METADATA_HOST",
    "GOOGLE_APPLICATION_CREDENTIALS",
];

/// What the environment says about clouds; keys are among it, so it is never shown.
#[derive(Clone, Default)]
pub struct Environment(Arc<BTreeMap<&'static str, Zeroizing<String>>>);

impl Environment {
    /// Takes what is of use from an environment.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let found = NAMES.into_iter().filter_map(|name| {
            let value = variable(name).filter(|value| !value.is_empty())?;
            Some((name, Zeroizing::new(value)))
        });
        Self(Arc::new(found.collect()))
    }

    /// The value of a variable that is set.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        debug_assert!(NAMES.contains(&name), "{name} is not read");
        self.0.get(name).map(|value| value.as_str())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}
