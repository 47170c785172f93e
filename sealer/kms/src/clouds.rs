//! The services as one [`KeyService`].

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use cloud::{Context, Environment, aws::sigv4, google};
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use sealer_core::{
    plaintext::Plaintext,
    sops::key::{KeyError, KeyService, MasterKey, Wrapped},
};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::Mutex,
};
use zeroize::Zeroizing;

use crate::{Credentials, Error, aws, azure, google as gcp, vault};

pub(crate) const AGENT: &str = concat!("signet/", env!("CARGO_PKG_VERSION"));

/// How long before its end a login is no longer used.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// How long a login is kept that does not say when it ends.
const UNSAID: SignedDuration = SignedDuration::from_mins(5);

/// The services of master keys, asked as whoever `Credentials` says.
///
/// Logins are kept for as long as this lives, and are found only with what it took to get them. Its
/// calls block, as those of every [`KeyService`] do; within a runtime they are made on a thread for
/// blocking work.
pub struct Clouds {
    credentials: Credentials,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    runner: Runner,
    clients: OnceLock<(Client, Client)>,
    vault: OnceLock<Client>,
    logins: Logins,
}

/// Who drives requests.
enum Runner {
    /// A runtime of our own, made when the first is sent.
    Own(OnceLock<Runtime>),
    /// The caller's.
    Of(Handle),
}

#[derive(Default)]
struct Logins {
    aws: Mutex<HashMap<Identity, Kept<sigv4::Key>>>,
    azure: Mutex<HashMap<String, Kept<Zeroizing<String>>>>,
    google: Mutex<HashMap<(), Kept<google::Token>>>,
}

/// What an AWS credential is of: region, profile and role.
type Identity = (String, Option<String>, Option<String>);

struct Kept<T> {
    login: Arc<T>,
    until: Timestamp,
}

/// What is done with a key.
enum Task<'t> {
    Encrypt(&'t Plaintext),
    Decrypt(&'t str),
}

enum Done {
    Encrypted(String),
    Decrypted(Plaintext),
}

impl Clouds {
    /// The services, driven by a runtime of their own, which is made when the first is asked.
    pub fn new(
        credentials: Credentials,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        Self::driven(credentials, clock, Runner::Own(OnceLock::new()))
    }

    /// The services, driven by the runtime of `handle`, on whose threads for blocking work they are
    /// asked.
    pub fn within(
        handle: Handle,
        credentials: Credentials,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        Self::driven(credentials, clock, Runner::Of(handle))
    }

    fn driven(
        credentials: Credentials,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
        runner: Runner,
    ) -> Self {
        let (clients, vault, logins) = <_>::default();
        Self { credentials, clock: Box::new(clock), runner, clients, vault, logins }
    }

    /// `key` as a file must name it: a key of Azure without a version is the newest one.
    pub fn complete(&self, key: MasterKey) -> Result<MasterKey, KeyError> {
        match key {
            MasterKey::AzureKeyVault { vault_url, name, version } if version.is_empty() => {
                let key = azure::Key { vault_url: &vault_url, name: &name, version: "" };
                let version = self.run(self.newest(&key))?;
                Ok(MasterKey::AzureKeyVault { vault_url, name, version })
            }
            key => Ok(key),
        }
    }

    /// Waits for what a service answers.
    fn run<T>(&self, task: impl Future<Output = Result<T, Error>>) -> Result<T, KeyError> {
        let done = match &self.runner {
            Runner::Of(handle) => handle.block_on(task),
            Runner::Own(runtime) => {
                let runtime = runtime.get_or_init(|| {
                    let built = Builder::new_current_thread().enable_all().build();
                    built.expect("a process that has files left can have a runtime")
                });
                runtime.block_on(task)
            }
        };
        done.map_err(KeyError::from)
    }

    async fn perform(&self, key: &MasterKey, task: Task<'_>) -> Result<Done, Error> {
        match key {
            MasterKey::AwsKms { arn, role, context, profile } => {
                let (role, profile) = (role.as_deref(), profile.as_deref());
                self.ask_aws(&aws::Key { arn, role, context, profile }, task).await
            }
            MasterKey::GcpKms { resource_id } => self.ask_google(resource_id, task).await,
            MasterKey::AzureKeyVault { vault_url, name, version } => {
                self.ask_azure(&azure::Key { vault_url, name, version }, task).await
            }
            MasterKey::Vault { address, engine_path, key_name } => {
                self.ask_vault(&vault::Key { address, engine: engine_path, name: key_name }, task)
                    .await
            }
            MasterKey::HuaweiKms { .. } => Err(Error::Unsupported(
                "keys of Huawei Cloud KMS (`hckms`) are not supported; add a key of another kind with stock sops, `sops rotate --add-age …`, and remove this one",
            )),
            MasterKey::Age { .. } | MasterKey::Pgp { .. } => {
                Err(Error::Unsupported("age and PGP keys are no keys of a service"))
            }
        }
    }

    async fn ask_aws(&self, key: &aws::Key<'_>, task: Task<'_>) -> Result<Done, Error> {
        let region = aws::Region::of(key.arn)?;
        let context = self.context(&self.credentials.aws, "AWS KMS")?;
        let identity =
            (region.name.to_owned(), key.profile.map(str::to_owned), key.role.map(str::to_owned));
        let login = async {
            let credential = aws::credential(&context, &region, key.profile, key.role).await?;
            let until = credential.until;
            Ok((credential, until))
        };
        let credential = keep(&self.logins.aws, identity, context.now, login).await?;
        match task {
            Task::Encrypt(part) => {
                aws::encrypt(&context, key, &credential, part).await.map(Done::Encrypted)
            }
            Task::Decrypt(enc) => {
                aws::decrypt(&context, key, &credential, enc).await.map(Done::Decrypted)
            }
        }
    }

    async fn ask_google(&self, name: &str, task: Task<'_>) -> Result<Done, Error> {
        const SERVICE: &str = "Google Cloud KMS";
        gcp::resource(name)?;
        let context = self.context(&self.credentials.google, SERVICE)?;
        let login = async {
            let token = google::token(&context).await;
            let token = token.map_err(|source| Error::Login { service: SERVICE, source })?;
            let until = after(context.now, token.lifetime);
            Ok((token, until))
        };
        let token = keep(&self.logins.google, (), context.now, login).await?;
        match task {
            Task::Encrypt(part) => {
                gcp::encrypt(&context, name, &token, part).await.map(Done::Encrypted)
            }
            Task::Decrypt(enc) => {
                gcp::decrypt(&context, name, &token, enc).await.map(Done::Decrypted)
            }
        }
    }

    async fn ask_azure(&self, key: &azure::Key<'_>, task: Task<'_>) -> Result<Done, Error> {
        let (context, token) = self.azure(key).await?;
        match task {
            Task::Encrypt(part) => {
                azure::encrypt(&context, key, &token, part).await.map(Done::Encrypted)
            }
            Task::Decrypt(enc) => {
                azure::decrypt(&context, key, &token, enc).await.map(Done::Decrypted)
            }
        }
    }

    async fn newest(&self, key: &azure::Key<'_>) -> Result<String, Error> {
        let (context, token) = self.azure(key).await?;
        azure::newest(&context, key, &token).await
    }

    /// What a key of Azure's is asked with.
    async fn azure(
        &self,
        key: &azure::Key<'_>,
    ) -> Result<(Context<'_>, Arc<Zeroizing<String>>), Error> {
        const SERVICE: &str = "Azure Key Vault";
        let audience = key.audience(&self.credentials.azure_domains)?;
        let context = self.context(&self.credentials.azure, SERVICE)?;
        let login = async {
            let token = cloud::azure::token(&context, &audience).await;
            let token = token.map_err(|source| Error::Login { service: SERVICE, source })?;
            Ok((token.token, after(context.now, token.lifetime)))
        };
        let token = keep(&self.logins.azure, audience.clone(), context.now, login).await?;
        Ok((context, token))
    }

    async fn ask_vault(&self, key: &vault::Key<'_>, task: Task<'_>) -> Result<Done, Error> {
        let login = &self.credentials.vault;
        let client = if let Some(client) = self.vault.get() {
            client
        } else {
            let built = login.client()?;
            self.vault.get_or_init(|| built)
        };
        let vault = vault::Vault { client, login };
        match task {
            Task::Encrypt(part) => vault.encrypt(key, part).await.map(Done::Encrypted),
            Task::Decrypt(enc) => vault.decrypt(key, enc).await.map(Done::Decrypted),
        }
    }

    fn context<'c>(
        &'c self,
        environment: &'c Environment,
        service: &'static str,
    ) -> Result<Context<'c>, Error> {
        let (client, near) = if let Some(clients) = self.clients.get() {
            clients.clone()
        } else {
            let built = cloud::clients(&self.credentials.aws, AGENT);
            let built = built.map_err(|source| Error::Login { service, source })?;
            self.clients.get_or_init(|| built).clone()
        };
        Ok(Context {
            environment,
            client,
            near,
            now: (self.clock)(),
            session: &self.credentials.session,
        })
    }
}

/// The login of `key` that is kept, or the one that `login` fetches; who asks for one meanwhile waits.
async fn keep<K: Eq + std::hash::Hash, T>(
    kept: &Mutex<HashMap<K, Kept<T>>>,
    key: K,
    now: Timestamp,
    login: impl Future<Output = Result<(T, Option<Timestamp>), Error>>,
) -> Result<Arc<T>, Error> {
    let mut kept = kept.lock().await;
    if let Some(good) = kept.get(&key).filter(|kept| now < kept.until) {
        return Ok(Arc::clone(&good.login));
    }
    let (login, until) = login.await?;
    let login = Arc::new(login);
    let until = match until {
        Some(until) => until.checked_sub(MARGIN),
        None => now.checked_add(UNSAID),
    };
    if let Ok(until) = until {
        kept.insert(key, Kept { login: Arc::clone(&login), until });
    }
    Ok(login)
}

fn after(now: Timestamp, lifetime: Duration) -> Option<Timestamp> {
    now.checked_add(lifetime).ok()
}

impl KeyService for Clouds {
    fn decrypt(&self, wrapped: &Wrapped) -> Result<Plaintext, KeyError> {
        match self.run(self.perform(&wrapped.key, Task::Decrypt(&wrapped.enc)))? {
            Done::Decrypted(part) => Ok(part),
            Done::Encrypted(_) => unreachable!("what is decrypted is no ciphertext"),
        }
    }

    fn encrypt(&self, key: &MasterKey, part: &Plaintext) -> Result<String, KeyError> {
        match self.run(self.perform(key, Task::Encrypt(part)))? {
            Done::Encrypted(enc) => Ok(enc),
            Done::Decrypted(_) => unreachable!("what is encrypted is no plaintext"),
        }
    }
}
