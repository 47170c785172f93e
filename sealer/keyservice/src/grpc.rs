//! What gRPC adds to HTTP/2: a frame around the message, and a status behind it.

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::RecvStream;
use http::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::wire::LONGEST;

pub(crate) const CONTENT: &str = "application/grpc";
pub(crate) const ENCRYPT: &str = "/KeyService/Encrypt";
pub(crate) const DECRYPT: &str = "/KeyService/Decrypt";

/// What precedes a message: whether it is compressed, and its length.
const PREFIX: usize = 5;
/// What a status message escapes.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) code: u16,
    pub(crate) message: String,
}

impl Status {
    pub(crate) const OK: u16 = 0;
    pub(crate) const UNKNOWN: u16 = 2;
    pub(crate) const INVALID: u16 = 3;
    pub(crate) const NOT_FOUND: u16 = 5;
    pub(crate) const DENIED: u16 = 7;
    pub(crate) const UNIMPLEMENTED: u16 = 12;

    pub(crate) fn new(code: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The headers that say it.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-status", HeaderValue::from(self.code));
        let message = utf8_percent_encode(&self.message, ESCAPED).to_string();
        if let Ok(message) = HeaderValue::from_str(&message)
            && !self.message.is_empty()
        {
            headers.insert("grpc-message", message);
        }
        headers
    }

    /// What headers say, if they say it.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let code = text("grpc-status")?.parse().unwrap_or(Self::UNKNOWN);
        let message = text("grpc-message").unwrap_or_default();
        let message = percent_decode_str(message).decode_utf8_lossy().into_owned();
        Some(Self { code, message })
    }
}

/// A message in its frame.
pub(crate) fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

/// The one message of a stream.
pub(crate) async fn message(stream: &mut RecvStream) -> Result<Zeroizing<Vec<u8>>, Status> {
    let lost = |error: h2::Error| Status::new(Status::UNKNOWN, error.to_string());
    let mut frame = Zeroizing::new(Vec::with_capacity(4096));
    while let Some(chunk) = stream.data().await {
        let chunk = chunk.map_err(lost)?;
        if frame.len() + chunk.len() > LONGEST {
            return Err(Status::new(Status::INVALID, "the message is too long"));
        }
        stream.flow_control().release_capacity(chunk.len()).map_err(lost)?;
        frame.extend_from_slice(&chunk);
    }
    unframed(&frame)
}

fn unframed(frame: &[u8]) -> Result<Zeroizing<Vec<u8>>, Status> {
    let Some((prefix, message)) = frame.split_first_chunk::<PREFIX>() else {
        return Err(Status::new(Status::INVALID, "there is no message"));
    };
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 {
        return Err(Status::new(Status::UNIMPLEMENTED, "messages are not compressed here"));
    }
    if usize::try_from(u32::from_be_bytes(length)) != Ok(message.len()) {
        return Err(Status::new(Status::INVALID, "the message has another length than it says"));
    }
    Ok(Zeroizing::new(message.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_go_through_headers() {
        for message in ["", "plain", "100 % of\nüber", "quote \" and \\"] {
            let status = Status::new(Status::NOT_FOUND, message);
            assert_eq!(Status::of(&status.headers()), Some(status), "{message}");
        }
        assert_eq!(Status::of(&HeaderMap::new()), None);
    }

    #[test]
    fn frames_are_whole_or_refused() {
        assert_eq!(unframed(&framed(b"abc")).unwrap().as_slice(), b"abc");
        for frame in
            [&b""[..], b"\0\0\0\0", b"\0\0\0\0\x02a", b"\0\0\0\0\x01ab", b"\x01\0\0\0\x01a"]
        {
            assert!(unframed(frame).is_err(), "{frame:?}");
        }
    }
}
