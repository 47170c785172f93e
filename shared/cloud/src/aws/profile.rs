//! Profiles, as Amazon's tools keep them in `~/.aws/config` and `~/.aws/credentials`.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::{Place, at_work, from_container, from_instance, from_variables, sigv4::Key, sts};
use crate::{Context, Error, ask};

/// How many profiles may stand behind one another.
const DEEPEST: usize = 8;

/// What is said of every profile; the values may be keys.
type Profiles = BTreeMap<String, BTreeMap<String, Zeroizing<String>>>;

/// The key of the profile that the caller or the environment names, or of the default one; nothing
/// where there is none or it says nothing about keys.
pub(super) async fn key(
    context: &Context<'_>,
    place: Place<'_>,
    named: Option<&str>,
) -> Result<Option<Key>, Error> {
    if context.environment.is_alone() {
        return Ok(None);
    }
    let get = |name| context.environment.get(name);
    let asked = named.or_else(|| get("AWS_PROFILE")).or_else(|| get("AWS_DEFAULT_PROFILE"));
    let profiles = read(context).await?;
    let name = asked.unwrap_or("default");
    if !profiles.contains_key(name) {
        let missing = "is in neither of the files `~/.aws/config` and `~/.aws/credentials`, or where `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE` say; correct the name, or write it there";
        return asked.map_or(Ok(None), |asked| Err(problem(asked, missing)));
    }
    Search { context, place, profiles: &profiles }.key(name, DEEPEST).await
}

struct Search<'s, 'c> {
    context: &'s Context<'c>,
    place: Place<'s>,
    profiles: &'s Profiles,
}

impl Search<'_, '_> {
    async fn key(&self, name: &str, deepest: usize) -> Result<Option<Key>, Error> {
        let Some(profile) = self.profiles.get(name) else {
            return Err(problem(
                name,
                "is named by another as its `source_profile`, and is nowhere; write it",
            ));
        };
        let get = |setting: &str| profile.get(setting).map(|value| value.as_str());
        let Some(role) = get("role_arn") else { return spelled_out(name, &get) };
        if let Some(path) = get("web_identity_token_file") {
            let token = ask::read("web_identity_token_file", path).await?;
            let token = token.trim();
            return sts::assume_with_token(self.context, self.place, role, token).await.map(Some);
        }
        if get("mfa_serial").is_some() {
            return Err(problem(
                name,
                "wants a code of a second factor, which is not asked for here; log in with `aws sts get-session-token` and give that key by environment",
            ));
        }
        let source = match (get("source_profile"), get("credential_source")) {
            (Some(source), _) if source == name => spelled_out(name, &get)?,
            (Some(_), _) if deepest == 0 => {
                return Err(problem(
                    name,
                    "stands behind too many others; name its key's profile directly",
                ));
            }
            (Some(source), _) => Box::pin(self.key(source, deepest - 1)).await?,
            (None, Some("Environment")) => from_variables(self.context),
            (None, Some("EcsContainer")) => from_container(self.context).await?,
            (None, Some("Ec2InstanceMetadata")) => Some(from_instance(self.context).await?),
            (None, _) => {
                return Err(problem(
                    name,
                    "has a `role_arn` and no `source_profile` or `credential_source` that is known; add one",
                ));
            }
        };
        let source = match source {
            Some(source) => source,
            None => at_work(self.context).await?,
        };
        let mut more = Vec::new();
        for (setting, field) in [
            ("role_session_name", "RoleSessionName"),
            ("external_id", "ExternalId"),
            ("duration_seconds", "DurationSeconds"),
        ] {
            more.extend(get(setting).map(|value| (field, value)));
        }
        sts::assume(self.context, self.place, &source, role, &more).await.map(Some)
    }
}

/// The key that a profile spells out.
fn spelled_out<'p>(
    name: &str,
    get: &impl Fn(&str) -> Option<&'p str>,
) -> Result<Option<Key>, Error> {
    if let (Some(id), Some(secret)) = (get("aws_access_key_id"), get("aws_secret_access_key")) {
        return Ok(Some(Key {
            id: id.to_owned(),
            secret: Zeroizing::new(secret.to_owned()),
            token: get("aws_session_token").map(|token| Zeroizing::new(token.to_owned())),
            until: None,
        }));
    }
    if ["sso_session", "sso_start_url", "login_session"].iter().any(|it| get(it).is_some()) {
        return Err(problem(
            name,
            "logs in through a browser, which is not done here; run `eval $(aws configure export-credentials --profile NAME --format env)` before",
        ));
    }
    if get("credential_process").is_some() {
        return Err(problem(
            name,
            "names a `credential_process`, which is not run here; give what it prints by environment: `aws configure export-credentials --profile NAME --format env`",
        ));
    }
    Ok(None)
}

fn problem(profile: &str, problem: &'static str) -> Error {
    Error::Profile { profile: profile.to_owned(), problem }
}

/// Both files, of which the credentials win.
async fn read(context: &Context<'_>) -> Result<Profiles, Error> {
    let mut profiles = Profiles::new();
    for (variable, usual, prefix) in [
        ("AWS_CONFIG_FILE", ".aws/config", "profile "),
        ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", ""),
    ] {
        let named = context.environment.get(variable).map(str::to_owned);
        let Some(path) = named.or_else(|| context.environment.at_home(usual)) else { continue };
        if let Some(text) = ask::read_if_there(variable, &path).await? {
            parse(&text, prefix, &mut profiles);
        }
    }
    Ok(profiles)
}

/// Reads the sections of a file: `[default]`, and those whose names begin with `prefix`.
fn parse(text: &str, prefix: &str, profiles: &mut Profiles) {
    let mut current = None;
    for line in text.lines() {
        // An indented line is a part of a setting that says nothing of keys, such as `s3`.
        if line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            let section = section.trim();
            let named = section.strip_prefix(prefix).map(str::trim);
            let name = if section == "default" { Some(section) } else { named };
            current = name.map(str::to_owned);
            profiles.extend(
                name.map(|name| (name.to_owned(), <_>::default()))
                    .filter(|(name, _): &(String, _)| !profiles.contains_key(name)),
            );
        } else if let (Some(name), Some((setting, value))) = (&current, line.split_once('=')) {
            // A comment behind a value is set off by a blank.
            let value = value.split(" #").next().unwrap_or_default();
            let value = value.split(" ;").next().unwrap_or_default().trim();
            let profile = profiles.entry(name.clone()).or_default();
            let value = Zeroizing::new(value.to_owned());
            profile.insert(setting.trim().to_ascii_lowercase(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_amazons_tools_write_them() {
        let mut profiles = Profiles::new();
        let config = "# comment\n[default]\nregion = eu-west-1\n[profile work]\nrole_arn=arn:x # ours\nsource_profile = default\ns3 =\n  max_concurrent_requests = 20\n[sso-session ours]\nsso_region = x\n";
        parse(config, "profile ", &mut profiles);
        let credentials = "[default]\naws_access_key_id = AK\nAWS_SECRET_ACCESS_KEY=a=b/c+#d\n[work]\naws_access_key_id=W\n";
        parse(credentials, "", &mut profiles);
        #[rustfmt::skip]
        let cases = [
            // profile    setting                  value
            ("default",   "region",                Some("eu-west-1")),
            ("default",   "aws_access_key_id",     Some("AK")),
            ("default",   "aws_secret_access_key", Some("a=b/c+#d")),
            ("work",      "role_arn",              Some("arn:x")),
            ("work",      "source_profile",        Some("default")),
            ("work",      "aws_access_key_id",     Some("W")),
            ("work",      "max_concurrent_requests", None),
            ("ours",      "sso_region",            None),
        ];
        for (profile, setting, value) in cases {
            let found = profiles.get(profile).and_then(|profile| profile.get(setting));
            assert_eq!(found.map(|value| value.as_str()), value, "{profile} {setting}");
        }
    }
}
