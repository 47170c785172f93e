//! How a remote value is decoded before it is written.

use std::str::FromStr;

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE},
};

use crate::plaintext::Plaintext;

/// `decodingStrategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// As it is.
    #[default]
    None,
    /// Base64 with padding.
    Base64,
    /// Base64 with the URL's alphabet and padding.
    Base64Url,
    /// Whichever of the two it is, or else as it is. A word of four letters is base64 too.
    Auto,
}

/// Why a value cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name is no strategy.
    #[error("`decodingStrategy` is `{0}`; use `None`, `Base64`, `Base64URL` or `Auto`")]
    Unknown(String),
    /// The value is not of that encoding.
    #[error("the value is not {0}; correct it in the store, or set `decodingStrategy: None`")]
    Invalid(&'static str),
}

impl FromStr for Strategy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "" | "None" => Ok(Self::None),
            "Base64" => Ok(Self::Base64),
            "Base64URL" => Ok(Self::Base64Url),
            "Auto" => Ok(Self::Auto),
            other => Err(Error::Unknown(other.to_owned())),
        }
    }
}

impl Strategy {
    /// Decodes one value.
    pub fn decode(self, value: Plaintext) -> Result<Plaintext, Error> {
        let standard = || BASE64_STANDARD.decode(value.expose()).map(Plaintext::new);
        let url = || BASE64_URL_SAFE.decode(value.expose()).map(Plaintext::new);
        match self {
            Self::None => Ok(value),
            // The decoder's own error would quote a byte of the value.
            Self::Base64 => standard().map_err(|_| Error::Invalid("base64")),
            Self::Base64Url => url().map_err(|_| Error::Invalid("base64 with the URL's alphabet")),
            Self::Auto => Ok(standard().or_else(|_| url()).unwrap_or(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_strategy_takes_its_own_encoding() {
        #[rustfmt::skip]
        let cases = [
            // strategy    value           decoded
            ("Base64",     "YmFy",         Some("bar")),
            ("Base64",     "foo",          None),
            ("Base64",     "Zm9vJV8_YmFy", None),
            ("Base64URL",  "Zm9vJV8_YmFy", Some("foo%_?bar")),
            ("Base64URL",  "foo",          None),
            ("None",       "Zm9vJV8_YmFy", Some("Zm9vJV8_YmFy")),
            ("",           "Zm9vJV8_YmFy", Some("Zm9vJV8_YmFy")),
            ("Auto",       "Zm9vJV8/YmFy", Some("foo%_?bar")),
            ("Auto",       "Zm9vJV8_YmFy", Some("foo%_?bar")),
            ("Auto",       "foo",          Some("foo")),
        ];
        for (strategy, value, expected) in cases {
            let strategy: Strategy = strategy.parse().unwrap();
            let decoded = strategy.decode(value.to_owned().into()).ok();
            let decoded = decoded.as_ref().map(Plaintext::expose);
            assert_eq!(decoded, expected.map(str::as_bytes), "{strategy:?} of `{value}`");
        }
        assert_eq!("base64".parse::<Strategy>(), Err(Error::Unknown("base64".into())));
    }
}
