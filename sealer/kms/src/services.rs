//! Several services as one: what this process can do itself, and whom else it may ask.

use sealer_core::{
    plaintext::Plaintext,
    sops::key::{KeyError, KeyService, MasterKey, Wrapped},
};

/// What this process can wrap and open itself: age and PGP with its own keys, everything else through
/// the services of clouds and Vaults.
pub struct Local<K, C> {
    /// For age and PGP.
    pub keys: K,
    /// For everything else.
    pub clouds: C,
}

/// Services that are asked one after the other, until one can: this process, and then the key services
/// that somebody named, as sops does it.
#[derive(Default)]
pub struct InOrder(Vec<Box<dyn KeyService + Send + Sync>>);

impl<K: KeyService, C: KeyService> Local<K, C> {
    fn of(&self, key: &MasterKey) -> &dyn KeyService {
        match key {
            MasterKey::Age { .. } | MasterKey::Pgp { .. } => &self.keys,
            MasterKey::AwsKms { .. }
            | MasterKey::GcpKms { .. }
            | MasterKey::AzureKeyVault { .. }
            | MasterKey::Vault { .. }
            | MasterKey::HuaweiKms { .. } => &self.clouds,
        }
    }
}

impl<K: KeyService, C: KeyService> KeyService for Local<K, C> {
    fn decrypt(&self, wrapped: &Wrapped) -> Result<Plaintext, KeyError> {
        self.of(&wrapped.key).decrypt(wrapped)
    }

    fn encrypt(&self, key: &MasterKey, part: &Plaintext) -> Result<String, KeyError> {
        self.of(key).encrypt(key, part)
    }
}

impl InOrder {
    /// These services, and then `service`.
    #[must_use]
    pub fn then(mut self, service: impl KeyService + Send + Sync + 'static) -> Self {
        self.0.push(Box::new(service));
        self
    }

    fn first<T>(
        &self,
        ask: impl Fn(&dyn KeyService) -> Result<T, KeyError>,
    ) -> Result<T, KeyError> {
        let mut failures = Vec::new();
        for service in &self.0 {
            match ask(&**service) {
                Ok(done) => return Ok(done),
                Err(failure) => failures.push(failure),
            }
        }
        let nobody = failures.iter().all(|failure| matches!(failure, KeyError::Missing(_)));
        let told: Vec<String> = failures.iter().map(ToString::to_string).collect();
        let told = match told.as_slice() {
            [] => "there is no key service; leave `--enable-local-keyservice` on, or name one with `--keyservice`".to_owned(),
            told => told.join("; "),
        };
        Err(if nobody { KeyError::Missing(told) } else { KeyError::Failed(told) })
    }
}

impl KeyService for InOrder {
    fn decrypt(&self, wrapped: &Wrapped) -> Result<Plaintext, KeyError> {
        self.first(|service| service.decrypt(wrapped))
    }

    fn encrypt(&self, key: &MasterKey, part: &Plaintext) -> Result<String, KeyError> {
        self.first(|service| service.encrypt(key, part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with its name, or fails as it was told.
    struct Named(&'static str, Option<KeyError>);

    impl KeyService for Named {
        fn decrypt(&self, _: &Wrapped) -> Result<Plaintext, KeyError> {
            self.1.clone().map_or_else(|| Ok(Plaintext::new(self.0.into())), Err)
        }

        fn encrypt(&self, _: &MasterKey, _: &Plaintext) -> Result<String, KeyError> {
            self.1.clone().map_or_else(|| Ok(self.0.to_owned()), Err)
        }
    }

    fn both(service: &impl KeyService, key: MasterKey) -> Result<String, KeyError> {
        let made = service.encrypt(&key, &Plaintext::new(Vec::new()));
        let wrapped = Wrapped { key, enc: String::new(), created_at: None };
        let opened = service.decrypt(&wrapped);
        let opened = opened.map(|part| String::from_utf8(part.expose().to_vec()).unwrap());
        assert_eq!(opened, made);
        made
    }

    #[test]
    fn keys_go_to_those_who_have_them() {
        let local = Local { keys: Named("keys", None), clouds: Named("clouds", None) };
        #[rustfmt::skip]
        let cases = [
            (MasterKey::age("age1x"),                         "keys"),
            (MasterKey::pgp("AB"),                            "keys"),
            (MasterKey::gcp_kms("projects/p"),                "clouds"),
            (MasterKey::huawei_kms("eu:1").unwrap(),          "clouds"),
            (MasterKey::vault("https://v/v1/t/keys/k").unwrap(), "clouds"),
        ];
        for (key, who) in cases {
            assert_eq!(both(&local, key), Ok(who.to_owned()));
        }
    }

    #[test]
    fn services_are_asked_until_one_can() {
        let missing = |text: &str| Some(KeyError::Missing(text.to_owned()));
        let failed = |text: &str| Some(KeyError::Failed(text.to_owned()));
        let chain = |services: [Option<KeyError>; 2]| {
            let named = ["first", "second"].into_iter().zip(services);
            named.fold(InOrder::default(), |chain, (name, error)| chain.then(Named(name, error)))
        };
        let ok = |text: &str| Ok(text.to_owned());
        #[rustfmt::skip]
        let cases = [
            // first           second           together
            ([None,            None],           ok("first")),
            ([missing("no"),   None],           ok("second")),
            ([failed("down"),  None],           ok("second")),
            ([missing("a"),    missing("b")],   Err(KeyError::Missing("a; b".to_owned()))),
            ([missing("a"),    failed("b")],    Err(KeyError::Failed("a; b".to_owned()))),
        ];
        for (services, expected) in cases {
            assert_eq!(both(&chain(services), MasterKey::age("x")), expected);
        }
        let nobody = both(&InOrder::default(), MasterKey::age("x")).unwrap_err();
        assert!(nobody.to_string().contains("`--keyservice`"), "{nobody}");
    }
}
