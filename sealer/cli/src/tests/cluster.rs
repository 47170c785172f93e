//! The certificate of a cluster, over HTTP.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    thread,
};

use super::*;

/// Answers requests in turn with a status and a body; gives a kubeconfig and their first lines.
fn server(
    folder: &tempfile::TempDir,
    answers: Vec<(&'static str, String)>,
) -> (PathBuf, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let served = thread::spawn(move || {
        let answer = |(status, body): (&str, String)| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let request = lines.next().unwrap();
            lines.find(String::is_empty);
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            )
            .unwrap();
            request
        };
        answers.into_iter().map(answer).collect()
    });
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: k\n  cluster: {{server: \"http://{address}\"}}\ncontexts:\n- name: c\n  context: {{cluster: k, user: u}}\nusers:\n- name: u\n  user: {{}}\n"
    );
    (write(folder, "kubeconfig", &config), served)
}

#[test]
fn the_certificate_comes_through_the_service_proxy() {
    let folder = folder();
    let pem = fs::read_to_string(fixture("sealed/k2048.crt")).unwrap();
    let service = r#"{"kind":"Service","apiVersion":"v1","metadata":{"name":"sealer"},"spec":{"ports":[{"name":"http","port":8080}]}}"#;
    let (kubeconfig, served) =
        server(&folder, vec![("200 OK", service.to_owned()), ("200 OK", pem.clone())]);
    let cert = format!(
        "cert --kubeconfig {} --controller-namespace ss --controller-name sealer",
        kubeconfig.display()
    );
    assert_eq!(sealctl(&cert, "").product(), pem);
    assert_eq!(
        served.join().unwrap(),
        [
            "GET /api/v1/namespaces/ss/services/sealer HTTP/1.1",
            "GET /api/v1/namespaces/ss/services/http:sealer:http/proxy/v1/cert.pem HTTP/1.1",
        ]
    );
}

#[test]
fn a_cluster_without_the_controller_is_explained() {
    let folder = folder();
    let status = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"services \"sealed-secrets-controller\" not found","reason":"NotFound","code":404}"#;
    let (kubeconfig, served) = server(&folder, vec![("404 Not Found", status.to_owned())]);
    let cert = format!("cert --kubeconfig {}", kubeconfig.display());
    insta::assert_snapshot!(sealctl(&cert, "").failure(), @r#"
    sealctl: error: cannot get sealed secret service `kube-system/sealed-secrets-controller`: services "sealed-secrets-controller" not found
    sealctl: hint: name the controller's Service with `--controller-namespace` and `--controller-name`, or pass a certificate with `--cert`
    "#);
    served.join().unwrap();
    let shown = sealctl("cert --kubeconfig /nonexistent/config", "").failure();
    insta::assert_snapshot!(shown, @r#"
    sealctl: error: could not use the kubeconfig: failed to read kubeconfig from '"/nonexistent/config"': No such file or directory (os error 2)
    sealctl: hint: name the file with `--kubeconfig`, or pass a certificate with `--cert`
    "#);
}
