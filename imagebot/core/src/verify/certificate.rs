//! The certificate of somebody who signed without a key of their own.

use x509_parser::{
    certificate::X509Certificate,
    der_parser::asn1_rs::{Any, FromDer as _, Oid},
    extensions::{GeneralName, ParsedExtension},
    objects::{oid_registry, oid2abbrev},
    oid_registry::asn1_rs::oid,
    pem::parse_x509_pem,
    x509::AttributeTypeAndValue,
};

use super::{Rejection, key::PublicKey, root::TrustedRoot};

/// A certificate in DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate(Vec<u8>);

/// The name of somebody: kinds such as `CN` and `O`, with their values, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(pub(super) Vec<(String, String)>);

impl Name {
    /// Reads `C=US, O=acme, CN=web`; commas within values are not written.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let part = |part: &str| {
            let (kind, value) = part.split_once('=')?;
            let (kind, value) = (kind.trim(), value.trim());
            let kind = if kind == "S" { "ST" } else { kind };
            (!kind.is_empty() && !value.is_empty()).then(|| (kind.to_owned(), value.to_owned()))
        };
        text.split(',').map(part).collect::<Option<_>>().map(Self)
    }

    /// Whether it has every part of `wanted`.
    pub(super) fn has(&self, wanted: &Self) -> bool {
        wanted.0.iter().all(|part| self.0.contains(part))
    }
}

/// Fulcio's name of the issuer: as DER, and as it was written before.
const ISSUER: Oid<'static> = oid!(1.3.6.1.4.1.57264.1.8);
const ISSUER_RAW: Oid<'static> = oid!(1.3.6.1.4.1.57264.1.1);
/// A user name where neither an address nor a URI fits.
const USER_NAME: Oid<'static> = oid!(1.3.6.1.4.1.57264.1.7);

impl Certificate {
    pub(super) fn from_der(der: Vec<u8>) -> Result<Self, Rejection> {
        let certificate = Self(der);
        certificate.parse()?;
        Ok(certificate)
    }

    pub(super) fn from_pem(text: &[u8]) -> Result<Self, Rejection> {
        let malformed = Rejection::Malformed("certificate");
        let (_, pem) = parse_x509_pem(text).map_err(|_| malformed.clone())?;
        if pem.label != "CERTIFICATE" {
            return Err(malformed);
        }
        Self::from_der(pem.contents)
    }

    fn parse(&self) -> Result<X509Certificate<'_>, Rejection> {
        match X509Certificate::from_der(&self.0) {
            Ok(([], certificate)) => Ok(certificate),
            _ => Err(Rejection::Malformed("certificate")),
        }
    }

    /// The certificate's key.
    pub(super) fn key(&self) -> Result<PublicKey, Rejection> {
        let certificate = self.parse()?;
        PublicKey::from_info(certificate.public_key())
            .map_err(|_| Rejection::Certificate("has a key of an unknown kind"))
    }

    /// Whether one of the root's authorities issued it, for signing code, and it was valid at `time`.
    pub(super) fn check(&self, root: &TrustedRoot, time: i64) -> Result<(), Rejection> {
        let leaf = self.parse()?;
        if !is_valid(&leaf, time) {
            return Err(Rejection::Certificate("was not valid when the log saw the signature"));
        }
        let usage = leaf.extended_key_usage().ok().flatten();
        if !usage.is_some_and(|usage| usage.value.code_signing) || leaf.is_ca() {
            return Err(Rejection::Certificate("is not for signing code"));
        }
        let known = |oid: &Oid<'_>| {
            [ISSUER, ISSUER_RAW].contains(oid)
                || leaf.extensions().iter().any(|it| {
                    it.oid == *oid
                        && !matches!(
                            it.parsed_extension(),
                            ParsedExtension::UnsupportedExtension { .. }
                        )
                })
        };
        if leaf.extensions().iter().any(|it| it.critical && !known(&it.oid)) {
            return Err(Rejection::Certificate("has a critical extension that is not known here"));
        }
        let trusted = root.authorities(time).any(|chain| self.is_of(chain, time));
        if trusted { Ok(()) } else { Err(Rejection::Certificate("leads to no trusted authority")) }
    }

    /// Whether each certificate of `chain` issued the one before it, and the first of them this one.
    fn is_of(&self, chain: &[Self], time: i64) -> bool {
        let mut subject = self;
        for issuer in chain {
            if !issuer.issued(subject, time).unwrap_or(false) {
                return false;
            }
            subject = issuer;
        }
        !chain.is_empty()
    }

    /// Whether the certificates of `chain` lead from this one to one of `anchors`, all of them valid
    /// at `time`, and this one may sign.
    pub(super) fn check_chain(
        &self,
        chain: &[Self],
        anchors: &[Self],
        time: i64,
    ) -> Result<(), Rejection> {
        let leaf = self.parse()?;
        if !is_valid(&leaf, time) {
            return Err(Rejection::Certificate("is not valid any more, or not yet"));
        }
        let usage = leaf.extended_key_usage().ok().flatten();
        let signs = leaf.key_usage().ok().flatten();
        let for_code = usage.is_none_or(|usage| usage.value.code_signing || usage.value.any);
        if !for_code || signs.is_some_and(|usage| !usage.value.digital_signature()) {
            return Err(Rejection::Certificate("is not for signing code"));
        }
        // One that is given counts by itself, wherever it stands in the chain.
        let mut subject = self;
        let mut rest = chain.iter();
        loop {
            if anchors.contains(subject) {
                return Ok(());
            }
            if anchors.iter().any(|anchor| anchor.issued(subject, time).unwrap_or(false)) {
                return Ok(());
            }
            match rest.next() {
                Some(issuer) if issuer.issued(subject, time)? => subject = issuer,
                _ => return Err(Rejection::Certificate("leads to no given certificate")),
            }
        }
    }

    /// Whom it names.
    pub(super) fn subject(&self) -> Result<Name, Rejection> {
        let certificate = self.parse()?;
        let registry = oid_registry();
        let part = |part: &AttributeTypeAndValue<'_>| {
            let kind = oid2abbrev(part.attr_type(), registry).map(str::to_owned);
            let kind = kind.unwrap_or_else(|_| part.attr_type().to_id_string());
            (kind, part.as_str().unwrap_or_default().to_owned())
        };
        Ok(Name(certificate.subject().iter_attributes().map(part).collect()))
    }

    fn issued(&self, subject: &Self, time: i64) -> Result<bool, Rejection> {
        let (issuer, subject) = (self.parse()?, subject.parse()?);
        let may_issue = issuer.is_ca()
            && issuer.key_usage().ok().flatten().is_none_or(|usage| usage.value.key_cert_sign());
        let named = subject.issuer().as_raw() == issuer.subject().as_raw();
        let signature = &subject.signature_value.data;
        Ok(may_issue
            && named
            && is_valid(&issuer, time)
            && self.key()?.verifies(subject.tbs_certificate.as_ref(), signature))
    }

    /// Who issued the identity, and what it is.
    pub(super) fn identity(&self) -> Result<(String, String), Rejection> {
        let certificate = self.parse()?;
        let extension = |oid: &Oid<'_>| certificate.extensions().iter().find(|it| it.oid == *oid);
        let issuer = match extension(&ISSUER) {
            Some(extension) => text(extension.value),
            None => extension(&ISSUER_RAW).and_then(|it| String::from_utf8(it.value.to_vec()).ok()),
        };
        let issuer = issuer.ok_or(Rejection::Certificate("names no issuer of its identity"))?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map(|it| it.value.general_names.as_slice()).unwrap_or_default();
        let subject = names.iter().find_map(|name| match name {
            GeneralName::RFC822Name(name) | GeneralName::URI(name) => Some((*name).to_owned()),
            GeneralName::OtherName(oid, value) if *oid == USER_NAME => {
                // An explicit tag around the text.
                text(Any::from_der(value).ok()?.1.data)
            }
            _ => None,
        });
        let subject = subject.ok_or(Rejection::Certificate("names no identity"))?;
        Ok((issuer, subject))
    }
}

/// The text that is encoded in `der`.
fn text(der: &[u8]) -> Option<String> {
    let (_, any) = Any::from_der(der).ok()?;
    String::from_utf8(any.data.to_vec()).ok()
}

fn is_valid(certificate: &X509Certificate<'_>, time: i64) -> bool {
    let validity = certificate.validity();
    (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&time)
}
