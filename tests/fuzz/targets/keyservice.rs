//! Messages to and from key services: any bytes are a message or an error.
#![no_main]

use keyservice::fuzzing::{read_request, read_response};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| {
    let _ = read_request(message);
    let _ = read_response(message);
});
