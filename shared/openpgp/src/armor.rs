//! The armor: PEM with a checksum.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keyfile::pem;

pub use keyfile::pem::Block;

/// The first block of `text`.
pub fn decode(text: &str) -> Option<Block> {
    pem::decode(text)
}

/// `bytes` as a block with this label, 64 characters a line.
pub fn encode(label: &str, bytes: &[u8]) -> String {
    pem::encode(label, bytes, 64, Some(&checksum(bytes)))
}

/// CRC-24, as a line.
fn checksum(bytes: &[u8]) -> String {
    let mut crc: u32 = 0x00b7_04ce;
    for byte in bytes {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4cfb;
            }
        }
    }
    format!("={}", STANDARD.encode(&crc.to_be_bytes()[1..]))
}
