//! Both ends against each other.

use std::{
    os::unix::fs::PermissionsExt as _,
    sync::{Arc, Mutex},
};

use sealer_core::{
    plaintext::Plaintext,
    sops::key::{KeyError, KeyService, MasterKey, Wrapped},
};
use tokio::runtime::Runtime;

use crate::{Address, Client, Confirm, Operation, Server};

/// Wraps by writing backwards, for those who say `good`.
struct Backwards;

fn turned(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}

fn permitted(key: &MasterKey) -> Result<(), KeyError> {
    match key {
        MasterKey::Age { recipient } if recipient == "good" => Ok(()),
        MasterKey::Age { recipient } if recipient == "panic" => panic!("of a service"),
        _ => Err(KeyError::Missing("no identity\nfor 100 % of keys".to_owned())),
    }
}

impl KeyService for Backwards {
    fn decrypt(&self, wrapped: &Wrapped) -> Result<Plaintext, KeyError> {
        permitted(&wrapped.key).map(|()| Plaintext::new(turned(wrapped.enc.as_bytes())))
    }

    fn encrypt(&self, key: &MasterKey, part: &Plaintext) -> Result<String, KeyError> {
        permitted(key)?;
        Ok(String::from_utf8(turned(part.expose())).unwrap())
    }
}

/// A server that runs for as long as this lives.
struct Running {
    address: Address,
    _runtime: Runtime,
}

impl Running {
    fn start(address: &Address, confirm: Option<Confirm>) -> Self {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(Server::bind(address, Arc::new(Backwards), confirm)).unwrap();
        let address = server.address().unwrap();
        runtime.spawn(server.run());
        Self { address, _runtime: runtime }
    }

    fn client(&self) -> Client {
        Client::new(self.address.clone())
    }
}

fn wrapped(key: &MasterKey, enc: &str) -> Wrapped {
    Wrapped { key: key.clone(), enc: enc.to_owned(), created_at: None }
}

#[test]
fn what_one_end_asks_the_other_answers() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let good = MasterKey::age("good");
    let long: String = "0123456789".repeat(20_000);
    for address in [Address::parse("tcp://127.0.0.1:0").unwrap(), Address::Unix(socket.clone())] {
        let running = Running::start(&address, None);
        let client = running.client();
        assert_eq!(client.encrypt(&good, &Plaintext::new(b"abc".to_vec())).unwrap(), "cba");
        for enc in ["", "cba", &long] {
            let part = client.decrypt(&wrapped(&good, enc)).unwrap();
            assert_eq!(part.expose(), turned(enc.as_bytes()), "{address}");
        }
        let refused = client.decrypt(&wrapped(&MasterKey::age("bad"), "x")).unwrap_err();
        let said = format!(
            "the key service at `{}` refused: no identity for 100 % of keys",
            running.address
        );
        assert_eq!(refused, KeyError::Failed(said));
    }
}

#[test]
fn a_socket_is_its_owners_and_goes_with_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let running = Running::start(&Address::Unix(socket.clone()), None);
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let client = running.client();
    drop(running);
    assert!(!socket.exists());
    let refused = client.decrypt(&wrapped(&MasterKey::age("good"), "x")).unwrap_err();
    assert!(refused.to_string().contains("cannot be reached"), "{refused}");
}

#[test]
fn somebody_is_asked_before_anything_is_done() {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&asked);
    let confirm: Confirm = Arc::new(move |operation: Operation, key: &MasterKey| {
        seen.lock().unwrap().push(format!("{} {key}", operation.name()));
        Ok(operation == Operation::Encrypt)
    });
    let running = Running::start(&Address::parse("tcp://127.0.0.1:0").unwrap(), Some(confirm));
    let (client, good) = (running.client(), MasterKey::age("good"));
    assert!(client.encrypt(&good, &Plaintext::new(b"abc".to_vec())).is_ok());
    // A service that would panic is not even reached.
    let refused = client.decrypt(&wrapped(&MasterKey::age("panic"), "x")).unwrap_err();
    assert!(refused.to_string().contains("Request rejected by user"), "{refused}");
    assert_eq!(*asked.lock().unwrap(), ["encrypt good", "decrypt panic"]);
}

#[test]
fn a_call_that_panics_takes_nothing_with_it() {
    let running = Running::start(&Address::parse("tcp://127.0.0.1:0").unwrap(), None);
    let client = running.client();
    let refused = client.decrypt(&wrapped(&MasterKey::age("panic"), "x")).unwrap_err();
    assert!(refused.to_string().contains("the call panicked"), "{refused}");
    assert!(client.decrypt(&wrapped(&MasterKey::age("good"), "x")).is_ok());
}

#[test]
fn whoever_is_no_key_service_is_told_so() {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
    };
    #[rustfmt::skip]
    let cases: [&[u8]; 3] = [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b"\0\0\0\x04\0\0\0\0\0"];
    for answer in cases {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap().to_string());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(answer);
        });
        let refused = Client::new(address).decrypt(&wrapped(&MasterKey::age("good"), "x"));
        assert!(refused.unwrap_err().to_string().contains("refused: "), "{answer:?}");
        server.join().unwrap();
    }
}
