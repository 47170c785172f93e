//! How a new file is encrypted: what flags say, and where they say nothing the rules.

use std::path::{Path, PathBuf};

use sealer_core::sops::{
    content::Indents,
    key::MasterKey,
    selector::{Fields, Selector},
    store::Format,
};

use super::{
    context::Context,
    document::{Formats, chain},
    failure::{Code, Failure},
    grammar::Flags,
    keys, log,
};
use crate::rules::{self, Rules};

/// How a new file is encrypted.
pub(super) struct Creation {
    pub(super) groups: Vec<Vec<MasterKey>>,
    pub(super) threshold: Option<usize>,
    pub(super) selector: Selector,
    pub(super) mac_only_encrypted: bool,
}

impl From<rules::Error> for Failure {
    fn from(error: rules::Error) -> Self {
        let prefix = "error loading config: ";
        let text = match &error {
            rules::Error::Config { source, .. } if source.to_string().starts_with(prefix) => {
                chain(source)
            }
            error => format!("{prefix}{}", chain(error)),
        };
        Self::generic(text)
    }
}

impl Context<'_, '_> {
    /// The file with rules: the one that a flag names, or the nearest upwards from here.
    pub(super) fn rules(&mut self) -> Result<Option<Rules>, Failure> {
        let named = self.global.some("config").map(PathBuf::from);
        let here =
            std::env::current_dir().map_err(|err| Failure::generic(super::context::said(&err)))?;
        if named.is_none()
            && let Some(misnamed) = rules::misnamed(&here)
        {
            self.warn_once(&format!(
                "{} is not read: the file with rules is called `.sops.yaml`",
                misnamed.display()
            ));
        }
        Ok(Rules::find(named.as_deref(), &here)?)
    }

    /// What the rules say of a file; nothing if there are none.
    pub(super) fn rule(&mut self, name: &Path) -> Result<Option<Creation>, Failure> {
        let Some(rules) = self.rules()? else { return Ok(None) };
        let rule = rules.rule(name, &keys::context(self.flags)?)?;
        Ok(rule.map(|rule| Creation {
            groups: rule.groups,
            threshold: rule.threshold,
            selector: rule.selector,
            mac_only_encrypted: rule.mac_only_encrypted,
        }))
    }

    /// How a new file is encrypted. Flags win over the rules, field by field.
    pub(super) fn creation(&mut self, name: &Path, format: Format) -> Result<Creation, Failure> {
        let rule = self.rule(name)?;
        let typed = fields(self.flags);
        let selector = match &rule {
            Some(rule) if rule.selector != Selector::default() => {
                let (field, value) = rule.selector.field();
                combined(typed, field, value)
            }
            _ => typed,
        };
        let selector = if format == Format::Binary {
            self.warn_of_selector(&selector);
            Selector::default()
        } else {
            Selector::new(selector).map_err(|error| refused(&error))?
        };
        let keys = keys::listed(self.flags, "")?;
        // An encryption context that is none is an error even without keys for it.
        keys::context(self.flags)?;
        let (groups, ruled) = match (keys.is_empty(), rule) {
            (false, rule) => (vec![keys], rule),
            (true, Some(rule)) => (rule.groups.clone(), Some(rule)),
            (true, None) => {
                return Err(Failure::generic(
                    "config file not found, or has no creation rules, and no keys provided through command line options",
                ));
            }
        };
        let of_rule = ruled.as_ref().and_then(|rule| rule.threshold);
        Ok(Creation {
            threshold: keys::stated(keys::threshold(self.flags)?.or(of_rule), groups.len()),
            groups,
            selector,
            mac_only_encrypted: self.global.switch("mac-only-encrypted")
                || ruled.is_some_and(|rule| rule.mac_only_encrypted),
        })
    }

    /// What a file is read as and what is written, by flags or by its name.
    pub(super) fn formats(&mut self, name: &Path) -> Result<Formats, Failure> {
        let by_name = Format::of(&name.to_string_lossy());
        let format = |flag| Format::named(self.flags.text(flag)).unwrap_or(by_name);
        let (input, output) = (format("input-type"), format("output-type"));
        let typed = self.global.typed_number("indent");
        let typed = typed.and_then(|indent| usize::try_from(indent).ok());
        let typed = typed.map(|indent| Indents {
            yaml: if indent == 0 { Indents::default().yaml } else { indent },
            json: Some(indent),
        });
        let indents = match typed {
            Some(typed) => Some(typed),
            None => self.rules()?.and_then(|rules| rules.indents(output)),
        };
        Ok(Formats { input, output, indents })
    }

    fn warn_of_selector(&mut self, fields: &Fields) {
        let given = [
            (&fields.unencrypted_suffix, "an unencrypted suffix"),
            (&fields.encrypted_suffix, "an encrypted suffix"),
            (&fields.encrypted_regex, "an encrypted regex"),
            (&fields.unencrypted_regex, "an unencrypted regex"),
            (&fields.encrypted_comment_regex, "an encrypted comment regex"),
        ];
        for (_, what) in given.into_iter().filter(|(field, _)| field.is_some()) {
            log::line(
                self.streams,
                log::Level::Warning,
                &format!(
                    "Using {what} does not make sense for a binary file, which is one value that is always encrypted, and will be ignored."
                ),
            );
        }
    }
}

fn fields(flags: &Flags) -> Fields {
    let text = |name| flags.some(name).map(str::to_owned);
    Fields {
        unencrypted_suffix: text("unencrypted-suffix"),
        encrypted_suffix: text("encrypted-suffix"),
        unencrypted_regex: text("unencrypted-regex"),
        encrypted_regex: text("encrypted-regex"),
        unencrypted_comment_regex: text("unencrypted-comment-regex"),
        encrypted_comment_regex: text("encrypted-comment-regex"),
    }
}

/// The fields of flags, with that of a rule where none of the same name was typed.
fn combined(typed: Fields, field: &str, value: &str) -> Fields {
    let or =
        |typed: Option<String>, name| typed.or_else(|| (field == name).then(|| value.to_owned()));
    Fields {
        unencrypted_suffix: or(typed.unencrypted_suffix, "unencrypted_suffix"),
        encrypted_suffix: or(typed.encrypted_suffix, "encrypted_suffix"),
        unencrypted_regex: or(typed.unencrypted_regex, "unencrypted_regex"),
        encrypted_regex: or(typed.encrypted_regex, "encrypted_regex"),
        unencrypted_comment_regex: or(typed.unencrypted_comment_regex, "unencrypted_comment_regex"),
        encrypted_comment_regex: or(typed.encrypted_comment_regex, "encrypted_comment_regex"),
    }
}

fn refused(error: &sealer_core::sops::selector::Error) -> Failure {
    use sealer_core::sops::selector::Error;
    match error {
        Error::Conflict(..) => Failure::new(
            Code::Conflict,
            "Error: cannot use more than one of encrypted_suffix, unencrypted_suffix, encrypted_regex, unencrypted_regex, encrypted_comment_regex, or unencrypted_comment_regex in the same file",
        ),
        Error::Pattern { .. } => Failure::new(Code::Config, chain(error)),
    }
}
