//! The certificate authority of the run, which signs for every TLS server of the bed.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::Outcome;

/// A key and a certificate in files, with the authority's certificate beside them.
#[derive(Debug)]
pub struct Authority {
    /// The authority's own certificate, PEM. Clients are given this.
    pub certificate: PathBuf,
    /// A server certificate for `localhost` and `127.0.0.1`, PEM.
    pub server_certificate: PathBuf,
    /// The key of the server certificate, PEM.
    pub server_key: PathBuf,
    /// A client's certificate, PEM.
    pub client_certificate: PathBuf,
    /// The key of the client's certificate, PEM.
    pub client_key: PathBuf,
}

impl Authority {
    /// Makes an authority, and a certificate for a server and one for a client, in `folder`.
    pub fn create(folder: &Path) -> Outcome<Self> {
        fs::create_dir_all(folder)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "signet test bed");
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let issuer = Issuer::new(params, key);

        let names = ["localhost", "127.0.0.1", "10.96.0.1", "kubernetes.default.svc"];
        let mut server = CertificateParams::new(names.map(String::from))?;
        server.distinguished_name.push(DnType::CommonName, "localhost");
        server.use_authority_key_identifier_extension = true;
        server.key_usages.push(KeyUsagePurpose::DigitalSignature);
        server.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        let server_key = KeyPair::generate()?;
        let signed = server.signed_by(&server_key, &issuer)?;

        let mut client = CertificateParams::new(Vec::new())?;
        client.distinguished_name.push(DnType::CommonName, "client");
        client.use_authority_key_identifier_extension = true;
        client.key_usages.push(KeyUsagePurpose::DigitalSignature);
        client.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        let client_key = KeyPair::generate()?;
        let client = client.signed_by(&client_key, &issuer)?;

        let write = |name: &str, pem: String| -> Outcome<PathBuf> {
            let path = folder.join(name);
            fs::write(&path, pem)?;
            Ok(path)
        };
        Ok(Self {
            certificate: write("ca.crt", certificate.pem())?,
            server_certificate: write("server.crt", signed.pem())?,
            server_key: write("server.key", server_key.serialize_pem())?,
            client_certificate: write("client.crt", client.pem())?,
            client_key: write("client.key", client_key.serialize_pem())?,
        })
    }

    /// The authority's certificate, PEM.
    pub fn pem(&self) -> Outcome<String> {
        Ok(fs::read_to_string(&self.certificate)?)
    }
}
