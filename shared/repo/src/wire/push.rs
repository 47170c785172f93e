//! Sending a pack, and reading what became of it.
//!
//! See [gitprotocol-pack](https://git-scm.com/docs/gitprotocol-pack#_pushing_data_to_a_server):
//!
//! ```text
//! PKT(old new name NUL capabilities) flush [PKT(option)… flush] [pack]
//!                                 ◀── PKT(unpack ok) PKT(ok name | ng name reason) flush
//! ```

use std::io::{self, Read, Write};

use gix::ObjectId;
use gix_transport::client::{MessageKind, WriteMode, blocking_io::Transport};

use super::{Session, Words, protocol};
use crate::{Error, error::Source, report};

/// One update of one reference, as the wire has it.
pub(crate) struct Command<'c> {
    pub(crate) name: &'c str,
    pub(crate) old: Option<ObjectId>,
    pub(crate) new: Option<ObjectId>,
    pub(crate) pack: &'c [u8],
    pub(crate) options: &'c [String],
}

/// The server's answer to a [`Command`].
pub(crate) struct Report {
    /// Why it refused, if it did.
    pub(crate) refused: Option<String>,
    /// What it said beside it.
    pub(crate) words: String,
}

impl Session {
    /// Where the reference `name` points.
    pub(crate) fn current(&mut self, name: &str) -> Result<Option<ObjectId>, Error> {
        Ok(self.refs(&[name])?.into_iter().find(|found| found.name == name).map(|found| found.id))
    }

    /// Sends `command`.
    pub(crate) fn push(mut self, command: &Command<'_>) -> Result<Report, Error> {
        let capabilities = &self.handshake.capabilities;
        let sideband = capabilities.contains("side-band-64k");
        let with_options = !command.options.is_empty();
        if with_options && !capabilities.contains("push-options") {
            return Err(Error::PushOptions { url: self.remote.url.clone() });
        }
        if command.new.is_none() && !capabilities.contains("delete-refs") {
            return Ok(Report {
                refused: Some("the server deletes no references".to_owned()),
                words: String::new(),
            });
        }
        let mut asked = vec!["report-status", concat!("agent=signet/", env!("CARGO_PKG_VERSION"))];
        asked.extend(sideband.then_some("side-band-64k"));
        asked.extend(capabilities.contains("object-format").then_some("object-format=sha1"));
        asked.extend(with_options.then_some("push-options"));
        let request = encode(command, &asked.join(" "), with_options);

        let failed = |source: Source| protocol(&self.remote, &self.failure, "push", source);
        // In this mode the HTTP body gets a `Content-Length`.
        let mode = WriteMode::OneLfTerminatedLinePerWriteCall;
        let writer = self
            .transport
            .request(mode, MessageKind::Flush, false)
            .map_err(|source| failed(source.into()))?;
        let (mut writer, mut reader) = writer.into_parts();
        writer
            .write_all(&request)
            .and_then(|()| writer.flush())
            .map_err(|source| failed(source.into()))?;
        drop(writer);

        let words = Words::default();
        let mut answer = Vec::new();
        let read = if sideband {
            reader.set_progress_handler(Some(words.listener()));
            reader.read_to_end(&mut answer).map(drop)
        } else {
            read_lines(&mut *reader, &mut answer)
        };
        drop(reader);
        read.map_err(|source| failed(source.into()))?;
        let secrets = self.remote.credentials.secrets();
        let refused = refusal(&answer).map_err(|source| failed(source.into()))?;
        Ok(Report {
            refused: refused.map(|reason| report::tidy(reason.as_bytes(), &secrets)),
            words: report::tidy(&words.take(), &secrets),
        })
    }
}

/// The bytes of a push.
fn encode(command: &Command<'_>, capabilities: &str, with_options: bool) -> Vec<u8> {
    let zero = ObjectId::null(gix::hash::Kind::Sha1);
    let (old, new) = (command.old.unwrap_or(zero), command.new.unwrap_or(zero));
    let mut request = Vec::with_capacity(command.pack.len() + 512);
    line(&mut request, &format!("{old} {new} {}\0 {capabilities}", command.name));
    request.extend_from_slice(b"0000");
    if with_options {
        command.options.iter().for_each(|option| line(&mut request, option));
        request.extend_from_slice(b"0000");
    }
    request.extend_from_slice(command.pack);
    request
}

fn line(request: &mut Vec<u8>, text: &str) {
    request.extend_from_slice(format!("{:04x}", text.len() + 4).as_bytes());
    request.extend_from_slice(text.as_bytes());
}

/// Reads an answer that is not in a side band, keeping its lines' lengths.
fn read_lines(
    reader: &mut (dyn gix_transport::client::blocking_io::ExtendedBufRead<'_> + Unpin),
    answer: &mut Vec<u8>,
) -> io::Result<()> {
    while let Some(read) = reader.readline() {
        let packet = read?.map_err(io::Error::other)?;
        if let Some(bytes) = packet.as_slice() {
            answer.extend_from_slice(format!("{:04x}", bytes.len() + 4).as_bytes());
            answer.extend_from_slice(bytes);
        }
    }
    Ok(())
}

/// Why a report refuses, if it does.
fn refusal(answer: &[u8]) -> Result<Option<String>, &'static str> {
    let mut unpacked = false;
    let mut accepted = false;
    let mut rest = answer;
    while let Some((length, after)) = rest.split_at_checked(4) {
        let length =
            std::str::from_utf8(length).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let length = length.ok_or("the server's report is garbled")?;
        let size = if length == 0 {
            0
        } else {
            length.checked_sub(4).ok_or("the server's report is garbled")?
        };
        let (packet, after) =
            after.split_at_checked(size).ok_or("the server's report is cut off")?;
        rest = after;
        let text = String::from_utf8_lossy(packet);
        match text.trim_end().split_once(' ') {
            Some(("unpack", "ok")) => unpacked = true,
            Some(("unpack", why)) => return Ok(Some(format!("unpack failed: {why}"))),
            Some(("ok", _)) => accepted = true,
            Some(("ng", refused)) => {
                return Ok(Some(
                    refused.split_once(' ').map_or("refused", |(_, reason)| reason).to_owned(),
                ));
            }
            _ => {}
        }
    }
    if unpacked && accepted { Ok(None) } else { Err("the server sent no report") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_whether_and_why_a_push_was_refused() {
        type Refused<'r> = Result<Option<&'r str>, &'r str>;
        #[rustfmt::skip]
        let cases: [(&[u8], Refused<'_>); 6] = [
            // report                                                             refused
            (b"000eunpack ok\n000aok r/m0000",                                    Ok(None)),
            (b"000eunpack ok\n0012ng r/m no way\n0000",                           Ok(Some("no way"))),
            (b"0013unpack too bad\n0000",                                         Ok(Some("unpack failed: too bad"))),
            (b"0000",                                                             Err("the server sent no report")),
            (b"00zz",                                                             Err("the server's report is garbled")),
            (b"000eunpack",                                                       Err("the server's report is cut off")),
        ];
        for (answer, expected) in cases {
            let refused = refusal(answer);
            let printed = String::from_utf8_lossy(answer);
            assert_eq!(
                refused.as_ref().map(Option::as_deref).map_err(|why| *why),
                expected,
                "{printed}"
            );
        }
    }
}
