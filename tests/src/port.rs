//! Free ports of the loopback interface.
//!
//! Taken below the range from which the kernel serves outgoing connections, so that none of those
//! can take a port between our look and the server's bind.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

const FIRST: u16 = 12_000;
const SPAN: u16 = 18_000;

static NEXT: AtomicU16 = AtomicU16::new(0);
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that nothing listens on; no other call of this process gets it.
pub fn free() -> u16 {
    consecutive(1)
}

/// The first of `count` neighbouring free ports.
pub fn consecutive(count: u16) -> u16 {
    let mut given = GIVEN.lock().expect("no holder of this lock panics");
    for _ in 0..SPAN {
        let first = FIRST + (start() + NEXT.fetch_add(count, Ordering::Relaxed)) % (SPAN - count);
        let range = first..first + count;
        if range.clone().all(|port| !given.contains(&port) && unused(port)) {
            given.extend(range);
            return first;
        }
    }
    panic!("no {count} neighbouring free ports from {FIRST} on")
}

/// Another run at the same time begins elsewhere.
fn start() -> u16 {
    u16::try_from(std::process::id() * 37 % u32::from(SPAN)).expect("SPAN is a u16")
}

fn unused(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}
