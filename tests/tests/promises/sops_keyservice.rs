//! The key service's protocol, with sops at either end.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use keyservice::{Address, Client, Server};
use kms::{Clouds, Credentials};
use libtest_mimic::Trial;
use sealer_core::plaintext::Plaintext;
use sealer_core::sops::key::{KeyError, KeyService as _, MasterKey, Wrapped};
use serde_json::json;
use tests::openbao::OpenBao;
use tests::process::Process;
use tests::trial::trial;
use tests::{Bed, Need, Outcome, port};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "sops_keyservice::sops_asks_us", &[Need::Sops, Need::OpenBao], sops_asks),
        trial(bed, "sops_keyservice::we_ask_sops", &[Need::Sops, Need::Age], we_ask),
    ]
}

const PLAIN: &str = "{\n\t\"password\": \"hunter2\"\n}\n";

/// Our server has the token; sops has nothing but the server's address.
async fn sops_asks(bed: Bed) -> Outcome {
    let bao = bed.openbao().await?;
    let engine = bed.unique("transit");
    bao.api("POST", &format!("sys/mounts/{engine}"), Some(&json!({"type": "transit"}))).await?;
    bao.api("POST", &format!("{engine}/keys/sops"), Some(&json!({}))).await?;
    let uri = format!("{}/v1/{engine}/keys/sops", bao.url());
    let folder = bed.folder("keyservice")?;
    let plain = folder.join("plain.json");
    fs::write(&plain, PLAIN)?;
    let addresses = [Address::parse("tcp://127.0.0.1:0")?, Address::Unix(folder.join("socket"))];
    for address in addresses {
        let token = |name: &str| (name == "VAULT_TOKEN").then(|| OpenBao::TOKEN.to_owned());
        let credentials = Credentials::from_environment(token, "here")?;
        #[expect(clippy::disallowed_methods, reason = "nobody here depends on the time")]
        let service = Clouds::within(Handle::current(), credentials, Timestamp::now);
        let server = Server::bind(&address, Arc::new(service), None).await?;
        let address = server.address()?.to_string();
        let running = tokio::spawn(server.run());
        let sops = |args: &[&str]| -> Outcome<String> {
            let alone = ["--enable-local-keyservice=false", "--keyservice", &address];
            let (verb, rest) = args.split_first().ok_or("no verb")?;
            let args = [&[*verb], &alone[..], rest].concat();
            Ok(String::from_utf8(bed.run("sops", &args, b"")?)?)
        };
        let encrypted = folder.join("encrypted.json");
        let plain = plain.to_str().ok_or("a path is text")?;
        fs::write(&encrypted, sops(&["encrypt", "--hc-vault-transit", &uri, plain])?)?;
        let encrypted = encrypted.to_str().ok_or("a path is text")?;
        assert_eq!(sops(&["decrypt", encrypted])?, PLAIN, "{address}");
        // What we refuse is told by sops.
        let age = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
        let refused = sops(&["encrypt", "--age", age, plain]).expect_err("no key of a service");
        let refused = refused.to_string();
        assert!(refused.contains("age and PGP keys are no keys of a service"), "{refused}");
        running.abort();
    }
    Ok(())
}

/// sops has the identity; we have nothing but its address.
async fn we_ask(bed: Bed) -> Outcome {
    let identity = String::from_utf8(bed.run("age-keygen", &[], b"")?)?;
    let line = |prefix: &str| {
        let found = identity.lines().find_map(|line| line.strip_prefix(prefix));
        found.map(str::to_owned).ok_or("age-keygen says something else")
    };
    let recipient = line("# public key: ")?;
    let secret = format!("AGE-SECRET-KEY-{}", line("AGE-SECRET-KEY-")?);
    let socket = bed.folder("keyservice")?.join("socket");
    let tcp = format!("127.0.0.1:{}", port::free());
    let unix = socket.to_str().ok_or("a path is text")?.to_owned();
    for (network, place) in [("tcp", &tcp), ("unix", &unix)] {
        let mut command = bed.command("sops");
        command.args(["keyservice", "--network", network, "--address", place]);
        command.env("SOPS_AGE_KEY", &secret);
        let log = bed.path("log").join(bed.unique("keyservice"));
        let server = Process::start("sops keyservice", command, log)?;
        let open = async || match network {
            "tcp" => TcpStream::connect(&tcp).await.is_ok(),
            _ => UnixStream::connect(&unix).await.is_ok(),
        };
        server.ready(Duration::from_secs(20), open).await?;
        let client = Client::new(Address::of(network, place)?);
        let (key, stranger) = (MasterKey::age(&recipient), MasterKey::age("age1nobody"));
        let part: Vec<u8> = (0..32).collect();
        let asked = spawn_blocking(move || {
            let wrapped =
                |enc: &str| Wrapped { key: key.clone(), enc: enc.to_owned(), created_at: None };
            let enc = client.encrypt(&key, &Plaintext::new(part.clone()))?;
            assert_eq!(client.decrypt(&wrapped(&enc))?.expose(), part);
            let refused =
                client.encrypt(&stranger, &Plaintext::new(part)).expect_err("no recipient");
            assert!(refused.to_string().contains("failed to parse"), "{refused}");
            let refused = client.decrypt(&wrapped("no age file")).expect_err("nobody's");
            assert!(refused.to_string().contains("refused: "), "{refused}");
            Ok::<_, KeyError>(())
        });
        asked.await??;
    }
    Ok(())
}
