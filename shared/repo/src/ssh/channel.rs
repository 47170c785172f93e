//! A program at the other end of a connection, as a reader and a writer that block.

use std::{
    io::{self, Read, Write},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, client::Msg};
use tokio::{
    runtime::Runtime,
    time::{timeout, timeout_at},
};

use super::connection::Connection;
use crate::{Error, Remote, failure::Failure, guard::lock, report};

/// What the reader and the writer share.
pub(super) struct Channel {
    pub(super) runtime: &'static Runtime,
    pub(super) remote: Arc<Remote>,
    pub(super) deadline: Instant,
    pub(super) failure: Failure,
    pub(super) write: ChannelWriteHalf<Msg>,
    /// What is written, but not sent yet: Git writes lines, and a packet may have many.
    pub(super) pending: Mutex<Vec<u8>>,
}

/// What the program prints.
pub(super) struct Reader {
    channel: Arc<Channel>,
    read: ChannelReadHalf,
    chunk: Bytes,
    /// The first of what it prints as errors.
    words: Vec<u8>,
    failed: bool,
    ended: bool,
    connection: Option<Connection>,
}

/// What the program is fed.
pub(super) struct Writer(Arc<Channel>);

/// The two ends of `channel`; the connection waits for its next use when the reader is dropped.
pub(super) fn ends(
    channel: Channel,
    read: ChannelReadHalf,
    connection: Connection,
) -> (Reader, Writer) {
    let channel = Arc::new(channel);
    let reader = Reader {
        channel: Arc::clone(&channel),
        read,
        chunk: Bytes::new(),
        words: Vec::new(),
        failed: false,
        ended: false,
        connection: Some(connection),
    };
    (reader, Writer(channel))
}

impl Channel {
    /// Sends what is pending.
    fn send(&self) -> io::Result<()> {
        let pending = std::mem::take(&mut *lock(&self.pending));
        if pending.is_empty() {
            return Ok(());
        }
        let sending = timeout_at(self.deadline.into(), self.write.data_bytes(pending));
        match self.runtime.block_on(sending) {
            Ok(Ok(())) => Ok(()),
            // The program has ended. Why is in what it printed, which is read next.
            Ok(Err(source)) => Err(io::Error::new(io::ErrorKind::BrokenPipe, source)),
            Err(_) => Err(self.late()),
        }
    }

    fn late(&self) -> io::Error {
        let (url, limit) = (self.remote.url.clone(), self.remote.timeouts.operation);
        self.failure.keep(Error::Timeout { url, limit })
    }
}

impl Reader {
    /// Waits for more; false at the end.
    fn more(&mut self) -> io::Result<bool> {
        let channel = &self.channel;
        let waiting = timeout_at(channel.deadline.into(), self.read.wait());
        match channel.runtime.block_on(waiting).map_err(|_| channel.late())? {
            Some(ChannelMsg::Data { data }) => self.chunk = data,
            Some(ChannelMsg::ExtendedData { data, .. }) => {
                let room = MOST_WORDS.saturating_sub(self.words.len());
                self.words.extend_from_slice(&data[..data.len().min(room)]);
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => self.failed |= exit_status != 0,
            Some(ChannelMsg::ExitSignal { .. }) => self.failed = true,
            Some(ChannelMsg::Failure) => {
                // No program runs, so none will end; the connection goes with its channel.
                (self.failed, self.ended, self.connection) = (true, true, None);
                return Ok(false);
            }
            Some(ChannelMsg::Close) | None => {
                self.ended = true;
                return Ok(false);
            }
            Some(_) => {}
        }
        Ok(true)
    }

    /// Keeps why the program ended, unless it ended well.
    fn explain(&self) {
        if !self.failed && self.words.is_empty() {
            return;
        }
        let url = self.channel.remote.url.clone();
        let words = report::tidy(&self.words, &[]);
        let lower = words.to_lowercase();
        let absent = ABSENT.iter().any(|phrase| lower.contains(phrase));
        let words = if words.is_empty() { "it runs no Git for us".to_owned() } else { words };
        self.channel.failure.keep(if absent {
            Error::NotFound { url }
        } else {
            Error::Refused { url, words }
        });
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A program that has ended is not fed, but what it said is read.
        let fed = self.channel.send();
        while self.chunk.is_empty() {
            if self.ended || !self.more()? {
                self.explain();
                return fed.map(|()| 0);
            }
        }
        let length = buffer.len().min(self.chunk.len());
        buffer[..length].copy_from_slice(&self.chunk.split_to(length));
        Ok(length)
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pending = lock(&self.0.pending);
        pending.extend_from_slice(bytes);
        let full = pending.len() >= FULL;
        drop(pending);
        if full {
            self.0.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.send()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let (read, write) = (&mut self.read, &self.channel.write);
        let ended = self.ended;
        let closing = async {
            // Git ends when its input does. A program that has ended has no input.
            let _ = write.eof().await;
            while !ended && !matches!(read.wait().await, None | Some(ChannelMsg::Close)) {}
        };
        if self.channel.runtime.block_on(async { timeout(PATIENCE, closing).await }).is_ok() {
            connection.park();
        }
    }
}

/// What servers say of a repository that is not there, or not for us.
const ABSENT: [&str; 4] =
    ["not found", "does not appear to be a git repository", "does not exist", "could not be found"];
const MOST_WORDS: usize = 16 << 10;
/// About what a packet takes.
const FULL: usize = 32 << 10;
/// How long a program may take to end.
const PATIENCE: Duration = Duration::from_secs(1);
