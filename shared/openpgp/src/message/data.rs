//! The data of a message: encrypted in CFB mode, with its SHA-1 within; plain or compressed.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use keyfile::reader::Reader;
use zeroize::Zeroizing;
use zlib_rs::{Inflate, InflateFlush, Status};

use super::session::Session;
use crate::{
    Error,
    cipher::BLOCK,
    packet::{self, COMPRESSED, LITERAL},
};

const VERSION: u8 = 1;
/// What stands before the SHA-1: the head of a packet of its own.
const MDC: [u8; 2] = [0xd3, 20];
const SHA1: usize = 20;
/// Random bytes, of which the last two come twice.
const PREFIX: usize = BLOCK + 2;

/// More than anybody encrypts with this; what is compressed cannot fill the memory.
const MOST_BYTES: usize = 64 << 20;
/// How often data may be compressed.
const MOST_LAYERS: usize = 4;

/// The body of the packet that holds `data`.
pub(super) fn seal(session: &Session, data: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Zeroizing::new(vec![0; PREFIX]);
    aws_lc_rs::rand::fill(&mut plain[..BLOCK]).ok()?;
    plain.copy_within(BLOCK - 2..BLOCK, BLOCK);
    // Binary, without a name or a date.
    let literal = Zeroizing::new([b"b\0\0\0\0\0", data].concat());
    packet::write(&mut plain, LITERAL, &literal);
    plain.extend(MDC);
    let sum = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &plain);
    plain.extend_from_slice(sum.as_ref());
    session.cipher.encrypt(&session.key, &[0; BLOCK], &mut plain)?;
    Some([&[VERSION], plain.as_slice()].concat())
}

/// What is in the body of a packet, if none of it was altered.
pub(super) fn open(session: &Session, body: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (version, encrypted) = body.split_first().ok_or(Error::NotAMessage)?;
    if *version != VERSION {
        return Err(Error::Unsupported(format!("version {version} of encrypted data")));
    }
    let mut plain = Zeroizing::new(encrypted.to_vec());
    session.cipher.decrypt(&session.key, &[0; BLOCK], &mut plain).ok_or(Error::Altered)?;
    let size = plain.len().checked_sub(SHA1).filter(|size| *size >= PREFIX + MDC.len());
    let (signed, sum) = plain.split_at(size.ok_or(Error::Altered)?);
    let own = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, signed);
    verify_slices_are_equal(own.as_ref(), sum).map_err(|_| Error::Altered)?;
    let packets = &signed[PREFIX..];
    let packets = packets.strip_suffix(&MDC).ok_or(Error::Altered)?;
    literal(packets, MOST_LAYERS)
}

fn literal(bytes: &[u8], layers: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let packet = packet::next(&mut reader).ok_or(Error::NotAMessage)?;
        let mut fields = Reader::new(&packet.body);
        match packet.tag {
            LITERAL => {
                fields.u8().ok_or(Error::NotAMessage)?;
                let name = usize::from(fields.u8().ok_or(Error::NotAMessage)?);
                fields.take(name + 4).ok_or(Error::NotAMessage)?;
                return Ok(Zeroizing::new(fields.rest().to_vec()));
            }
            COMPRESSED if layers > 0 => {
                let header = match fields.u8() {
                    Some(0) => return literal(fields.rest(), layers - 1),
                    Some(1) => false,
                    Some(2) => true,
                    Some(3) => return Err(Error::Unsupported("BZip2".to_owned())),
                    _ => return Err(Error::Unsupported("an unknown compression".to_owned())),
                };
                return literal(&inflate(fields.rest(), header)?, layers - 1);
            }
            // Signatures: who can open the message has no need to know who wrote it.
            _ => {}
        }
    }
    Err(Error::NotAMessage)
}

/// What was compressed by ZLIB, or without its header by ZIP.
fn inflate(bytes: &[u8], header: bool) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut inflate = Inflate::new(header, 15);
    let mut plain = Zeroizing::new(Vec::new());
    let mut buffer = Zeroizing::new(vec![0; 1 << 16]);
    loop {
        let (read, written) = (inflate.total_in(), inflate.total_out());
        let rest = usize::try_from(read).ok().and_then(|read| bytes.get(read..));
        let status = inflate
            .decompress(rest.unwrap_or_default(), &mut buffer, InflateFlush::NoFlush)
            .map_err(|_| Error::NotAMessage)?;
        let fresh = usize::try_from(inflate.total_out() - written).unwrap_or_default();
        plain.extend_from_slice(&buffer[..fresh]);
        if plain.len() > MOST_BYTES {
            return Err(Error::Unsupported("more than 64 MiB of data".to_owned()));
        } else if status == Status::StreamEnd {
            return Ok(plain);
        } else if fresh == 0 && inflate.total_in() == read {
            return Err(Error::NotAMessage);
        }
    }
}
