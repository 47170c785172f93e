//! The rules of an ExternalSecret: the twins of the schema's, and what is not supported yet.

use super::{
    CreationPolicy, Data, DataFrom, DeletionPolicy, ExternalSecretSpec, RefreshPolicy,
    RemoteReference, StoreKind, Target,
};
use crate::duration;
use crate::violation::Violation;

impl ExternalSecretSpec {
    /// Every rule that the object breaks.
    pub fn violations(&self) -> Vec<Violation> {
        let mut broken = Vec::new();
        let mut refuse = |refused: bool, field: &str, message: &str| {
            if refused {
                broken.push(Violation::new(field, message));
            }
        };
        refuse(
            self.data.is_empty() && self.data_from.is_empty(),
            "spec",
            "needs `data` or `dataFrom`: say which values to read",
        );
        let store = self.secret_store_ref.as_ref();
        refuse(
            store.is_none_or(|store| store.name.is_empty()),
            "spec.secretStoreRef.name",
            "is missing: name the SecretStore to read from",
        );
        refuse(
            store.is_some_and(|store| store.kind == Some(StoreKind::ClusterSecretStore)),
            "spec.secretStoreRef.kind",
            "is ClusterSecretStore, which is not supported yet: use a SecretStore",
        );
        refuse(
            duration::parse(&self.refresh_interval).is_none(),
            "spec.refreshInterval",
            "must be a duration such as `1h`",
        );
        refuse(
            self.sync_windows.is_some(),
            "spec.syncWindows",
            "is not supported yet: leave it out",
        );
        refuse(
            self.refresh_policy.is_some_and(|policy| policy != RefreshPolicy::Periodic),
            "spec.refreshPolicy",
            "is not supported yet: leave it out or use `Periodic`",
        );
        broken.extend(self.target.violations());
        broken.extend(self.data.iter().enumerate().flat_map(|(i, data)| data.violations(i)));
        broken.extend(self.data_from.iter().enumerate().flat_map(|(i, from)| from.violations(i)));
        broken
    }
}

impl Target {
    fn violations(&self) -> Vec<Violation> {
        let rules = [
            (
                self.creation_policy != CreationPolicy::Owner,
                "creationPolicy",
                "is not supported yet: leave it out or use `Owner`",
            ),
            (
                self.deletion_policy != DeletionPolicy::Retain,
                "deletionPolicy",
                "is not supported yet: leave it out or use `Retain`",
            ),
            (self.template.is_some(), "template", "is not supported yet: leave it out"),
            (
                self.manifest.is_some(),
                "manifest",
                "is not supported yet: leave it out to write a Secret",
            ),
        ];
        let broken = rules.into_iter().filter(|(refused, ..)| *refused);
        broken
            .map(|(_, field, message)| Violation::new(format!("spec.target.{field}"), message))
            .collect()
    }
}

impl Data {
    fn violations(&self, index: usize) -> Vec<Violation> {
        let field = format!("spec.data[{index}]");
        let mut broken = self.remote_ref.violations(&format!("{field}.remoteRef"));
        if !is_key(&self.secret_key) {
            broken.push(Violation::new(
                format!("{field}.secretKey"),
                "must be 1 to 253 letters, digits, `-`, `_` or `.`",
            ));
        }
        if self.source_ref.is_some() {
            broken.push(Violation::new(
                format!("{field}.sourceRef"),
                "is not supported yet: use `spec.secretStoreRef`",
            ));
        }
        broken
    }
}

impl DataFrom {
    fn violations(&self, index: usize) -> Vec<Violation> {
        let field = format!("spec.dataFrom[{index}]");
        let generator =
            self.source_ref.as_ref().is_some_and(|source| source.generator_ref.is_some());
        let chosen = [self.extract.is_some(), self.find.is_some(), generator];
        if chosen.iter().filter(|set| **set).count() != 1 {
            return vec![Violation::new(
                field,
                "needs exactly one of `extract`, `find` and `sourceRef.generatorRef`",
            )];
        }
        let rules = [
            (self.find.is_some(), "find", "is not supported yet: use `extract`"),
            (
                self.source_ref.is_some(),
                "sourceRef",
                "is not supported yet: use `spec.secretStoreRef`",
            ),
            (self.rewrite.is_some(), "rewrite", "is not supported yet: leave it out"),
        ];
        let mut broken: Vec<_> = rules
            .into_iter()
            .filter(|(refused, ..)| *refused)
            .map(|(_, name, message)| Violation::new(format!("{field}.{name}"), message))
            .collect();
        if let Some(extract) = &self.extract {
            broken.extend(extract.violations(&format!("{field}.extract")));
        }
        broken
    }
}

impl RemoteReference {
    fn violations(&self, field: &str) -> Vec<Violation> {
        let one_of = |value: &Option<String>, allowed: &[&str]| {
            value.as_deref().is_some_and(|value| !value.is_empty() && !allowed.contains(&value))
        };
        #[rustfmt::skip]
        let rules = [
            (self.key.is_empty(), "key", "is missing: name the remote secret"),
            (one_of(&self.metadata_policy, &["None"]), "metadataPolicy", "must be `None`; `Fetch` is not supported yet"),
            (one_of(&self.conversion_strategy, &["Default", "Unicode"]), "conversionStrategy", "must be `Default` or `Unicode`"),
            (one_of(&self.decoding_strategy, &["None", "Base64", "Base64URL", "Auto"]), "decodingStrategy", "must be `None`, `Base64`, `Base64URL` or `Auto`"),
            (one_of(&self.null_byte_policy, &["Ignore", "Fail"]), "nullBytePolicy", "must be `Ignore` or `Fail`"),
        ];
        let broken = rules.into_iter().filter(|(refused, ..)| *refused);
        broken
            .map(|(_, name, message)| Violation::new(format!("{field}.{name}"), message))
            .collect()
    }
}

fn is_key(key: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=253).contains(&key.len()) && key.chars().all(legal)
}
