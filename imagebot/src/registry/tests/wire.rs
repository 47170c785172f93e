//! TLS, proxies, and what must not go over the wire in clear text.

use std::{net::SocketAddr, sync::Arc};

use imagebot_core::reference::Repository;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reconcile::Class;
use rustls::{RootCertStore, ServerConfig, pki_types::PrivateKeyDer, server::WebPkiClientVerifier};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use super::{
    super::access::Proxy,
    Access, Error, Keychain, Registry,
    server::{Server, basic, page},
};

/// A registry with one tag, behind TLS by a CA of its own.
struct Tls {
    address: String,
    ca: String,
    /// A certificate for clients, and its key.
    client: (String, String),
    task: JoinHandle<()>,
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn tls() -> Tls {
    serve(false).await
}

/// A registry behind TLS; `mutual` if it shows its tags only to clients with a certificate of its CA.
async fn serve(mutual: bool) -> Tls {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &ca).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = if mutual {
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        config.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        config.with_no_client_auth()
    };
    let config = config
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let body = r#"{"tags":["1"]}"#;
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    let client = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["robot".to_owned()]).unwrap();
    let certificate = leaf.signed_by(&client, &ca).unwrap().pem();
    Tls { address, ca: ca.pem(), client: (certificate, client.serialize_pem()), task }
}

#[tokio::test]
async fn a_certificate_must_be_from_a_ca_that_is_trusted() {
    let server = tls().await;
    let repository = Repository::at(&server.address, "team/web").unwrap();
    let registry = Registry::new().unwrap();
    let error = registry.tags(&repository, &Access::default()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(error.class(), Class::Transient);
    assert!(error.remedy().unwrap().contains("spec.certSecretRef"));
    let trusting = Access::default().trusting(server.ca.as_bytes());
    assert_eq!(registry.tags(&repository, &trusting).await.unwrap(), ["1"]);
    // What one object trusts, another does not.
    assert!(registry.tags(&repository, &Access::default()).await.is_err());
}

#[tokio::test]
async fn a_client_certificate_is_shown_by_the_object_that_has_it_alone() {
    let server = serve(true).await;
    let repository = Repository::at(&server.address, "team/web").unwrap();
    let registry = Registry::new().unwrap();
    let trusting = || Access::default().trusting(server.ca.as_bytes());
    let (certificate, key) = &server.client;
    let known = trusting().identified(certificate.as_bytes(), key.as_bytes());
    assert_eq!(registry.tags(&repository, &known).await.unwrap(), ["1"]);
    let error = registry.tags(&repository, &trusting()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let (_, other) = &serve(true).await.client;
    let wrong = trusting().identified(certificate.as_bytes(), other.as_bytes());
    assert!(registry.tags(&repository, &wrong).await.is_err(), "the key of another certificate");
}

#[tokio::test]
async fn a_ca_that_is_none_is_named() {
    let repository = Repository::parse("127.0.0.1:1/team/web").unwrap();
    let access = Access::default()
        .trusting(b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    let error = Registry::new().unwrap().tags(&repository, &access).await.unwrap_err();
    assert_eq!(error.to_string(), "the CA certificate for the registry cannot be used");
    assert_eq!(error.class(), Class::Waiting);
}

/// Access to a registry in a private network, through a proxy that plays it.
fn private(server: &Server) -> (Repository, Access) {
    let file = r#"{"auths":{"10.1.2.3:5000":{"username":"ann","password":"s3cr3t"}}}"#;
    let proxy = Proxy::new(&format!("http://{}", server.address()), Some(("me", "pw"))).unwrap();
    let access =
        Access::default().keychain(Keychain::parse(file.as_bytes()).unwrap()).through(proxy);
    (Repository::parse("10.1.2.3:5000/team/web").unwrap(), access)
}

#[tokio::test]
async fn a_password_goes_over_plain_http_only_when_the_object_says_insecure() {
    let server =
        Server::start(|asked| match (asked.method.as_str(), asked.authorization.as_deref()) {
            ("CONNECT", _) => super::server::answer(502, &[], ""),
            (_, Some(_)) => page(&["1"], None),
            _ => basic(),
        })
        .await;
    let registry = Registry::new().unwrap();
    let (repository, access) = private(&server);
    let error = registry.tags(&repository, &access).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`10.1.2.3:5000` has no TLS, and the credentials were not sent in clear text"
    );
    assert!(server.asked().iter().all(|asked| asked.authorization.is_none()));
    assert_eq!(registry.tags(&repository, &access.insecure(true)).await.unwrap(), ["1"]);
}

#[test]
fn a_proxy_has_an_address_and_no_credentials_in_it() {
    for address in ["http://h:1", "https://h", "socks5://h:1080"] {
        assert!(Proxy::new(address, None).is_ok(), "{address}");
    }
    for address in ["h:1", "ftp://h", "http://", "http://u:p@h", ""] {
        assert!(matches!(Proxy::new(address, None), Err(Error::Proxy)), "{address}");
    }
}
