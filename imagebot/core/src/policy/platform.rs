//! What an image runs on.

use std::fmt;

/// An operating system on an architecture.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Platform {
    /// Such as `linux`.
    pub os: String,
    /// Such as `arm64`, in Go's words.
    pub architecture: String,
    /// Such as `v7`, where it matters.
    pub variant: Option<String>,
}

/// A text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a platform; write it as `linux/amd64` or `linux/arm/v7`")]
pub struct Error(pub String);

impl Platform {
    /// Reads `os/architecture[/variant]`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let part = |part: &str| {
            let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            !part.is_empty() && part.bytes().all(fits)
        };
        let parts: Vec<_> = text.split('/').collect();
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant)),
            _ => return Err(Error(text.to_owned())),
        };
        if !part(os) || !part(architecture) || !variant.is_none_or(part) {
            return Err(Error(text.to_owned()));
        }
        Ok(Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        })
    }

    /// Whether an image for `offered` runs where this one is required. A variant counts only where
    /// it is required; `arm64` is always `v8`.
    fn is_met_by(&self, offered: &Self) -> bool {
        let variant = |platform: &Self| match (platform.architecture.as_str(), &platform.variant) {
            ("arm64", None) => Some("v8".to_owned()),
            (_, variant) => variant.clone(),
        };
        self.os == offered.os
            && self.architecture == offered.architecture
            && (self.variant.is_none() || variant(self) == variant(offered))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

/// Those of `required` that are not in `offered`.
pub fn missing<'r>(required: &'r [Platform], offered: &[Platform]) -> Vec<&'r Platform> {
    let met = |wanted: &&Platform| offered.iter().any(|it| wanted.is_met_by(it));
    required.iter().filter(|wanted| !met(wanted)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_two_or_three_words() {
        for text in ["linux/amd64", "linux/arm/v7", "windows/amd64"] {
            assert_eq!(Platform::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "Linux/amd64"] {
            assert!(Platform::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_told() {
        let all =
            |list: &[&str]| list.iter().map(|it| Platform::parse(it).unwrap()).collect::<Vec<_>>();
        let offered = all(&["linux/amd64", "linux/arm64/v8", "linux/arm/v6"]);
        #[rustfmt::skip]
        let cases: [(&[&str], &[&str]); 4] = [
            (&["linux/amd64", "linux/arm64"], &[]),
            (&["linux/arm64/v8", "linux/arm"], &[]),
            (&["linux/arm/v7"], &["linux/arm/v7"]),
            (&["windows/amd64", "linux/s390x"], &["windows/amd64", "linux/s390x"]),
        ];
        for (required, expected) in cases {
            let required = all(required);
            let missing: Vec<_> =
                missing(&required, &offered).iter().map(ToString::to_string).collect();
            assert_eq!(missing, expected);
        }
    }
}
