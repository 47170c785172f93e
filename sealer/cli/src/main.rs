//! The command line with which people seal, encrypt and decrypt.

fn main() {}
