//! From metadata to the block, as the newest sops writes it: every map in alphabetical order.

use super::{Field, Group, KEY, MasterKey, Metadata, VERSION, Wrapped};
use crate::sops::key::Kind;

impl Metadata {
    /// The block.
    pub(in crate::sops) fn field(&self) -> Field {
        let mut fields = match &self.groups[..] {
            [only] => lists(only, false),
            groups => {
                let groups = groups.iter().map(|group| sorted(lists(group, true))).collect();
                vec![("key_groups".to_owned(), Field::List(groups))]
            }
        };
        let mut push = |name: &str, field| fields.push((name.to_owned(), field));
        push("lastmodified", text(&self.modified));
        push("mac", text(self.mac.as_deref().unwrap_or_default()));
        push("version", text(self.version.as_deref().unwrap_or(VERSION)));
        if self.mac_only_encrypted {
            push("mac_only_encrypted", Field::Bare("true".to_owned()));
        }
        if let Some(threshold) = self.threshold {
            push("shamir_threshold", Field::Bare(threshold.to_string()));
        }
        if let Some(layout) = &self.layout {
            push("signet_layout", text(layout));
        }
        let (selector, value) = self.selector.field();
        push(selector, text(value));
        sorted(fields)
    }

    /// The block as YAML in block style, every line ended by `newline` and indented by `indent`.
    pub(in crate::sops) fn block(&self, indent: &str, newline: &str) -> String {
        let mut text = format!("{indent}{KEY}:{newline}");
        for line in self.field().yaml_lines(4) {
            text.push_str(indent);
            text.push_str(&line);
            text.push_str(newline);
        }
        text
    }

    /// The block as one pair of a flow mapping.
    pub(in crate::sops) fn flow(&self) -> String {
        format!("\"{KEY}\": {}", self.field().json_text("", None))
    }
}

/// The lists of a group. In a group of several, two of them are written even when empty.
fn lists(group: &Group, of_several: bool) -> Vec<(String, Field)> {
    let list = |kind: Kind| {
        let entries: Vec<_> =
            group.0.iter().filter(|wrapped| wrapped.key.kind() == kind).map(entry).collect();
        let always = of_several && matches!(kind, Kind::Age | Kind::Vault);
        (always || !entries.is_empty()).then(|| (kind.name().to_owned(), Field::List(entries)))
    };
    Kind::ALL.into_iter().filter_map(list).collect()
}

fn entry(wrapped: &Wrapped) -> Field {
    let mut fields = vec![("enc", text(&wrapped.enc))];
    if let Some(created_at) = &wrapped.created_at {
        fields.push(("created_at", text(created_at)));
    }
    match &wrapped.key {
        MasterKey::Age { recipient } => fields.push(("recipient", text(recipient))),
        MasterKey::Pgp { fingerprint } => fields.push(("fp", text(fingerprint))),
        MasterKey::GcpKms { resource_id } => fields.push(("resource_id", text(resource_id))),
        MasterKey::HuaweiKms { key_id } => fields.push(("key_id", text(key_id))),
        MasterKey::AwsKms { arn, role, context, profile } => {
            fields.push(("arn", text(arn)));
            fields.push(("aws_profile", text(profile.as_deref().unwrap_or_default())));
            if let Some(role) = role {
                fields.push(("role", text(role)));
            }
            if !context.is_empty() {
                let pairs = context.iter().map(|(key, value)| (key.clone(), text(value)));
                fields.push(("context", Field::Map(pairs.collect())));
            }
        }
        MasterKey::AzureKeyVault { vault_url, name, version } => fields.extend([
            ("vault_url", text(vault_url)),
            ("name", text(name)),
            ("version", text(version)),
        ]),
        MasterKey::Vault { address, engine_path, key_name } => fields.extend([
            ("vault_address", text(address)),
            ("engine_path", text(engine_path)),
            ("key_name", text(key_name)),
        ]),
    }
    sorted(fields.into_iter().map(|(name, field)| (name.to_owned(), field)).collect())
}

fn sorted(mut fields: Vec<(String, Field)>) -> Field {
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    Field::Map(fields)
}

fn text(text: &str) -> Field {
    Field::Text(text.to_owned())
}
