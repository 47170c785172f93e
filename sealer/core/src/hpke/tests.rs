//! What is sealed opens under the same words, and what age's vectors do not show.

use super::*;

#[test]
fn opening_undoes_sealing_and_every_word_counts() {
    let private = xwing::Private::new(&[7; xwing::SEED]).unwrap();
    let (sent, shared) = private.public().encapsulate(&mut rand::rng()).unwrap();
    let received = private.decapsulate(sent.as_slice().try_into().unwrap()).unwrap();
    assert_eq!(received, shared);

    let sealed = seal(xwing::ID, &*shared, b"info", b"aad", b"plain");
    assert_eq!(sealed.len(), 5 + TAG);
    let opened = |kem, info: &[u8], aad: &[u8], sealed: &[u8]| {
        open(kem, &*received, info, aad, sealed).map(|plain| plain.to_vec())
    };
    assert_eq!(opened(xwing::ID, b"info", b"aad", &sealed).unwrap(), b"plain");
    assert_eq!(opened(1, b"info", b"aad", &sealed), None);
    assert_eq!(opened(xwing::ID, b"other", b"aad", &sealed), None);
    assert_eq!(opened(xwing::ID, b"info", b"other", &sealed), None);
    assert_eq!(opened(xwing::ID, b"info", b"aad", &sealed[1..]), None);
    assert_eq!(opened(xwing::ID, b"info", b"aad", b""), None);
}

/// The first vector of RFC 9180's base mode with DHKEM(X25519), as far as the key schedule goes:
/// it begins at the shared secret, and so checks every label but the KEM's.
#[test]
fn the_key_schedule_is_that_of_the_rfc() {
    // A.2.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, base.
    let shared = hex("0bbe78490412b4bbea4812666f7916932b828bba79942424abb65244930d69a7");
    let info = hex("4f6465206f6e2061204772656369616e2055726e");
    let aad = hex("436f756e742d30");
    let plain = hex("4265617574792069732074727574682c20747275746820626561757479");
    let sealed = hex(
        "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28",
    );
    assert_eq!(seal(0x0020, &shared, &info, &aad, &plain), sealed);
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

#[test]
fn keys_that_are_none_are_refused() {
    let private = xwing::Private::new(&[7; xwing::SEED]).unwrap();
    let mut bytes = *private.public().as_bytes();
    assert!(xwing::Public::new(&bytes).is_some());
    assert!(xwing::Public::new(&bytes[1..]).is_none());
    // A number of ML-KEM that is not below its modulus.
    bytes[..3].fill(0xff);
    assert!(xwing::Public::new(&bytes).is_none());
    assert!(private.decapsulate(&[0; xwing::ENCAPSULATED]).is_none(), "a share of low order");
}

/// The vector of `draft-ietf-hpke-pq` for X-Wing with these two.
#[test]
fn the_vector_of_x_wing_opens() {
    let vector: serde_json::Value =
        serde_json::from_str(include_str!("../../fixtures/hpke/xwing.json")).unwrap();
    let field = |name: &str| hex(vector[name].as_str().unwrap());
    let private = xwing::Private::new(field("skRm").as_slice().try_into().unwrap()).unwrap();
    assert_eq!(private.public().as_bytes().as_slice(), field("pkRm"));
    let shared = private.decapsulate(field("enc").as_slice().try_into().unwrap()).unwrap();
    assert_eq!(shared.as_slice(), field("shared_secret"));
    let (info, aad) = (field("info"), field("aad"));
    let opened = open(xwing::ID, shared.as_slice(), &info, &aad, &field("ct")).unwrap();
    assert_eq!(opened.as_slice(), field("pt"));
}
