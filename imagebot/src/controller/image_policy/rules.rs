//! What an ImagePolicy asks for: its spec, completed by annotations.
//!
//! A cluster with Flux's own definition drops fields that are not Flux's, so each of ours can be
//! written as an annotation too. The spec goes first; `exclude` and `platforms` add up.

use imagebot_api::{
    ImagePolicy, ImagePolicySpec,
    image_policy::{Exclude, Hold, Newest, NewestBy, Order, Ordered, RULES, Verify},
    rule,
};
use imagebot_core::policy::{Policy, Spec, exclude, platform::Platform};
use jiff::Timestamp;
use kube::ResourceExt as _;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::Error;
use crate::verify;

/// What every annotation of ours begins with.
pub const PREFIX: &str = "signet.dev/";
/// The annotation that accepts a step down to the tag that it names.
pub const ACCEPT_DOWNGRADE: &str = "signet.dev/accept-downgrade";

/// What a policy asks for, understood.
pub struct Rules {
    /// Which tags take part, and in which order.
    pub policy: Policy,
    /// The one tag to pick.
    pub pin: Option<String>,
    /// Until when nothing is picked anew.
    pub hold: Option<Held>,
    /// How long a tag must have been seen, in seconds.
    pub min_age: Option<i64>,
    /// What an image must run on.
    pub platforms: Vec<Platform>,
    /// The time by which tags are ordered, if they are.
    pub newest: Option<NewestBy>,
    /// The signatures that an image must have.
    pub verify: Option<Verify>,
    /// The tag to which a step down is accepted.
    pub allowed: Option<String>,
    /// Identifies the rules by which a tag is picked.
    pub id: String,
}

/// How long what is in force stays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Until the field is removed.
    Open,
    /// Until this time.
    Until(Timestamp),
}

impl Rules {
    /// Understands what the author of `object` wrote.
    pub fn read(object: &ImagePolicy) -> Result<Self, Error> {
        let spec = complete(object)?;
        rule::check(RULES, &spec).map_err(Error::Rule)?;
        let interval = spec.interval.as_ref().map(imagebot_api::Duration::parse).transpose();
        interval.map_err(|source| Error::Duration { field: "spec.interval", source })?;
        let min_age = spec.min_age.as_ref().map(imagebot_api::Duration::parse).transpose();
        let min_age = min_age.map_err(|source| Error::Duration { field: "spec.minAge", source })?;
        let platforms = spec.platforms.iter().map(|text| Platform::parse(text));
        spec.verify.as_ref().map(verify::check).transpose().map_err(Error::Trust)?;
        Ok(Self {
            policy: policy(&spec)?,
            pin: spec.pin.clone(),
            hold: spec.hold.as_ref().map(held).transpose()?,
            min_age: min_age.map(|age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX)),
            platforms: platforms.collect::<Result<_, _>>().map_err(Error::Platform)?,
            newest: newest(&spec),
            verify: spec.verify.clone(),
            allowed: object.annotations().get(ACCEPT_DOWNGRADE).cloned(),
            id: id(&spec),
        })
    }

    /// The field that lets something besides names decide, if there is one.
    pub fn looks_inside(&self) -> Option<&'static str> {
        let fields = [
            ("spec.verify", self.verify.is_some()),
            ("spec.policy.newest", self.newest.is_some()),
            ("spec.hold", self.hold.is_some()),
            ("spec.minAge", self.min_age.is_some()),
            ("spec.platforms", !self.platforms.is_empty()),
        ];
        fields.into_iter().find(|(_, set)| *set).map(|(field, _)| field)
    }
}

/// The spec with what annotations add to it.
fn complete(object: &ImagePolicy) -> Result<ImagePolicySpec, Error> {
    let mut spec = object.spec.clone();
    let text = |name: &str| object.annotations().get(&format!("{PREFIX}{name}"));
    if let Some(text) = text("exclude") {
        let tag = |tag: &str| Exclude { tag: Some(tag.to_owned()), ..Exclude::default() };
        spec.exclude.extend(list("exclude", text, tag)?);
    }
    if let Some(text) = text("platforms") {
        spec.platforms.extend(list("platforms", text, str::to_owned)?);
    }
    spec.pin = spec.pin.or_else(|| text("pin").cloned());
    if let (None, Some(text)) = (&spec.hold, text("hold")) {
        spec.hold = match text.as_str() {
            "" | "false" => None,
            "true" => Some(Hold::default()),
            until => Some(Hold { until: Some(until.to_owned()) }),
        };
    }
    let min_age = || text("minAge").map(|text| imagebot_api::Duration(text.clone()));
    spec.min_age = spec.min_age.or_else(min_age);
    if let (None, Some(text)) = (&spec.policy.newest, text("newest")) {
        let by = match text.as_str() {
            "" | "true" | "Created" => NewestBy::Created,
            "Pushed" => NewestBy::Pushed,
            _ => return Err(Error::Annotation { name: "newest", what: "`Created` or `Pushed`" }),
        };
        spec.policy.newest = Some(Newest { by });
    }
    if let (None, Some(text)) = (&spec.verify, text("verify")) {
        spec.verify = Some(json("verify", text)?);
    }
    Ok(spec)
}

/// A list in JSON, or words with commas or blanks between.
fn list<T: DeserializeOwned>(
    name: &'static str,
    text: &str,
    word: impl Fn(&str) -> T,
) -> Result<Vec<T>, Error> {
    if text.trim_start().starts_with('[') {
        return json(name, text);
    }
    let words = text.split([',', ' ', '\n']).filter(|it| !it.is_empty());
    Ok(words.map(word).collect())
}

fn json<T: DeserializeOwned>(name: &'static str, text: &str) -> Result<T, Error> {
    let what = "the JSON that the field of this name has in a spec";
    serde_json::from_str(text).map_err(|_| Error::Annotation { name, what })
}

/// The policy in the words of the core.
fn policy(spec: &ImagePolicySpec) -> Result<Policy, Error> {
    let order = |it: &Ordered| match it.order {
        Order::Asc => "asc",
        Order::Desc => "desc",
    };
    // The rules of the kind have seen to it that each entry sets one.
    let excluded = spec.exclude.iter().filter_map(|it| match it {
        Exclude { tag: Some(tag), .. } => Some(exclude::Exclude::Tag(tag)),
        Exclude { pattern: Some(pattern), .. } => Some(exclude::Exclude::Pattern(pattern)),
        Exclude { range, .. } => range.as_deref().map(exclude::Exclude::Range),
    });
    let excluded: Vec<_> = excluded.collect();
    let filter = spec.filter_tags.as_ref();
    let spec = Spec {
        semver: spec.policy.semver.as_ref().map(|it| it.range.as_str()),
        alphabetical: spec.policy.alphabetical.as_ref().map(order),
        numerical: spec.policy.numerical.as_ref().map(order),
        newest: spec.policy.newest.is_some(),
        exclude: &excluded,
        pattern: filter.map_or("", |filter| &filter.pattern),
        extract: filter.map_or("", |filter| &filter.extract),
    };
    Policy::parse(&spec).map_err(Error::Policy)
}

/// The time by which tags are ordered; another kind of policy goes before.
fn newest(spec: &ImagePolicySpec) -> Option<NewestBy> {
    let choice = &spec.policy;
    let other =
        choice.semver.is_some() || choice.alphabetical.is_some() || choice.numerical.is_some();
    choice.newest.as_ref().filter(|_| !other).map(|newest| newest.by)
}

fn held(hold: &Hold) -> Result<Held, Error> {
    let Some(until) = &hold.until else { return Ok(Held::Open) };
    until.parse().map(Held::Until).map_err(|_| Error::Until { until: until.clone() })
}

/// A short name of all that decides which tag is picked.
fn id(spec: &ImagePolicySpec) -> String {
    let deciding = ImagePolicySpec {
        interval: None,
        suspend: false,
        hold: None,
        digest_reflection_policy: <_>::default(),
        ..spec.clone()
    };
    let text = serde_json::to_string(&deciding).unwrap_or_default();
    let hash = Sha256::digest(text);
    hash[..8].iter().fold(String::new(), |id, byte| id + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(spec: &str, annotations: &[(&str, &str)]) -> ImagePolicy {
        let spec = format!(r#"{{"imageRepositoryRef":{{"name":"web"}},{spec}}}"#);
        let mut object = ImagePolicy::new("web", serde_json::from_str(&spec).unwrap());
        for (name, value) in annotations {
            object.annotations_mut().insert(format!("{PREFIX}{name}"), (*value).to_owned());
        }
        object
    }

    #[test]
    fn annotations_say_what_fields_say() {
        let semver = r#""policy":{"semver":{"range":"1.x"}}"#;
        #[rustfmt::skip]
        let cases: [(&str, &[(&str, &str)]); 7] = [
            (r#""policy":{"semver":{"range":"1.x"}},"exclude":[{"tag":"1.1.0"},{"tag":"1.2.0"}]"#, &[("exclude", "1.1.0, 1.2.0")]),
            (r#""policy":{"semver":{"range":"1.x"}},"exclude":[{"range":"1.1"}]"#, &[("exclude", r#"[{"range":"1.1"}]"#)]),
            (r#""policy":{"semver":{"range":"1.x"}},"pin":"1.0.0""#, &[("pin", "1.0.0")]),
            (r#""policy":{"semver":{"range":"1.x"}},"minAge":"72h""#, &[("minAge", "72h")]),
            (r#""policy":{"semver":{"range":"1.x"}},"platforms":["linux/amd64","linux/arm64"]"#, &[("platforms", "linux/amd64,linux/arm64")]),
            (r#""policy":{"semver":{"range":"1.x"}},"verify":{"secretRef":{"name":"keys"}}"#, &[("verify", r#"{"secretRef":{"name":"keys"}}"#)]),
            (r#""policy":{"newest":{"by":"Pushed"}}"#, &[("newest", "Pushed")]),
        ];
        for (fields, annotations) in cases {
            let spec = if annotations[0].0 == "newest" { r#""policy":{}"# } else { semver };
            let (written, annotated) = (object(fields, &[]), object(spec, annotations));
            assert_eq!(complete(&annotated).unwrap(), written.spec, "{fields}");
            let (left, right) = (Rules::read(&written), Rules::read(&annotated));
            assert_eq!(left.unwrap().id, right.unwrap().id, "{fields}");
        }
    }

    #[test]
    fn a_hold_is_open_or_has_an_end() {
        let semver = r#""policy":{"semver":{"range":"1.x"}}"#;
        let end = "2026-12-24T00:00:00Z";
        let hold = |text| Rules::read(&object(semver, &[("hold", text)])).map(|it| it.hold);
        assert_eq!(hold("true").unwrap(), Some(Held::Open));
        assert_eq!(hold("false").unwrap(), None);
        assert_eq!(hold(end).unwrap(), Some(Held::Until(end.parse().unwrap())));
        assert!(hold("Christmas").is_err());
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        let semver = r#""policy":{"semver":{"range":"1.x"}}"#;
        #[rustfmt::skip]
        let cases = [
            ("exclude", "[{}]", "each entry of spec.exclude"),
            ("exclude", "[", "`signet.dev/exclude`"),
            ("platforms", "arm64", "`spec.platforms`"),
            ("minAge", "3 days", "`spec.minAge`"),
            ("verify", "cosign", "`signet.dev/verify`"),
            ("verify", "{}", "exactly one of secretRef"),
            ("newest", "Oldest", "`signet.dev/newest`"),
        ];
        for (name, value, says) in cases {
            let error = Rules::read(&object(semver, &[(name, value)])).err();
            let message = error.map(|error| error.to_string()).unwrap_or_default();
            assert!(message.contains(says), "{name}={value}: {message}");
        }
    }
}
