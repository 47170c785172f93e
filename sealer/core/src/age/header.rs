//! The header: who can open the file, and a proof that nobody else wrote it.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

use super::{
    Error,
    seal::{FileKey, hkdf},
    stanza::Stanza,
};

pub(super) const VERSION: &[u8] = b"age-encryption.org/v1\n";
const LAST: &[u8] = b"---";

pub(super) struct Header<'f> {
    pub(super) stanzas: Vec<Stanza>,
    /// What follows the header.
    pub(super) payload: &'f [u8],
    /// What the MAC is of.
    signed: &'f [u8],
    mac: Vec<u8>,
}

impl<'f> Header<'f> {
    pub(super) fn parse(file: &'f [u8]) -> Result<Self, &'static str> {
        let mut rest =
            file.strip_prefix(VERSION).ok_or("it does not begin with `age-encryption.org/v1`")?;
        let mut stanzas = Vec::new();
        loop {
            let start = file.len() - rest.len();
            let line = line(&mut rest).ok_or("it is cut off")?;
            if let Some(mac) = line.strip_prefix(b"--- ") {
                let mac = STANDARD_NO_PAD.decode(mac).map_err(|_| "its MAC is not base64")?;
                if mac.len() != 32 {
                    return Err("its MAC has another length than 32 bytes");
                } else if stanzas.is_empty() {
                    return Err("it names no recipient");
                }
                let signed = &file[..start + LAST.len()];
                return Ok(Self { stanzas, payload: rest, signed, mac });
            }
            stanzas.push(Stanza::read(line, || self::line(&mut rest).map(<[u8]>::to_vec))?);
        }
    }

    pub(super) fn verify(&self, file_key: &FileKey) -> Result<(), Error> {
        hmac::verify(&key(file_key), self.signed, &self.mac).map_err(|_| Error::Hmac)
    }
}

/// The header of these stanzas.
pub(super) fn write(stanzas: &[Stanza], file_key: &FileKey) -> Vec<u8> {
    let mut header = VERSION.to_vec();
    for stanza in stanzas {
        stanza.write(&mut header);
    }
    header.extend_from_slice(LAST);
    let mac = hmac::sign(&key(file_key), &header);
    header.push(b' ');
    header.extend_from_slice(STANDARD_NO_PAD.encode(mac).as_bytes());
    header.push(b'\n');
    header
}

fn key(file_key: &FileKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &*hkdf(&[], file_key.expose(), b"header"))
}

/// The next line, without its end.
fn line<'f>(rest: &mut &'f [u8]) -> Option<&'f [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (line, after) = (&rest[..end], &rest[end + 1..]);
    *rest = after;
    Some(line)
}
