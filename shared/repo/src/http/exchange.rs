//! One request and its answer, which three handles share.
//!
//! gix writes the body, then reads the headers, then the body of the answer. The request is sent
//! when the first of the readers asks.

use std::{
    io::{self, BufRead, BufReader, Cursor, Read, Write},
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};

use reqwest::blocking::{RequestBuilder, Response};

use super::Conversation;
use crate::Error;
use crate::guard::lock;

/// The body of an answer, within its deadline.
pub(crate) struct Body {
    inner: BufReader<Timed>,
}

struct State {
    conversation: Conversation,
    pending: Option<(RequestBuilder, Vec<u8>)>,
    headers: Option<Vec<u8>>,
    body: Option<Body>,
}

/// A request on its way.
#[derive(Clone)]
pub(super) struct Exchange(Arc<Mutex<State>>);

impl Exchange {
    /// A request whose body is still to be written.
    pub(super) fn pending(conversation: &Conversation, request: RequestBuilder) -> Self {
        let conversation = conversation.clone();
        let pending = Some((request, Vec::new()));
        Self(Arc::new(Mutex::new(State { conversation, pending, headers: None, body: None })))
    }

    /// A request that has been answered.
    pub(super) fn answered(conversation: &Conversation, response: Response) -> Self {
        let conversation = conversation.clone();
        let mut state = State { conversation, pending: None, headers: None, body: None };
        state.accept(response);
        Self(Arc::new(Mutex::new(state)))
    }

    pub(super) fn upload(&self) -> Upload {
        Upload(self.clone())
    }

    pub(super) fn headers(&self) -> Answer<Cursor<Vec<u8>>> {
        Answer {
            exchange: self.clone(),
            take: |state| state.headers.take().map(Cursor::new),
            reader: None,
        }
    }

    pub(super) fn body(&self) -> Answer<Body> {
        Answer { exchange: self.clone(), take: |state| state.body.take(), reader: None }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

impl State {
    /// Sends the request, unless that has been done.
    fn send(&mut self) -> io::Result<()> {
        let Some((request, body)) = self.pending.take() else { return Ok(()) };
        let conversation = &self.conversation;
        let response = conversation
            .send(request.body(body))
            .map_err(|error| conversation.failure.keep(error))?;
        if response.status().is_redirection() {
            let refused =
                conversation.redirected(response.url(), "only the first request may be redirected");
            return Err(conversation.failure.keep(refused));
        }
        if let Some(refusal) = conversation.refusal(response.status(), response.headers()) {
            return Err(conversation.failure.keep(refusal));
        }
        self.accept(response);
        Ok(())
    }

    fn accept(&mut self, response: Response) {
        let mut headers = Vec::new();
        for (name, value) in response.headers() {
            headers.extend_from_slice(name.as_str().as_bytes());
            headers.extend_from_slice(b": ");
            headers.extend_from_slice(value.as_bytes());
            headers.push(b'\n');
        }
        self.headers = Some(headers);
        let timed = Timed { response, conversation: self.conversation.clone() };
        self.body = Some(Body { inner: BufReader::with_capacity(64 << 10, timed) });
    }
}

/// Collects the body of a request.
pub(crate) struct Upload(Exchange);

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0.lock().pending {
            Some((_, body)) => body.extend_from_slice(bytes),
            None => return Err(io::Error::other("the request has been sent")),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A part of an answer, awaited when it is first read.
pub(crate) struct Answer<R> {
    exchange: Exchange,
    take: fn(&mut State) -> Option<R>,
    reader: Option<R>,
}

impl<R> Answer<R> {
    fn reader(&mut self) -> io::Result<&mut R> {
        if self.reader.is_none() {
            let mut state = self.exchange.lock();
            state.send()?;
            self.reader = (self.take)(&mut state);
        }
        self.reader.as_mut().ok_or_else(|| io::Error::other("the answer has been read"))
    }
}

impl<R: BufRead> Read for Answer<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader()?.read(buffer)
    }
}

impl<R: BufRead> BufRead for Answer<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader()?.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Some(reader) = &mut self.reader {
            reader.consume(amount);
        }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }
}

/// A response that is read no later than its deadline.
struct Timed {
    response: Response,
    conversation: Conversation,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let conversation = &self.conversation;
        if Instant::now() >= conversation.deadline {
            return Err(conversation.failure.keep(conversation.timeout()));
        }
        self.response.read(buffer).map_err(|source| {
            let late =
                Instant::now() >= conversation.deadline || source.kind() == io::ErrorKind::TimedOut;
            conversation.failure.keep(if late {
                conversation.timeout()
            } else {
                Error::Unreachable { url: conversation.remote.url.clone(), source: source.into() }
            })
        })
    }
}
