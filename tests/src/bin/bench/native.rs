//! Values opened in the process: RSA beside our own format.
#![expect(clippy::print_stdout, reason = "the table is the product")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use sealer_core::sealed::{
    certificate,
    key::SealingKey,
    keyring::{Keyring, Order},
    native::{PrivateKey, Recipients, Suite},
    scope::Scope,
};

/// Opens values of each kind for a while, and prints what one costs.
pub(crate) fn print() {
    let (now, year) = (Timestamp::UNIX_EPOCH, SignedDuration::from_hours(24 * 365));
    let made = certificate::generate("", now, year, &mut rand::rng()).expect("keys can be made");
    let rsa = SealingKey::parse(&made.private, made.certificate.as_bytes(), now);
    let rsa = Arc::new(rsa.expect("what was made is a key pair"));
    let native =
        Suite::ALL.map(|suite| Arc::new(PrivateKey::generate(suite, now, &mut rand::rng()).1));
    let ring = Keyring::new([Arc::clone(&rsa)], Order::CertNotBefore).with_native(native.clone());
    let label = Scope::Strict.label("namespace", "name").of("key");
    let value = [7; 32];
    let reference = cost(&ring, &label, &rsa.certificate().seal(&label, &value, &mut rand::rng()));
    show("RSA-4096", reference, reference);
    for key in native {
        let recipients = Recipients::new([key.public().clone()]).expect("one key is enough");
        let sealed = recipients.seal(&label, &value, &mut rand::rng());
        show(key.suite().as_str(), cost(&ring, &label, &sealed), reference);
    }
}

fn cost(ring: &Keyring, label: &sealer_core::sealed::scope::Label, value: &str) -> Duration {
    const LONG: Duration = Duration::from_secs(2);
    let (begin, mut count) = (Instant::now(), 0);
    while begin.elapsed() < LONG {
        ring.unseal(label, value).expect("it was sealed for one of the keys");
        count += 1;
    }
    begin.elapsed() / count
}

fn show(what: &str, each: Duration, reference: Duration) {
    let micros = each.as_secs_f64() * 1e6;
    let times = reference.as_secs_f64() / each.as_secs_f64();
    println!(
        "| seal-native | ours | {what}: open a value | {micros:.0} µs each | {times:.1} × RSA |"
    );
}
