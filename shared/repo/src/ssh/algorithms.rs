//! Which algorithms are offered to ssh servers, and in which order.

use russh::{kex, keys::Algorithm};

use super::trust;

/// The key exchanges and types of host key that are offered; the default is all that are safe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Algorithms {
    kex: Option<Vec<kex::Name>>,
    host_keys: Option<Vec<Algorithm>>,
}

/// A name that is no algorithm here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not supported; there are {}", .known.join(", "))]
pub struct Unsupported {
    name: String,
    known: Vec<String>,
}

impl Algorithms {
    /// The key exchanges and types of host key with these names, the most wanted first. An empty list
    /// leaves the default.
    pub fn named<S: AsRef<str>>(kex: &[S], host_keys: &[S]) -> Result<Self, Unsupported> {
        let exchange = |name: &S| {
            let found = KEX.iter().find(|known| known.as_ref() == name.as_ref());
            let all = || KEX.iter().filter(|it| !is_extension(it)).map(|it| it.as_ref().to_owned());
            let known = found.filter(|found| !is_extension(found)).copied();
            known.ok_or_else(|| Unsupported {
                name: name.as_ref().to_owned(),
                known: all().collect(),
            })
        };
        let host_key = |name: &S| {
            let mut all = trust::supported().into_iter();
            let names = || trust::supported().iter().map(ToString::to_string).collect();
            let found = all.find(|known| known.as_str() == name.as_ref());
            found.ok_or_else(|| Unsupported { name: name.as_ref().to_owned(), known: names() })
        };
        let kex: Vec<_> = kex.iter().map(exchange).collect::<Result<_, _>>()?;
        let host_keys: Vec<_> = host_keys.iter().map(host_key).collect::<Result<_, _>>()?;
        Ok(Self {
            kex: (!kex.is_empty()).then_some(kex),
            host_keys: (!host_keys.is_empty()).then_some(host_keys),
        })
    }

    /// What is offered to agree on a key.
    pub(super) fn kex(&self) -> Vec<kex::Name> {
        match &self.kex {
            None => KEX.to_vec(),
            Some(chosen) => {
                let extensions = KEX.iter().filter(|name| is_extension(name));
                chosen.iter().chain(extensions).copied().collect()
            }
        }
    }

    /// Those of `possible` that are wanted, in that order.
    pub(super) fn host_keys(&self, possible: Vec<Algorithm>) -> Vec<Algorithm> {
        match &self.host_keys {
            None => possible,
            Some(wanted) => wanted.iter().filter(|it| possible.contains(it)).cloned().collect(),
        }
    }
}

/// Whether it is no key exchange but says something about all of them.
fn is_extension(name: &kex::Name) -> bool {
    [kex::EXTENSION_SUPPORT_AS_CLIENT, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT].contains(name)
}

/// What OpenSSH offers, and `ecdh` for servers that have nothing newer. No SHA-1.
const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_GEX_SHA256,
    kex::DH_G16_SHA512,
    kex::DH_G18_SHA512,
    kex::DH_G14_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_what_is_offered_and_in_which_order() {
        let named = Algorithms::named(
            &["ecdh-sha2-nistp256", "curve25519-sha256"],
            &["rsa-sha2-512", "ssh-ed25519"],
        )
        .unwrap();
        let offered: Vec<_> = named.kex().iter().map(|name| name.as_ref().to_owned()).collect();
        let expected = [
            "ecdh-sha2-nistp256",
            "curve25519-sha256",
            "ext-info-c",
            "kex-strict-c-v00@openssh.com",
        ];
        assert_eq!(offered, expected);
        let known = trust::supported();
        let wanted: Vec<_> = named.host_keys(known).iter().map(ToString::to_string).collect();
        assert_eq!(wanted, ["rsa-sha2-512", "ssh-ed25519"]);
        assert!(
            named
                .host_keys(vec![Algorithm::Ecdsa { curve: russh::keys::EcdsaCurve::NistP256 }])
                .is_empty()
        );
    }

    #[test]
    fn what_is_unsafe_or_unknown_is_no_algorithm() {
        for name in
            ["diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "none", "ext-info-c", ""]
        {
            let error = Algorithms::named(&[name], &[]).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{name}` is not supported; there are mlkem")),
                "{error}"
            );
        }
        for name in ["ssh-rsa", "ssh-dss"] {
            let error = Algorithms::named(&[], &[name]).unwrap_err().to_string();
            assert!(error.ends_with("rsa-sha2-512, rsa-sha2-256"), "{error}");
        }
        assert_eq!(Algorithms::named::<&str>(&[], &[]), Ok(Algorithms::default()));
    }
}
